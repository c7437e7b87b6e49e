"""CSV to rows (RFC 4180), piece by piece. Purely data; no input or output here.

The first record names the columns; every later one becomes an object of texts. A column called
``id`` is a value like the others: a CSV row's id is its position.

The delimiter is a comma, unless the first line has none outside quotes: then it is the semicolon
or the tab, whichever that line has more of, as spreadsheets write them where a comma is the
decimal point.

The charset is what the sender states, one of :data:`CHARSETS`. Without that it is UTF-8, or UTF-16
where a byte order mark says so. Byte order marks are no part of the text; blank lines are skipped.

What does not fit is refused with the line it stands on, and the path of the row, of its value
(``rows[3].price``) or of the name of a column (``header[1]``): ``bad_encoding`` or
``malformed_csv``.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from pressroom.columns import Columns
from pressroom.errors import Code, UserError
from pressroom.model.rows import MAX_ROW_BYTES

#: A row and the line (from 1) on which it starts.
NumberedRow = tuple[int, dict[str, str]]

#: The charsets that may be stated.
CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "windows-1252", "utf-16")
_ALIASES = {
    "utf8": "utf-8",
    "ascii": "us-ascii",
    "iso8859-1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "l1": "iso-8859-1",
    "cp1252": "windows-1252",
    "utf16": "utf-16",
}


class _OutOfLinesError(Exception):
    """The reader wants another line than has come so far."""


class CsvRows:
    """A reader that is pushed: bytes in by :meth:`feed`, whole rows out, the rest kept back.

    Holds one incomplete record at most, and no more than 8 MiB of it. 415
    ``unsupported_media_type`` for a ``charset`` that is not known here.

    A ``spreadsheet`` may have what their exports have: records of nothing but empty values, which
    are skipped, shorter records, and columns without a name as long as they have no values.
    """

    def __init__(self, charset: str | None = None, *, spreadsheet: bool = False) -> None:
        csv.field_size_limit(MAX_ROW_BYTES)
        self._stated = None if charset is None else _known(charset)
        self._spreadsheet = spreadsheet
        self._charset = self._codec = ""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._text = ""
        self._lines: list[str] = []
        self._line = 1
        self._rows = 0
        self._delimiter = ""
        self._columns: list[str] | None = None

    def feed(self, chunk: bytes) -> list[NumberedRow]:
        """The rows that ``chunk`` completes."""
        return self._push(chunk, final=False)

    def close(self) -> list[NumberedRow]:
        """The rows that the end completes."""
        return self._push(b"", final=True)

    def _push(self, chunk: bytes, *, final: bool) -> list[NumberedRow]:
        try:
            rows = self._take(self._decode(chunk, final=final), final=final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._codec)
            raise self._bad_encoding(before) from None
        if len(self._text) + sum(map(len, self._lines)) > MAX_ROW_BYTES:
            raise UserError(
                Code.REQUEST_TOO_LARGE,
                f"The row on line {self._line} is longer than {MAX_ROW_BYTES} bytes.",
                path=self._place(),
                line=self._line,
                status=413,
            )
        return rows

    def _take(self, text: str, *, final: bool) -> list[NumberedRow]:
        lines = io.StringIO(self._text + text, newline="").readlines()
        # A line is whole once the next has begun: a closing CR may be half of a CR LF.
        self._text = "" if final or not lines or lines[-1].endswith("\n") else lines.pop()
        self._lines += lines
        return self._records(final=final)

    # --- bytes to text ---------------------------------------------------------------------------
    def _decode(self, chunk: bytes, *, final: bool) -> str:
        if self._decoder is None:
            self._head += chunk
            if len(self._head) < len(codecs.BOM_UTF8) and not final:
                return ""
            chunk, self._head = self._head, b""
            mark, self._charset, self._codec = self._opening(chunk)
            self._decoder = codecs.getincrementaldecoder(self._codec)()
            chunk = chunk.removeprefix(mark)
        return self._decoder.decode(chunk, final)

    def _opening(self, head: bytes) -> tuple[bytes, str, str]:
        """The byte order mark, the charset for people, and the codec for what follows."""
        if self._stated in (None, "utf-16"):
            for mark, codec in (
                (codecs.BOM_UTF16_LE, "utf-16-le"),
                (codecs.BOM_UTF16_BE, "utf-16-be"),
            ):
                if head.startswith(mark):
                    return mark, "utf-16", codec
        if self._stated == "utf-16":
            raise UserError(
                Code.BAD_ENCODING,
                "The CSV lacks the byte order mark that utf-16 needs. Send one, or send UTF-8.",
                path="header",
                line=1,
            )
        charset = self._stated or "utf-8"
        return codecs.BOM_UTF8 if charset == "utf-8" else b"", charset, charset

    def _bad_encoding(self, before: str) -> UserError:
        """400 for the byte after the text ``before``, where not that text is at fault already."""
        self._take(before, final=False)
        if self._text.endswith("\r"):  # no LF can follow any more
            self._lines.append(self._text)
            self._text = ""
            self._records(final=False)
        line = self._line + len(self._lines)
        begun = "".join(self._lines) + self._text
        records = list(csv.reader(io.StringIO(begun, newline=""), delimiter=self._delimiter or ","))
        field = len(records[-1]) - 1 if records and records[-1] else 0
        other = "windows-1252" if self._charset == "utf-8" else "utf-8"
        return UserError(
            Code.BAD_ENCODING,
            f"Line {line} of the CSV is not {self._charset}. Send it in that charset, or state "
            f"its own, as in `Content-Type: text/csv; charset={other}`.",
            path=self._place(field),
            line=line,
        )

    # --- text to rows ----------------------------------------------------------------------------
    def _records(self, *, final: bool) -> list[NumberedRow]:
        rows: list[NumberedRow] = []
        taken = done = 0

        def supply() -> Iterator[str]:
            nonlocal taken
            for line in self._lines:
                taken += 1
                yield line
            if not final:
                raise _OutOfLinesError

        try:
            self._delimiter = self._delimiter or _delimiter(self._lines)
            reader = csv.reader(supply(), strict=True, delimiter=self._delimiter or ",")
            for record in reader:
                row = self._row(record)
                if row is not None:
                    rows.append((self._line, row))
                    self._rows += 1
                self._line += taken - done
                done = taken
        except _OutOfLinesError:
            pass  # what has begun is read again, from its first line, once more has come
        except csv.Error as error:
            raise _malformed(f"{error}", self._line, self._place()) from None
        del self._lines[:done]
        return rows

    def _row(self, record: Sequence[str]) -> dict[str, str] | None:
        if not record or (self._spreadsheet and not any(value.strip() for value in record)):
            return None
        if self._columns is None:
            self._columns = _columns(record, self._line, unnamed=self._spreadsheet)
            return None
        if self._spreadsheet:
            return self._sheet_row(record, Columns(self._columns))
        if len(record) != len(self._columns):
            raise _malformed(
                f"it has {len(record)} fields where the header has {len(self._columns)}",
                self._line,
                self._place(len(record)) if len(record) < len(self._columns) else self._place(),
            )
        return dict(zip(self._columns, record, strict=True))

    def _sheet_row(self, record: Sequence[str], columns: Columns) -> dict[str, str]:
        stray = columns.stray(record)
        if stray is not None:
            what = f"it has a value in column {stray + 1}, which has no name in the header"
            raise _malformed(what, self._line, self._place())
        return columns.row(record)

    def _place(self, field: int | None = None) -> str:
        """The path of the row that is being read, or of one of its fields."""
        if self._columns is None:
            return "header" if field is None else f"header[{field}]"
        named = field is not None and field < len(self._columns)
        return f"rows[{self._rows}]" + (f".{self._columns[field or 0]}" if named else "")


def _known(charset: str) -> str:
    # A table, since the codec registry remembers every name that it is ever asked for.
    name = charset.strip().lower().replace("_", "-")
    name = _ALIASES.get(name, name)
    if name not in CHARSETS:
        raise UserError(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"The charset {charset[:40]!r} is not known here. Send one of {', '.join(CHARSETS)}.",
            status=415,
        )
    return name


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter by the first line that is not blank; ``""`` where there is none yet."""
    line = next((line for line in lines if line.strip("\r\n")), None)
    if line is None:
        return ""

    def fields(delimiter: str) -> int:
        return len(next(csv.reader([line], delimiter=delimiter)))

    return "," if fields(",") > 1 else max(",;\t", key=fields)


def _columns(record: Sequence[str], line: int, *, unnamed: bool) -> list[str]:
    names = [name.strip() for name in record]
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name and unnamed:
            continue
        if not name:
            what = f"column {index + 1} of the header has no name"
            raise _malformed(what, line, f"header[{index}]")
        if name in seen:
            raise _malformed(
                f"the header names the column {name!r} twice", line, f"header[{index}]"
            )
        seen.add(name)
    return names


def _malformed(what: str, line: int, path: str) -> UserError:
    return UserError(Code.MALFORMED_CSV, f"Line {line} of the CSV: {what}.", path=path, line=line)


def parse_csv(source: bytes | Iterable[bytes]) -> Iterator[dict[str, str]]:
    """The rows of a CSV given whole or in pieces. UserError: see the module."""
    reader = CsvRows()
    for chunk in (source,) if isinstance(source, bytes) else source:
        for _, row in reader.feed(chunk):
            yield row
    for _, row in reader.close():
        yield row
