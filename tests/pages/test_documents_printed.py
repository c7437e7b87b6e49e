"""The built-in documents as they are printed, beside the pictures that were approved by eye."""

from __future__ import annotations

import io
from typing import Any

import pytest
from gallery import GALLERY, pictures
from pictures import difference
from PIL import Image
from press import Layout, Press, Word, layout, png
from specimens import SPECIMENS, sheet

from pressroom.documents import DocType, Style

#: The share of a page that may look otherwise than in its picture: another closing line is
#: 0.2 %, the heading set wider 0.4 %, all type 2 % larger 8 %.
_TOLERANCE = 0.002
_STYLES = list(Style)
_LINES = 60


@pytest.fixture(scope="module")
def printed(pages: Press) -> dict[str, bytes]:
    return pictures(pages)


def test_the_gallery_has_every_kind_in_every_style_and_nothing_else(
    printed: dict[str, bytes],
) -> None:
    assert sorted(path.name for path in GALLERY.glob("*.png")) == sorted(printed)


@pytest.mark.parametrize("name", [f"{kind}-{style}.png" for kind in DocType for style in Style])
def test_a_document_looks_as_in_its_picture(printed: dict[str, bytes], name: str) -> None:
    off = difference(printed[name], (GALLERY / name).read_bytes())
    assert off <= _TOLERANCE, f"{off:.2%} of {name} differs: see it, then `make gallery`"


def test_styles_and_kinds_differ_by_far_more_than_the_tolerance(printed: dict[str, bytes]) -> None:
    invoice = printed["invoice-bold.png"]
    others = ["invoice-minimal.png", "invoice-corporate.png", "quote-bold.png", "letter-bold.png"]
    assert all(difference(invoice, printed[name]) > 20 * _TOLERANCE for name in others)


def _long_invoice() -> dict[str, Any]:
    lines = [
        {"description": f"Line-{number:02d}", "quantity": 1, "unitPrice": 10, "amount": 10}
        for number in range(1, _LINES + 1)
    ]
    return {**SPECIMENS[DocType.INVOICE], "lineItems": lines}


@pytest.mark.parametrize("style", _STYLES)
def test_a_long_invoice_repeats_its_head_and_keeps_its_sums_together(
    pages: Press, style: Style
) -> None:
    found = _layout(pages, DocType.INVOICE, style, _long_invoice())
    assert found.pages >= 2
    with_lines = {word.page for word in found.words if word.text.startswith("Line-")}
    for page in with_lines:
        first = min(word.top for word in found.on(page) if word.text.startswith("Line-"))
        assert _one(found, "Description", page).bottom <= first
    sums = ("Subtotal", "Discount", "€9,690.00", "€10,948.00")
    assert len({found.find(text)[-1].page for text in sums}) == 1
    numbers = [int(word.text[-2:]) for word in found.words if word.text.startswith("Line-")]
    assert numbers == list(range(1, _LINES + 1))


@pytest.mark.parametrize("style", _STYLES)
def test_amounts_stand_in_one_line_on_the_right(pages: Press, style: Style) -> None:
    found = _layout(pages, DocType.INVOICE, style)
    rights = [_one(found, text, 1).right for text in ("€3,120.00", "€1,800.00", "€570.00")]
    assert max(rights) - min(rights) < 1
    assert abs(rights[0] - _one(found, "Amount", 1).right) < 1


@pytest.mark.parametrize("style", _STYLES)
def test_nothing_of_the_data_is_lost_and_nothing_runs_off_the_page(
    pages: Press, style: Style
) -> None:
    for kind in DocType:
        found = _layout(pages, kind, style)
        shown = found.text().casefold()
        for word in _words_of(SPECIMENS[kind]):
            assert word.casefold() in shown, (kind, word)
        width, height = found.sizes[0]
        for word in found.words:
            assert 30 < word.left < word.right < width - 30, (kind, word)
            assert 30 < word.top < word.bottom < height - 30, (kind, word)


@pytest.mark.parametrize("style", _STYLES)
def test_the_title_is_whole_beside_a_long_name(pages: Press, style: Style) -> None:
    seller = {"name": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbau GmbH & Co. KG"}
    found = _layout(pages, DocType.INVOICE, style, {"seller": seller, "number": "7"})
    assert found.find("Invoice")


@pytest.mark.parametrize("style", _STYLES)
def test_tables_of_many_columns_stay_on_the_page(pages: Press, style: Style) -> None:
    line = {f"column{number}": 1000 + number for number in range(14)}
    for kind, data in (
        (DocType.DOCUMENT, {"data": [[row * 1000 + at for at in range(30)] for row in (1, 2, 3)]}),
        (DocType.INVOICE, {"lineItems": [line, line]}),
    ):
        found = _layout(pages, kind, style, data)
        numbers = [word for word in found.words if word.text.isdecimal() and len(word.text) == 4]
        assert len(numbers) == (90 if kind is DocType.DOCUMENT else 28)
        assert max(word.right for word in numbers) < found.sizes[0][0] - 30


def test_a_logo_that_cannot_be_fetched_gives_way_to_the_name(pages: Press) -> None:
    data = {"logo": "https://logos.invalid/a.png", "seller": {"name": "Northwind"}, "number": "7"}
    for style in _STYLES:
        (file,) = pages.print_all([sheet(DocType.INVOICE, style, data)])
        assert layout(file).text().count("Northwind") >= 2
        with Image.open(io.BytesIO(png(file))) as opened:
            colours = opened.convert("RGB").getcolors(1 << 24) or []
        assert not [rgb for _, rgb in colours if _is_green(rgb)], "the broken picture's sign shows"


def _is_green(rgb: object) -> bool:
    assert isinstance(rgb, tuple)
    red, green, blue = rgb
    return bool(green > red + 20 and green > blue + 20)


def _words_of(value: Any) -> list[str]:
    """The words of all texts in the data, pictures left out."""
    if isinstance(value, dict):
        return [word for one in value.values() for word in _words_of(one)]
    if isinstance(value, list):
        return [word for one in value for word in _words_of(one)]
    if not isinstance(value, str) or value.startswith("data:") or value in ("EUR", "USD", "GBP"):
        return []
    return value.split()


def _layout(
    pages: Press, kind: DocType, style: Style, data: dict[str, Any] | None = None
) -> Layout:
    (file,) = pages.print_all([sheet(kind, style, data)])
    return layout(file)


def _one(found: Layout, text: str, page: int) -> Word:
    """The first such word on a page."""
    return next(word for word in found.on(page) if word.text.casefold() == text.casefold())
