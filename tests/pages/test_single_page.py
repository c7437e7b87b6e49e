"""All of a row on one page, as long as its content."""

from __future__ import annotations

import pytest
from press import Layout, Press, Sheet, layout

from pressroom.errors import Code
from pressroom.model.page import PageOptions
from pressroom_worker.render import Failed

POINTS = 72 / 25.4
NONE = {"top": "0", "right": "0", "bottom": "0", "left": "0"}
ROLL = {"width": "80mm", "height": "200mm", "margin": NONE}
FIVE = "<p style='break-after:page'>sheet" * 5
LINES = "".join(f"<p>line{n}" for n in range(200))


def options(**given: object) -> PageOptions:
    return PageOptions.model_validate({"singlePage": True, **given})


def single(pages: Press, html: str, **given: object) -> Layout:
    found = layout(pages.print(html, page=options(**given)))
    assert found.pages == 1
    return found


@pytest.mark.parametrize("doctype", ["", "<!doctype html>"])
@pytest.mark.parametrize("millimetres", [40, 900])
def test_the_paper_is_as_long_as_the_content(pages: Press, millimetres: int, doctype: str) -> None:
    box = f"<style>body{{margin:0}}div{{height:{millimetres}mm}}</style><div>receipt</div>"
    ((width, height),) = single(pages, doctype + box, **ROLL).sizes
    assert (width, height) == pytest.approx((80 * POINTS, millimetres * POINTS), abs=2.5)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"landscape": True},
        {"scalePercent": 50},
        {"outline": True, "pdfStandard": "PdfA2b"},
        {"watermark": {"text": "COPY", "angle": 0, "sizePercent": 5}},
        {"pageRanges": "2", "preferCssPageSize": True},
    ],
)
@pytest.mark.parametrize(
    "css",
    [
        "",
        "p{break-after:page}",
        "html,body{height:100%}",
        "body{min-height:100vh}",
        "@page{size:A6;margin:3cm}",
        "p{width:1000px}",
    ],
)
def test_every_line_is_on_the_one_page(pages: Press, css: str, given: dict[str, object]) -> None:
    found = single(pages, f"<style>{css}</style>{LINES}", **given)
    ((_, height),) = found.sizes
    lines = [word for word in found.words if word.text.startswith("line")]
    assert [word.text for word in lines] == [f"line{n}" for n in range(200)]
    assert lines[-1].bottom < height
    assert height - lines[-1].bottom < 0.4 * height


def test_margins_header_and_footer_stand_around_it(pages: Press) -> None:
    found = single(
        pages,
        LINES,
        margin={"top": "30mm", "bottom": "30mm"},
        headerHtml="<p>Usual</p>",
        firstHeaderHtml="<p>Opening</p>",
        footerHtml="<p>Lower</p>",
    )
    ((_, height),) = found.sizes
    (upper,), (lower,) = found.find("Opening"), found.find("Lower")
    assert upper.bottom < 30 * POINTS <= found.find("line0")[0].top
    assert found.find("line199")[0].bottom <= height - 30 * POINTS < lower.top
    assert not found.find("Usual")


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ("<div style='height:6000mm'>x", Code.OUTPUT_TOO_LARGE),
        ("<div style='height:100vh'>x</div>and more", Code.RENDER_FAILED),
    ],
)
def test_what_no_page_can_hold_fails_its_row_alone(pages: Press, html: str, code: Code) -> None:
    before, failed, after = pages.outcomes(
        [Sheet("<p>x"), Sheet(html, page=options()), Sheet(FIVE)]
    )
    assert isinstance(failed, Failed)
    assert failed.error.code is code
    assert not isinstance(before, Failed)
    assert not isinstance(after, Failed)
    assert after.pages == 5
