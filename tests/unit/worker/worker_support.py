"""A farm without servers and browsers: a job in a memory store, and a renderer that obeys."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import orjson
from prometheus_client import CollectorRegistry

from pressroom import names
from pressroom.errors import Code, RowError, UnavailableError
from pressroom.model.ledger import ShardAttempt, ShardLedger, WorkItem
from pressroom.model.plan import Plan, Shard
from pressroom.model.rows import Row
from pressroom.model.template import Snapshot
from pressroom.ports import Delivery, Message
from pressroom.testing.memory_queue import MemoryQueue
from pressroom.testing.memory_store import MemoryStore
from pressroom_worker.catalog import Catalog
from pressroom_worker.farm import Farm, Timing
from pressroom_worker.metrics import WorkerMetrics
from pressroom_worker.render import BrowserCrashed, Failed, Rendered, RowJob
from pressroom_worker.shard import Outcome, ShardRun

UID = "6b1f0a4e-0000-4000-8000-000000000001"
SNAPSHOT = Snapshot(html="<p>{{ n }}</p>")
#: What FakeRenderer can be told to do with a row instead of rendering it.
CRASH = "crash"
HANG = "hang"
OVERSLEEP = "oversleep"
Deed = str | RowError


class AwayStore(MemoryStore):
    """A store that can go away for the next few puts too, and says when it was missed."""

    #: How many of the next row files, marks and attempts cannot be written.
    puts_fail = 0
    #: Set once a call has met the store away.
    missed: asyncio.Event

    def __init__(self) -> None:
        super().__init__()
        self.missed = asyncio.Event()

    def _answer(self) -> None:
        if self.away:
            self.missed.set()
            raise UnavailableError("the store is away")

    async def put(
        self, key: str, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> None:
        self._answer()
        if self.puts_fail:
            self.puts_fail -= 1
            raise UnavailableError("the store is away")
        await super().put(key, data, content_type=content_type)

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        self._answer()
        return await super().create(key, data, content_type=content_type)

    async def check(self) -> None:
        self._answer()
        await super().check()


class FakeRenderer:
    """Renders a row to its data; ``deeds`` tells, try by try, what happens to a row instead."""

    def __init__(self, **deeds: Sequence[Deed]) -> None:
        self._deeds = {int(index[1:]): list(what) for index, what in deeds.items()}
        self.seen: list[tuple[tuple[int, ...], bool]] = []
        self.tries: Counter[int] = Counter()
        #: Set once a row hangs.
        self.hangs = asyncio.Event()
        self.closed = asyncio.Event()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let rows that hang come out after all."""
        self._released.set()

    async def render(
        self,
        jobs: Sequence[RowJob],
        *,
        row_timeout: float,
        alone: bool = False,
        realm: str = "",
        on_start: Callable[[int], Awaitable[None]] | None = None,
    ) -> AsyncIterator[Rendered | Failed]:
        self.seen.append((tuple(job.index for job in jobs), alone))
        try:
            for job in jobs:
                if on_start is not None:
                    await on_start(job.index)
                yield await self._one(job)
        finally:
            self.closed.set()

    async def _one(self, job: RowJob) -> Rendered | Failed:
        self.tries[job.index] += 1
        deeds = self._deeds.get(job.index, [])
        deed = deeds.pop(0) if deeds else None
        if deed == CRASH:
            raise BrowserCrashed(job.index, "told to crash")
        if deed == HANG:
            self.hangs.set()
            await self._released.wait()
        if deed == OVERSLEEP:
            # Blocks the whole process, as a machine that is suspended does.
            time.sleep(0.1)  # noqa: ASYNC251
        if isinstance(deed, RowError):
            return Failed(index=job.index, error=deed, millis=7)
        data = orjson.dumps(job.row.data)
        return Rendered(index=job.index, data=data, pages=1, name=f"{job.index}.pdf", millis=5)


class SpyDelivery:
    """A delivery that remembers how it was settled."""

    def __init__(self, inner: Delivery, *, beats: bool = True) -> None:
        self._inner = inner
        self._beats = beats
        self.settled: list[str] = []

    @property
    def subject(self) -> str:
        return self._inner.subject

    @property
    def data(self) -> bytes:
        return self._inner.data

    async def in_progress(self) -> None:
        if not self._beats:
            raise UnavailableError("the queue is away")
        await self._inner.in_progress()

    async def ack(self) -> None:
        self.settled.append("ack")
        await self._inner.ack()

    async def nak(self, delay: float = 0) -> None:
        self.settled.append(f"nak {delay:g}")
        await self._inner.nak(delay)


