"""An XLSX workbook to rows: the first sheet's first row names the columns, each later one is a row.

Values are texts, as the spreadsheet shows them (:mod:`pressroom.workbook.formats`); formulas by
the value that was saved with them. Blank rows are skipped. A cell merged over several rows counts
for each of them. No input or output but the bytes given; no more of a workbook is unpacked than
MAX_UNPACKED.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter, range_boundaries

from pressroom.columns import Columns
from pressroom.errors import Code, UserError
from pressroom.workbook.formats import shown

#: Bytes of all parts of a workbook, unpacked.
MAX_UNPACKED = 128 * 1024 * 1024
MAX_PARTS = 10_000
#: Cells that are looked at, blank ones and blank rows included.
MAX_CELLS = 1_500_000

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: A first part, or the end of an archive that has none. "PK" alone may be a CSV's first column.
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
# Both look no further than bounds that no true sheet reaches: text made to be slow to search
# would hold up everything else in the process.
_MERGED = re.compile(
    rb'<(?:\w{1,9}:)?mergeCell\s[^<>]{0,300}?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"'
)
#: A formula without its value; one whose value is an empty text says that it is a text.
_UNSAVED = re.compile(
    rb'<(?:\w{1,9}:)?c(?=\s)(?![^<>]{0,300}\st="str")'
    rb'[^<>]{0,300}?\sr="([A-Z]{1,3}\d{1,7})"[^<>]{0,300}>'
    rb"<(?:\w{1,9}:)?f(?:\s[^<>]{0,300})?(?:/>|>[^<]{0,20000}</(?:\w{1,9}:)?f>)"
    rb"(?:<(?:\w{1,9}:)?v(?:\s?/>|></(?:\w{1,9}:)?v>))?</(?:\w{1,9}:)?c>"
)
#: Longer than a cell with the longest formula.
_OVERLAP = 32 * 1024
#: Rows of a sheet with their numbers (from 1), values from column A on.
_Numbered = Iterator[tuple[int, list[str]]]


def is_workbook(data: bytes | bytearray) -> bool:
    """Whether these bytes begin like an XLSX, or like the older format that cannot be read."""
    return data.startswith((*_ZIPS, _OLE))


def parse_xlsx(data: bytes, *, most: int) -> list[dict[str, str]]:
    """The rows of a workbook. UserError: 400, 413 ``request_too_large``, 422 ``too_many_rows``."""
    if data.startswith(_OLE):
        raise _bad(
            "The workbook is protected by a password, or in the old .xls format. Save it without "
            "a password as .xlsx, or as .csv."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, warnings.catch_warnings():
            # What a workbook has besides its cells, and what a reader thinks of that.
            warnings.simplefilter("ignore")
            _refuse_bomb(archive)
            return _rows(archive, data, most)
    except (UserError, MemoryError):
        raise
    except Exception as error:
        raise UserError(
            Code.INVALID_REQUEST,
            "The file is not a workbook that can be read. Save it as .xlsx again, or as .csv.",
            path="file",
            log=repr(error),
        ) from error


def _bad(text: str) -> UserError:
    return UserError(Code.INVALID_REQUEST, text, path="file")


def _refuse_bomb(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    # Nothing reads more of a part than it says here that it has.
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise _too_large(f"The workbook unpacks to more than {MAX_UNPACKED} bytes.")
    if any(part.flag_bits & 1 for part in parts):
        raise _bad("The workbook is protected by a password. Save it without one.")


def _too_large(text: str) -> UserError:
    text = f"{text} Delete what is not needed, or save the sheet as .csv."
    return UserError(Code.REQUEST_TOO_LARGE, text, path="file", status=413)


def _rows(archive: zipfile.ZipFile, data: bytes, most: int) -> list[dict[str, str]]:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        sheets = book.worksheets
        if not sheets:
            raise _bad("The workbook has no sheet.")
        sheet: Any = next((one for one in sheets if one.sheet_state == "visible"), sheets[0])
        path = str(sheet._worksheet_path).removeprefix("/")
        # The dimensions that some programs write are wrong.
        sheet.reset_dimensions()
        merged = _Merged(_scan(archive, path))
        return _table(_texts(sheet.iter_rows()), merged, most)
    finally:
        book.close()


def _texts(rows: Iterable[Sequence[Any]]) -> _Numbered:
    seen = 0
    for number, cells in enumerate(rows, 1):
        seen += 1 + len(cells)
        if seen > MAX_CELLS:
            raise _too_large(f"The sheet has over {MAX_CELLS} cells, empty ones included.")
        yield number, [shown(cell.value, _format(cell)) for cell in cells]


def _format(cell: Any) -> str:
    # Only numbers and dates look at it, and to find it takes longer than all else.
    plain = cell.value is None or isinstance(cell.value, str | bool)
    return "General" if plain else cell.number_format or "General"


def _table(rows: _Numbered, merged: _Merged, most: int) -> list[dict[str, str]]:
    columns: Columns | None = None
    found: list[dict[str, str]] = []
    for number, record in rows:
        if not any(text.strip() for text in record):
            continue
        if columns is None:
            columns = _columns(record)
            merged.starts_below(number)
            continue
        if len(found) == most:
            text = f"The sheet has more than {most} rows. Split it."
            raise UserError(Code.TOO_MANY_ROWS, text, path="file", status=422)
        merged.fill(number, record)
        found.append(_row(columns, record, number))
    return found


def _columns(record: Sequence[str]) -> Columns:
    columns = Columns([name.strip() for name in record])
    twice = columns.twice()
    if twice is not None:
        raise _bad(f"The header names the column {columns.names[twice]!r} twice.")
    return columns


def _row(columns: Columns, record: Sequence[str], number: int) -> dict[str, str]:
    stray = columns.stray(record)
    if stray is not None:
        cell = f"{get_column_letter(stray + 1)}{number}"
        raise _bad(f"Cell {cell} has a value, but its column has no name in the header.")
    return columns.row(record)


# --- merged cells --------------------------------------------------------------------------------
def _scan(archive: zipfile.ZipFile, path: str) -> list[tuple[int, int, int]]:
    """Column and first row (from 1) and last row of each merged range of several rows.

    400 where the value of a formula was not saved: the rows would silently lack it.
    """
    found: dict[tuple[int, int], int] = {}
    tail = b""
    with archive.open(path) as part:
        while chunk := part.read(1 << 20):
            text = tail + chunk
            if unsaved := _UNSAVED.search(text):
                raise _bad(
                    f"The value of the formula in cell {unsaved[1].decode()} was not saved. Open "
                    "the workbook in a spreadsheet program, save it, and upload it again."
                )
            for match in _MERGED.finditer(text):
                column, first, _, last = range_boundaries(match[1].decode())
                if column and first and last and last > first:
                    found[column, first] = last
            tail = text[-_OVERLAP:]
    return [(column, first, last) for (column, first), last in found.items()]


class _Merged:
    """Cells that are merged over several rows. Rows must come in order."""

    def __init__(self, ranges: Iterable[tuple[int, int, int]]) -> None:
        self._starts: dict[int, list[tuple[int, int]]] = {}
        self._open: dict[int, tuple[int, str]] = {}
        for column, first, last in ranges:
            self._starts.setdefault(first, []).append((column - 1, last))

    def starts_below(self, header: int) -> None:
        """What begins at the header or above it is no row's."""
        self._starts = {row: found for row, found in self._starts.items() if row > header}

    def fill(self, number: int, record: list[str]) -> None:
        """Give the row the values of merged cells that began above it."""
        for column, (last, text) in self._open.items():
            if number <= last:
                record.extend([""] * (column + 1 - len(record)))
                record[column] = record[column] or text
        for column, last in self._starts.pop(number, ()):
            if column < len(record):
                self._open[column] = (last, record[column])
