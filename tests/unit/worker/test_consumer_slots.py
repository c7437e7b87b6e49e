"""A worker's slots: what it takes, in which order, and how it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from worker_support import HANG, UID, FakeRenderer, World, first, rows, until

from pressroom import names
from pressroom.model.ledger import WorkerBeat
from pressroom.ports import Delivery
from pressroom.testing.memory_queue import MemoryQueue
from pressroom_worker.consumer import Consumer
from pressroom_worker.signals import obey_stops, send_beats

FAST_UID = "6b1f0a4e-0000-4000-8000-00000000fa57"


@pytest.fixture
def world() -> World:
    return World()


@asynccontextmanager
async def working(
    world: World, renderer: FakeRenderer, *, slots: int = 1, drain: float = 5
) -> AsyncIterator[Consumer]:
    """A worker that is stopped at the end, as by SIGTERM."""
    consumer = Consumer(world.farm(renderer), slots=slots, drain_seconds=drain)
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await running


async def done(world: World, uid: str, shards: int) -> None:
    """Wait until so many shards of a job have a ledger and no message."""

    async def are_done() -> bool:
        ledgers = [info async for info in world.store.list(names.shard_prefix(uid))]
        return len(ledgers) >= shards and not await world.queue.queued_work(uid)

    await until(are_done)


async def test_every_shard_of_a_job_gets_a_ledger(world: World) -> None:
    await world.job(rows(12), shards=6)
    async with working(world, FakeRenderer(), slots=2):
        for shard in range(6):
            await world.queued(shard)
        await done(world, UID, 6)


async def test_no_more_shards_than_slots_run_at_once(world: World) -> None:
    await world.job(rows(4), shards=4)
    renderer = FakeRenderer(r0=[HANG], r1=[HANG], r2=[HANG], r3=[HANG])
    for shard in range(4):
        await world.queued(shard)
    async with working(world, renderer, slots=2) as consumer:

        async def both_taken() -> bool:
            return len(renderer.seen) >= 2

        await until(both_taken)
        # Both fetches of the lanes have had time to bring more.
        await asyncio.sleep(3 * world.timing.fetch)
        assert (consumer.busy, len(renderer.seen)) == (2, 2)
        renderer.release()
        await done(world, UID, 4)


async def test_an_idle_worker_takes_a_fast_shard_at_once(world: World) -> None:
    world = world.with_fetch(1.0)
    await world.job(rows(1))
    async with working(world, FakeRenderer()):
        # Both lanes are being asked by now, neither for the first few milliseconds.
        await asyncio.sleep(0.05)
        started = asyncio.get_running_loop().time()
        await world.queued(lane=names.LANE_FAST)
        await done(world, UID, 1)
        assert asyncio.get_running_loop().time() - started < 0.1


async def test_the_fast_lane_goes_before_the_bulk_lane(world: World) -> None:
    await world.job(rows(8), shards=8)
    await world.job(rows(1), uid=FAST_UID)
    renderer = FakeRenderer(r0=[HANG])
    for shard in range(8):
        await world.queued(shard)
    async with (
        world.queue.listen(names.done_subject("*")) as hints,
        working(world, renderer),
    ):
        await renderer.hangs.wait()
        await world.queued(lane=names.LANE_FAST, uid=FAST_UID)
        renderer.release()
        order = [(await first(hints)).subject for _ in range(9)]
    # First the one that was running, and then at once the fast one.
    assert order.index(names.done_subject(FAST_UID)) == 1


async def test_a_queue_that_is_away_or_wiped_is_asked_again() -> None:
    queue = AwayQueue()
    world = World(queue=queue)
    await world.job(rows(1))
    await world.queued()
    queue.away = True
    async with working(world, FakeRenderer()):
        async with asyncio.timeout(5):
            await queue.missed.wait()
        queue.away = False
        await done(world, UID, 1)
    # It backs off instead of asking in a hot loop.
    assert queue.asked < 20


async def test_a_broadcast_stops_the_running_shards_of_that_job_alone(world: World) -> None:
    await world.job(rows(1))
    await world.job(rows(1), uid=FAST_UID)
    renderer = FakeRenderer(r0=[HANG, HANG])
    async with working(world, renderer, slots=2) as consumer:
        obeying = asyncio.create_task(obey_stops(world.queue, consumer))
        await world.queued()
        await world.queued(uid=FAST_UID)

        async def both_taken() -> bool:
            return renderer.tries[0] >= 2

        await until(both_taken)
        await world.queue.hint(names.control_subject(UID))

        async def one_left() -> bool:
            return consumer.busy == 1

        await until(one_left, seconds=1)
        assert await world.queue.queued_work() == {(FAST_UID, 0)}
        renderer.release()
        await done(world, FAST_UID, 1)
        obeying.cancel()
    assert await world.keys("shards/") == []


async def test_a_shard_that_is_nearly_done_finishes_before_the_worker_stops(world: World) -> None:
    await world.job(rows(1))
    await world.queued()
    renderer = FakeRenderer(r0=[HANG])
    async with working(world, renderer):
        await renderer.hangs.wait()
        asyncio.get_running_loop().call_later(0.1, renderer.release)
    assert await world.queue.queued_work() == set()
    assert len((await world.ledger()).rows) == 1


async def test_a_shard_that_cannot_finish_is_handed_back_for_another_worker(world: World) -> None:
    await world.job(rows(1))
    await world.queued()
    renderer = FakeRenderer(r0=[HANG])
    async with working(world, renderer, drain=0.05):
        await renderer.hangs.wait()
    assert await world.keys("shards/") == []
    assert [attempt.handed_back for attempt in await world.attempts()] == [True]
    again = await world.queue.take_work(names.LANE_BULK, 1)
    assert again is not None


async def test_a_message_that_comes_while_stopping_goes_back(world: World) -> None:
    await world.job(rows(1))
    renderer = FakeRenderer()
    async with working(world, renderer):
        await asyncio.sleep(0)
    await world.queued()
    assert await world.queue.take_work(names.LANE_BULK, 1) is not None
    assert renderer.seen == []


async def test_a_slot_waits_for_the_store_before_it_takes_the_next_shard(world: World) -> None:
    await world.job(rows(3), shards=3)
    world.store.away = True
    renderer = FakeRenderer()
    for shard in range(3):
        await world.queued(shard)
    async with working(world, renderer) as consumer:
        await world.store.missed.wait()
        await asyncio.sleep(5 * world.timing.fetch)
        assert consumer.busy == 1
        assert renderer.seen == []
        world.store.away = False


async def test_an_outage_longer_than_our_patience_blames_nobody_either(world: World) -> None:
    await world.job(rows(1))
    await world.queued()
    renderer = FakeRenderer(r0=[HANG])
    async with working(world, renderer) as consumer:
        await renderer.hangs.wait()
        world.store.away = True
        renderer.release()
        await world.store.missed.wait()
        await asyncio.sleep(2 * world.timing.patience)
        world.store.away = False

        async def slot_is_free() -> bool:
            return consumer.busy == 0

        await until(slot_is_free)
    assert [attempt.handed_back for attempt in await world.attempts()] == [True]


async def test_beats_tell_slots_and_how_many_are_busy(world: World) -> None:
    await world.job(rows(1))
    renderer = FakeRenderer(r0=[HANG])
    async with (
        world.queue.listen(names.beat_subject("*")) as beats,
        working(world, renderer, slots=3) as consumer,
    ):
        beating = asyncio.create_task(send_beats(world.queue, consumer, "w1"))
        idle = await first(beats)
        await world.queued()
        await renderer.hangs.wait()
        busy = await first(beats)
        beating.cancel()
        renderer.release()
    assert idle.subject == "beat.w1"
    seen = [WorkerBeat.model_validate_json(beat.data) for beat in (idle, busy)]
    assert [(beat.slots, beat.busy) for beat in seen] == [(3, 0), (3, 1)]


class AwayQueue(MemoryQueue):
    """Counts what it is asked, and says when it was missed."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.missed = asyncio.Event()

    async def take_work(self, lane: str, timeout: float) -> Delivery | None:
        self.asked += 1
        if self.away:
            self.missed.set()
        return await super().take_work(lane, timeout)