@dataclass
class Running:
    """A shard that is being rendered."""

    run: ShardRun
    task: asyncio.Task[Outcome]


@dataclass
class World:
    """One job in a store, its first shard in a queue."""

    store: AwayStore = field(default_factory=AwayStore)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    timing: Timing = field(default_factory=lambda: Timing(fetch=0.05, patience=1, tidy=1))
    plan: Plan | None = None

    async def job(
        self, rows: Sequence[Row | bytes], *, shards: int = 1, uid: str = UID, **plan: object
    ) -> None:
        """Store a job's manifest, template and plan."""
        lines = [row if isinstance(row, bytes) else row.line() for row in rows]
        manifest = f"uploads/default/{uid}.ndjson"
        await self.store.put(manifest, b"".join(lines))
        await self.store.put(names.template_key(SNAPSHOT.digest()), SNAPSHOT.body())
        each = len(lines) // shards
        ranges = []
        for first in range(0, len(lines), each):
            part = lines[first : first + each]
            offset = sum(map(len, lines[:first]))
            ranges.append(
                Shard(first=first, rows=len(part), offset=offset, bytes=sum(map(len, part)))
            )
        self.plan = Plan.model_validate(
            {
                "uid": uid,
                "name": "job",
                "namespace": "pressroom",
                "tenant": "default",
                "manifest": manifest,
                "rows": len(lines),
                "shards": ranges,
                "templates": {"": SNAPSHOT.digest(), "gone": None},
                **plan,
            }
        )
        await self.store.create(names.plan_key(uid), orjson.dumps(self.plan.wire()))

    def farm(
        self, renderer: FakeRenderer, *, worker: str = "w1", metrics: WorkerMetrics | None = None
    ) -> Farm:
        return Farm(
            worker=worker,
            queue=self.queue,
            store=self.store,
            renderer=lambda: renderer,
            healthy=_healthy,
            catalog=Catalog(self.store),
            metrics=metrics or WorkerMetrics(CollectorRegistry()),
            timing=self.timing,
        )

    async def queued(self, shard: int = 0, *, lane: str = names.LANE_BULK, uid: str = UID) -> None:
        await self.queue.put_work(
            lane, uid, shard, orjson.dumps(WorkItem(uid=uid, shard=shard).wire())
        )

    async def taken(self, *, beats: bool = True) -> SpyDelivery:
        """The first shard's message, queued and taken."""
        await self.queued()
        delivery = await self.queue.take_work(names.LANE_BULK, 1)
        assert delivery is not None
        return SpyDelivery(delivery, beats=beats)

    async def run(self, renderer: FakeRenderer, *, worker: str = "w1") -> tuple[Outcome, list[str]]:
        """Take the shard and render it; what became of it, and how its message was settled."""
        delivery = await self.taken()
        outcome = await ShardRun(self.farm(renderer, worker=worker), delivery).run()
        return outcome, delivery.settled

    async def keys(self, below: str) -> list[str]:
        return [info.key async for info in self.store.list(f"jobs/{UID}/{below}")]

    async def ledger(self) -> ShardLedger:
        return ShardLedger.model_validate_json(await self.store.get(names.shard_key(UID, 0)))

    async def attempts(self) -> list[ShardAttempt]:
        return [
            ShardAttempt.model_validate_json(await self.store.get(key))
            for key in await self.keys("attempts/")
        ]

    def start(self, renderer: FakeRenderer, delivery: Delivery) -> Running:
        run = ShardRun(self.farm(renderer), delivery)
        return Running(run, asyncio.create_task(run.run()))

    def with_fetch(self, seconds: float) -> World:
        return replace(self, timing=replace(self.timing, fetch=seconds))

    def with_ack_wait(self, seconds: float) -> World:
        return replace(self, timing=replace(self.timing, ack_wait=seconds))


def rows(count: int) -> list[Row]:
    return [Row(data={"n": n}) for n in range(count)]


def timeout_error() -> RowError:
    return RowError(Code.RENDER_TIMEOUT, "The row took too long.")


def print_error() -> RowError:
    return RowError(Code.RENDER_FAILED, "The browser says: Printing failed.")


def data_error() -> RowError:
    return RowError(Code.TEMPLATE_UNDEFINED, "There is no value 'n'.")


async def first(messages: AsyncIterator[Message]) -> Message:
    async with asyncio.timeout(2):
        return await anext(messages)


async def until(true: Callable[[], Awaitable[bool]], *, seconds: float = 5) -> None:
    """Wait until a look at the world says so; for what announces itself by no event."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.005)


async def _healthy() -> None:
    return None
