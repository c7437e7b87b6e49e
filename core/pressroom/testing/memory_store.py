"""The Store port in memory: what tests of the parts run on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from pressroom.errors import NotFoundError, UnavailableError
from pressroom.ports import Disposition, ObjectInfo, Stored

_PIECE = 1024 * 1024


@dataclass(frozen=True)
class MemoryObject:
    """A stored object."""

    data: bytes
    content_type: str
    modified: datetime


class MemoryStore:
    """``away``: set it and every call raises UnavailableError, as with a store that is gone.

    ``objects`` is what is stored; ``uploads`` are the keys of multipart uploads under way.
    """

    def __init__(self) -> None:
        self.away = False
        self.objects: dict[str, MemoryObject] = {}
        self.uploads: list[str] = []

    async def ensure(self) -> None:
        self._answer_or_raise()

    async def put(
        self, key: str, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> None:
        self._answer_or_raise()
        self.objects[key] = MemoryObject(bytes(data), content_type, datetime.now(UTC))

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        self._answer_or_raise()
        if key in self.objects:
            return False
        self.objects[key] = MemoryObject(bytes(data), content_type, datetime.now(UTC))
        return True

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        end = None if length is None else offset + length
        return self._object(key).data[offset:end]

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        data = self._object(key).data
        for start in range(0, len(data), _PIECE):
            self._answer_or_raise()
            yield data[start : start + _PIECE]

    async def stat(self, key: str) -> ObjectInfo | None:
        self._answer_or_raise()
        found = self.objects.get(key)
        return ObjectInfo(key, len(found.data), found.modified) if found else None

    async def list(self, prefix: str, *, after: str = "") -> AsyncGenerator[ObjectInfo, None]:
        self._answer_or_raise()
        for key in sorted(self.objects):
            # What was deleted while the listing was read does not come up any more.
            found = self.objects.get(key)
            if found is not None and key.startswith(prefix) and key > after:
                yield ObjectInfo(key, len(found.data), found.modified)

    async def upload(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str = "application/octet-stream",
    ) -> Stored:
        self._answer_or_raise()
        self.uploads.append(key)
        try:
            data = b"".join([chunk async for chunk in chunks])
        finally:
            if key in self.uploads:
                self.uploads.remove(key)
        await self.put(key, data, content_type=content_type)
        return Stored(len(data), hashlib.sha256(data).hexdigest())

    async def upload_file(
        self, key: str, path: Path, *, content_type: str = "application/octet-stream"
    ) -> Stored:
        data = await asyncio.to_thread(path.read_bytes)
        await self.put(key, data, content_type=content_type)
        return Stored(len(data), hashlib.sha256(data).hexdigest())

    async def delete(self, keys: Sequence[str]) -> None:
        self._answer_or_raise()
        for key in keys:
            self.objects.pop(key, None)

    async def abort_uploads(self, prefix: str) -> None:
        self._answer_or_raise()
        self.uploads = [key for key in self.uploads if not key.startswith(prefix)]

    async def prefixes(self, prefix: str) -> AsyncGenerator[str, None]:
        self._answer_or_raise()
        below = (key.removeprefix(prefix) for key in self.objects if key.startswith(prefix))
        for level in sorted({rest.split("/", 1)[0] for rest in below if "/" in rest}):
            yield f"{prefix}{level}/"

    async def presign(self, key: str, *, seconds: int, disposition: Disposition) -> str:
        query = {"expires": seconds, "name": disposition.file_name}
        return f"https://store.test/{quote(key)}?{urlencode(query)}"

    async def check(self) -> None:
        self._answer_or_raise()

    def _object(self, key: str) -> MemoryObject:
        self._answer_or_raise()
        try:
            return self.objects[key]
        except KeyError:
            raise NotFoundError("The object is not there.", log=key) from None

    def _answer_or_raise(self) -> None:
        if self.away:
            raise UnavailableError("The object store is away.")
