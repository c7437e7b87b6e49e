"""What a template author sees of the filters: what they write, and what they say is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import barcode as bars
import pytest
import segno

from pressroom.errors import Code, RowError
from pressroom.filters import FILTERS
from pressroom.templating import syntax_fault
from pressroom_worker.templates import Engine


def shown(text: str, /, **data: Any) -> str:
    """The text rendered, spaces of all kinds as plain ones."""
    made = Engine().page(text, None, data, lenient=False, assets=("a b.png",))
    return re.sub(r"[\u00a0\u202f]", " ", made)


def complaint(text: str, /, **data: Any) -> str:
    with pytest.raises(RowError) as caught:
        shown("\n" + text, **data)
    assert caught.value.line == 2
    return caught.value.message.removeprefix("Line 2 of the template: ")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{ 1234.5|money }}", "€1,234.50"),
        ("{{ 1234.5|money('USD') }}", "$1,234.50"),
        ("{{ 1234.5|money('EUR', 'de') }}", "1.234,50 €"),
        ("{{ 1234.5|money('eur', locale='de-DE') }}", "1.234,50 €"),
        ("{{ 1234.5|money('JPY') }}", "¥1,235"),
        ("{{ '1,234.50'|money }}", "€1,234.50"),
        ("{{ 0.005|money }}", "€0.01"),
        ("{{ -0.001|money }}", "€0.00"),
        ("{{ 1234.5|money(decimals=0) }}", "€1,235"),
        ("{{ 1234567.891|number }}", "1,234,567.891"),
        ("{{ 1234567.891|number(2, 'de') }}", "1.234.567,89"),
        ("{{ 1234567|number(locale='hi') }}", "12,34,567"),
        ("{{ 0.19|percent }}", "19%"),
        ("{{ 0.1234|percent(1, 'de') }}", "12,3 %"),
        ("{{ '2026-03-03'|date }}", "Mar 3, 2026"),
        ("{{ '2026-03-03'|date('full', 'de') }}", "Dienstag, 3. März 2026"),
        ("{{ '2026-03-03'|date('dd.MM.yyyy') }}", "03.03.2026"),
        ("{{ 1772548200|date }}", "Mar 3, 2026"),
        ("{{ '2026-03-03T23:30:00Z'|date(timezone='Asia/Tokyo') }}", "Mar 4, 2026"),
        ("{{ '2026-03-03'|date(timezone='America/New_York') }}", "Mar 3, 2026"),
        ("{{ '2026-03-03T14:30:00Z'|datetime('short', 'de') }}", "03.03.26, 14:30"),
        ("{{ '14:30'|time }}", "2:30 PM"),
        ("{{ none|money }}{{ ''|date }}{{ '  '|qr }}", ""),
        ("{{ 'a b.png'|asset }}", "a%20b.png"),
        ("{{ text|nl2br }}", "a<br>\n&lt;b&gt;"),
    ],
)
def test_values_are_written_as_the_language_writes_them(text: str, wanted: str) -> None:
    assert shown(text, text="a\n<b>") == wanted


def test_the_rows_own_locale_is_the_default() -> None:
    text = "{{ 5|money }} {{ '2026-03-03'|date('long') }} {{ 1.5|number(locale='en') }}"
    assert shown(text, locale="de") == "5,00 € 3. März 2026 1.5"


def test_floats_are_the_decimals_they_look_like() -> None:
    assert shown("{{ 2.675|money }} {{ (0.1 + 0.2)|number(2) }}") == "€2.68 0.30"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{ 'abc'|money }}", "money: 'abc' is not a number."),
        ("{{ '1,234'|money }}", "money: '1,234' is not a number."),
        ("{{ true|number }}", "number: True is not a number."),
        ("{{ 1e40|money }}", "money: 1e+40 has more than 30 digits."),
        ("{{ (10**5000)|number }}", "number: so large a number has more than 30 digits."),
        ("{{ 1|money('EURO') }}", "money: 'EURO' is not a currency code such as EUR."),
        ("{{ 1|money('EUR', 'xx') }}", "money: 'xx' is not a known locale."),
        ("{{ 1|money('EUR', '../x') }}", "money: '../x' is not a locale such as en, de or pt_BR."),
        ("{{ 1|money(curency='EUR') }}", "money: got an unexpected keyword argument 'curency'."),
        ("{{ 1|number(99) }}", "number: decimals must be a whole number from 0 to 20, not 99."),
        (
            "{{ '03/04/2026'|date }}",
            "date: '03/04/2026' is not a date such as 2026-03-31 (ISO 8601).",
        ),
        ("{{ '14:30'|date }}", "date: '14:30' has no date."),
        (
            "{{ '2026-03-03'|date(timezone='X/Y') }}",
            "date: 'X/Y' is not a time zone such as Europe/Berlin.",
        ),
        ("{{ 'x'|qr('0mm') }}", "qr: size must be a length such as 30mm or 1.5in, not '0mm'."),
        ("{{ 'x'|qr(level='Z') }}", "qr: level must be one of L, M, Q, H, not 'Z'."),
        ("{{ ('x' * 3000)|qr }}", "qr: a text of 3000 characters is longer than 2953."),
        ("{{ ('x' * 2900)|qr }}", "qr: 2900 bytes do not fit into a code of level M."),
        ("{{ 'abc'|barcode('ean13') }}", "barcode: 'abc' has not the 13 digits of ean13."),
        (
            "{{ '4006381333932'|barcode('ean13') }}",
            "barcode: the check digit of '4006381333932' should be 1.",
        ),
        ("{{ 'äö'|barcode }}", "barcode: 'äö' cannot be written as code128."),
        ("{{ [1]|markdown }}", "markdown: a list is no text."),
        ("{{ 'b.png'|asset }}", "asset: the template has no asset 'b.png'."),
    ],
)
def test_a_wrong_value_is_named_with_its_filter_and_line(text: str, wanted: str) -> None:
    assert complaint(text) == wanted


def test_a_missing_asset_has_a_code_of_its_own() -> None:
    with pytest.raises(RowError) as caught:
        Engine().page("{{ 'x'|asset }}", None, {"_pressroom_assets": ["x"]}, lenient=True)
    assert caught.value.code is Code.ASSET_NOT_FOUND


def test_a_missing_value_is_empty_where_the_template_is_lenient_alone() -> None:
    assert Engine().page("[{{ x|money }}{{ x.y|qr }}]", None, {}, lenient=True) == "[]"
    assert complaint("{{ x|money }}") == "The row has no value named 'x'."


def modules(svg: str) -> list[tuple[int, int, int]]:
    """The dark runs of an SVG: x, y and length."""
    return [tuple(map(int, run)) for run in re.findall(r"M(\d+) (\d+)h(\d+)v", svg)]  # type: ignore[misc]


@pytest.mark.parametrize("level", ["L", "M", "Q", "H"])
def test_a_qr_code_has_the_modules_of_its_text(level: str) -> None:
    svg = shown("{{ x|qr(size='2cm', level=l) }}", x="https://x.test/ä", l=level)
    matrix = segno.make(
        "https://x.test/ä", error=level.lower(), micro=False, boost_error=False
    ).matrix
    wanted = {(x, y) for y, line in enumerate(matrix) for x, dark in enumerate(line) if dark}
    got = {(x + step - 4, y - 4) for x, y, run in modules(svg) for step in range(run)}
    assert got == wanted
    assert 'width="20.00mm" height="20.00mm"' in svg


@pytest.mark.parametrize(
    ("kind", "text", "label"),
    [
        ("code128", "ABC-123", "ABC-123"),
        ("code39", "ABC-123", "ABC-123"),
        ("ean13", "400638133393", "4006381333931"),
        ("ean13", "4006381333931", "4006381333931"),
        ("ean8", "9638507", "96385074"),
        ("upca", "03600029145", "036000291452"),
        ("itf", "1234", "1234"),
    ],
)
def test_a_barcode_has_the_bars_of_its_text(kind: str, text: str, label: str) -> None:
    svg = shown("{{ x|barcode(k) }}", x=text, k=kind)
    options = {"add_checksum": False} if kind == "code39" else {}
    (line,) = bars.get_barcode_class(kind)(text, **options).build()
    wanted = [(run.start() + 10, len(run[0])) for run in re.finditer("1+", line)]
    assert [(x, length) for x, _, length in modules(svg)] == wanted
    assert f">{label}</text>" in svg


def test_nothing_of_a_value_becomes_markup_in_a_code() -> None:
    svg = shown("{{ x|barcode }}{{ x|qr }}", x="</svg><script>")
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_markdown_is_html_without_the_authors_html() -> None:
    text = "# T\n\n* a\n* **b**\n\n|h|\n|-|\n|c|\n\n<script>x</script> [l](javascript:x) ![p](http://x/)"
    made = shown("{{ x|markdown }}", x=text)
    assert "<h1>T</h1>" in made
    assert "<strong>b</strong>" in made
    assert "<td>c</td>" in made
    assert "<script>" not in made
    assert "href" not in made
    assert "<img" not in made


def test_markdown_keeps_the_templates_own_pictures() -> None:
    assert '<img src="logo.png" alt="the logo" />' in shown(
        "{{ x|markdown }}", x="![the logo](logo.png)"
    )


def test_every_filter_is_known_to_the_syntax_check() -> None:
    assert syntax_fault("".join(f"{{{{ x|{name} }}}}" for name in FILTERS)) is None
    assert syntax_fault("\n{{ x|mony }}") == (2, "No filter named 'mony'.")


def test_checking_a_template_needs_none_of_the_libraries() -> None:
    """The gateway and the operator check templates, and their images have none of them."""
    code = """
import sys
class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("babel", "segno", "barcode", "markdown_it"):
            raise ImportError(name + " is barred")
sys.meta_path.insert(0, Barred())
from pressroom.templating import syntax_fault
text = "{{ 1|money }}{{ d|date('short') }}{{ x|qr }}{{ x|barcode }}{{ x|markdown }}{{ 'a'|asset }}"
assert syntax_fault(text) is None
assert syntax_fault("{{ 1|monye }}") == (1, "No filter named 'monye'.")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
