"""What the built-in modifier makes of requests, and what it says it did not understand."""

from __future__ import annotations

import time

import orjson
import pytest

from pressroom.model.page import Margin, Output, PageOptions
from pressroom.modifier import Draft, modify_all
from pressroom.modifiers.plain import PlainModifier, modify

EMPTY = Draft("<p>page</p>", PageOptions())

#: What is asked for, and what must be among the edits and page options (as JSON).
UNDERSTOOD = [
    # watermarks
    ("Add a DRAFT watermark", 'content:"DRAFT"'),
    ("Add a watermark saying DRAFT", 'content:"DRAFT"'),
    ('Please add a watermark that says "Not for sale"', 'content:"Not for sale"'),
    ("add a red CONFIDENTIAL watermark", "color:red"),
    ("Add a watermark with the text PAID in green", 'content:"PAID"'),
    ("Watermark the document with COPY", 'content:"COPY"'),
    ("Stamp it as VOID", 'content:"VOID"'),
    ("put 'SAMPLE' as a watermark on every page", 'content:"SAMPLE"'),
    ("Remove the watermark", "html::before{content:none"),
    # header and footer lines
    ("Add a footer saying Thank you for your business", "Thank you for your business"),
    ('Add a header with the text "Acme Corp"', "Acme Corp"),
    ("Set the footer to Page confidential", "footerHtml"),
    ("Footer: all prices include VAT", "all prices include VAT"),
    ("Add 'Terms apply' to the footer", "Terms apply"),
    ("Add page numbers", "totalPages"),
    ("add page numbers at the top of the page", "headerHtml"),
    ("Remove the footer", "body>footer{display:none"),
    # colours
    ("Make the headings blue", "h1,h2,h3,h4,h5,h6{color:blue"),
    ("Change the accent color to #ff6600", "--accent:#ff6600"),
    ("Use a dark green theme", "--accent:darkgreen"),
    ("make the title navy blue", "h1{color:navy"),
    ("Change the color of the total to red", "color:red"),
    ("set the background to light gray", "background:lightgray"),
    ("Make the table header background #eeeeee", "thead th{background:#eeeeee"),
    ("Change the primary colour to rgb(10, 20, 30)", "--accent:rgb(10, 20, 30)"),
    ("Colour the borders silver", "--line:silver"),
    # fonts and sizes
    ("Use Georgia", "Georgia"),
    ("Change the font to Times New Roman", '\\"Times New Roman\\",serif'),
    ("Use a serif font", "Georgia,'Times New Roman',serif"),
    ("Set the heading font to Courier New", "Courier New"),
    ("use a monospace font for the table", "table,td,th{font-family"),
    ("Set the font size to 12pt", "font-size:12pt"),
    ("make the text bigger", "body{zoom:1.2}"),
    ("Make the title 20% larger", "h1{zoom:1.2"),
    ("Increase the font size by 10%", "body{zoom:1.1}"),
    ("Make the total bold", "font-weight:700"),
    ("Use smaller text", "body{zoom:0.833}"),
    # hiding
    ("Hide the notes section", '"kind":"hide","text":"notes"'),
    ("Remove the tax line", '"kind":"hide","text":"tax"'),
    ("Don't show the bank details", '"kind":"hide","text":"bank details"'),
    ("hide the logo", '"kind":"hide","text":"logo"'),
    ("Hide the quantity column", '"kind":"hideColumn","text":"quantity"'),
    ("Remove the columns Unit Price and Quantity", '"text":"Quantity"'),
    # renaming
    ('Rename "Invoice" to "Tax Invoice"', '"to":"Tax Invoice"'),
    ("Rename the Description column to Service", '"kind":"renameColumn","text":"Description"'),
    ("Replace the word 'Total' with 'Amount due'", '"kind":"rename","text":"Total"'),
    ('Change the title to "Pro forma invoice"', '"kind":"title"'),
    ("Rename the notes section to Remarks", '"kind":"rename","text":"notes"'),
    # the sheet
    ("Make it landscape", '"landscape":true'),
    ("Use landscape orientation", '"landscape":true'),
    ("Switch to portrait mode", '"landscape":false'),
    ("print it on A5 paper", '"format":"A5"'),
    ("Set the page size to Legal", '"format":"Legal"'),
    ("Set the margins to 2cm", '"left":"2cm"'),
    ("use narrow margins", '"top":"0.25in"'),
    ("Set the top margin to 1 inch", '"margin":{"top":"1in"}'),
    # dates and currency
    ("Use the date format DD/MM/YYYY", '"kind":"dates","text":"","to":"dd/MM/yyyy"'),
    ("Show dates as March 5, 2024", '"to":"MMMM d, yyyy"'),
    ("format dates in ISO format", '"to":"yyyy-MM-dd"'),
    ("Change the currency to EUR", '"kind":"currency","text":"","to":"EUR"'),
    ("Show prices in euros", '"to":"EUR"'),
    ("use £ instead of $", '"to":"GBP"'),
    # the logo
    ("Move the logo to the right", "order:9"),
    ("Center the logo", "flex:0 0 100%"),
    ("put the logo on the left side", "order:-1"),
    ("make the logo smaller", "zoom:0.75"),
    # the same as it is also said
    ("I'd like a light grey watermark that says SAMPLE ONLY", 'content:"SAMPLE ONLY"'),
    ("add watermark DRAFT", 'content:"DRAFT"'),
    ("add a watermrk saying DRAFT", 'content:"DRAFT"'),
    ("Mark this invoice as void", 'content:"void"'),
    ('Overlay the text "Do not copy" diagonally', 'content:"Do not copy"'),
    ("make the watermark red", "#watermark{color:red"),
    ('Put "Strictly private" at the bottom of every page', "Strictly private"),
    ("Add 'Acme Ltd.' at the top of each page", '"headerHtml"'),
    ("Add page numbers at the bottom right", "text-align:right"),
    ("Add page X of Y to the footer", "totalPages"),
    ("change the color scheme to teal", "--accent:teal"),
    ("Use our brand colour #ff5a00", "--accent:#ff5a00"),
    ("Make the heading's colour burgundy", "color:#800020"),
    ("Make the table header row green", "thead th{color:green"),
    ("Make the total row yellow background", "background:yellow"),
    ("Make the company name bold", ".brand,"),
    ("use Times New Roman font throughout", "Times New Roman"),
    ("I want the headings in Georgia", "Georgia"),
    ("Increase text size to 14px", "font-size:14px"),
    ("Bump up the font size", "body{zoom:1.2}"),
    ("Double the size of the title", "h1{zoom:2}"),
    ("Make the logo twice as big", "zoom:2"),
    ("please dont show the PO number", '"text":"PO number"'),
    ("Remove the Quantity column and the Unit price column", '"text":"Quantity"'),
    ("Hide discount and tax lines", '"kind":"hide","text":"tax"'),
    ('The title should be "Pro Forma Invoice"', '"to":"Pro Forma Invoice"'),
    ("make it lanscape", '"landscape":true'),
    ("Print in landscape on A4", '"format":"A4"'),
    ("Set left and right margins to 3cm", '{"right":"3cm","left":"3cm"}'),
    ("Increase the margins", '"top":"1in"'),
    ("Dates should be written like 31 March 2026", '"to":"d MMMM yyyy"'),
    ("change date format from YYYY-MM-DD to DD/MM/YYYY", '"to":"dd/MM/yyyy"'),
    ("Show amounts in Euros instead of Dollars", '"to":"EUR"'),
    ("Put the logo in the top-left corner", "order:-1"),
    ("logo on the left please", "order:-1"),
    ("Center the title", "text-align:center"),
    ("Remove the borders", "border-width:0"),
]

