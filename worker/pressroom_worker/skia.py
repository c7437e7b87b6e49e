"""PDFs as the browser writes them: how many pages there are, and what is drawn on each. Pure.

Skia writes one classic cross-reference table, every object on its own, contents deflated.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from pressroom.errors import PressroomError

_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_SECTION = re.compile(rb"(\d+) (\d+)\s*\n")
_ROOT = re.compile(rb"/Root (\d+) \d+ R")
_PAGES = re.compile(rb"/Pages (\d+) \d+ R")
_COUNT = re.compile(rb"/Count (\d+)")
_TAIL = 2048
_ENTRY = 20
_KIDS = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_REFERENCE = re.compile(rb"(\d+) \d+ R")
_CONTENTS = re.compile(rb"/Contents (\d+) \d+ R")
_LENGTH = re.compile(rb"/Length (\d+)(?! \d+ R)")
_STREAM = re.compile(rb"stream\r?\n")
#: Bytes of one page's drawing at most; what is longer is read that far.
MAX_CONTENTS = 32 * 1024 * 1024


def contents(pdf: bytes) -> Iterator[bytes]:
    """What draws each page, in their order. PressroomError if it is no such PDF."""
    try:
        start = _number(_START, pdf[-_TAIL:])
        root = _object(pdf, start, _number(_ROOT, pdf[start:]))
        yield from _below(pdf, start, _number(_PAGES, root))
    except (ValueError, IndexError, zlib.error) as error:
        raise PressroomError(f"The browser's PDF cannot be read: {error}") from error


def _below(pdf: bytes, table: int, node: int) -> Iterator[bytes]:
    """What draws the pages of a node of the page tree. Skia's trees are a few levels deep."""
    found = _object(pdf, table, node)
    kids = _KIDS.search(found)
    if kids is not None:
        for kid in _REFERENCE.finditer(kids[1]):
            yield from _below(pdf, table, int(kid[1]))
        return
    drawn = _CONTENTS.search(found)
    yield _inflated(pdf, table, int(drawn[1])) if drawn else b""


def _inflated(pdf: bytes, table: int, number: int) -> bytes:
    offset = _offset(pdf, table, number)
    begin = _STREAM.search(pdf, offset)
    if begin is None:
        raise ValueError(f"object {number} is no stream")
    head = pdf[offset : begin.start()]
    length = _number(_LENGTH, head)
    data = pdf[begin.end() : begin.end() + length]
    if b"/FlateDecode" not in head:
        return data
    return zlib.decompressobj().decompress(data, MAX_CONTENTS)


def count_pages(pdf: bytes) -> int:
    """Pages of a PDF that the browser wrote, by its cross-reference table and page tree.

    Reads three small places instead of the whole file. PressroomError if it is no such PDF.
    """
    try:
        start = _number(_START, pdf[-_TAIL:])
        root = _object(pdf, start, _number(_ROOT, pdf[start:]))
        pages = _object(pdf, start, _number(_PAGES, root))
        return _number(_COUNT, pages)
    except (ValueError, IndexError) as error:
        raise PressroomError(f"The browser's PDF cannot be read: {error}") from error


def _number(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.search(data)
    if found is None:
        raise ValueError(f"no {pattern.pattern.decode()}")
    return int(found[1])


def _object(pdf: bytes, table: int, number: int) -> bytes:
    """The bytes of an object that is no stream."""
    offset = _offset(pdf, table, number)
    end = pdf.find(b"endobj", offset)
    if end < 0:
        raise ValueError(f"object {number} does not end")
    return pdf[offset:end]


def _offset(pdf: bytes, table: int, number: int) -> int:
    """Where an object is; ``table`` is where the (only) cross-reference section starts."""
    section = _SECTION.search(pdf, table)
    if section is None or number < int(section[1]):
        raise ValueError(f"object {number} is not in the table")
    entry = section.end() + (number - int(section[1])) * _ENTRY
    offset = int(pdf[entry : entry + 10])
    if not pdf.startswith(b"%d " % number, offset):
        raise ValueError(f"object {number} is not where the table says")
    return offset
