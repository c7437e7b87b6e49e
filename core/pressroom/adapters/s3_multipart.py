"""A multipart upload from an asynchronous stream, in the memory of two parts."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator

from minio.datatypes import Part

from pressroom.adapters.s3_client import S3Client
from pressroom.errors import NotFoundError, UnavailableError
from pressroom.ports import Stored

#: S3 takes at most 10,000 parts, so 8 MiB each make 78 GiB.
PART_BYTES = 8 * 1024 * 1024
_ABORT_SECONDS = 5.0


async def upload(
    client: S3Client, key: str, chunks: AsyncIterator[bytes], content_type: str
) -> Stored:
    """Store ``chunks`` under ``key``; less than a part goes in one PUT.

    Whatever ``chunks`` raises passes through, and the upload is aborted then.
    """
    parts = _parts(chunks)
    try:
        first = await anext(parts, b"")
        second = await anext(parts, None)
        if second is None:
            return await _put(client, key, first, content_type)
        multipart = _Multipart(client, key)
        await multipart.begin(content_type)
        try:
            await multipart.add(first)
            await multipart.add(second)
            del first, second
            async for part in parts:
                await multipart.add(part)
            return await multipart.complete()
        except BaseException:
            await multipart.abort()
            raise
    finally:
        await parts.aclose()


async def _put(client: S3Client, key: str, body: bytes, content_type: str) -> Stored:
    headers = {"Content-Type": content_type}
    await client.call(client.request, "PUT", key, body, headers, slow=True)
    return Stored(len(body), hashlib.sha256(body).hexdigest())


async def _parts(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The stream in pieces of exactly PART_BYTES, the last one shorter."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= PART_BYTES:
            piece = bytes(memoryview(buffer)[:PART_BYTES])
            del buffer[:PART_BYTES]
            yield piece
    if buffer:
        yield bytes(buffer)


class _Multipart:
    """One upload under way: a part is sent while the next one is gathered."""

    def __init__(self, client: S3Client, key: str) -> None:
        self._client = client
        self._key = key
        self._id = ""
        self._parts: list[Part] = []
        self._sending: asyncio.Task[Part] | None = None
        self._digest = hashlib.sha256()
        self._size = 0

    async def begin(self, content_type: str) -> None:
        client = self._client
        headers = {"Content-Type": content_type}
        create = client.minio._create_multipart_upload
        self._id = await client.call(create, client.bucket, self._key, headers)

    async def add(self, body: bytes) -> None:
        """Hand over a part; returns once the one before it has arrived."""
        await self._arrived()
        number = len(self._parts) + 1
        self._size += len(body)
        call = self._client.call(self._send, number, body, slow=True)
        self._sending = asyncio.create_task(call)

    async def complete(self) -> Stored:
        await self._arrived()
        client = self._client
        finish = client.minio._complete_multipart_upload
        await client.call(finish, client.bucket, self._key, self._id, self._parts, slow=True)
        return Stored(self._size, self._digest.hexdigest())

    async def abort(self) -> None:
        """Abort in the background, so that a cancelled caller is not held up for long."""
        task = self._client.background(self._abort())
        await asyncio.wait({task}, timeout=_ABORT_SECONDS)

    async def _abort(self) -> None:
        if self._sending is not None:
            # A part that arrives after the abort would stay behind.
            await asyncio.wait({self._sending})
            self._sending.exception()
        client = self._client
        with contextlib.suppress(NotFoundError, UnavailableError):
            drop = client.minio._abort_multipart_upload
            await client.call(drop, client.bucket, self._key, self._id)

    async def _arrived(self) -> None:
        if self._sending is not None:
            # Shielded: a cancelled upload still has to see how its last part ends.
            self._parts.append(await asyncio.shield(self._sending))

    def _send(self, number: int, body: bytes) -> Part:
        """In a thread. Parts go one after the other, so the digest sees them in order."""
        self._digest.update(body)
        etag = self._client.minio._upload_part(
            self._client.bucket, self._key, body, None, self._id, number
        )
        return Part(number, etag)
