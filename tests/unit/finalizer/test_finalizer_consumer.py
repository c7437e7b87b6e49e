"""The task loops: nothing is lost, nothing is done without being settled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from finalizer_support import UID, task
from prometheus_client import CollectorRegistry

from pressroom import names
from pressroom.errors import UnavailableError
from pressroom.model.ledger import Task
from pressroom.ports import Delivery
from pressroom.testing.memory_queue import MemoryQueue
from pressroom_finalizer.consumer import MAX_DELAY, Consumer, Delays, Metrics

KIND = names.TASK_PURGE
SOON = 5.0


class Spy:
    """A delivery that remembers how it was settled, and can be away."""

    def __init__(self, data: bytes, *, away: bool = False) -> None:
        self.subject = names.task_subject(KIND, UID)
        self.data = data
        self.away = away
        self.beats = 0
        self.third_beat = asyncio.Event()
        self.settled: asyncio.Queue[str] = asyncio.Queue()

    async def in_progress(self) -> None:
        self.beats += 1
        if self.beats == 3:
            self.third_beat.set()
        self._answer()

    async def ack(self) -> None:
        self._answer()
        self.settled.put_nowait("ack")

    async def nak(self, delay: float = 0) -> None:
        self.settled.put_nowait(f"nak {delay:g}")

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("the queue is away")


class OneQueue(MemoryQueue):
    """A queue whose deliveries the test hands over itself."""

    def __init__(self, *deliveries: Spy | Exception) -> None:
        super().__init__()
        self.waiting = list(deliveries)
        self.reported: list[str] = []

    async def take_task(self, kind: str, timeout: float) -> Delivery | None:
        if not self.waiting:
            await asyncio.sleep(timeout)
            return None
        first = self.waiting.pop(0)
        if isinstance(first, Exception):
            raise first
        return first

    async def hint(self, subject: str, data: bytes = b"") -> None:
        self.reported.append(subject)


@asynccontextmanager
async def consuming(
    queue: OneQueue, handler: Callable[[Task], Awaitable[bool]], heartbeat: float = 10
) -> AsyncIterator[tuple[asyncio.Task[None], CollectorRegistry]]:
    registry, stop = CollectorRegistry(), asyncio.Event()
    consumer = Consumer(
        queue, KIND, handler, Metrics(registry), heartbeat_seconds=heartbeat, take_seconds=0.01
    )
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield running, registry
    finally:
        stop.set()
        await asyncio.wait([running], timeout=SOON)
        assert running.done()


def payload() -> bytes:
    return orjson.dumps(task().wire())


async def settled(spy: Spy) -> str:
    return await asyncio.wait_for(spy.settled.get(), SOON)


async def test_a_done_task_is_reported_then_acked() -> None:
    spy = Spy(payload())
    queue = OneQueue(spy)
    done: list[str] = []

    async def handler(one: Task) -> bool:
        done.append(one.uid)
        return True

    async with consuming(queue, handler):
        assert await settled(spy) == "ack"
    assert done == [UID]
    assert queue.reported == [f"report.{KIND}.{UID}"]


async def test_a_task_whose_job_is_gone_is_acked_without_a_report() -> None:
    spy = Spy(payload())
    queue = OneQueue(spy)

    async def handler(_: Task) -> bool:
        return False

    async with consuming(queue, handler):
        assert await settled(spy) == "ack"
    assert queue.reported == []


async def test_a_failing_task_is_handed_back_with_a_growing_delay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spies = [Spy(payload()) for _ in range(3)]

    async def handler(_: Task) -> bool:
        raise RuntimeError("a fault of ours")

    with caplog.at_level(logging.ERROR):
        async with consuming(OneQueue(*spies), handler):
            assert [await settled(spy) for spy in spies] == ["nak 1", "nak 2", "nak 4"]
    assert "a fault of ours" in caplog.text


async def test_the_loop_goes_on_after_the_queue_was_away() -> None:
    spy = Spy(payload())

    async def handler(_: Task) -> bool:
        return True

    async with consuming(OneQueue(UnavailableError("away"), spy), handler):
        assert await settled(spy) == "ack"


async def test_a_payload_that_is_no_task_is_settled_once() -> None:
    bad, good = Spy(b"{"), Spy(payload())

    async def handler(_: Task) -> bool:
        return True

    async with consuming(OneQueue(bad, good), handler):
        assert await settled(bad) == "ack"
        assert await settled(good) == "ack"


async def test_a_running_task_is_kept_ours_even_if_a_heartbeat_fails() -> None:
    spy = Spy(payload(), away=True)

    async def handler(_: Task) -> bool:
        await asyncio.wait_for(spy.third_beat.wait(), SOON)
        spy.away = False
        return True

    async with consuming(OneQueue(spy), handler, heartbeat=0.001):
        assert await settled(spy) == "ack"
    assert spy.beats >= 3


async def test_a_task_cut_short_is_handed_back_at_once() -> None:
    spy = Spy(payload())
    started = asyncio.Event()

    async def handler(_: Task) -> bool:
        started.set()
        await asyncio.Event().wait()
        return True

    async with consuming(OneQueue(spy), handler) as (running, _):
        await asyncio.wait_for(started.wait(), SOON)
        running.cancel()
        assert await settled(spy) == "nak 0"
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_stop_lets_the_running_task_end() -> None:
    spy, go_on = Spy(payload()), asyncio.Event()

    async def handler(_: Task) -> bool:
        go_on.set()
        await asyncio.sleep(0.01)
        return True

    async with consuming(OneQueue(spy), handler):
        await asyncio.wait_for(go_on.wait(), SOON)
    assert await settled(spy) == "ack"


async def test_outcomes_are_counted() -> None:
    spies = [Spy(payload()), Spy(payload())]
    answers = iter([True, False])

    async def handler(_: Task) -> bool:
        return next(answers)

    async with consuming(OneQueue(*spies), handler) as (_, registry):
        for spy in spies:
            await settled(spy)
    for outcome in ("done", "gone"):
        labels = {"kind": KIND, "outcome": outcome}
        assert registry.get_sample_value("pressroom_finalizer_tasks_total", labels) == 1


def test_delays_grow_to_a_minute_and_start_again_after_a_success() -> None:
    delays = Delays()
    assert [delays.after_failure("a") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, MAX_DELAY]
    assert delays.after_failure("b") == 1
    delays.settled("a")
    assert delays.after_failure("a") == 1
