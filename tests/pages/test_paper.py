"""What the printer itself is told, paper to outline: where things end up on the page."""

from __future__ import annotations

import io

import pikepdf
import pytest
from PIL import Image
from press import Layout, Press, Sheet, layout, png

from pressroom.model.page import Margin, Media, PageOptions, PaperFormat
from pressroom_worker.render import Failed

POINTS = 72
#: Chromium rounds papers and margins to whole pixels.
TOLERANCE = 1.5
CORNER = "<style>body{margin:0}</style><p style='margin:0'>corner</p>"
FIVE = "".join(f"<section style='break-after:page'>sheet{n}</section>" for n in range(1, 6))
NONE = Margin(top="0", right="0", bottom="0", left="0")


def printed(pages: Press, html: str, **options: object) -> Layout:
    return layout(pages.print(html, page=PageOptions.model_validate(options)))


@pytest.mark.parametrize(
    ("paper", "millimetres"),
    [
        (PaperFormat.A0, (841, 1189)),
        (PaperFormat.A1, (594, 841)),
        (PaperFormat.A2, (420, 594)),
        (PaperFormat.A3, (297, 420)),
        (PaperFormat.A4, (210, 297)),
        (PaperFormat.A5, (148, 210)),
        (PaperFormat.A6, (105, 148)),
        (PaperFormat.LETTER, (215.9, 279.4)),
        (PaperFormat.LEGAL, (215.9, 355.6)),
        (PaperFormat.TABLOID, (279.4, 431.8)),
        (PaperFormat.LEDGER, (431.8, 279.4)),
    ],
)
def test_paper_by_name(pages: Press, paper: PaperFormat, millimetres: tuple[float, float]) -> None:
    (size,) = printed(pages, CORNER, format=paper).sizes
    wanted = [side / 25.4 * POINTS for side in millimetres]
    assert size == pytest.approx(wanted, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("width", "height", "points"),
    [
        ("10cm", "5in", (283.5, 360)),
        ("100mm", "30pc", (283.5, 360)),
        ("283.5pt", "480px", (283.5, 360)),
        ("378", "480", (283.5, 360)),
    ],
)
def test_paper_by_size(pages: Press, width: str, height: str, points: tuple[float, float]) -> None:
    (size,) = printed(pages, CORNER, width=width, height=height).sizes
    assert size == pytest.approx(points, abs=TOLERANCE)


@pytest.mark.parametrize("paper", [{"format": "A5"}, {"width": "148mm", "height": "210mm"}])
def test_landscape_turns_the_paper(pages: Press, paper: dict[str, str]) -> None:
    (size,) = printed(pages, CORNER, **paper, landscape=True).sizes
    assert size[0] > size[1]
    assert size == pytest.approx((595.3, 419.5), abs=TOLERANCE)


def test_margins_move_the_content(pages: Press) -> None:
    margin = {"top": "50mm", "left": "2in", "right": "0", "bottom": "0"}
    (word,) = printed(pages, CORNER, margin=margin).find("corner")
    assert word.left == pytest.approx(2 * POINTS, abs=TOLERANCE)
    assert word.top == pytest.approx(50 / 25.4 * POINTS, abs=TOLERANCE)


def test_margins_end_the_lines_and_the_page(pages: Press) -> None:
    html = "<style>body,p{margin:0;text-align:right}p{height:150mm}</style><p>first<p>second"
    plain = printed(pages, html, margin={"right": "50mm", "bottom": "0"}, format="A3")
    (first,), (second,) = plain.find("first"), plain.find("second")
    assert first.right == pytest.approx((297 - 50) / 25.4 * POINTS, abs=TOLERANCE)
    assert (first.page, second.page) == (1, 1)
    deep = printed(pages, html, margin={"right": "50mm", "bottom": "26cm"}, format="A3")
    assert deep.find("second")[0].page > 1


def test_the_default_margin_is_four_tenths_of_an_inch(pages: Press) -> None:
    (word,) = printed(pages, CORNER).find("corner")
    assert word.left == pytest.approx(0.4 * POINTS, abs=TOLERANCE)


def test_scale_enlarges(pages: Press) -> None:
    (plain,) = printed(pages, CORNER).find("corner")
    (larger,) = printed(pages, CORNER, scalePercent=200).find("corner")
    assert (larger.right - larger.left) / (plain.right - plain.left) == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize(
    ("ranges", "kept"), [("2, 4-5", "245"), ("4-", "45"), ("3-99", "345"), ("5, 1", "15")]
)
def test_page_ranges_keep_what_they_name(pages: Press, ranges: str, kept: str) -> None:
    found = printed(pages, FIVE, pageRanges=ranges)
    assert found.text() == " ".join(f"sheet{number}" for number in kept)
    assert found.pages == len(kept)