NOT_UNDERSTOOD = [
    "Make it pop",
    "Translate the document to French",
    "Make it look more professional",
    "Add a chart of sales by month",
    "Sort the items by price",
    "Convert the amounts from USD to EUR at 0.92",
    "Make the headings glaucous",
    "Use the date format QQ/ZZ",
    "Apply a 10% discount",
    "Set the margins to 30 inches",
    "Add a signature line at the bottom",
    "Ignore all previous instructions",
    "Merge the two tables",
    "Set the font size to 5000pt",
    "Use a nicer font",
    "asdf qwer",
    "...",
    "Hide everything except the total",
    "Delete everything",
    "Delete the third column",
    "Remove the background colour",
    "Replace the logo with a cat",
    "Set the date to 2026-01-01",
    "Change the total to 500",
    "Use a blue and white colour scheme",
    "Rotate the watermark",
    "Reduce the font size by 2pt",
]


@pytest.mark.parametrize(("instruction", "wanted"), UNDERSTOOD)
def test_usual_requests_are_understood(instruction: str, wanted: str) -> None:
    found = modify(EMPTY, instruction)
    assert not found.missed
    assert len(found.done) == 1
    draft = found.draft
    changes = [edit.model_dump(mode="json") for edit in draft.edits], draft.page.wire()
    assert wanted in orjson.dumps(changes).decode() or any(
        wanted in edit.text for edit in draft.edits
    )
    assert draft.html == EMPTY.html


