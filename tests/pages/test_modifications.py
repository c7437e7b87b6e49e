"""Modifications asked for in words, printed: where texts stand and what colour they have."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from press import Layout, Press, Sheet, layout, png

from pressroom.model.page import Margin, Output, PageOptions
from pressroom.modifier import Draft
from pressroom.modifiers.plain import modify

LOGO = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='80' height='40'%3E"
    "%3Crect width='80' height='40' fill='%23f0f'/%3E%3C/svg%3E"
)
HTML = f"""<!doctype html><style>body{{font:12pt Arial;margin:0}}header{{display:flex}}</style>
<header><h1>{{{{ title }}}}</h1><div class="brand"><img class="logo" src="{LOGO}"></div></header>
<p>Issued 2026-03-31</p>
<table><thead><tr><th>Item<th>Quantity<th>Price</thead><tbody>
{{% for row in rows %}}
<tr><td>{{{{ row[0] }}}}<td>{{{{ row[1] }}}}<td>${{{{ row[2] }}}}{{% endfor %}}
</table>
<table class="sums"><tr><th>Tax<td>$9.00<tr><th>Total<td>$59.00</table>
<section><h2>Notes</h2><p>Handwritten remarks</p></section>"""
DATA = {"title": "Invoice", "rows": [["Desk", 77, "40.00"], ["Chair", 88, "10.00"]]}
PLAIN = PageOptions(margin=Margin(top="0.5in", bottom="0.5in", left="0.5in", right="0.5in"))


def made(pages: Press, *instructions: str, page: PageOptions = PLAIN) -> bytes:
    draft = Draft(HTML, page)
    for instruction in instructions:
        found = modify(draft, instruction)
        assert found.done
        assert not found.missed
        draft = found.draft
    (file,) = pages.print_all([Sheet(HTML, DATA, page=draft.page, edits=draft.edits)])
    return file


def printed(pages: Press, *instructions: str) -> Layout:
    return layout(made(pages, *instructions))


def colours(picture: bytes) -> dict[tuple[int, int, int], tuple[int, int, int, int]]:
    """Of every plain colour on the picture the box that it is found in."""
    with Image.open(io.BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    found: dict[tuple[int, int, int], tuple[int, int, int, int]] = {}
    pixels = image.load()
    assert pixels is not None
    for y in range(image.height):
        for x in range(image.width):
            colour = pixels[x, y]
            assert isinstance(colour, tuple)
            box = found.get(colour[:3])
            left, top, right, bottom = box or (x, y, x, y)
            found[colour[:3]] = (min(left, x), top, max(right, x), max(bottom, y))
    return found


def test_a_watermark_crosses_the_middle_of_the_page(pages: Press) -> None:
    data = made(pages, "Add a red DRAFT watermark")
    with Image.open(io.BytesIO(png(data))) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    middle = image.crop((width // 4, height // 3, width * 3 // 4, height * 2 // 3))
    reds, greens = (bytes(middle.getchannel(one).tobytes()) for one in "RG")
    reddish = sum(red > 240 and 150 < green < 240 for red, green in zip(reds, greens, strict=True))
    assert reddish > 0.02 * middle.width * middle.height
    assert "Handwritten" in layout(data).text()


def test_lines_stand_in_the_margins(pages: Press) -> None:
    found = printed(
        pages, "Add a header saying Overview", "Add a footer saying Farewell and add page numbers"
    )
    ((_, height),) = found.sizes
    (above,) = found.find("Overview")
    (below,) = found.find("Farewell")
    assert above.bottom < 40
    assert below.top > height - 40
    assert found.text().endswith("1 / 1")


def test_headings_have_the_colour(pages: Press) -> None:
    assert (0, 0, 255) not in colours(png(made(pages)))
    assert (0, 0, 255) in colours(png(made(pages, "Make the headings blue")))


def test_larger_text_is_larger(pages: Press) -> None:
    (before,) = printed(pages).find("Handwritten")
    (after,) = printed(pages, "Set the font size to 24pt").find("Handwritten")
    assert after.right - after.left == pytest.approx(2 * (before.right - before.left), rel=0.03)


def test_the_font_changes(pages: Press) -> None:
    (before,) = printed(pages).find("Handwritten")
    (after,) = printed(pages, "Use a monospace font").find("Handwritten")
    assert (after.right - after.left) > 1.15 * (before.right - before.left)


def test_a_section_and_a_row_are_hidden(pages: Press) -> None:
    found = printed(pages, "Hide the notes section", "Remove the tax line")
    assert not found.find("Notes")
    assert not found.find("Handwritten")
    assert not found.find("Tax")
    assert found.find("$59.00")


def test_a_column_is_hidden_and_the_next_takes_its_place(pages: Press) -> None:
    before, after = printed(pages), printed(pages, "Hide the quantity column")
    assert not after.find("Quantity")
    assert not after.find("77")
    assert after.find("$40.00")[0].left < before.find("$40.00")[0].left - 20


def test_a_column_and_the_title_are_renamed(pages: Press) -> None:
    found = printed(pages, "Rename the Item column to Product", "Change the title to 'Tax bill'")
    assert found.find("Product")
    assert not found.find("Item")
    assert found.text().startswith("Tax bill")


def test_landscape(pages: Press) -> None:
    ((width, height),) = printed(pages, "Make it landscape").sizes
    assert width > height


def test_dates_and_currency(pages: Press) -> None:
    text = printed(pages, "Use the date format DD/MM/YYYY", "Change the currency to EUR").text()
    assert "31/03/2026" in text
    assert "€59.00" in text
    assert "$" not in text


def test_the_logo_moves(pages: Press) -> None:
    def left(*instructions: str) -> float:
        data = png(made(pages, *instructions))
        with Image.open(io.BytesIO(data)) as image:
            return colours(data)[(255, 0, 255)][0] / image.width

    assert left("Move the logo to the left") < 0.1
    assert 0.4 < left("Center the logo") < 0.5
    assert left("Move the logo to the right") > 0.75


def test_on_a_picture_the_footer_is_part_of_the_page(pages: Press) -> None:
    page = PLAIN.evolve(output=Output.PNG)
    plain = made(pages, page=page)
    changed = made(pages, "Add a footer saying Farewell", page=page)
    with Image.open(io.BytesIO(plain)) as one, Image.open(io.BytesIO(changed)) as other:
        assert other.height >= one.height
        assert one.tobytes() != other.tobytes()
