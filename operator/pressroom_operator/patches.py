"""Status patches: terminal news at once, mere progress coalesced.

At most one progress patch a second a job and so many a second farm-wide; the first is never kept
waiting. Every patch carries the resourceVersion it was computed from.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pressroom.model.batchjob import BatchJob, BatchJobStatus
from pressroom.ports import BATCH_JOBS, Jobs
from pressroom_operator.active import Key
from pressroom_operator.workqueue import WorkQueue

JOB_SECONDS = 1.0


class Patches:
    """Writes status. ConflictError where the resource changed since it was read.

    ``wrote`` is told each write: the job as it was, and the status that it has now.
    """

    def __init__(
        self,
        jobs: Jobs,
        keys: WorkQueue[Key],
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        wrote: Callable[[BatchJob, BatchJobStatus], None] | None = None,
    ) -> None:
        self._jobs = jobs
        self._keys = keys
        self._interval = 1 / per_second
        self._clock = clock
        self._wrote = wrote
        self._next = 0.0
        self._last: dict[Key, float] = {}
        self._reserved: dict[Key, float] = {}

    async def now(self, key: Key, job: BatchJob, status: BatchJobStatus) -> None:
        """Write at once, if anything differs."""
        self._reserved.pop(key, None)
        if status != job.status:
            self._last[key] = self._clock()
            await self._jobs.patch(
                BATCH_JOBS, *key, status_patch(job, status), subresource="status"
            )
            if self._wrote is not None:
                self._wrote(job, status)

    async def soon(self, key: Key, job: BatchJob, status: BatchJobStatus) -> None:
        """Write now if it is this job's turn, else have it looked at when it is."""
        if status == job.status:
            return
        at = self._clock()
        turn = self._turn(key, at)
        if status.conditions == job.status.conditions and turn > at:
            self._keys.add_after(key, turn - at)
            return
        await self.now(key, job, status)

    def _turn(self, key: Key, at: float) -> float:
        """When the job may write. Turns are given out one after another and kept until used, so
        that jobs that wait do not all wake for the same one."""
        if key not in self._reserved:
            turn = max(self._last.get(key, at - JOB_SECONDS) + JOB_SECONDS, self._next, at)
            self._reserved[key] = turn
            self._next = max(self._next, at) + self._interval
        return self._reserved[key]

    def forget(self, key: Key) -> None:
        """The job is gone."""
        self._last.pop(key, None)
        self._reserved.pop(key, None)


def status_patch(job: BatchJob, status: BatchJobStatus) -> dict[str, Any]:
    """A merge patch from the job's status to this one, conditional on its resourceVersion."""
    old, new = job.status.wire(), status.wire()
    gone = {name: None for name in old if name not in new}
    return {
        "metadata": {"resourceVersion": job.metadata.resource_version},
        "status": {**gone, **new},
    }
