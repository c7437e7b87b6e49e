"""The Store port: the same on the twin, on SeaweedFS and on MinIO."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from servers import S3Server

from pressroom.adapters.s3 import content_disposition, open_store
from pressroom.adapters.s3_multipart import PART_BYTES
from pressroom.errors import NotFoundError, UnavailableError
from pressroom.ports import Disposition, Store
from pressroom.settings import S3Settings
from pressroom.testing.memory_store import MemoryStore
from pressroom_local.servers import free_ports

TIMEOUT = 10.0
MIB = 1024 * 1024


@pytest.fixture(params=["twin", "s3", "minio"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        if request.param == "twin":
            yield MemoryStore()
        else:
            server: S3Server = request.getfixturevalue(request.param)
            opened = open_store(server.settings, timeout=TIMEOUT, create_bucket=True)
            yield await stack.enter_async_context(opened)


@pytest.fixture
def prefix() -> str:
    return f"test/{uuid.uuid4().hex}/"


async def chunks_of(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def keys(store: Store, prefix: str, after: str = "") -> list[str]:
    return [found.key async for found in store.list(prefix, after=after)]


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
async def test_what_is_put_is_read(store: Store, prefix: str, data: bytes) -> None:
    await store.put(prefix + "a", data)
    assert await store.get(prefix + "a") == data
    assert b"".join([piece async for piece in store.stream(prefix + "a")]) == data
    stat = await store.stat(prefix + "a")
    assert stat is not None
    assert (stat.key, stat.size) == (prefix + "a", len(data))


async def test_a_put_replaces(store: Store, prefix: str) -> None:
    await store.put(prefix + "a", b"one")
    await store.put(prefix + "a", b"two")
    assert await store.get(prefix + "a") == b"two"


async def test_ranges(store: Store, prefix: str) -> None:
    await store.put(prefix + "a", b"0123456789")
    assert await store.get(prefix + "a", offset=3) == b"3456789"
    assert await store.get(prefix + "a", offset=3, length=4) == b"3456"
    assert await store.get(prefix + "a", length=2) == b"01"
    assert await store.get(prefix + "a", offset=8, length=100) == b"89"
    assert await store.get(prefix + "a", offset=10) == b""
    assert await store.get(prefix + "a", offset=2, length=0) == b""


async def test_a_stream_comes_in_small_pieces(store: Store, prefix: str) -> None:
    data = b"p" * (2 * MIB) + b"end"
    await store.put(prefix + "a", data)
    pieces = [piece async for piece in store.stream(prefix + "a")]
    assert max(map(len, pieces)) <= MIB
    assert b"".join(pieces) == data


async def test_what_is_not_there(store: Store, prefix: str) -> None:
    with pytest.raises(NotFoundError):
        await store.get(prefix + "none")
    with pytest.raises(NotFoundError):
        await anext(aiter(store.stream(prefix + "none")))
    assert await store.stat(prefix + "none") is None
    assert await keys(store, prefix) == []
    await store.delete([prefix + "none"])


async def test_odd_keys(store: Store, prefix: str) -> None:
    odd = [prefix + name for name in ("a b", "ü", "a+b", "a=b&c", "50%", "q?x")]
    for key in odd:
        await store.put(key, key.encode())
    for key in odd:
        assert await store.get(key) == key.encode()
    assert await keys(store, prefix) == sorted(odd)
    await store.delete(odd)
    assert await keys(store, prefix) == []


async def test_create_writes_once(store: Store, prefix: str) -> None:
    assert await store.create(prefix + "a", b"first")
    assert not await store.create(prefix + "a", b"second")
    assert await store.get(prefix + "a") == b"first"
    await store.delete([prefix + "a"])
    assert await store.create(prefix + "a", b"third")


async def test_of_16_racing_writers_exactly_one_wins(store: Store, prefix: str) -> None:
    for turn in range(10):
        key = f"{prefix}{turn}"
        bodies = [f"writer {number}".encode() for number in range(16)]
        won = await asyncio.gather(*(store.create(key, body) for body in bodies))
        assert sum(won) == 1
        assert await store.get(key) == bodies[won.index(True)]


async def test_a_list_is_in_order_and_goes_on_after_a_key(store: Store, prefix: str) -> None:
    names = [f"{prefix}{number:04d}" for number in range(1203)]
    for start in range(0, len(names), 200):
        await asyncio.gather(*(store.put(name, b"x") for name in names[start : start + 200]))
    assert await keys(store, prefix) == names
    assert await keys(store, prefix, after=names[1001]) == names[1002:]
    assert await keys(store, prefix, after=names[-1]) == []
    await store.delete(names)
    assert await keys(store, prefix) == []


async def test_a_list_stays_below_its_prefix(store: Store, prefix: str) -> None:
    for name in ("x/1/a", "x/1/b/c", "x/2/a", "x/10/a", "xx/1"):
        await store.put(prefix + name, b"x")
    assert await keys(store, prefix + "x/1/") == [prefix + "x/1/a", prefix + "x/1/b/c"]
    found = {level async for level in store.prefixes(prefix + "x/")}
    assert found == {prefix + "x/1/", prefix + "x/2/", prefix + "x/10/"}


@pytest.mark.parametrize("size", [0, 10, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 20 * MIB + 7])
async def test_uploads_of_any_size(store: Store, prefix: str, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    stored = await store.upload(prefix + "a", chunks_of(data, 777_777))
    assert stored.size == size
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert await store.get(prefix + "a") == data


async def test_a_file_is_uploaded(store: Store, prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content" * MIB)
    stored = await store.upload_file(prefix + "a", path)
    assert stored.size == path.stat().st_size
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_broken_upload_leaves_nothing(store: Store, prefix: str) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * (2 * PART_BYTES + 5)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        await store.upload(prefix + "a", breaking())
    assert await store.stat(prefix + "a") is None


async def test_a_cancelled_upload_leaves_nothing(store: Store, prefix: str) -> None:
    waits = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * (2 * PART_BYTES + 5)
        waits.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.upload(prefix + "a", endless()))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.stat(prefix + "a") is None


async def test_check(store: Store) -> None:
    await store.check()


# --- the real one alone --------------------------------------------------------------------------
@pytest.fixture
async def real(s3: S3Server) -> AsyncIterator[Store]:
    async with open_store(s3.settings, timeout=TIMEOUT, create_bucket=True) as found:
        yield found


def uploads_below(s3: S3Server, prefix: str) -> list[str]:
    from pressroom.adapters.s3_client import make_minio

    client = make_minio(s3.settings.endpoint, s3.settings)
    page = client._list_multipart_uploads(s3.settings.bucket, prefix=prefix)
    return [each.object_name for each in page.uploads]


async def test_parts_of_broken_uploads_are_gone(s3: S3Server, real: Store, prefix: str) -> None:
    seen: list[str] = []

    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * (2 * PART_BYTES + 5)
        yield b"x" * PART_BYTES
        seen.extend(uploads_below(s3, prefix))
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        await real.upload(prefix + "a", breaking())
    assert seen == [prefix + "a"]
    assert uploads_below(s3, prefix) == []


async def test_uploads_are_aborted_by_prefix(s3: S3Server, real: Store, prefix: str) -> None:
    from pressroom.adapters.s3_client import make_minio

    client = make_minio(s3.settings.endpoint, s3.settings)
    for name in ("one/a", "one/b", "two/a"):
        client._create_multipart_upload(s3.settings.bucket, prefix + name, {})
    await real.abort_uploads(prefix + "one/")
    assert uploads_below(s3, prefix) == [prefix + "two/a"]


async def test_a_presigned_url_downloads_under_a_name(real: Store, prefix: str) -> None:
    await real.put(prefix + "a", b"%PDF", content_type="application/octet-stream")
    wanted = Disposition('Rechnung "Ü" 50%.pdf', "application/pdf")
    url = await real.presign(prefix + "a", seconds=60, disposition=wanted)
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        assert await answer.read() == b"%PDF"
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.content_disposition is not None
        assert answer.content_disposition.filename == wanted.file_name


async def test_a_presigned_url_is_signed_for_the_public_endpoint(s3: S3Server) -> None:
    settings = s3.settings.model_copy(update={"public_endpoint": "https://files.example.com"})
    async with open_store(settings, timeout=TIMEOUT) as store:
        url = await store.presign("a", seconds=60, disposition=Disposition("a.pdf"))
    assert url.startswith("https://files.example.com/pressroom/a?")


def test_names_of_downloads_cannot_break_the_header() -> None:
    found = content_disposition('a"; x=\r\n\\é.pdf')
    assert found == "attachment; filename=\"a_; x=____.pdf\"; filename*=UTF-8''" + (
        "a%22%3B%20x%3D%0D%0A%5C%C3%A9.pdf"
    )


async def test_a_store_that_is_away() -> None:
    settings = S3Settings.model_validate(
        {"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}", "access_key": "a", "secret_key": "b"}
    )
    async with open_store(settings, timeout=2) as store:
        for call in (store.check(), store.get("a"), store.put("a", b""), store.create("a", b"")):
            with pytest.raises(UnavailableError):
                await call


async def test_a_store_that_never_answers() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = S3Settings.model_validate(
        {"endpoint": f"http://127.0.0.1:{port}", "access_key": "a", "secret_key": "b"}
    )
    async with server, open_store(settings, timeout=0.5) as store:
        with pytest.raises(UnavailableError):
            await store.get("a")


async def test_a_bucket_that_is_gone_is_no_missing_object(s3: S3Server) -> None:
    settings = s3.settings.model_copy(update={"bucket": "no-such-bucket"})
    async with open_store(settings, timeout=TIMEOUT) as store:
        with pytest.raises(UnavailableError):
            await store.get("a")
        with pytest.raises(UnavailableError):
            await store.check()


async def test_a_wrong_key_is_told_apart_from_a_missing_object(s3: S3Server) -> None:
    wrong = S3Settings.model_validate(
        s3.settings.model_dump() | {"access_key": "test-access", "secret_key": "wrong"}
    )
    async with open_store(wrong, timeout=TIMEOUT) as store:
        with pytest.raises(UnavailableError):
            await store.get("a")


async def test_the_twin_can_be_away() -> None:
    twin = MemoryStore()
    await twin.put("a", b"x")
    twin.away = True
    with pytest.raises(UnavailableError):
        await twin.get("a")
    twin.away = False
    assert await twin.get("a") == b"x"
