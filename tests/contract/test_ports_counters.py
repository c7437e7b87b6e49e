"""The Counters port: the same on the twin and on a real NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from servers import nats_server

from pressroom.adapters.nats import open_queue
from pressroom.errors import ConflictError, UnavailableError
from pressroom.ports import Counters, Entry
from pressroom.testing.memory_counters import MemoryCounters


@pytest.fixture(params=["twin", "real"])
async def counters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counters]:
    if request.param == "twin":
        yield MemoryCounters()
        return
    server = nats_server(tmp_path)
    await server.start()
    async with open_queue(server.settings, name="test", timeout=5) as queue:
        yield queue.counters
    await server.stop()


async def test_what_was_written_is_read(counters: Counters) -> None:
    assert await counters.read("tenant.a") is None
    first = await counters.write("tenant.a", b"1", 0)
    assert await counters.read("tenant.a") == Entry(b"1", first)
    second = await counters.write("tenant.a", b"2", first)
    assert await counters.read("tenant.a") == Entry(b"2", second)
    assert await counters.read("tenant.b") is None


async def test_only_the_latest_revision_may_be_written_over(counters: Counters) -> None:
    first = await counters.write("k", b"1", 0)
    await counters.write("other", b"x", 0)
    with pytest.raises(ConflictError):
        await counters.write("k", b"again", 0)
    await counters.write("k", b"2", first)
    with pytest.raises(ConflictError):
        await counters.write("k", b"late", first)
    found = await counters.read("k")
    assert found is not None and found.value == b"2"


async def test_of_writers_at_once_one_wins(counters: Counters) -> None:
    tries = [counters.write("k", b"%d" % number, 0) for number in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 19


async def test_a_server_that_is_away(tmp_path: Path) -> None:
    server = nats_server(tmp_path)
    await server.start()
    async with open_queue(server.settings, name="test", timeout=1) as queue:
        await queue.counters.write("k", b"1", 0)
        await server.stop()
        with pytest.raises(UnavailableError):
            await queue.counters.read("k")
        with pytest.raises(UnavailableError):
            await queue.counters.write("k", b"2", 1)
