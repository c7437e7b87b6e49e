"""Dispatch: gives shards to the queue, within a window as wide as the workers can use.

A small window is what lets priority, suspend and cancel bite at once, and a batch of five rows
pass another's fifty thousand.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from pressroom.errors import UnavailableError
from pressroom.lifecycle import backoff
from pressroom.model.ledger import WorkerBeat, WorkItem
from pressroom.names import LANE_BULK, LANE_FAST, LANES
from pressroom.ports import Queue
from pressroom_operator.active import ActiveJob, ActiveJobs, Key
from pressroom_operator.schedule import Candidate, Schedule, Share

log = logging.getLogger(__name__)

#: Seconds without a heartbeat after which a worker counts no more.
BEAT_SECONDS = 10.0
#: Slots assumed at least, so that the first shards wait for workers and not the reverse.
MIN_SLOTS = 4


@dataclass(frozen=True)
class _Seen:
    slots: int
    busy: int
    at: float


class Workers:
    """Which workers have been heard of lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def heard(self, beat: WorkerBeat) -> None:
        """A heartbeat came; one with no slots says goodbye."""
        if beat.slots:
            self._seen[beat.worker] = _Seen(beat.slots, beat.busy, self._clock())
        else:
            self._seen.pop(beat.worker, None)

    def slots(self) -> list[int]:
        """The slots of each live worker."""
        fresh = self._clock() - BEAT_SECONDS
        self._seen = {name: seen for name, seen in self._seen.items() if seen.at >= fresh}
        return [seen.slots for seen in self._seen.values()]

    def busy(self) -> dict[str, int]:
        """The slots in use on each host, named by its token: in a cluster a host is a pod."""
        self.slots()
        hosts: dict[str, int] = {}
        for name, seen in self._seen.items():
            host = name.rpartition("-")[0]
            hosts[host] = hosts.get(host, 0) + seen.busy
        return hosts

    def window(self) -> int:
        """How many shards may be queued or in work at once: one for each slot, one to fetch."""
        slots = self.slots()
        return max(sum(slots), MIN_SLOTS) + len(slots)


class Dispatcher:
    """Fills the window whenever it is told that something changed."""

    def __init__(
        self,
        queue: Queue,
        active: ActiveJobs,
        workers: Workers,
        *,
        started: Callable[[Key], None],
    ) -> None:
        self._queue = queue
        self._active = active
        self._workers = workers
        self._started = started
        # Apart: a tenant's turn among batches must not depend on who waits for single documents.
        self._schedules = {lane: Schedule() for lane in LANES}
        self._wake = asyncio.Event()
        self.shares: dict[str, Share] = {}

    def kick(self) -> None:
        """Something changed: a job came, a shard is done, a worker appeared."""
        self._wake.set()

    async def run(self) -> None:
        """Dispatch for ever; once a second at the least."""
        delays = backoff(1.0, 5.0)
        while True:
            try:
                await self.fill()
                delays = backoff(1.0, 5.0)
            except UnavailableError as error:
                log.warning("The queue is away; shards wait", extra={"error": error.log})
                await asyncio.sleep(next(delays))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            self._wake.clear()

    async def fill(self) -> None:
        """Queue shards until the window is full or nothing is left."""
        while (choice := self._next()) is not None:
            candidate, shard = choice
            first = not candidate.progress.queued and not candidate.progress.done
            candidate.progress.mark_queued(shard)
            await self._put(candidate, shard)
            active = self._active.get(candidate.uid)
            if first and active is not None:
                self._started(active.key)

    async def _put(self, candidate: Candidate, shard: int) -> None:
        item = WorkItem(uid=candidate.uid, shard=shard)
        try:
            await self._queue.put_work(
                candidate.lane, candidate.uid, shard, orjson.dumps(item.wire())
            )
        except BaseException:
            candidate.progress.take_back({shard})
            raise

    def _next(self) -> tuple[Candidate, int] | None:
        """Synchronous calls first and outside the window: somebody waits for them."""
        free = [one for one in self._active if not one.held]
        fast = self._schedule_of(free, LANE_FAST)
        if fast is not None:
            return fast
        in_flight = sum(len(one.progress.queued) for one in self._active if one.lane == LANE_BULK)
        if in_flight >= self._workers.window():
            return None
        return self._schedule_of(free, LANE_BULK)

    def _schedule_of(self, jobs: list[ActiveJob], lane: str) -> tuple[Candidate, int] | None:
        candidates = [one.candidate() for one in jobs if one.lane == lane]
        return self._schedules[lane].pick(candidates, self.shares) if candidates else None

    def shards(self) -> int:
        """Shards that could be in work at once, given enough workers: not those of held jobs."""
        return sum(_at_once(one) for one in self._active if not one.held)

    def backlog(self) -> int:
        """Rows that could be rendered now: not those of held jobs."""
        return sum(
            one.progress.plan.rows - one.progress.settled for one in self._active if not one.held
        )


def _at_once(active: ActiveJob) -> int:
    """The shards that a job still owes, or as many as it lets run at once."""
    owed = len(active.progress.pending) + len(active.progress.queued)
    most = active.job.spec.parallelism
    return owed if most is None else min(owed, most)
