"""Takes shards from the queue while a slot is free, the fast lane before the bulk lane.

One fetch per lane stands while a slot is free, so an idle worker asks once a second and a message
of either lane is taken at once. A fetch is never cancelled: the message it is about to bring would
be nobody's until the ack wait runs out. A message that finds no slot left goes straight back to the
queue, for another worker or for the next free slot.
"""

from __future__ import annotations

import asyncio
import logging
import time

from pressroom import names
from pressroom.errors import PressroomError, UnavailableError
from pressroom.lifecycle import backoff, pause
from pressroom.ports import Delivery
from pressroom_worker.farm import Farm
from pressroom_worker.shard import TROUBLED, ShardRun

_log = logging.getLogger(__name__)
#: How much longer than the fast lane's fetch a bulk fetch waits after a busy time: with both lanes
#: filled, the answer of the fast lane arrives first.
_FAST_FIRST = 0.005


class Consumer:
    """The slots of a worker, and the loops that fill them."""

    def __init__(self, farm: Farm, *, slots: int, drain_seconds: float) -> None:
        self._farm = farm
        self._slots = slots
        self._drain_seconds = drain_seconds
        self._running: dict[asyncio.Task[None], ShardRun] = {}
        self._free = asyncio.Event()
        self._free.set()
        self._fast_since: float | None = None
        self._draining = False
        #: Set whenever ``slots`` or ``busy`` has changed; cleared by whoever watches it.
        self.changed = asyncio.Event()

    @property
    def slots(self) -> int:
        """Shards that this worker takes at once: none once it is stopping."""
        return 0 if self._draining else self._slots

    @property
    def busy(self) -> int:
        """Slots that are taken now."""
        return len(self._running)

    def cancel(self, uid: str) -> None:
        """Give up the running shards of a job."""
        for run in self._running.values():
            if run.uid == uid:
                run.cancel()

    async def run(self, stop: asyncio.Event) -> None:
        """Take and render shards until ``stop`` is set; returns once every slot is empty."""
        lanes = [asyncio.create_task(self._fill(lane, stop)) for lane in names.LANES]
        try:
            await stop.wait()
            self._draining = True
            self.changed.set()
            self._free.set()
            await asyncio.gather(*lanes, self._drain())
        finally:
            for task in (*lanes, *self._running):
                task.cancel()

    # --- taking ----------------------------------------------------------------------------------
    async def _fill(self, lane: str, stop: asyncio.Event) -> None:
        delays = backoff()
        while not stop.is_set():
            await self._free.wait()
            if lane == names.LANE_BULK and not await self._fast_was_asked():
                continue
            if stop.is_set():
                return
            try:
                delivery = await self._fetch(lane)
            except UnavailableError as error:
                _log.warning("%s", error.log, extra={"action": "fetch_failed", "lane": lane})
                await pause(stop, next(delays))
                continue
            delays = backoff()
            if delivery is not None:
                await self._place(delivery, stop)

    async def _fetch(self, lane: str) -> Delivery | None:
        if lane != names.LANE_FAST:
            return await self._farm.queue.take_work(lane, self._farm.timing.fetch)
        self._fast_since = time.monotonic()
        try:
            return await self._farm.queue.take_work(lane, self._farm.timing.fetch)
        finally:
            self._fast_since = None

    async def _fast_was_asked(self) -> bool:
        """Let the fast lane's fetch go first; False where the slot is taken after that."""
        since = self._fast_since
        if since is None or time.monotonic() - since < _FAST_FIRST:
            await asyncio.sleep(_FAST_FIRST)
        return self._free.is_set()

    async def _place(self, delivery: Delivery, stop: asyncio.Event) -> None:
        if stop.is_set() or self.busy >= self._slots:
            try:
                await delivery.nak()
            except PressroomError as error:
                _log.warning("%s", error.log, extra={"action": "nak_failed"})
            return
        run = ShardRun(self._farm, delivery)
        task = asyncio.create_task(self._occupy(run, stop))
        self._running[task] = run
        task.add_done_callback(self._vacate)
        self._count(stop)

    def _vacate(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._count(None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a slot failed", exc_info=task.exception(), extra={"action": "slot_failed"})

    def _count(self, stop: asyncio.Event | None) -> None:
        self._farm.metrics.busy.set(self.busy)
        self.changed.set()
        if self.busy < self._slots or self._draining:
            self._free.set()
        elif stop is None or not stop.is_set():
            self._free.clear()

    async def _occupy(self, run: ShardRun, stop: asyncio.Event) -> None:
        if await run.run() in TROUBLED:
            await self._until_well(stop)
            await run.make_good()

    async def _until_well(self, stop: asyncio.Event) -> None:
        """Keep the slot until store and browser answer: a new shard would only fail as well."""
        for delay in backoff(1.0, 10.0):
            if await pause(stop, delay):
                return
            try:
                await self._farm.store.check()
                await self._farm.healthy()
            except PressroomError as error:
                _log.warning("%s", error.log, extra={"action": "slot_waits"})
            else:
                return

    # --- stopping --------------------------------------------------------------------------------
    async def _drain(self) -> None:
        """Let running shards finish for a while, then hand back the rest."""
        if self._running:
            await asyncio.wait([*self._running], timeout=self._drain_seconds)
        for run in self._running.values():
            run.drain()
        if self._running:
            # Tabs close, the attempt is marked, the message goes back, files go: each bounded.
            await asyncio.wait([*self._running], timeout=4 * self._farm.timing.tidy)
        left = [*self._running]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
