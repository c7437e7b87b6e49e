"""The filters on paper: money and dates as text, codes as black squares, markdown as structure."""

from __future__ import annotations

import io
import re

import barcode
import pytest
import segno
from PIL import Image
from press import Press, Sheet, layout

from pressroom.errors import Code
from pressroom.model.page import Image as Picture
from pressroom.model.page import Output, PageOptions
from pressroom_worker.render import Failed

BARE = "<style>body{margin:0} svg{display:block}</style>"
#: CSS pixels of a picture's side for 1 mm.
SCALE = 96 / 25.4


def picture(pages: Press, html: str) -> Image.Image:
    page = PageOptions(
        output=Output.PNG,
        image=Picture(width=800, height=400, full_page=False, device_scale_percent=200),
    )
    return Image.open(io.BytesIO(pages.print(BARE + html, page=page, data={"x": 1}))).convert("L")


def is_dark(image: Image.Image, x: float, y: float) -> bool:
    """Whether it is dark at a place in CSS pixels."""
    value = image.getpixel((round(x * 2), round(y * 2)))
    assert isinstance(value, int)
    return value < 128


def test_money_and_dates_are_printed_as_the_language_writes_them(pages: Press) -> None:
    html = (
        "<p>{{ 1234.5|money('EUR', 'de') }}</p><p>{{ 1234.5|money('USD') }}</p>"
        "<p>{{ '2026-03-03'|date('long', 'fr') }}</p><p>{{ 1234567.5|number(locale='hi') }}</p>"
        "<p>{{ 0.19|percent(locale='de') }}</p>"
    )
    text = layout(pages.print(html, data={"x": 1})).text()
    wanted = "1.234,50 € $1,234.50 3 mars 2026 12,34,567.5 19 %"
    assert re.sub(r"\s+", " ", text) == wanted


def test_a_qr_code_shows_the_modules_of_its_text(pages: Press) -> None:
    text = "https://example.com/pay/INV-1"
    image = picture(pages, f"{{{{ '{text}'|qr(size='50mm', level='Q') }}}}")
    matrix = segno.make(text, error="q", micro=False, boost_error=False).matrix
    side = 50 * SCALE / (len(matrix) + 8)
    seen = [
        [is_dark(image, (x + 4.5) * side, (y + 4.5) * side) for x in range(len(matrix))]
        for y in range(len(matrix))
    ]
    assert seen == [[bool(dark) for dark in line] for line in matrix]


@pytest.mark.parametrize(("kind", "text"), [("code128", "INV-0042"), ("ean13", "4006381333931")])
def test_a_barcode_shows_the_bars_of_its_text(pages: Press, kind: str, text: str) -> None:
    image = picture(pages, f"{{{{ '{text}'|barcode('{kind}', width='120mm', height='30mm') }}}}")
    (line,) = barcode.get_barcode_class(kind)(text).build()
    side = 120 * SCALE / (len(line) + 20)
    seen = [is_dark(image, (x + 10.5) * side, 20) for x in range(len(line))]
    assert seen == [module == "1" for module in line]
    assert not any(is_dark(image, x * side, 20) for x in (1, 9, len(line) + 11))


def test_a_barcodes_text_stands_below_it(pages: Press) -> None:
    html = BARE + "{{ 'INV-0042'|barcode(height='20mm') }}"
    (word,) = layout(pages.print(html, data={"x": 1})).find("INV-0042")
    page_margin = 0.4 * 72
    assert page_margin + 12 / 25.4 * 72 < word.top < page_margin + 20 / 25.4 * 72


def test_markdown_is_printed_with_its_structure(pages: Press) -> None:
    table = "| aaa | bbb |\n|---|---|\n| c | d |"
    text = f"# Terms\n\nPay within **30** days.\n\n1. one\n2. two\n\n{table}"
    html = "{{ x|markdown }}"
    got = layout(pages.print(html, data={"x": text}))
    assert got.text() == "Terms Pay within 30 days. 1. one 2. two aaa bbb c d"
    heading, body = got.find("Terms")[0], got.find("Pay")[0]
    assert heading.bottom - heading.top > 1.5 * (body.bottom - body.top)
    assert got.find("c")[0].top == pytest.approx(got.find("d")[0].top)
    assert got.find("c")[0].left < got.find("d")[0].left


def test_html_in_markdown_is_printed_as_text(pages: Press) -> None:
    got = layout(pages.print("{{ x|markdown }}", data={"x": "a <b>bold</b> word"}))
    assert got.text() == "a <b>bold</b> word"


def test_an_asset_that_is_not_there_fails_its_row_alone(pages: Press) -> None:
    html = "<img src=\"{{ name|asset }}\" alt=''><p>fine</p>"
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, "PNG")
    assets = {"red dot.png": buffer.getvalue()}
    got = pages.outcomes(
        [
            Sheet(html, {"name": "red dot.png"}, assets=assets),
            Sheet(html, {"name": "gone.png"}, assets=assets),
        ]
    )
    assert not isinstance(got[0], Failed)
    assert isinstance(got[1], Failed)
    assert got[1].error.code is Code.ASSET_NOT_FOUND
