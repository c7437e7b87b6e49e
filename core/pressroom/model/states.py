"""The native words for a job's state, and how they follow from the resource. Purely data."""

from __future__ import annotations

from enum import StrEnum

from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import Reason


class State(StrEnum):
    """A batch's state in the native API."""

    QUEUED = "queued"
    RENDERING = "rendering"
    SUSPENDED = "suspended"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    PARTIALLY_FAILED = "partiallyFailed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


_STATES = {
    Reason.QUEUED: State.QUEUED,
    Reason.RENDERING: State.RENDERING,
    Reason.SUSPENDED: State.SUSPENDED,
    Reason.FINALIZING: State.FINALIZING,
    Reason.COMPLETED: State.COMPLETED,
    Reason.PARTIALLY_FAILED: State.PARTIALLY_FAILED,
    Reason.ALL_ROWS_FAILED: State.FAILED,
    Reason.DEADLINE_EXCEEDED: State.FAILED,
    Reason.FAILED: State.FAILED,
    Reason.CANCELLED: State.CANCELLED,
    Reason.REJECTED: State.REJECTED,
    Reason.EXPIRED: State.EXPIRED,
}

TERMINAL_STATES = frozenset(
    {
        State.COMPLETED,
        State.PARTIALLY_FAILED,
        State.FAILED,
        State.CANCELLED,
        State.REJECTED,
        State.EXPIRED,
    }
)


def state_of(job: BatchJob) -> State:
    """The state a client is shown."""
    return _STATES[job.status.reason()]


def state_of_reason(reason: str) -> State:
    """The state that a summary reason stands for. ValueError: no reason of ours."""
    return _STATES[Reason(reason)]
