"""The Store port on any S3: MinIO, SeaweedFS, AWS.

It knows objects and keys, nothing of jobs. Every call has a deadline.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from minio.datatypes import Object
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from pressroom.adapters.s3_client import S3Client, make_minio, status_of
from pressroom.adapters.s3_multipart import upload
from pressroom.errors import NotFoundError, UnavailableError
from pressroom.ports import Disposition, ObjectInfo, Store, Stored
from pressroom.settings import S3Settings

_PIECE = 1024 * 1024
_PAGE = 1000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def open_store(
    settings: S3Settings, *, timeout: float, create_bucket: bool = False
) -> AsyncIterator[Store]:
    """The store; ``timeout`` is the deadline of one call in seconds.

    It asks the store for nothing, so a part starts while the store is away; only
    ``create_bucket`` needs it, and raises UnavailableError then.
    """
    client = S3Client(settings, timeout)
    try:
        if create_bucket:
            await client.call(_ensure_bucket, client)
        yield S3Store(client, settings)
    finally:
        await client.close()


class S3Store:
    """Made by :func:`open_store`."""

    def __init__(self, client: S3Client, settings: S3Settings) -> None:
        self._client = client
        public = settings.public_endpoint or settings.endpoint
        # A presigned URL signs its host, so it comes from a client bound to the public one.
        self._public = make_minio(public, settings)

    async def ensure(self) -> None:
        await self._client.call(_ensure_bucket, self._client)

    async def put(
        self, key: str, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> None:
        headers = {"Content-Type": content_type}
        await self._client.call(self._client.request, "PUT", key, data, headers)

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        return await self._client.call(_create, self._client, key, data, content_type)

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            return b""
        headers = {}
        if offset or length is not None:
            end = "" if length is None else str(offset + length - 1)
            headers["Range"] = f"bytes={offset}-{end}"
        body, _ = await self._client.call(_read, self._client, key, headers, slow=True)
        return body

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        # Ranged requests, one a piece: a slow reader holds neither a connection nor a thread.
        offset, tag = 0, ""
        while True:
            headers = {"Range": f"bytes={offset}-{offset + _PIECE - 1}"}
            if tag:
                headers["If-Match"] = tag
            body, tag = await self._client.call(_read, self._client, key, headers)
            if body:
                yield body
            if len(body) < _PIECE:
                return
            offset += _PIECE

    async def stat(self, key: str) -> ObjectInfo | None:
        stat = self._client.minio.stat_object
        try:
            found: Object = await self._client.call(stat, self._client.bucket, key)
        except NotFoundError:
            return None
        return _info(found)

    async def list(self, prefix: str, *, after: str = "") -> AsyncGenerator[ObjectInfo, None]:
        async for found in self._pages(prefix, recursive=True, start_after=after or None):
            yield _info(found)

    async def prefixes(self, prefix: str) -> AsyncGenerator[str, None]:
        async for found in self._pages(prefix, recursive=False):
            if found.is_dir:
                yield str(found.object_name)

    async def upload(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str = "application/octet-stream",
    ) -> Stored:
        return await upload(self._client, key, chunks, content_type)

    async def upload_file(
        self, key: str, path: Path, *, content_type: str = "application/octet-stream"
    ) -> Stored:
        async with aclosing(_pieces_of(path)) as pieces:
            return await upload(self._client, key, pieces, content_type)

    async def delete(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _PAGE):
            await self._client.call(_delete, self._client, keys[start : start + _PAGE], slow=True)

    async def abort_uploads(self, prefix: str) -> None:
        await self._client.call(_abort_uploads, self._client, prefix, slow=True)

    async def presign(self, key: str, *, seconds: int, disposition: Disposition) -> str:
        # Pure computation: no thread.
        return self._public.get_presigned_url(
            "GET",
            self._client.bucket,
            key,
            expires=timedelta(seconds=seconds),
            response_headers=_response_headers(disposition),
        )

    async def check(self) -> None:
        try:
            await self._client.call(self._client.request, "HEAD", "")
        except NotFoundError as error:
            raise UnavailableError("The bucket is gone.", log=error.log) from error

    async def _pages(self, prefix: str, **options: Any) -> AsyncGenerator[Object, None]:
        bucket = self._client.bucket
        found = self._client.minio.list_objects(bucket, prefix, **options)
        while page := await self._client.call(_page, found):
            for each in page:
                yield each


def content_disposition(file_name: str) -> str:
    """``attachment`` with the name as RFC 6266 has it: for old clients in ASCII, and in full."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in file_name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _response_headers(disposition: Disposition) -> dict[str, Any]:
    return {
        "response-content-disposition": content_disposition(disposition.file_name),
        "response-content-type": disposition.content_type,
        **{f"response-{name.lower()}": value for name, value in disposition.headers.items()},
    }


def _info(found: Object) -> ObjectInfo:
    modified = found.last_modified or _LONG_AGO
    return ObjectInfo(str(found.object_name), int(found.size or 0), modified)


async def _pieces_of(path: Path) -> AsyncGenerator[bytes, None]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()


# --- in threads ----------------------------------------------------------------------------------
def _ensure_bucket(client: S3Client) -> None:
    try:
        client.minio.make_bucket(client.bucket)
    except S3Error as error:
        if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise


def _create(client: S3Client, key: str, data: bytes, content_type: str) -> bool:
    headers = {"Content-Type": content_type, "If-None-Match": "*"}
    try:
        client.request("PUT", key, data, headers)
    except MinioException as error:
        if status_of(error) == 412:
            return False
        raise
    return True


def _read(client: S3Client, key: str, headers: dict[str, str]) -> tuple[bytes, str]:
    """The content and its entity tag; empty where the range begins behind the end."""
    try:
        answer = client.request("GET", key, headers=headers)
    except MinioException as error:
        if status_of(error) == 416:
            return b"", ""
        raise
    return answer.data, answer.headers.get("etag", "")


def _page(found: Iterator[Object]) -> list[Object]:
    return list(itertools.islice(found, _PAGE))


def _delete(client: S3Client, keys: Sequence[str]) -> None:
    errors = client.minio.remove_objects(client.bucket, [DeleteObject(key) for key in keys])
    failed = [f"{each.name}: {each.code}" for each in errors if each.code != "NoSuchKey"]
    if failed:
        raise OSError(f"{len(failed)} objects were not deleted: {failed[:3]}")


def _abort_uploads(client: S3Client, prefix: str) -> None:
    key_marker = upload_id_marker = None
    while True:
        page = client.minio._list_multipart_uploads(
            client.bucket, prefix=prefix, key_marker=key_marker, upload_id_marker=upload_id_marker
        )
        for each in page.uploads:
            upload_id = each.upload_id or ""
            client.minio._abort_multipart_upload(client.bucket, each.object_name, upload_id)
        if not page.is_truncated:
            return
        key_marker, upload_id_marker = page.next_key_marker, page.next_upload_id_marker
