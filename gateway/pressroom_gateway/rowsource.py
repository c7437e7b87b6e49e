"""Rows as they stream in (NDJSON or CSV), turned into the lines of a manifest. No input or output.

Both readers are pushed: bytes in, lines of a manifest out; at most one unfinished row is held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

import orjson

from pressroom.csvrows import CsvRows
from pressroom.dialects.native_rows import (
    data_line,
    json_fault,
    no_rows,
    row_too_large,
    too_many_rows,
)
from pressroom.errors import Code, UserError
from pressroom.model.rows import MAX_ROW_BYTES

CSV = "text/csv"
NDJSON = "application/x-ndjson"
_NDJSON_TYPES = frozenset({NDJSON, "application/ndjson", "application/jsonl"})


class Reader(Protocol):
    """A row with the line (from 1) that it starts on."""

    def feed(self, chunk: bytes) -> list[tuple[int, Any]]: ...

    def close(self) -> list[tuple[int, Any]]: ...


class NdjsonRows:
    """One JSON value a line; blank lines are skipped."""

    def __init__(self) -> None:
        self._tail = b""
        self._line = 0
        self._rows = 0

    def feed(self, chunk: bytes) -> list[tuple[int, Any]]:
        """The rows that ``chunk`` completes."""
        lines = (self._tail + chunk).split(b"\n")
        self._tail = lines.pop()
        rows = self._parse(lines)
        if len(self._tail) > MAX_ROW_BYTES:
            raise row_too_large(f"rows[{self._rows}]", self._line + 1)
        return rows

    def close(self) -> list[tuple[int, Any]]:
        """The last row, if no newline ends it."""
        lines, self._tail = [self._tail], b""
        return self._parse(lines)

    def _parse(self, lines: list[bytes]) -> list[tuple[int, Any]]:
        rows: list[tuple[int, Any]] = []
        for line in lines:
            self._line += 1
            text = line.removeprefix(b"\xef\xbb\xbf") if self._line == 1 else line
            if not text.strip():
                continue
            try:
                rows.append((self._line, orjson.loads(text)))
            except orjson.JSONDecodeError as error:
                fault = json_fault(text, error, first_line=self._line)
                fault.path = f"rows[{self._rows}]"
                raise fault from None
            self._rows += 1
        return rows


def is_rows(content_type: str) -> bool:
    """Whether a body of this media type is nothing but rows."""
    return content_type == CSV or content_type in _NDJSON_TYPES


def reader_of(content_type: str, charset: str | None, file_name: str | None = None) -> Reader:
    """The reader for a media type, else for a file name's extension. 415 for other content.

    ``charset`` is what the content type states; JSON has but one, so only a CSV's counts.
    """
    name = (file_name or "").lower()
    if content_type in _NDJSON_TYPES:
        return NdjsonRows()
    if content_type == CSV or name.endswith(".csv"):
        return CsvRows(charset)
    if name.endswith((".ndjson", ".jsonl")):
        return NdjsonRows()
    raise unsupported(content_type)


def unsupported(content_type: str) -> UserError:
    """415, naming what is taken."""
    return UserError(
        Code.UNSUPPORTED_MEDIA_TYPE,
        f"{content_type or 'A body without a content type'} is not taken here. Send "
        "application/json, application/x-ndjson, text/csv or multipart/form-data.",
        status=415,
    )


class ManifestLines:
    """The lines of a manifest made from a body's pieces; ``rows`` counts them.

    UserErrors name the row and its line. Iterate once.
    """

    def __init__(self, chunks: AsyncIterator[bytes], reader: Reader, *, most: int) -> None:
        self._chunks = chunks
        self._reader = reader
        self._most = most
        self.rows = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Whole lines, several at a time. 400 ``no_rows`` at the end of an empty body."""
        async for chunk in self._chunks:
            if lines := self._lines(self._reader.feed(chunk)):
                yield lines
        if lines := self._lines(self._reader.close()):
            yield lines
        if self.rows == 0:
            raise no_rows("rows", 1)

    def _lines(self, rows: list[tuple[int, Any]]) -> bytes:
        lines: list[bytes] = []
        for line, row in rows:
            path = f"rows[{self.rows}]"
            if self.rows >= self._most:
                raise too_many_rows(self._most, path=path, line=line)
            lines.append(data_line(row, path, line))
            self.rows += 1
        return b"".join(lines)
