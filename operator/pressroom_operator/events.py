"""Kubernetes Events of BatchJobs: what `kubectl describe` tells, a handful a job.

Best effort: an Event that cannot be written is logged and gone. Truth is the status.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any

from pressroom.errors import ConflictError, PressroomError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob, BatchJobStatus
from pressroom.model.conditions import Condition, ConditionType, Reason, Status, find
from pressroom.names import API_VERSION
from pressroom.ports import BATCH_JOBS, EVENTS, Jobs, Json
from pressroom_operator.outages import OUTAGES

log = logging.getLogger(__name__)
REPORTER = "pressroom-operator"
#: Events that wait to be written; more are dropped.
MOST_WAITING = 1_000
_NORMAL = frozenset(
    {
        Reason.QUEUED,
        Reason.RENDERING,
        Reason.SUSPENDED,
        Reason.FINALIZING,
        Reason.COMPLETED,
        Reason.CANCELLED,
        Reason.EXPIRED,
    }
)


class Recorder:
    """Takes Events at once, writes them one after another."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._waiting: asyncio.Queue[tuple[str, Json]] = asyncio.Queue(MOST_WAITING)

    def wrote(self, job: BatchJob, status: BatchJobStatus) -> None:
        """A status was written over ``job.status``: tell what is new in it."""
        for event in news(job, status):
            try:
                self._waiting.put_nowait((job.metadata.namespace, event))
            except asyncio.QueueFull:
                log.debug("An event was dropped", extra={"job": job.metadata.name})

    async def run(self) -> None:
        """Write for ever."""
        troubled = False
        while True:
            namespace, event = await self._waiting.get()
            try:
                await self._jobs.create(EVENTS, namespace, event)
            except ConflictError:
                continue  # told before a restart
            except PressroomError as error:
                # Said once for all that fail in a row: such an API takes the next one no more.
                level = logging.DEBUG if troubled else logging.WARNING
                log.log(level, "An event was not written", extra={"error": error.log})
                troubled = True
            else:
                troubled = False


def news(job: BatchJob, status: BatchJobStatus) -> list[Json]:
    """The Events that a new status calls for. Pure but for the clock."""
    told = [_of_condition(job, status, one) for one in status.conditions if _turned(job, one)]
    told.append(_of_summary(job, status))
    return [one for one in told if one is not None]


def _of_condition(job: BatchJob, status: BatchJobStatus, new: Condition) -> Json | None:
    good = new.status is Status.TRUE
    match new.type:
        case ConditionType.ACCEPTED if good:
            rows, shards = status.rows, status.shards
            size = ""
            if rows and shards:
                size = f"{_count(rows.total, 'row')} in {_count(shards.total, 'shard')}."
            return event(job, "Accepted", size, normal=True)
        case ConditionType.ACCEPTED | ConditionType.DISPATCHED if new.reason in OUTAGES:
            return event(job, new.reason, new.message, normal=False)
        case ConditionType.WEBHOOK_DELIVERED if new.status is not Status.UNKNOWN:
            return event(job, f"Webhook{new.reason}", new.message, normal=good)
    return None


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _of_summary(job: BatchJob, status: BatchJobStatus) -> Json | None:
    summary = find(status.conditions, ConditionType.SUCCEEDED)
    before, after = job.status.reason(), status.reason()
    if summary is None or after is before:
        return None
    if before is Reason.SUSPENDED and after in {Reason.QUEUED, Reason.RENDERING}:
        return event(job, "Resumed", "No longer suspended.", normal=True)
    if after is Reason.QUEUED:
        return None
    return event(job, after.value, summary.message, normal=after in _NORMAL)


def _turned(job: BatchJob, new: Condition) -> bool:
    old = find(job.status.conditions, new.type)
    return old is None or (old.status, old.reason) != (new.status, new.reason)


def event(job: BatchJob, reason: str, message: str, *, normal: bool) -> dict[str, Any]:
    """A core/v1 Event. Its name is the same whenever the same is told of the same version."""
    metadata = job.metadata
    seed = f"{metadata.uid} {metadata.resource_version} {reason}"
    digest = hashlib.sha256(seed.encode()).hexdigest()[:16]
    at = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata.name[:230].rstrip('-.')}.{digest}",
            "namespace": metadata.namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": BATCH_JOBS.kind,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
        },
        "type": "Normal" if normal else "Warning",
        "reason": reason,
        "message": message[:1_000],
        "source": {"component": REPORTER},
        "reportingComponent": REPORTER,
        "reportingInstance": REPORTER,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
