"""Pictures instead of PDFs: their kind, size, scale, quality, and what is behind the page."""

from __future__ import annotations

import io

import pytest
from pictures import difference, image
from press import Press, Sheet, png
from website import picture

from pressroom.model.page import Margin, Output, PageOptions

RED = picture("#f00")
#: Red, green and blue fields and a line of type, 300 by 200 pixels.
FIELDS = (
    "<style>body{margin:0;font:30px sans-serif}div{float:left;width:100px;height:100px}</style>"
    "<div style='background:#f00'></div><div style='background:#0f0'></div>"
    "<div style='background:#00f'></div><p style='clear:both;margin:20px'>Some type"
)
WINDOW = {"width": 300, "height": 200}
#: The share of FIELDS that may look otherwise: its type, smoothed otherwise on paper or in another
#: size, is 2.5 %; one field of another colour is 18 %.
TOLERANCE = 0.03


def options(**given: object) -> PageOptions:
    return PageOptions.model_validate(given)


@pytest.mark.parametrize("kind", [Output.PNG, Output.JPEG, Output.WEBP])
def test_a_picture_of_each_kind_shows_what_is_printed(pages: Press, kind: Output) -> None:
    found = pages.print(FIELDS, page=options(output=kind, image={**WINDOW, "quality": 95}))
    assert image(found).format == kind.value.upper()
    edge = Margin(top="0", right="0", bottom="0", left="0")
    pdf = pages.print(FIELDS, page=PageOptions(width="300px", height="200px", margin=edge))
    assert difference(found, png(pdf, dpi=96)) <= TOLERANCE
    other = pages.print(FIELDS.replace("#0f0", "#ff0"), page=options(output="Png", image=WINDOW))
    assert difference(found, other) > 5 * TOLERANCE


@pytest.mark.parametrize(
    ("scale", "device", "size"),
    [(50, 100, (150, 100)), (200, 100, (600, 400)), (50, 300, (450, 300))],
)
def test_a_scaled_picture_shows_the_same_in_another_size(
    pages: Press, scale: int, device: int, size: tuple[int, int]
) -> None:
    usual = pages.print(FIELDS, page=options(output="Png", image=WINDOW))
    finer = options(
        output="Png", scale_percent=scale, image={**WINDOW, "deviceScalePercent": device}
    )
    scaled = image(pages.print(FIELDS, page=finer))
    assert scaled.size == size
    again = io.BytesIO()
    scaled.resize((300, 200)).save(again, "PNG")
    assert difference(again.getvalue(), usual) <= TOLERANCE


def test_a_picture_of_turned_paper_lies(pages: Press) -> None:
    found = image(pages.print("text", page=options(output="Png", format="A6", landscape=True)))
    assert found.size == (559, 397)


def test_a_picture_has_the_papers_size_or_its_own(pages: Press) -> None:
    paper = image(pages.print("text", page=options(output="Png", format="A6")))
    assert paper.size == (397, 559)
    own = options(output="Png", image={"width": 300, "height": 200})
    assert image(pages.print("text", page=own)).size == (300, 200)


def test_all_of_a_long_page_or_its_window(pages: Press) -> None:
    html = "<style>body{margin:0}</style><div style='height:900px;background:#0f0'></div>"
    window = {"width": 300, "height": 200}
    whole = image(pages.print(html, page=options(output="Png", image=window)))
    assert whole.size == (300, 900)
    part = options(output="Png", image={**window, "fullPage": False})
    assert image(pages.print(html, page=part)).size == (300, 200)


def test_a_finer_picture_is_laid_out_alike(pages: Press) -> None:
    html = (
        "<style>body{margin:0;background:#fff}@media(min-resolution:2dppx){body{background:#00f}}"
        "</style><div style='width:100px;height:50px;background:#f00'></div>"
    )
    window = {"width": 300, "height": 200}
    fine = options(output="Png", image={**window, "deviceScalePercent": 200})
    found = image(pages.print(html, page=fine)).convert("RGB")
    assert found.size == (600, 400)
    assert found.getpixel((198, 98)) == (255, 0, 0)
    assert found.getpixel((202, 98)) == (0, 0, 255)


def test_quality_is_size(pages: Press) -> None:
    html = "<p style='font-size:40px'>" + "Lorem ipsum " * 60
    sizes = {}
    for kind in (Output.JPEG, Output.WEBP):
        coarse, usual, fine = (
            len(pages.print(html, page=options(output=kind, image=given)))
            for given in ({"quality": 10}, {}, {"quality": 95})
        )
        sizes[kind] = coarse < usual < fine
    assert all(sizes.values())


def test_a_picture_on_nothing(pages: Press) -> None:
    html = "<style>body{margin:0}</style><div style='width:50px;height:50px;background:#f00'></div>"
    clear = options(output="Png", image={"width": 100, "height": 100, "transparent": True})
    plain = options(output="Png", image={"width": 100, "height": 100})
    sheets = [Sheet(html, page=clear), Sheet(html, page=plain)]
    first, second = (image(data).convert("RGBA") for data in pages.print_all(sheets))
    assert first.getpixel((10, 10)) == (255, 0, 0, 255)
    assert first.getpixel((90, 90)) == (0, 0, 0, 0)
    assert second.getpixel((90, 90)) == (255, 255, 255, 255)


@pytest.mark.parametrize(
    ("kind", "behind"), [("Webp", (0, 0, 0, 0)), ("Jpeg", (255, 255, 255, 255))]
)
def test_nothing_is_behind_a_picture_that_can_have_that(
    pages: Press, kind: str, behind: tuple[int, ...]
) -> None:
    clear = options(output=kind, image={"width": 100, "height": 100, "transparent": True})
    assert image(pages.print("", page=clear)).convert("RGBA").getpixel((50, 50)) == behind


def test_pictures_have_their_templates_assets(pages: Press) -> None:
    html = "<style>body{margin:0}</style><img src=red.png>"
    (found,) = pages.print_all([Sheet(html, page=options(output="Png"), assets={"red.png": RED})])
    assert image(found).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
