"""The built-in pages: which kind data is, and that a page shows all of it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pressroom.documents import DocType, Style, detect, page, style_for, view
from pressroom.documents.words import amount, label
from pressroom.templating import Environment

ITEMS = [{"description": "Consulting", "quantity": 10, "unitPrice": 150, "total": 1500}]
_ENVIRONMENT = Environment(lenient=True, escape=True)
_PAGES = {
    (kind, style): _ENVIRONMENT.from_string(page(kind, style))
    for kind in DocType
    for style in Style
}


def rendered(data: dict[str, Any], kind: DocType | None = None, style: str = "minimal") -> str:
    kind = kind or detect(data)
    return _PAGES[kind, Style(style)].render(doc=view(kind, data, style))


def words(html: str) -> str:
    """What a reader sees, the style sheet and the tags taken away."""
    body = html.split("<body", 1)[1].split(">", 1)[1]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"client": {"name": "A"}, "lineItems": ITEMS}, "invoice"),
        ({"line_items": ITEMS}, "invoice"),
        ({"invoiceNumber": "1"}, "invoice"),
        ({"items": ITEMS, "total": 3}, "invoice"),
        ({"quoteNumber": "1", "lineItems": ITEMS}, "quote"),
        ({"lineItems": ITEMS, "Valid Until": "2024"}, "quote"),
        ({"receiptNumber": "1", "items": ITEMS}, "receipt"),
        ({"items": ITEMS, "total": 1, "paid_at": "2024"}, "receipt"),
        ({"title": "Q1", "sections": []}, "report"),
        ({"title": "Q1", "summary": "x"}, "report"),
        ({"salutation": "Dear", "body": "x"}, "letter"),
        ({"recipient": {"name": "A"}, "body": "x"}, "letter"),
        ({"name": "x"}, "document"),
        ({"items": [1, 2]}, "document"),
        ({"invoiceNumber": "1", "lineItems": ITEMS, "amountPaid": 5, "balanceDue": 2}, "invoice"),
        ({"items": ITEMS, "total": 7, "amountPaid": 5, "dueDate": "2024"}, "invoice"),
        ({"billTo": "A", "amountDue": 7}, "invoice"),
        ({"title": "Fix the roof", "dueDate": "2024", "assignee": "A"}, "document"),
        ({"name": "A", "course": "B", "validUntil": "2024"}, "document"),
        ({"station": "A", "change": -3}, "document"),
        ({"invoiceNumber": "1", "quoteNumber": "2", "lineItems": ITEMS}, "invoice"),
        ({"invoice": {"number": "1", "total": 2}}, "invoice"),
        ({"quote": "To be or not to be", "author": "Hamlet"}, "document"),
        ({"quote": "Q-1", "lineItems": ITEMS}, "quote"),
        ({"type": "receipt", "lineItems": ITEMS}, "receipt"),
        ({"documentType": "Estimate"}, "quote"),
        ({"type": "sensor", "a": 1}, "document"),
        ({}, "document"),
    ],
)
def test_the_kind_is_told_by_the_data(data: dict[str, Any], kind: str) -> None:
    assert detect(data) == kind


def test_an_invoice_shows_who_what_and_how_much() -> None:
    data = {
        "invoiceNumber": "INV-7",
        "dueDate": "2024-03-31",
        "currency": "USD",
        "company": {"name": "Northwind", "vatNumber": "GB1"},
        "client": {"name": "Acme Corp", "address": {"city": "Bristol"}},
        "lineItems": ITEMS,
        "totals": {"subtotal": 1500, "taxRate": 0.2, "total": 1800.5},
        "bank": {"iban": "DE89"},
        "notes": "Thank you.",
    }
    assert words(rendered(data)) == (
        "Invoice INV-7 Northwind From Northwind VAT number: GB1 Bill to Acme Corp Bristol "
        "Due date 2024-03-31 Total $1,800.50 Description Quantity Unit price Total "
        "Consulting 10 $150.00 $1,500.00 "
        "Subtotal $1,500.00 Tax rate 0.2 Total $1,800.50 Bank IBAN DE89 Notes Thank you."
    )


@pytest.mark.parametrize("kind", [DocType.INVOICE, DocType.QUOTE, DocType.RECEIPT])
def test_what_is_sold_is_shown_with_its_sums_and_parties(kind: DocType) -> None:
    shown = words(rendered({"client": "Acme", "items": ITEMS, "totals": {"total": 1800}}, kind))
    assert all(word in shown for word in ("Acme", "Consulting", "Total 1,800.00"))


def test_only_the_grand_total_stands_out() -> None:
    html = rendered({"lineItems": ITEMS, "subtotal": 1, "total": 2})
    assert re.findall(r'<tr class="strong"><th scope="row">(\w+)', html) == ["Total"]


def test_every_tax_is_a_line_of_the_sums() -> None:
    data = {
        "lineItems": ITEMS,
        "currency": "USD",
        "subtotal": 100,
        "discount": {"name": "Volume discount", "percent": 10, "amount": -10},
        "taxes": [
            {"name": "State tax", "rate": 6.25, "amount": 5.6},
            {"name": "City", "amount": 1},
        ],
        "Tax 7%": 3,
        "total": 99.6,
    }
    assert words(rendered(data)).endswith(
        "Subtotal $100.00 Volume discount (10 %) -$10.00 State tax (6.25 %) $5.60 City $1.00 "
        "Tax 7% $3.00 Total $99.60"
    )


def test_taxes_with_more_to_tell_stay_a_table() -> None:
    data = {"lineItems": ITEMS, "taxes": [{"name": "VAT", "amount": 1, "office": "zebra"}]}
    assert "Taxes Name Amount Office VAT 1.00 zebra" in words(rendered(data))


def test_totals_in_another_language_end_with_the_one_that_counts() -> None:
    data = {"lineItems": ITEMS, "totals": {"Zwischensumme": 100, "MwSt.": 19, "Gesamt": 119}}
    html = rendered(data)
    assert re.findall(r'<tr class="strong"><th scope="row">(\w+)', html) == ["Gesamt"]


@pytest.mark.parametrize(
    ("data", "title"),
    [
        ({"type": "Credit note", "number": "7", "items": ITEMS}, "Credit note 7"),
        ({"documentType": "proforma_invoice", "items": ITEMS}, "Proforma invoice"),
        ({"estimateNumber": "E-1", "items": ITEMS}, "Estimate E-1"),
        ({"type": "invoice", "invoiceNumber": "7", "items": ITEMS}, "Invoice 7"),
    ],
)
def test_a_document_is_called_what_it_says(data: dict[str, Any], title: str) -> None:
    html = rendered(data)
    assert words(html).startswith(title + " Description")
    assert f"<title>{title}</title>" in html


def test_an_invoice_in_one_object_has_its_currency() -> None:
    data = {"invoice": {"number": "7", "currency": "EUR", "lineItems": ITEMS, "total": 3}}
    assert words(rendered(data)).endswith("€1,500.00 Total €3.00")


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ({"city": "Austin", "state": "TX", "zip": "78701"}, "Austin, TX 78701"),
        ({"postalCode": "10115", "city": "Berlin"}, "10115 Berlin"),
        ({"city": "Leeds", "postcode": "LS2 7DJ"}, "Leeds LS2 7DJ"),
    ],
)
def test_city_state_and_code_stand_in_one_line(address: dict[str, Any], line: str) -> None:
    html = rendered(
        {"lineItems": ITEMS, "client": {"name": "A", "address": {"street": "B"} | address}}
    )
    assert f"<strong>A</strong><span>B</span><span>{line}</span>" in html


def test_a_party_in_fields_of_its_own_is_put_together() -> None:
    data = {"clientName": "A", "clientEmail": "b@c", "client_city": "D", "lineItems": ITEMS}
    assert "<strong>A</strong><span>b@c</span><span>D</span>" in rendered(data)


def test_a_letter_reads_in_its_order() -> None:
    data = {
        "body": "One.\n\nTwo.",
        "closing": "Sincerely,",
        "signature": "Jane",
        "salutation": "Dear John,",
        "date": "March 1",
        "subject": "Us",
        "recipient": {"name": "John Doe", "company": "Acme"},
        "sender": "Jane Roe\n1 Elm St",
        "reference": "R-9",
    }
    assert words(rendered(data)) == (
        "Jane Roe 1 Elm St John Doe Acme March 1 Us Dear John, One. Two. Sincerely, Jane "
        "Reference R-9"
    )


def test_a_report_shows_its_sections_figures_and_tables() -> None:
    data = {
        "title": "Q1",
        "summary": "Good.",
        "metrics": {"newCustomers": 12000},
        "sections": [{"title": "Sales", "content": "Up.", "regions": [{"name": "N", "share": 4}]}],
    }
    assert words(rendered(data)) == (
        "Q1 Good. New customers 12,000 Sales Up. Regions Name Share N 4"
    )


def test_a_report_ends_with_what_it_comes_to() -> None:
    within = [{"title": "Power", "content": "Bought."}]
    data = {
        "title": "Q1",
        "conclusion": "Good.",
        "metrics": {"water": 120345.5},
        "sections": [{"heading": "Scope", "text": "Wide.", "subsections": within}],
        "author": "A",
    }
    assert words(rendered(data)) == (
        "Q1 Author A Water 120,345.5 Scope Wide. Power Bought. Conclusion Good."
    )


def test_a_list_of_lists_may_name_its_columns() -> None:
    html = rendered({"rates": [["Weight", "Zone A"], ["1 kg", 4], ["2 kg", 5.5]]})
    assert '<th scope="col">Weight</th><th scope="col" class="number">Zone A</th>' in html
    assert "<thead" not in rendered({"grid": [["a", "b"], ["c", "d"]]})


def test_amounts_of_any_document_have_its_currency() -> None:
    assert words(rendered({"currency": "EUR", "budget": 5})) == "Document Currency EUR Budget €5.00"


def test_nested_objects_are_sections_and_lists_of_objects_tables() -> None:
    data = {"site": {"rooms": [{"name": "a", "size": 3}, {"name": "b", "level": 2}]}, "on": True}
    html = rendered(data)
    assert words(html) == "Document On Yes Site Rooms Name Size Level a 3 b 2"
    assert html.count("<tr>") == 3


def test_columns_of_numbers_stand_right_and_long_words_are_broken() -> None:
    rows = [{"name": "a", "size": 3, "hash": "f" * 64}, {"name": "b", "size": None}]
    html = rendered({"files": rows})
    assert '<th scope="col" class="number">Size' in html
    assert f'<td class="long">{"f" * 64}' in html
    assert "<td>a</td>" in html


def test_a_wide_list_is_printed_object_by_object() -> None:
    html = rendered({"all": [{f"c{n}": n for n in range(20)}]})
    assert "<table" not in html
    assert words(html).endswith("C18 18 C19 19")


def test_keys_named_like_methods_are_data() -> None:
    shown = words(rendered({"items": "x", "keys": {"values": "y"}, "get": "z", "update": "w"}))
    assert [shown.count(f" {letter}") for letter in "xyzw"] == [1, 1, 1, 1]


def test_most_letters_say_which_way_a_page_runs() -> None:
    arabic = {"client": {"name": "مؤسسة البحر"}, "lineItems": [{"item": "تصميم", "total": -5}]}
    html = rendered({"currency": "SAR", "total": -5} | arabic)
    assert '<html lang="en" dir="rtl">' in html
    assert html.count('<bdi dir="ltr">-5.00 SAR</bdi>') == 3
    assert "dir=" not in rendered({"lineItems": ITEMS, "note": "تصميم"})


def test_markup_in_the_data_is_text() -> None:
    html = rendered({"a": "<script>x</script>", "b": "{{ 7*7 }}"})
    assert "<script>" not in html
    assert "{{ 7*7 }}" in html


def test_values_print_as_people_write_them() -> None:
    shown = words(rendered({"a": 250.0, "b": "250.00", "c": None, "d": False, "e": 1.25}))
    assert shown == "Document A 250 B 250.00 D No E 1.25"


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (1500, "", "1,500.00"),
        (1500, "USD", "$1,500.00"),
        (-2.5, "eur", "-€2.50"),
        (1500, "JPY", "¥1,500"),
        (3, "CHF", "3.00 CHF"),
        (3, "€", "€3.00"),
        ("250.00", "USD", "250.00"),
        (12.345, "BHD", "12.345 BHD"),
        (2.469, "kwd", "2.469 KWD"),
        (12.345, "USD", "$12.35"),
        (5, "CA$", "CA$5.00"),
        (-0.001, "USD", "$0.00"),
        (1e300, "", f"{10**300:,}.00"),
    ],
)
def test_amounts(value: Any, currency: str, shown: str) -> None:
    assert amount(value, currency) == shown


def test_prices_keep_their_digits_and_sums_are_rounded() -> None:
    line = {"item": "Calls", "quantity": 12000, "unitPrice": 0.0025, "rate": 2, "total": 30.0049}
    html = rendered({"currency": "USD", "lineItems": [line], "total": 30.0049})
    assert "Calls 12,000 $0.0025 $2.00 $30.00 Total $30.00" in words(html)


@pytest.mark.parametrize(
    ("key", "money"),
    [
        ("discount", True),
        ("discountAmount", True),
        ("Amount Paid", True),
        ("accountBalance", True),
        ("discountPercent", False),
        ("itemCountTotal", False),
        ("dueDate", False),
    ],
)
def test_which_numbers_are_money(key: str, money: bool) -> None:
    assert words(rendered({key: 5})).endswith("5.00" if money else " 5")


def test_a_rate_without_a_quantity_is_no_price() -> None:
    assert words(rendered({"taxes": [{"name": "State", "rate": 6.25}]})).endswith("State 6.25")


@pytest.mark.parametrize(
    ("values", "how"),
    [
        (["1.140,00 €", "87,50 €"], "number"),
        (["USD 1,200", "($5.00)", "-3.50"], "number"),
        (["2026-04-01", "2026-08-01"], "short"),
        (["31.03.2026"], "short"),
        (["ABC123", "00412"], ""),
        (["555 123 456"], ""),
        (["12%", "7 %"], "number"),
    ],
)
@pytest.mark.parametrize("key", ["x", "due"])
def test_how_a_column_of_texts_is_set(values: list[str], how: str, key: str) -> None:
    html = rendered({"all": [{"name": "a", key: value} for value in values]})
    label = f' class="{how}">' if how else ">"
    assert f'<th scope="col"{label}{key.upper() if len(key) == 1 else "Due"}</th>' in html


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-03-31T00:00:00.000Z", "2026-03-31"),
        ("2026-03-31T12:41:05Z", "2026-03-31 12:41:05 UTC"),
        ("2026-03-31T12:41:00+02:00", "2026-03-31 12:41 +02:00"),
        ("2026-03-31T12:41", "2026-03-31 12:41"),
        ("T12:41", "T12:41"),
    ],
)
def test_timestamps_print_as_people_read_them(given: str, shown: str) -> None:
    assert words(rendered({"at": given})) == f"Document At {shown}"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("unitPrice", "Unit price"),
        ("unit_price", "Unit price"),
        ("Customer Name", "Customer Name"),
        ("poNumber", "PO number"),
        ("VAT", "VAT"),
        ("größe", "größe"),
        ("", ""),
    ],
)
def test_labels(key: str, shown: str) -> None:
    assert label(key) == shown


def test_pictures_are_shown_and_not_spelled_out() -> None:
    picture = "data:image/png;base64,AAAA"
    html = rendered({"logo": picture, "lineItems": ITEMS, "stamp": picture})
    assert html.count(f'src="{picture}"') == 2
    assert "AAAA" not in words(html)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("kind", list(DocType))
def test_every_kind_has_a_page_in_every_style(kind: DocType, style: Style) -> None:
    html = rendered({"a": 1}, kind, style)
    assert f'<body class="{style} {kind}"' in html
    assert html.count("--accent:") == 1 + (style is not Style.STRIPE_CLEAN)
    assert style_for(kind) in Style
    assert "<!-- the" not in html


def test_deep_data_ends_in_one_line() -> None:
    deep: Any = "end"
    for _ in range(60):
        deep = {"a": deep}
    assert words(rendered({"a": deep})).count("A") < 40


_WORDS = (
    "lineItems totals total client from body title summary sections metrics notes logo date to "
    "signature invoice quote receipt number currency items keys values get a b"
)
_KEYS = st.sampled_from(_WORDS.split())
_LEAVES = st.none() | st.booleans() | st.integers(-9999, 9999) | st.text("abc<&{%", max_size=5)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from(DocType), st.dictionaries(_KEYS, _VALUES, max_size=6))
@example(DocType.INVOICE, {"totals": False, "summary": {}})
def test_any_data_of_any_shape_is_printed(kind: DocType, data: dict[str, Any]) -> None:
    assert rendered(data, kind).rstrip().endswith("</html>")


@example(DocType.INVOICE, {}, "currency", "text")
@example(DocType.INVOICE, {}, "logo", "text")
@given(
    st.sampled_from(DocType),
    st.dictionaries(_KEYS, st.recursive(st.none(), lambda i: st.lists(i, max_size=2)), max_size=3),
    _KEYS,
    st.sampled_from(["text", "object", "list", "table"]),
)
def test_nothing_of_the_data_is_lost(
    kind: DocType, data: dict[str, Any], key: str, shape: str
) -> None:
    leaf = {"text": "zebra", "object": {"x": "zebra"}, "list": ["zebra"], "table": [{"x": "zebra"}]}
    assert "zebra" in words(rendered(data | {key: leaf[shape]}, kind))