def test_pages_that_a_row_does_not_have_fail_it(pages: Press) -> None:
    got = pages.outcome(Sheet(FIVE, page=PageOptions(page_ranges="7-9")))
    assert isinstance(got, Failed)
    assert "page" in got.error.message.lower()


@pytest.mark.parametrize(("prefers", "size"), [(True, (283.5, 425.2)), (False, (595.3, 841.9))])
def test_the_page_may_choose_its_paper(
    pages: Press, prefers: bool, size: tuple[float, float]
) -> None:
    html = "<style>@page{size:100mm 150mm}</style>small"
    (found,) = printed(pages, html, preferCssPageSize=prefers).sizes
    assert found == pytest.approx(size, abs=TOLERANCE)


@pytest.mark.parametrize(("backgrounds", "red"), [(None, True), (True, True), (False, False)])
def test_backgrounds(pages: Press, backgrounds: bool | None, red: bool) -> None:
    html = "<style>body{margin:0}div{height:200px;background:#f00}</style><div></div>."
    page = PageOptions(print_background=backgrounds, margin=NONE)
    with Image.open(io.BytesIO(png(pages.print(html, page=page)))) as picture:
        middle = picture.convert("RGB").getpixel((picture.width // 2, 60))
    assert middle == ((255, 0, 0) if red else (255, 255, 255))


@pytest.mark.parametrize("media", list(Media))
def test_the_media_that_style_sheets_see(pages: Press, media: Media) -> None:
    html = (
        "<style>@media print{.screen{display:none}}@media screen{.print{display:none}}</style>"
        "<p class=print>Print<p class=screen>Screen"
    )
    assert printed(pages, html, emulatedMedia=media).text() == media.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefers-color-scheme", "dark"),
        ("prefers-reduced-motion", "reduce"),
        ("prefers-reduced-transparency", "reduce"),
        ("prefers-contrast", "more"),
        ("forced-colors", "active"),
        ("color-gamut", "p3"),
    ],
)
def test_the_features_that_media_queries_find(pages: Press, name: str, value: str) -> None:
    html = (
        f"<style>.on{{display:none}}@media({name}:{value}){{.on{{display:block}}"
        ".off{display:none}}</style><p class=on>on<p class=off>off"
    )
    asked = PageOptions.model_validate({"emulatedMediaFeatures": [{"name": name, "value": value}]})
    usual = PageOptions()
    files = pages.print_all([Sheet(html, page=page) for page in (usual, asked, usual)])
    assert [layout(file).text() for file in files] == ["off", "on", "off"]


def test_tags_say_what_is_what(pages: Press) -> None:
    html = "<html lang=en><h1>Head</h1><p>Text<table><tr><th>A<tr><td>1</table>"
    with pikepdf.open(io.BytesIO(pages.print(html, page=PageOptions(tagged=True)))) as pdf:
        assert pdf.Root.MarkInfo.Marked
        roles = _roles(pdf.Root.StructTreeRoot)
    assert {"/H1", "/Table", "/TH", "/TD"} <= roles
    with pikepdf.open(io.BytesIO(pages.print(html))) as plain:
        assert "/StructTreeRoot" not in plain.Root


def test_headings_become_bookmarks(pages: Press) -> None:
    html = "<h1>First</h1><h2>Inner</h2><h1 style='break-before:page'>Second</h1>"
    data = pages.print(html, page=PageOptions(outline=True))
    with pikepdf.open(io.BytesIO(data)) as pdf, pdf.open_outline() as outline:
        titles = [item.title for item in outline.root]
        inner = [item.title for item in outline.root[0].children]
    assert titles == ["First", "Second"]
    assert inner == ["Inner"]


def test_broken_html_prints_what_a_browser_prints(pages: Press) -> None:
    html = "<div><b>bold <i>both</b> italic<table><td>cell<p>after</ul></div></nonsense"
    assert printed(pages, html).text() == "bold both italic cell after"


def _roles(root: pikepdf.Object) -> set[str]:
    found: set[str] = set()
    open_nodes = [root]
    while open_nodes:
        node = open_nodes.pop()
        if "/S" in node:
            found.add(str(node.S))
        kids = node.get("/K", [])
        listed = list(kids) if isinstance(kids, pikepdf.Array) else [kids]
        open_nodes += [kid for kid in listed if isinstance(kid, pikepdf.Dictionary)]
    return found
