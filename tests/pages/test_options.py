"""Options beyond the paper: headers and footers, waiting, scripts."""

from __future__ import annotations

import io

import pikepdf
import pytest
from pictures import image
from press import Press, Sheet, layout, png
from website import picture

from pressroom.errors import Code
from pressroom.model.page import Margin, PageOptions
from pressroom_worker.render import Failed, Rendered

TALL = "".join(f"<section style='break-after:page'>sheet{n}</section>" for n in range(1, 4))
ROOM = Margin(top="30mm", bottom="30mm")
RED = picture("#f00")


def options(**given: object) -> PageOptions:
    return PageOptions.model_validate(given)


# --- header and footer ---------------------------------------------------------------------------
def test_headers_and_footers_are_on_every_page_and_can_be_read(pages: Press) -> None:
    page = PageOptions(margin=ROOM, header_html="<p>Upper</p>", footer_html="<div>Lower</div>")
    found = layout(pages.print(TALL, page=page))
    for number in (1, 2, 3):
        (upper,) = (word for word in found.on(number) if word.text == "Upper")
        (lower,) = (word for word in found.on(number) if word.text == "Lower")
        assert upper.bottom < 85 < 842 - 85 < lower.top
        assert upper.bottom - upper.top > 6, "too small to be read"


def test_headers_know_their_pages(pages: Press) -> None:
    header = (
        "<b>page<span class=pageNumber></span>of<span class=totalPages></span></b>"
        "<i class=title></i><u class=date></u>"
    )
    page = PageOptions(margin=ROOM, header_html=header)
    found = layout(pages.print(f"<title>Named</title>{TALL}", page=page))
    assert "page1of3" in found.text(1)
    assert "page3of3" in found.text(3)
    assert "Named" in found.text(2)


def test_a_header_shows_assets_and_colours(pages: Press) -> None:
    header = (
        "<link rel=stylesheet href=head.css>"
        "<img src='red.png' style='width:40px;height:40px;margin-left:60px'>"
        "<div class=blue></div><div class=picture></div>"
    )
    css = b".blue{background:#00f;width:40px;height:40px}.picture{width:40px;height:40px}"
    css += b".picture{background:url('./red.png')}"
    sheet = Sheet(
        TALL,
        page=PageOptions(margin=ROOM, header_html=header),
        assets={"red.png": RED, "head.css": css},
    )
    (pdf,) = pages.print_all([sheet])
    upper = image(png(pdf, 2, 96)).convert("RGB").crop((0, 0, 794, 110))
    colours = {colour: count for count, colour in upper.getcolors(100_000) or []}
    assert colours.get((255, 0, 0), 0) > 2000
    assert colours.get((0, 0, 255), 0) > 1000


@pytest.mark.parametrize(
    ("first", "expected"), [("<p>Opening</p>", "Opening"), ("", None)], ids=["another", "none"]
)
def test_the_first_page_may_have_a_header_of_its_own(
    pages: Press, first: str, expected: str | None
) -> None:
    footer = "<b><span class=pageNumber></span>of<span class=totalPages></span></b>"
    page = PageOptions(
        margin=ROOM, header_html="<p>Usual</p>", first_header_html=first, footer_html=footer
    )
    found = layout(pages.print(TALL, page=page))
    assert "Usual" not in found.text(1)
    assert ("Opening" in found.text(1)) is (expected is not None)
    assert "sheet1" in found.text(1)
    assert "1of3" in found.text(1)
    for number in (2, 3):
        assert "Usual" in found.text(number)
        assert "Opening" not in found.text(number)
    assert found.pages == 3


def test_a_first_header_alone_leaves_the_others_without(pages: Press) -> None:
    page = PageOptions(margin=ROOM, first_header_html="<p>Opening</p>")
    found = layout(pages.print(TALL, page=page))
    assert found.text(1).startswith("Opening")
    assert found.text(2) == "sheet2"


def test_without_page_one_there_is_no_first_header(pages: Press) -> None:
    page = PageOptions(
        margin=ROOM, header_html="Usual", first_header_html="Opening", page_ranges="2-3"
    )
    assert "Opening" not in layout(pages.print(TALL, page=page)).text()


