"""CSV to rows (RFC 4180), piece by piece. Purely data; no input or output here.

The first record names the columns; every later one becomes an object of texts. UTF-8 with or
without a byte order mark, and UTF-16 with one. Blank lines are skipped. What does not fit is
refused with the line it stands on: ``bad_encoding`` or ``malformed_csv``.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from pressroom.errors import Code, UserError
from pressroom.model.rows import MAX_ROW_BYTES

#: A row and the line (from 1) on which it starts.
NumberedRow = tuple[int, dict[str, str]]


class _OutOfLinesError(Exception):
    """The reader wants another line than has come so far."""


class CsvRows:
    """A reader that is pushed: bytes in by :meth:`feed`, whole rows out, the rest kept back.

    Holds one incomplete record at most, and no more than 8 MiB of it.
    """

    def __init__(self) -> None:
        csv.field_size_limit(MAX_ROW_BYTES)
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._text = ""
        self._lines: list[str] = []
        self._line = 1
        self._columns: list[str] | None = None

    def feed(self, chunk: bytes) -> list[NumberedRow]:
        """The rows that ``chunk`` completes."""
        return self._push(chunk, final=False)

    def close(self) -> list[NumberedRow]:
        """The rows that the end completes."""
        return self._push(b"", final=True)

    def _push(self, chunk: bytes, *, final: bool) -> list[NumberedRow]:
        self._text += self._decode(chunk, final=final)
        lines = io.StringIO(self._text, newline="").readlines()
        # A line is whole once the next has begun: a closing CR may be half of a CR LF.
        self._text = "" if final or not lines else lines.pop()
        if self._text.endswith("\n"):
            lines.append(self._text)
            self._text = ""
        self._lines += lines
        rows = self._records(final=final)
        if len(self._text) + sum(map(len, self._lines)) > MAX_ROW_BYTES:
            raise UserError(
                Code.REQUEST_TOO_LARGE,
                f"The row on line {self._line} is longer than {MAX_ROW_BYTES} bytes.",
                line=self._line,
                status=413,
            )
        return rows

    def _decode(self, chunk: bytes, *, final: bool) -> str:
        if self._decoder is None:
            self._head += chunk
            if len(self._head) < len(codecs.BOM_UTF8) and not final:
                return ""
            chunk, self._head = self._head, b""
            wide = chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            self._decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")()
        try:
            return self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(error.encoding, "replace")
            pending = "".join(self._lines) + self._text + before
            line = self._line + pending.count("\n")
            raise UserError(
                Code.BAD_ENCODING,
                f"Line {line} is not {error.encoding}. Send the CSV as UTF-8.",
                line=line,
            ) from None

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

        reader = csv.reader(supply(), strict=True)
        try:
            for record in reader:
                row = self._row(record, self._line)
                if row is not None:
                    rows.append((self._line, row))
                self._line += taken - done
                done = taken
        except _OutOfLinesError:
            pass  # what has begun is read again, from its first line, once more has come
        except csv.Error as error:
            raise _malformed(f"{error}", self._line) from None
        del self._lines[:done]
        return rows

    def _row(self, record: Sequence[str], line: int) -> dict[str, str] | None:
        if not record:
            return None
        if self._columns is None:
            self._columns = _columns(record, line)
            return None
        if len(record) != len(self._columns):
            raise _malformed(
                f"it has {len(record)} fields where the header has {len(self._columns)}", line
            )
        return dict(zip(self._columns, record, strict=True))


def _columns(record: Sequence[str], line: int) -> list[str]:
    names = [name.strip() for name in record]
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name:
            raise _malformed(f"column {number} of the header has no name", line)
        if name in seen:
            raise _malformed(f"the header names the column {name!r} twice", line)
        seen.add(name)
    return names


def _malformed(what: str, line: int) -> UserError:
    return UserError(Code.MALFORMED_CSV, f"Line {line} of the CSV: {what}.", line=line)


def parse_csv(source: bytes | Iterable[bytes]) -> Iterator[dict[str, str]]:
    """The rows of a CSV given whole or in pieces. UserError: see the module."""
    reader = CsvRows()
    for chunk in (source,) if isinstance(source, bytes) else source:
        for _, row in reader.feed(chunk):
            yield row
    for _, row in reader.close():
        yield row
