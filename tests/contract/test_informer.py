"""The informer: on the twin, which can be broken at will, and on an API over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from jobs_support import batch_job, jobs_of

from pressroom.informer import Informer
from pressroom.ports import BATCH_JOBS, Jobs, Json, Kind, WatchEvent
from pressroom.testing.memory_jobs import MemoryJobs

SOON = 15.0


class Seen:
    """What an informer told, to be awaited."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self._told = asyncio.Event()

    def __call__(self, event: str, item: Json) -> None:
        self.events.append((event, item["metadata"]["name"]))
        self._told.set()

    async def until(self, count: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(SOON):
            while len(self.events) < count:
                self._told.clear()
                await self._told.wait()
        return self.events


@asynccontextmanager
async def running(jobs: Jobs, namespace: str, seen: Seen) -> AsyncIterator[Informer]:
    informer = Informer(jobs, BATCH_JOBS, namespace, seen)
    task = asyncio.create_task(informer.run())
    try:
        yield informer
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def synced(informer: Informer) -> None:
    async with asyncio.timeout(SOON):
        await informer.synced.wait()


@pytest.mark.parametrize("which", ["twin", "real"])
async def test_it_keeps_the_latest_state(which: str, tmp_path: Path) -> None:
    seen = Seen()
    async with jobs_of(which, tmp_path) as (jobs, namespace):
        await jobs.create(BATCH_JOBS, namespace, batch_job("a"))
        async with running(jobs, namespace, seen) as informer:
            await synced(informer)
            assert [item["metadata"]["name"] for item in informer.items()] == ["a"]
            await jobs.create(BATCH_JOBS, namespace, batch_job("b"))
            await jobs.patch(BATCH_JOBS, namespace, "a", {"spec": {"cancel": True}})
            await jobs.delete(BATCH_JOBS, namespace, "b")
            events = await seen.until(4)
            assert events == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
            held = informer.get(namespace, "a")
            assert held is not None
            assert held["spec"]["cancel"] is True
            assert held["kind"] == "BatchJob"
            assert informer.get(namespace, "b") is None


async def test_nothing_is_synced_while_the_api_is_away() -> None:
    jobs, seen = MemoryJobs(), Seen()
    await jobs.create(BATCH_JOBS, "p", batch_job("a"))
    jobs.away = True
    async with running(jobs, "p", seen) as informer:
        await asyncio.sleep(0.3)  # at least one attempt
        assert not informer.synced.is_set()
        jobs.away = False
        await synced(informer)
        assert informer.get("p", "a") is not None


async def test_what_happened_while_the_api_was_away_is_caught_up() -> None:
    jobs, seen = MemoryJobs(), Seen()
    for name in ("a", "b"):
        await jobs.create(BATCH_JOBS, "p", batch_job(name))
    async with running(jobs, "p", seen) as informer:
        await synced(informer)
        jobs.away = True
        await asyncio.sleep(0.1)  # its watch ends
        jobs.away = False
        await jobs.delete(BATCH_JOBS, "p", "b")
        await jobs.create(BATCH_JOBS, "p", batch_job("c"))
        assert (await seen.until(4))[2:] == [("DELETED", "b"), ("ADDED", "c")]


async def test_a_version_too_old_is_a_fresh_list_that_tells_what_vanished() -> None:
    jobs, seen = MemoryJobs(), Seen()
    for name in ("a", "b"):
        await jobs.create(BATCH_JOBS, "p", batch_job(name))
    async with running(jobs, "p", seen) as informer:
        await synced(informer)
        jobs.away = True
        await asyncio.sleep(0.1)  # its watch ends
        jobs.away = False
        await jobs.delete(BATCH_JOBS, "p", "b")
        await jobs.patch(BATCH_JOBS, "p", "a", {"spec": {"cancel": True}})
        jobs.expire()
        events = await seen.until(4)
        # "a" and "b" were known: only what differs is told, each once.
        assert sorted(events[2:]) == [("DELETED", "b"), ("MODIFIED", "a")]
        assert informer.get("p", "b") is None


async def test_a_re_created_resource_is_the_new_one() -> None:
    jobs, seen = MemoryJobs(), Seen()
    old = await jobs.create(BATCH_JOBS, "p", batch_job("a"))
    async with running(jobs, "p", seen) as informer:
        await synced(informer)
        await jobs.delete(BATCH_JOBS, "p", "a")
        new = await jobs.create(BATCH_JOBS, "p", batch_job("a"))
        await seen.until(3)
        held = informer.get("p", "a")
        assert held is not None
        assert held["metadata"]["uid"] == new["metadata"]["uid"] != old["metadata"]["uid"]


async def test_what_its_holder_does_not_need_is_not_held() -> None:
    def without_rows(item: Json) -> None:
        item["spec"].pop("rows", None)

    jobs = MemoryJobs()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "1"}
    await jobs.create(BATCH_JOBS, "p", batch_job("a", annotations=applied))
    informer = Informer(jobs, BATCH_JOBS, "p", slim=without_rows)
    task = asyncio.create_task(informer.run())
    await synced(informer)
    task.cancel()
    await asyncio.wait({task})
    [held] = informer.items()
    assert held["metadata"]["annotations"] == {"kept": "1"}
    assert "rows" not in held["spec"]
    assert "html" in held["spec"]


async def test_a_server_that_ends_watches_at_once_is_not_asked_in_a_hot_loop() -> None:
    class Hasty(MemoryJobs):
        asked = 0

        async def watch(
            self,
            kind: Kind,
            namespace: str | None,
            resource_version: str,
            *,
            label_selector: str = "",
        ) -> AsyncGenerator[WatchEvent, None]:
            self.asked += 1
            for event in list[WatchEvent]():
                yield event

    jobs = Hasty()
    async with running(jobs, "p", Seen()) as informer:
        await synced(informer)
        await asyncio.sleep(1)
    assert 1 <= jobs.asked <= 6
