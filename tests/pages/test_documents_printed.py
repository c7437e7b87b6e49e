"""The built-in documents as they are printed, beside the pictures that were approved by eye."""

from __future__ import annotations

from typing import Any

import pytest
from gallery import GALLERY, pictures
from pictures import difference
from press import Layout, Press, Word, layout
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
