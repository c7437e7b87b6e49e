"""Assets of templates: they load by their names, and nothing else does."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pikepdf
import pytest
from PIL import Image
from press import Press, Sheet, layout, png
from website import picture

from pressroom.errors import UnavailableError
from pressroom.model.checks import Checks, Policy
from pressroom.model.finish import Attachment, Watermark
from pressroom.model.page import Margin, PageOptions
from pressroom_worker.fetching import Fetched
from pressroom_worker.render import Failed, Rendered
from pressroom_worker.traffic import Traffic
from pressroom_worker.transport import Json

FONT = Path("/usr/share/fonts/truetype/liberation/LiberationSans-BoldItalic.ttf")
EDGE = PageOptions(margin=Margin(top="0", right="0", bottom="0", left="0"))
RED = picture("#f00")


def pixel(pdf: bytes, x: int, y: int) -> tuple[int, ...]:
    """The colour at a place in CSS pixels."""
    with Image.open(io.BytesIO(png(pdf, dpi=96))) as page:
        found = page.convert("RGB").getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def failed_assets(got: Rendered | Failed) -> str:
    return " ".join(one.message for one in got.findings if one.check == "failedAssets")


def test_pictures_style_sheets_and_fonts_load_by_their_names(pages: Press) -> None:
    html = (
        "<link rel=stylesheet href=style.css><style>body{margin:0}</style>"
        "<img src='my%20logo.png' style='display:block'><p class=big>Words</p>"
    )
    css = (
        b"@font-face{font-family:Own;src:url(own.ttf)}.big{font:40px Own;margin:0;"
        b"background:#0f0 url('my logo.png') no-repeat right}"
    )
    assets = {"my logo.png": RED, "style.css": css, "own.ttf": FONT.read_bytes()}
    (pdf,) = pages.print_all([Sheet(html, page=EDGE, assets=assets)])
    assert pixel(pdf, 20, 10) == (255, 0, 0)
    assert pixel(pdf, 400, 25) == (0, 255, 0)
    assert pixel(pdf, 790, 40) == (255, 0, 0)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        fonts = [str(font.BaseFont) for font in opened.pages[0].Resources.Font.values()]
    assert any("LiberationSans-BoldItalic" in font for font in fonts)


def test_a_style_sheet_that_comes_while_the_worker_is_busy_is_no_finding(
    pages: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(self: Traffic, event: Json, answer: Fetched) -> None:
        fulfil(self, event, answer)
        time.sleep(0.05)  # the worker reads all that the browser says meanwhile in one go

    fulfil = Traffic._fulfil
    monkeypatch.setattr(Traffic, "_fulfil", busy)
    html = "<link rel=stylesheet href=style.css><h1>row</h1>"
    for n in range(10):
        sheet = b"h1{color:teal}/* %d: not one that the browser has seen */" % n
        assert failed_assets(pages.outcome(Sheet(html, assets={"style.css": sheet}))) == ""


@pytest.mark.parametrize(
    ("html", "page"),
    [
        ("<img src=logo.png>", {}),
        ("<p>text", {"header_html": "<img src=logo.png>"}),
        ("<p>text", {"watermark": Watermark(image="logo.png")}),
        ("<p>text", {"attachments": [Attachment(name="logo.png")]}),
        ("<img src=logo.png>", {"checks": Checks(failed_assets=Policy.FAIL)}),
    ],
)
def test_no_row_comes_out_without_what_the_store_cannot_give_at_present(
    pages: Press, html: str, page: dict[str, object]
) -> None:
    """Its shard is handed back, to be tried again."""
    assets = {"logo.png": picture("#0a0b0c")}
    sheet = Sheet(
        html, page=PageOptions.model_validate(page), assets=assets, away=frozenset(assets)
    )
    with pytest.raises(UnavailableError):
        pages.outcomes([sheet])
    assert layout(pages.print("<p>next")).text() == "next"


def test_rows_with_and_without_assets_follow_one_another_in_one_tab(pages: Press) -> None:
    other = {"logo.png": picture("#00f")}
    html = "<style>body{margin:0}</style><img src=logo.png style='display:block'>row"
    sheets = [
        Sheet(html, page=EDGE, assets={"logo.png": RED}),
        Sheet("<style>body{margin:0}</style>plain", page=EDGE),
        Sheet(html, page=EDGE, assets=other),
        Sheet(html, page=EDGE, assets={"logo.png": RED}),
        Sheet(html, page=EDGE, assets={"logo.png": RED}),
    ]
    first, plain, second, third, fourth = pages.print_all(sheets)
    assert pixel(first, 20, 10) == pixel(third, 20, 10) == pixel(fourth, 20, 10) == (255, 0, 0)
    assert pixel(second, 20, 10) == (0, 0, 255)
    assert layout(plain).text() == "plain"


def test_an_asset_that_is_not_there_prints_without_it(pages: Press) -> None:
    assets = {"logo.png": RED}
    got = pages.outcome(Sheet("<img src=absent.png><p>text", assets=assets))
    assert isinstance(got, Rendered)
    assert layout(got.data).text() == "text"
    assert "Not loaded: absent.png: " in failed_assets(got)


def test_a_text_named_as_a_picture_prints_as_in_a_browser(pages: Press) -> None:
    html = "<img src=logo.png alt=instead><p>text</p><img src=good.png>"
    assets = {"logo.png": b"This is no picture.", "good.png": RED}
    got = pages.outcome(Sheet(html, assets=assets))
    assert isinstance(got, Rendered)
    assert "text" in layout(got.data).text()
    assert "logo.png" in failed_assets(got)
    assert "good.png" not in failed_assets(got)


def test_a_relative_name_without_any_asset_is_noticed(pages: Press) -> None:
    got = pages.outcome(Sheet("<img src=nowhere.png><p>text"))
    assert isinstance(got, Rendered)
    assert "nowhere.png" in failed_assets(got)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://127.0.0.1:1/", "https://example.com/"]
)
@pytest.mark.parametrize("element", ["<img src='{}'>", "<iframe src='{}'></iframe>"])
def test_nothing_else_is_reached(pages: Press, url: str, element: str) -> None:
    html = element.format(url) + "<p>text"
    got = pages.outcome(Sheet(html, assets={"a.png": RED}))
    assert isinstance(got, Rendered)
    assert "root:" not in layout(got.data).text()
    assert "text" in layout(got.data).text()


def test_a_page_that_wants_a_thousand_urls_is_printed_beside_its_neighbours(pages: Press) -> None:
    many = "".join(f"<img src='https://example.com/{n}.png'>" for n in range(1000))
    sheets = [Sheet("<p>before"), Sheet(many + "<p>many"), Sheet("<p>after")]
    before, middle, after = pages.print_all(sheets)
    assert layout(before).text() == "before"
    assert "many" in layout(middle).text()
    assert layout(after).text() == "after"


def test_a_page_with_assets_may_ask_for_plain_http(pages: Press) -> None:
    html = (
        "<img src='http://pictures.invalid/a.png'><link rel=stylesheet href='http://x.invalid/s'>"
    )
    egress = ("pictures.invalid", "x.invalid")
    got = pages.outcome(Sheet(html + "text", assets={"a.png": RED}, egress=egress))
    found = failed_assets(got)
    assert "http://pictures.invalid/a.png" in found
    assert "http://x.invalid/s" in found
    assert "not among the hosts" not in found
