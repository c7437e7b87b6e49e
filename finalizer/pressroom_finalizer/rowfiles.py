"""Fetches the files of rows into a directory, some ahead, in row order."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from pressroom.errors import NotFoundError
from pressroom.model.ledger import RowOutcome
from pressroom.ports import Store
from pressroom_finalizer.ahead import ahead
from pressroom_finalizer.archive import Entry
from pressroom_finalizer.faults import BrokenJobError
from pressroom_finalizer.ledger import extension

_AHEAD = 8
#: A file up to this size is fetched in one call, a larger one in pieces.
_AT_ONCE = 1024 * 1024
#: Seconds between the tries for a file that its ledger names and the store does not have.
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class RowFile:
    """A row's file on disk, and what a ZIP must know of it."""

    entry: Entry
    is_pdf: bool


async def row_files(
    store: Store,
    rows: Iterable[RowOutcome],
    directory: Path,
    *,
    retry_seconds: Sequence[float] = RETRY_SECONDS,
) -> AsyncGenerator[RowFile, None]:
    """The files of these rows, in order. Whoever takes one deletes it.

    BrokenJobError for a file that is not there, or is not what its ledger says.
    """

    async def fetch(row: RowOutcome) -> RowFile:
        for delay in retry_seconds:
            try:
                return await _fetch(store, row, directory)
            except BrokenJobError:
                await asyncio.sleep(delay)
        return await _fetch(store, row, directory)

    async with aclosing(ahead(rows, fetch, _AHEAD)) as files:
        async for file in files:
            yield file


async def _fetch(store: Store, row: RowOutcome, directory: Path) -> RowFile:
    if row.file is None:
        raise BrokenJobError(f"Row {row.index} succeeded but its ledger names no file.")
    path = directory / f"{row.index:06d}{extension(row)}"
    digest, crc, size = hashlib.sha256(), 0, 0
    try:
        with path.open("wb") as out:
            async for piece in _pieces(store, row.file, row.bytes):
                out.write(piece)
                digest.update(piece)
                crc = zlib.crc32(piece, crc)
                size += len(piece)
    except NotFoundError as error:
        raise BrokenJobError(
            f"The file of row {row.index} is missing.", log=f"{row.file} is missing"
        ) from error
    if row.sha256 is not None and digest.hexdigest() != row.sha256:
        raise BrokenJobError(
            f"The file of row {row.index} is damaged.", log=f"{row.file}: SHA-256 differs"
        )
    return RowFile(Entry(row.name or path.name, path, size, crc), extension(row) == ".pdf")


async def _pieces(store: Store, key: str, size: int) -> AsyncIterator[bytes]:
    if size <= _AT_ONCE:
        yield await store.get(key)
        return
    async for piece in store.stream(key):
        yield piece
