"""What edits do to a page's HTML."""

from __future__ import annotations

import time

import pytest

from pressroom.modifiers.editing import edited

TABLE = (
    "<table><thead><tr><th>Item<th>Qty<th>Price</thead>"
    "<tbody><tr><td>Desk<td>2<td>$10.00<tr><td>Chair<td>4<td>$5.00</table>"
)
HIDDEN = 'hidden style="display:none!important"'


def made(html: str, kind: str, text: str = "", to: str = "") -> str:
    return edited(html, [{"kind": kind, "text": text, "to": to}])


def test_a_style_comes_last_and_cannot_end_itself() -> None:
    found = made("<p>x</p>", "style", "p{color:red}</style><script>")
    assert found.startswith("<p>x</p><style>p{color:red}")
    assert found.count("<") == 4


@pytest.mark.parametrize(
    ("html", "name", "hidden"),
    [
        ("<section><h2>Notes</h2><p>n</p></section><p>x", "notes", "<section "),
        ("<body><h2>Notes</h2><p>n</p><h2>Terms</h2>", "Notes", "<p "),
        ("<table><tr><th>Tax</th><td>5</td></tr><tr><th>Total<td>9</table>", "tax", "<tr "),
        ("<dl><div><dt>Due</dt><dd>now</dd></div></dl>", "due", "<div "),
        ('<div class="bank-details">x</div>', "bank details", "<div "),
        ("<footer>x</footer>", "footer", "<footer "),
    ],
)
def test_what_has_the_name_is_hidden(html: str, name: str, hidden: str) -> None:
    found = made(html, "hide", name)
    assert hidden + HIDDEN in found
    assert found.replace(" " + HIDDEN, "") == html


def test_what_is_not_there_changes_nothing() -> None:
    assert made(TABLE, "hide", "signature") == TABLE
    assert made(TABLE, "hideColumn", "Colour") == TABLE


def test_a_column_is_hidden_in_every_row() -> None:
    found = made(TABLE, "hideColumn", "qty")
    assert found.count(HIDDEN) == 3
    for cell in ("<th {}>Qty", "<td {}>2", "<td {}>4"):
        assert cell.format(HIDDEN) in found


def test_a_column_is_found_in_the_other_number_and_without_its_name() -> None:
    assert made(TABLE, "hideColumn", "prices") == made(TABLE, "hideColumn", "price")
    assert made(TABLE, "hide", "prices") == made(TABLE, "hideColumn", "price")
    assert made(TABLE, "hide", "prices") != TABLE


def test_a_cell_across_a_hidden_column_becomes_narrower() -> None:
    html = "<table><tr><th>A<th>B<th>C<tr><td colspan=2>sum<td>1</table>"
    assert '<td colspan="1">sum' in made(html, "hideColumn", "B")


def test_a_column_is_renamed_and_nothing_else() -> None:
    found = made(TABLE + "<p>Price</p>", "renameColumn", "price", "Cost <net>")
    assert "<th>Cost &lt;net&gt;</thead>" in found
    assert "<p>Price</p>" in found


def test_words_are_renamed_but_no_attributes() -> None:
    found = made('<p title="Total">Total &amp; Totals</p>', "rename", "Total", "Sum")
    assert found == '<p title="Total">Sum &amp; Totals</p>'


def test_the_title_is_replaced() -> None:
    html = "<head><title>Invoice</title></head><h1>In<b>voice</b></h1><h1>two</h1>"
    found = made(html, "title", to="Quote")
    assert found == "<head><title>Quote</title></head><h1>Quote<b></b></h1><h1>two</h1>"


def test_dates_are_written_otherwise_where_they_are_certain() -> None:
    html = "<p>2026-03-31, March 5, 2024, 03/04/2024, 2026-13-40, 7 May 2025</p>"
    found = made(html, "dates", to="dd.MM.yyyy")
    assert found == "<p>31.03.2026, 05.03.2024, 03/04/2024, 2026-13-40, 07.05.2025</p>"


def test_currencies_are_exchanged_and_no_amount() -> None:
    found = made("<p>$1,500.00 and 20 USD, call 555</p>", "currency", to="EUR")
    assert found == "<p>€1,500.00 and 20 EUR, call 555</p>"


def test_scripts_and_styles_are_no_text() -> None:
    html = "<script>var Total = '<p>Total'</script><style>Total{}</style><!-- Total -->"
    assert made(html, "rename", "Total", "Sum") == html


@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<h2>", "<!--", "</b>", "<b>", '<a x="', "<td>", "<table>", "&amp;", "<p>Total ",
     "<dt>x", "<li><ul>", "<title>", "2026-03-3", "$1", "a-", "<div class=notes>", " \n",
     "1 " * 10, "Jan", "<h2>Notes</h2>"],
)  # fmt: skip
def test_hostile_html_takes_time_in_proportion(piece: str) -> None:
    def seconds(size: int) -> float:
        html = piece * (size // len(piece))
        edits = [
            {"kind": "hide", "text": "notes", "to": ""},
            {"kind": "hideColumn", "text": "a", "to": ""},
            {"kind": "rename", "text": "Total", "to": "x"},
            {"kind": "title", "text": "", "to": "x"},
            {"kind": "dates", "text": "", "to": "yyyy"},
            {"kind": "currency", "text": "", "to": "EUR"},
        ]
        began = time.process_time()
        edited(html, edits)
        return time.process_time() - began

    small = seconds(62_500)
    assert seconds(500_000) < 30 * small + 0.5