def test_a_first_header_leaves_links_and_outline(pages: Press) -> None:
    html = "<a href='https://example.com/'>link</a><h1>Head</h1>" + TALL
    page = PageOptions(margin=ROOM, first_header_html="<p>Opening</p>", outline=True)
    with pikepdf.open(io.BytesIO(pages.print(html, page=page))) as pdf:
        assert any(str(one.A.URI) == "https://example.com/" for one in pdf.pages[0].Annots)
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Head"]


# --- waiting and scripts -------------------------------------------------------------------------
LATE = (
    "<p>early</p><script>setTimeout(()=>{document.body.innerHTML+='<p id=late>late</p>'},300)"
    "</script>"
)


@pytest.mark.parametrize(
    "wait",
    [
        {"selector": "#late"},
        {"expression": "document.getElementById('late')"},
        {"expression": "new Promise(done => setTimeout(() => done(true), 500))"},
        {"milliseconds": 600},
    ],
)
def test_what_scripts_add_late_is_waited_for(pages: Press, wait: dict[str, object]) -> None:
    assert layout(pages.print(LATE, page=options(scripts=True))).text() == "early"
    page = options(scripts=True, wait=wait)
    assert layout(pages.print(LATE, page=page)).text() == "early late"


def test_scripts_run_only_where_that_is_asked_for(pages: Press) -> None:
    html = "<p>still<script>document.querySelector('p').textContent='moved'</script>"
    texts = [
        layout(pages.print(html, page=options(**given))).text()
        for given in ({}, {"scripts": False}, {"scripts": True})
    ]
    assert texts == ["still", "still", "moved"]


def test_a_page_without_scripts_can_be_waited_for_too(pages: Press) -> None:
    wait = {"selector": "p", "expression": "document.readyState", "networkIdle": True}
    assert layout(pages.print("<p>there", page=options(wait=wait))).text() == "there"
    got = pages.outcome(Sheet("<p>there", page=options(wait={"selector": "#no"})), seconds=1)
    assert isinstance(got, Failed)
    assert got.error.code is Code.RENDER_TIMEOUT
    assert "'#no'" in got.error.message


@pytest.mark.parametrize("wait", [{"expression": "nothing.at.all"}, {"selector": "p["}])
def test_a_wait_that_cannot_be_asked_fails_at_once(pages: Press, wait: dict[str, object]) -> None:
    got = pages.outcome(Sheet("<p>there", page=options(wait=wait)))
    assert isinstance(got, Failed)
    assert got.error.code is Code.RENDER_FAILED
    assert got.millis < 20_000
    assert "Error" in got.error.message


def test_a_script_without_end_costs_its_row_alone(pages: Press) -> None:
    scripts = options(scripts=True)
    sheets = [
        Sheet("<p>before", page=scripts),
        Sheet("<script>for(;;);</script>", page=scripts),
        Sheet("<p>after", page=scripts),
    ]
    before, endless, after = pages.outcomes(sheets, seconds=3)
    assert isinstance(before, Rendered)
    assert isinstance(endless, Failed)
    assert endless.error.code is Code.RENDER_TIMEOUT
    assert isinstance(after, Rendered)
    assert layout(after.data).text() == "after"


def test_errors_of_scripts_are_found(pages: Press) -> None:
    html = "<p>text<script>console.error('odd', 7); throw new Error('worse')</script>"
    got = pages.outcome(Sheet(html, page=options(scripts=True)))
    assert isinstance(got, Rendered)
    found = " ".join(one.message for one in got.findings if one.check == "consoleErrors")
    assert "odd 7" in found
    assert "worse" in found


def test_a_document_of_a_thousand_pages(pages: Press) -> None:
    html = "".join(f"<p style='break-after:page'>n{n}" for n in range(1000))
    before, long, after = pages.outcomes([Sheet("<p>a"), Sheet(html), Sheet("<p>b")])
    assert isinstance(long, Rendered)
    assert long.pages in (1000, 1001)
    assert isinstance(before, Rendered)
    assert isinstance(after, Rendered)
