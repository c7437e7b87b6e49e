"""A ZIP archive as a stream: stored entries, ZIP64 where needed, in constant memory. Pure.

Sizes and CRCs are known before an entry is written, so each entry's header is complete: readers
that work through the stream itself can read it too, which they cannot where a stored entry's size
follows its data (as ``zipfile`` writes to an unseekable file). Layout: APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_PIECE = 256 * 1024
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_UTF8 = 0x0800
_VERSION, _VERSION_ZIP64 = 20, 45
_UNIX = 3 << 8
_MODE = 0o100644 << 16


@dataclass(frozen=True)
class Entry:
    """A file to be stored: its name, its bytes on disk, their number and their CRC-32."""

    name: str
    path: Path
    size: int
    crc: int


@dataclass(frozen=True)
class _Placed:
    """An entry's row in the central directory."""

    name: bytes
    size: int
    crc: int
    offset: int

    @property
    def large(self) -> bool:
        return self.size >= _MAX32


async def chunks(entries: AsyncIterator[Entry], at: datetime) -> AsyncIterator[bytes]:
    """The archive in pieces of some 256 KiB; every entry carries the time ``at``, in UTC.

    Each file is deleted once it has been read.
    """
    stamp = _dos_time(at)
    placed: list[_Placed] = []
    offset = 0
    pending = bytearray()
    async for entry in entries:
        place = _Placed(entry.name.encode(), entry.size, entry.crc, offset)
        placed.append(place)
        header = _local_header(place, stamp)
        pending += header
        for piece in _pieces(entry):
            pending += piece
            if len(pending) >= _PIECE:
                yield bytes(pending)
                pending.clear()
        offset += len(header) + entry.size
    for piece in _directory(placed, offset, stamp):
        pending += piece
        if len(pending) >= _PIECE:
            yield bytes(pending)
            pending.clear()
    yield bytes(pending)


def _pieces(entry: Entry) -> Iterator[bytes]:
    with entry.path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
    entry.path.unlink()


def _dos_time(at: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS keeps them: steps of two seconds, from 1980 to 2107."""
    at = at.astimezone(UTC)
    year = min(max(at.year, 1980), 2107)
    return (
        at.hour << 11 | at.minute << 5 | at.second // 2,
        (year - 1980) << 9 | at.month << 5 | at.day,
    )


def _local_header(place: _Placed, stamp: tuple[int, int]) -> bytes:
    extra = struct.pack("<HHQQ", 1, 16, place.size, place.size) if place.large else b""
    size = _MAX32 if place.large else place.size
    return (
        struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            _VERSION_ZIP64 if place.large else _VERSION,
            _UTF8,
            0,
            *stamp,
            place.crc,
            size,
            size,
            len(place.name),
            len(extra),
        )
        + place.name
        + extra
    )


def _central_header(place: _Placed, stamp: tuple[int, int]) -> bytes:
    wide = [place.size, place.size] if place.large else []
    if place.offset >= _MAX32:
        wide.append(place.offset)
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = _VERSION_ZIP64 if wide else _VERSION
    size = _MAX32 if place.large else place.size
    return (
        struct.pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02",
            _UNIX | version,
            version,
            _UTF8,
            0,
            *stamp,
            place.crc,
            size,
            size,
            len(place.name),
            len(extra),
            0,
            0,
            0,
            _MODE,
            min(place.offset, _MAX32),
        )
        + place.name
        + extra
    )


def _directory(placed: list[_Placed], start: int, stamp: tuple[int, int]) -> Iterator[bytes]:
    """The central directory and the records that end an archive."""
    length = 0
    for place in placed:
        header = _central_header(place, stamp)
        length += len(header)
        yield header
    count = len(placed)
    if count >= _MAX16 or start >= _MAX32 or length >= _MAX32:
        version = _UNIX | _VERSION_ZIP64
        yield struct.pack(
            "<4sQ2H2L4Q",
            b"PK\x06\x06",
            44,
            version,
            _VERSION_ZIP64,
            0,
            0,
            count,
            count,
            length,
            start,
        )
        yield struct.pack("<4sLQL", b"PK\x06\x07", 0, start + length, 1)
    few = min(count, _MAX16)
    yield struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        0,
        0,
        few,
        few,
        min(length, _MAX32),
        min(start, _MAX32),
        0,
    )
