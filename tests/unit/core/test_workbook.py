"""Workbooks to rows: what a person sees in the sheet is what a template gets."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from pressroom.errors import Code, UserError
from pressroom.workbook import rows as workbook_rows
from pressroom.workbook.formats import Value, shown
from pressroom.workbook.rows import is_workbook, parse_xlsx


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet_of(*rows: Sequence[Any], change: Callable[[Worksheet], None] | None = None) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    if change is not None:
        change(sheet)
    return saved(book)


def parts_changed(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def refused(data: bytes, *, most: int = 10) -> UserError:
    with pytest.raises(UserError) as caught:
        parse_xlsx(data, most=most)
    return caught.value


def test_a_sheet_becomes_rows_of_texts_in_order_with_headers_as_they_stand() -> None:
    data = sheet_of(
        ["Customer Name", "Order-No.", "Straße"],
        ["Ärger & Söhne", 1001, "Weg 1"],
        ["日本", 1002, None],
    )
    assert is_workbook(data)
    assert parse_xlsx(data, most=10) == [
        {"Customer Name": "Ärger & Söhne", "Order-No.": "1001", "Straße": "Weg 1"},
        {"Customer Name": "日本", "Order-No.": "1002", "Straße": ""},
    ]


def test_cells_are_shown_by_their_formats() -> None:
    def formats(sheet: Worksheet) -> None:
        sheet["A2"].number_format = "#,##0.00 [$€-407]"
        sheet["B2"].number_format = "0%"
        sheet["C2"].number_format = "dd.mm.yyyy"
        sheet["D2"].number_format = "mm-dd-yy"
        sheet["E2"].number_format = "h:mm"

    header = ["price", "tax", "due", "issued", "at", "paid", "count", "rate", "gone"]
    day = datetime(2026, 3, 5)
    values = [1234.5, 0.19, day, day, time(9, 5), True, 3.0, 0.1 + 0.2, "#N/A"]
    assert parse_xlsx(sheet_of(header, values, change=formats), most=1) == [
        {
            "price": "1,234.50 €",
            "tax": "19%",
            "due": "05.03.2026",
            "issued": "2026-03-05",
            "at": "9:05",
            "paid": "TRUE",
            "count": "3",
            "rate": "0.3",
            "gone": "#N/A",
        }
    ]


MOMENT = datetime(2026, 3, 5, 14, 7, 9)
ACCOUNTING = r'_(* #,##0.00_);_(* \(#,##0.00\);_(* "-"??_);_(@_)'
PHONE = "[<=9999999]###-####;(###) ###-####"


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (None, "0.00", ""),
        (False, "General", "FALSE"),
        (" as it is ", "0.00", " as it is "),
        (1234567.891, "General", "1234567.891"),
        (123456789012, "General", "123456789012"),
        (1.234e-5, "General", "1.234E-05"),
        (-2.5, "General", "-2.5"),
        (12, "@", "12"),
        (1234.5, "0.00", "1234.50"),
        (1.005, "0.00", "1.01"),
        (2.5, "0", "3"),
        (-0.001, "0.00", "0.00"),
        (-1234567.891, "#,##0.00", "-1,234,567.89"),
        (999.995, "#,##0.00", "1,000.00"),
        (0.2567, "0.00%", "25.67%"),
        (1200, '"$"#,##0', "$1,200"),
        (-1200, '"$"#,##0_);[Red]("$"#,##0)', "($1,200)"),
        (1234.5, '#,##0.00\\ "€"', "1,234.50 €"),
        (99.5, "[$£-809]#,##0.00", "£99.50"),
        (99.5, "[$EUR ]#,##0.00_-", "EUR 99.50"),
        (-5, ACCOUNTING, "(5.00)"),
        (0, ACCOUNTING, "-"),
        (7, "000", "007"),
        (123456789, "000-00-0000", "123-45-6789"),
        (5551234, PHONE, "555-1234"),
        (5551234567, PHONE, "(555) 123-4567"),
        (1.5, "0.##", "1.5"),
        (1234567, '0.0,,"M"', "1.2M"),
        (12345, "0.00E+00", "1.23E+04"),
        (0, '0;-0;"none"', "none"),
        (5, ";;;", ""),
        (12, '0" pcs"', "12 pcs"),
        (0.5, "# ?/?", "0.5"),
        (MOMENT, "General", "2026-03-05 14:07:09"),
        (MOMENT, "m/d/yy h:mm", "2026-03-05 14:07"),
        (MOMENT, "yyyy-mm-dd h:mm:ss", "2026-03-05 14:07:09"),
        (MOMENT, "h:mm AM/PM", "2:07 PM"),
        (MOMENT, "[$-409]mmmm d, yyyy;@", "March 5, 2026"),
        (MOMENT, "ddd, d\\-mmm\\-yy", "Thu, 5-Mar-26"),
        (MOMENT, "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "2026-03-05 14:07:09"),
        (date(2026, 3, 5), "d/m/y h:mm", "5/3/26 0:00"),
        (time(9, 5, 30, 500_000), "mm:ss.0", "05:30.5"),
        (timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
        (timedelta(minutes=90, seconds=4), "[mm]:ss", "90:04"),
    ],
)
def test_a_value_is_shown_as_in_the_spreadsheet(
    value: Value, number_format: str, text: str
) -> None:
    assert shown(value, number_format) == text


def test_blank_rows_are_skipped_before_the_header_too() -> None:
    data = sheet_of([], [None, " "], ["a", "b"], [], [1, None], [None, None], [None, 2])
    assert parse_xlsx(data, most=2) == [{"a": "1", "b": ""}, {"a": "", "b": "2"}]


def test_formulas_give_their_saved_values() -> None:
    def cached(name: str, part: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return part
        assert b"<f>1+1</f><v" in part
        return part.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(
            b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"
        )

    assert parse_xlsx(parts_changed(sheet_of(["n"], ["=1+1"]), cached), most=1) == [{"n": "2"}]


def test_a_formula_without_its_value_is_refused() -> None:
    data = sheet_of(["n", "sum"], [1, 2], [3, "=A3+1"])
    assert "cell B3" in refused(data).message

    def empty_text(name: str, part: bytes) -> bytes:
        return part.replace(b'r="B3"', b'r="B3" t="str"') if "sheet1" in name else part

    assert parse_xlsx(parts_changed(data, empty_text), most=2)[1] == {"n": "3", "sum": ""}


def test_what_else_a_workbook_has_does_not_matter() -> None:
    def extra(name: str, part: bytes) -> bytes:
        return part.replace(
            b"</worksheet>",
            b'<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>',
        )

    assert parse_xlsx(parts_changed(sheet_of(["n"], [1]), extra), most=1) == [{"n": "1"}]


def test_a_cell_merged_over_rows_counts_for_each_of_them() -> None:
    def merge(sheet: Worksheet) -> None:
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("B5:C5")

    data = sheet_of(
        ["customer", "item", "note"],
        ["ACME", "bolt", "x"],
        [None, "nut", None],
        ["Bob", "cog", None],
        ["Eve", "wide", None],
        change=merge,
    )
    assert parse_xlsx(data, most=9) == [
        {"customer": "ACME", "item": "bolt", "note": "x"},
        {"customer": "ACME", "item": "nut", "note": ""},
        {"customer": "Bob", "item": "cog", "note": ""},
        {"customer": "Eve", "item": "wide", "note": ""},
    ]


def test_the_first_sheet_that_can_be_seen_counts() -> None:
    book = Workbook()
    book.worksheets[0].append(["hidden"])
    book.worksheets[0].sheet_state = "hidden"
    for name in ("people", "others"):
        sheet = book.create_sheet(name)
        sheet.append([name])
        sheet.append([1])
    assert parse_xlsx(saved(book), most=5) == [{"people": "1"}]


def test_a_column_without_a_name_may_not_have_values() -> None:
    assert parse_xlsx(sheet_of(["a", None, "b"], [1, None, 2]), most=1) == [{"a": "1", "b": "2"}]
    fault = refused(sheet_of(["a", None, "b"], [1, None, 2], [1, "lost", 2]))
    assert (fault.status, "Cell B3" in fault.message) == (400, True)
    assert "Cell D2" in refused(sheet_of(["a"], [1, None, None, "lost"])).message


def test_a_column_named_twice_is_refused_by_name() -> None:
    fault = refused(sheet_of(["a", "Total", "Total"], [1, 2, 3]))
    assert (fault.status, "'Total'" in fault.message) == (400, True)


def test_no_more_rows_than_allowed() -> None:
    data = sheet_of(["n"], *([n] for n in range(3)))
    assert len(parse_xlsx(data, most=3)) == 3
    assert refused(data, most=2).code is Code.TOO_MANY_ROWS


def test_a_csv_with_a_column_called_pk_is_no_workbook() -> None:
    assert not is_workbook(b"PK,name\n1,Bob\n")


def test_only_a_header_makes_no_rows() -> None:
    assert parse_xlsx(sheet_of(["n"]), most=3) == []
    assert parse_xlsx(saved(Workbook()), most=3) == []


def test_an_old_or_protected_workbook_is_told_apart() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert is_workbook(ole)
    fault = refused(ole)
    assert fault.status == 400
    assert "password" in fault.message
    assert ".xls" in fault.message


def test_encrypted_parts_are_refused() -> None:
    data = bytearray(sheet_of(["n"], [1]))
    at = data.find(b"PK\x01\x02")
    flags = struct.unpack_from("<H", data, at + 8)[0]
    struct.pack_into("<H", data, at + 8, flags | 1)
    assert "password" in refused(bytes(data)).message


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04 and no more", b"PK\x05\x06" + bytes(18), sheet_of(["n"], [1])[:-200]],
    ids=["torn", "empty archive", "cut off"],
)
def test_a_broken_workbook_is_a_bad_request(data: bytes) -> None:
    fault = refused(data)
    assert (fault.status, fault.code) == (400, Code.INVALID_REQUEST)


def test_a_part_that_is_no_xml_is_a_bad_request() -> None:
    data = parts_changed(
        sheet_of(["n"], [1]), lambda name, part: b"<" if name.endswith("sheet1.xml") else part
    )
    assert refused(data).status == 400


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = io.BytesIO(sheet_of(["n"], [1]))
    with (
        zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/media/big", "w") as part,
    ):
        for _ in range(130):
            part.write(bytes(1024 * 1024))
    assert len(bomb.getvalue()) < 1024 * 1024
    monkeypatch.setattr(workbook_rows, "load_workbook", None)  # nothing may get as far as this
    assert refused(bomb.getvalue()).status == 413


def test_a_row_far_below_is_not_waited_for() -> None:
    def far(name: str, part: bytes) -> bytes:
        return part.replace(b'r="2"', b'r="999999999999"') if name.endswith("sheet1.xml") else part

    assert refused(parts_changed(sheet_of(["n"], [1]), far)).status == 413


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", [b"<c " * 300_000, b"<mergeCell " * 90_000], ids=["c", "merge"])
def test_text_made_to_be_slow_to_search_is_not(text: bytes) -> None:
    def slow(name: str, part: bytes) -> bytes:
        # Far enough below the head, so that what looks at that alone does not stumble over it.
        return part.replace(b"<sheetData>", b"<sheetData>" + b" " * 200_000 + text)

    assert refused(parts_changed(sheet_of(["n"], [1]), slow)).status == 400


def test_entities_are_not_expanded() -> None:
    lol = b'<!DOCTYPE x [<!ENTITY a "' + b"A" * 1000 + b'">'
    for name, before in (("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")):
        lol += f'<!ENTITY {name} "{f"&{before};" * 100}">'.encode()
    lol += b"]>"

    def change(name: str, part: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return part
        return lol + part.replace(b"<v>1</v>", b"<v>&e;</v>")

    assert refused(parts_changed(sheet_of(["n"], [1]), change)).status == 400
