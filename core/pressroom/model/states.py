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


class Action(StrEnum):
    """What a client may ask of a batch, beside reading and deleting it."""

    CANCEL = "cancel"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETRY = "retry"


def actions_of(job: BatchJob) -> tuple[Action, ...]:
    """What makes a difference to the batch as it is now."""
    state = state_of(job)
    if state in TERMINAL_STATES:
        return (Action.RETRY,) if can_retry(job) else ()
    if job.spec.cancel or state is State.FINALIZING:
        return ()
    return Action.CANCEL, Action.RESUME if job.spec.suspend else Action.SUSPEND


def can_retry(job: BatchJob) -> bool:
    """Whether the batch has ended with rows that did not come out, and they can be read again."""
    if state_of(job) not in {State.PARTIALLY_FAILED, State.FAILED, State.CANCELLED}:
        return False
    # A batch that failed as such before it left anything has lost its plan or its ledgers.
    if job.status.reason() is Reason.FAILED and job.status.artifacts is None:
        return False
    rows = job.status.rows
    return rows is not None and rows.succeeded < rows.total


def last_word(job: BatchJob) -> State:
    """As :func:`state_of`; of an expired job how it ended."""
    state = state_of(job)
    if state is State.EXPIRED and job.status.ended_as is not None:
        return _STATES[job.status.ended_as]
    return state


def state_of_reason(reason: str) -> State:
    """The state that a summary reason stands for. ValueError: no reason of ours."""
    return _STATES[Reason(reason)]