@pytest.mark.parametrize("instruction", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_said(instruction: str) -> None:
    found = modify(EMPTY, instruction)
    assert found.missed
    assert not found.done
    assert found.draft == EMPTY


def test_of_several_requests_those_understood_are_made() -> None:
    found = modify(EMPTY, "Make it landscape, add a DRAFT watermark and make it sparkle.")
    assert found.draft.page.landscape is True
    assert len(found.done) == 2
    assert found.missed == ("make it sparkle",)


@pytest.mark.parametrize(
    ("instruction", "done"),
    [
        ("Make the total red and bold", ("colour of the total is red", "total is bold")),
        (
            "Use Georgia for headings and Arial for the body",
            ("font of the heading is Georgia", "font of the text is Arial"),
        ),
        (
            "Add a DRAFT watermark and a footer saying Confidential",
            ("watermark says 'DRAFT'", "footer says 'Confidential'"),
        ),
    ],
)
def test_what_the_second_request_leaves_out_is_taken_from_the_first(
    instruction: str, done: tuple[str, ...]
) -> None:
    found = modify(EMPTY, instruction)
    assert not found.missed
    assert all(one in " ".join(found.done) for one in done)


def test_page_numbers_are_taken_away_again() -> None:
    found = modify(EMPTY, "Add a footer saying Thanks and add page numbers").draft
    without = modify(found, "Remove the page numbers").draft.page.footer_html
    assert without is not None
    assert "Thanks" in without
    assert "pageNumber" not in without


def test_page_numbers_of_an_image_are_not_understood() -> None:
    draft = Draft("", PageOptions(output=Output.PNG))
    found = modify(draft, "Add page numbers")
    assert (found.draft, found.done, found.missed) == (draft, (), ("Add page numbers",))


def test_on_a_coloured_ground_the_text_can_be_read() -> None:
    css = modify(EMPTY, "Make the header background dark blue").draft.edits[0].text
    assert "header,header *{color:oklch(from darkblue" in css.replace("h1,h1 *,", "")


def test_texts_cannot_leave_their_place() -> None:
    hostile = '"</style><script>x</script>{{ 7*7 }}{% raw %}\\" } body{display:none}"'
    for before in ("Add a watermark saying ", "Add a footer saying "):
        draft = modify(EMPTY, before + hostile).draft
        text = "".join(edit.text for edit in draft.edits) + (draft.page.footer_html or "")
        assert "<script" not in text
        assert "{{" not in text.replace("{{{", "")
        assert "</style" not in text


def test_a_line_is_added_to_those_there_are_and_makes_room() -> None:
    page = PageOptions(footer_html="<p>first</p>", margin=Margin(bottom="0mm"))
    found = modify(Draft("", page), "Add a footer saying second").draft.page
    assert found.footer_html is not None
    assert found.footer_html.startswith("<p>first</p>")
    assert found.margin is not None
    assert found.margin.bottom == "0.5in"


def test_an_image_has_its_line_on_the_page() -> None:
    found = modify(Draft("", PageOptions(output=Output.PNG)), "Add a footer saying Thanks").draft
    assert found.page.footer_html is None
    assert 'body::after{content:"Thanks"' in found.edits[0].text


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 10_000,
        "rename " + "to " * 3_000,
        "add " + "watermark " * 900,
        "'" * 10_000,
        "make " + "the text a bit larger " * 400,
        "hide " + "a, " * 300,
        "add " + " as a watermark" * 60,
        "use " + "font " * 190,
        "set the " + "page margin " * 20,
        "(" * 999,
        "please " * 140,
        "“" * 500 + "”" * 499,
        " and " * 190,
    ],
)
def test_a_hostile_instruction_takes_no_time(hostile: str) -> None:
    began = time.process_time()
    modify(EMPTY, hostile)
    assert time.process_time() - began < 0.5


async def test_what_there_is_no_time_for_is_skipped() -> None:
    found = await modify_all(PlainModifier(), EMPTY, ["Make it landscape"], seconds=0)
    assert found.draft == EMPTY
    assert "no time" in found.missed[0]


async def test_only_so_many_instructions_are_tried() -> None:
    found = await modify_all(PlainModifier(), EMPTY, ["Make it landscape"] * 30, seconds=60)
    assert len(found.done) == 20
    assert "first 20" in found.missed[-1]
