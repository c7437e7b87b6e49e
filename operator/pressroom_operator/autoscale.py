"""Autoscaling: as many workers as the backlog can use, by the scale of their Deployment.

Up at once; down when for a quiet period fewer would have done, and never by more pods than are
idle. Which pods go is told to Kubernetes beforehand by their deletion cost. What is decided is
pure; ``Autoscaler`` alone asks and writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pressroom.errors import NotFoundError, PressroomError
from pressroom.lifecycle import backoff
from pressroom.names import host_token
from pressroom.ports import DEPLOYMENTS, PODS, Jobs, Json, Queue
from pressroom_operator.dispatch import BEAT_SECONDS, Workers
from pressroom_operator.settings import OperatorSettings

log = logging.getLogger(__name__)

#: https://kubernetes.io/docs/reference/labels-annotations-taints/#pod-deletion-cost
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
IDLE, BUSY = "-100", "100"
#: Seconds between two looks at the backlog, which is in memory, and at the Deployment.
LOOK_SECONDS = 0.5
ASK_SECONDS = 10.0
#: Seconds between two tries to let workers go: busy ones may put it off for long.
SHRINK_SECONDS = 2.0


@dataclass(frozen=True)
class Backlog:
    """What is left to do: rows without an outcome, and the shards that they are in."""

    rows: int
    shards: int


@dataclass(frozen=True)
class Policy:
    """How many workers there may be, and how much work justifies one more."""

    least: int
    most: int
    slots: int
    rows_per_slot: int

    def needed(self, backlog: Backlog, slots: int | None = None) -> int:
        """Workers that this backlog can use; ``slots`` is what a live worker has."""
        if backlog.rows <= 0:
            return self.least
        each = slots or self.slots
        by_rows = math.ceil(backlog.rows / (self.rows_per_slot * each))
        # A shard is rendered by one slot: more slots than shards stand idle.
        by_shards = math.ceil(max(backlog.shards, 1) / each)
        return min(self.most, max(self.least, 1, min(by_rows, by_shards)))


class Quiet:
    """The most that was needed within a period."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, int]] = deque()

    def most(self, needed: int, at: float) -> int:
        """Note what is needed at ``at`` (seconds); the most of the period that ends there."""
        while self._seen and self._seen[-1][1] <= needed:
            self._seen.pop()
        self._seen.append((at, needed))
        while self._seen[0][0] < at - self._seconds:
            self._seen.popleft()
        return self._seen[0][1]


def down_to(current: int, wanted: int, busy: int) -> int:
    """How far ``current`` pods may shrink towards ``wanted`` when ``busy`` of them are."""
    return max(wanted, min(current, busy))


def policy_of(settings: OperatorSettings) -> Policy:
    """The policy that the settings describe."""
    return Policy(
        least=settings.autoscale_min,
        most=settings.autoscale_max,
        slots=settings.autoscale_slots,
        rows_per_slot=settings.autoscale_rows_per_slot,
    )


class Autoscaler:
    """Keeps one Deployment as large as the backlog asks for; ``current`` is -1 until known.

    ``backlog`` gives None while it is not known: nobody goes then.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        jobs: Jobs,
        queue: Queue,
        workers: Workers,
        backlog: Callable[[], Backlog | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._namespace = settings.namespace
        self._deployment = settings.autoscale_deployment
        self._policy = policy_of(settings)
        self._workers = workers
        self._backlog = backlog
        self._clock = clock
        self._quiet = Quiet(settings.autoscale_quiet_seconds)
        self._asked = self._tried = self._connected = -math.inf
        self._connections = -1
        self._selector = ""
        self.current = -1

    def needed(self) -> int:
        """Workers that the backlog can use now, whatever was needed before."""
        slots = self._workers.slots()
        backlog = self._backlog() or Backlog(0, 0)
        return self._policy.needed(backlog, max(slots) if slots else None)

    async def run(self) -> None:
        """Scale for ever; does nothing where no Deployment is named."""
        if not self._deployment:
            return
        delays = backoff(most=30)
        while True:
            try:
                await self.look()
            except NotFoundError:
                log.warning(
                    "There is no Deployment of the name in PRESSROOM_AUTOSCALE_DEPLOYMENT",
                    extra={"deployment": self._deployment},
                )
                await asyncio.sleep(next(delays))
            except PressroomError as error:
                log.warning("Not scaled; again soon", extra={"error": error.log})
                await asyncio.sleep(next(delays))
            else:
                delays = backoff(most=30)
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Compare what is needed with what there is, and act. Raises as the Jobs port does."""
        at = self._clock()
        hears = self._hears(at)
        if self.current < 0 or at - self._asked > ASK_SECONDS:
            first = self.current < 0
            await self._ask(at)
            if first:
                self._quiet.most(self.current, at)  # who has just started knows of no quiet
        if self._backlog() is None:
            self._quiet.most(self.current, at)
            return
        needed = self.needed()
        wanted = self._quiet.most(needed, at)
        if needed > self.current:
            await self._ask(at)
            if needed > self.current:
                await self._scale(needed)
        elif wanted < self.current and at - self._tried > SHRINK_SECONDS and hears:
            self._tried = at
            await self._queue.check()
            await self._ask(at)
            await self._shrink(wanted)

    def _hears(self, at: float) -> bool:
        """Whether the connection has stood long enough to have heard of every worker."""
        if self._queue.connections != self._connections:
            self._connections, self._connected = self._queue.connections, at
        return at - self._connected > BEAT_SECONDS

    async def _ask(self, at: float) -> None:
        scale = await self._jobs.get(
            DEPLOYMENTS, self._namespace, self._deployment, subresource="scale"
        )
        self.current = int(scale.get("spec", {}).get("replicas", 0))
        self._selector = scale.get("status", {}).get("selector", "")
        self._asked = at

    async def _shrink(self, wanted: int) -> None:
        target = down_to(self.current, wanted, await self._mark())
        if target < self.current:
            await self._scale(target)

    async def _mark(self) -> int:
        """Say of each pod what its end would cost; how many are busy."""
        listing = await self._jobs.list(PODS, self._namespace, label_selector=self._selector)
        slots = self._workers.busy()
        count = 0
        for pod in listing.items:
            if pod["metadata"].get("deletionTimestamp"):
                continue
            name = pod["metadata"]["name"]
            busy = slots.get(host_token(name), 0) > 0
            count += busy
            await self._put_cost(pod, BUSY if busy else IDLE)
        return count

    async def _put_cost(self, pod: Json, cost: str) -> None:
        metadata = pod["metadata"]
        if (metadata.get("annotations") or {}).get(DELETION_COST) == cost:
            return
        patch = {"metadata": {"annotations": {DELETION_COST: cost}}}
        with contextlib.suppress(NotFoundError):
            await self._jobs.patch(PODS, self._namespace, metadata["name"], patch)

    async def _scale(self, replicas: int) -> None:
        await self._jobs.patch(
            DEPLOYMENTS,
            self._namespace,
            self._deployment,
            {"spec": {"replicas": replicas}},
            subresource="scale",
        )
        log.info("Scaled", extra={"action": "scaled", "before": self.current, "now": replicas})
        self.current = replicas
