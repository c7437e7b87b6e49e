"""Rows into the object store: streamed, counted, hashed; nothing stays where they are refused."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Iterable

from pressroom import names
from pressroom.errors import PressroomError
from pressroom.model.batchjob import Manifest
from pressroom.ports import Store, Stored
from pressroom_gateway.rowsource import ManifestLines, Reader

log = logging.getLogger(__name__)
_PIECE_BYTES = 256 * 1024


async def upload_stream(
    store: Store, tenant: str, chunks: AsyncIterator[bytes], reader: Reader, *, most: int
) -> Manifest:
    """Store rows as they come. UserError at the first bad one, and then nothing is stored."""
    lines = ManifestLines(chunks, reader, most=most)
    key, stored = await _upload(store, tenant, lines.pieces())
    return Manifest(key=key, rows=lines.rows, bytes=stored.size, sha256=stored.sha256)


async def upload_lines(store: Store, tenant: str, lines: Iterable[bytes]) -> Manifest:
    """Store lines that are in memory already."""

    async def each() -> AsyncIterator[bytes]:
        for line in lines:
            yield line

    return await upload_checked(store, tenant, each())


async def upload_checked(store: Store, tenant: str, lines: AsyncIterator[bytes]) -> Manifest:
    """Store lines that were checked already."""
    count = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal count
        held: list[bytes] = []
        size = 0
        async for line in lines:
            count += 1
            held.append(line)
            size += len(line)
            if size >= _PIECE_BYTES:
                yield b"".join(held)
                held, size = [], 0
        if held:
            yield b"".join(held)

    key, stored = await _upload(store, tenant, pieces())
    return Manifest(key=key, rows=count, bytes=stored.size, sha256=stored.sha256)


async def drop(store: Store, manifest: Manifest) -> None:
    """Delete an upload that no batch will use. Where the store is away, the sweep finds it."""
    try:
        await store.delete([manifest.key])
    except PressroomError as error:
        log.warning(error.log, extra={"action": "upload_left", "key": manifest.key})


async def _upload(store: Store, tenant: str, pieces: AsyncIterator[bytes]) -> tuple[str, Stored]:
    key = names.upload_key(tenant, str(uuid.uuid4()))
    return key, await store.upload(key, pieces, content_type="application/x-ndjson")
