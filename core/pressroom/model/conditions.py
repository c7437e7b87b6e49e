"""Conditions, their types and reasons, as the Kubernetes API conventions have them. Purely data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from pressroom.model.base import Record, Time

#: A list of conditions is a map keyed by type (Kubernetes API conventions).
KEYED_BY_TYPE: dict[str, JsonValue] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
}


class ConditionType(StrEnum):
    """The conditions of a BatchJob. ``Succeeded`` is the summary; people read its reason."""

    ACCEPTED = "Accepted"
    DISPATCHED = "Dispatched"
    RENDERED = "Rendered"
    FINALIZED = "Finalized"
    WEBHOOK_DELIVERED = "WebhookDelivered"
    SUCCEEDED = "Succeeded"


class Status(StrEnum):
    """A condition's status."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Reasons of the summary condition ``Succeeded``."""

    QUEUED = "Queued"
    RENDERING = "Rendering"
    SUSPENDED = "Suspended"
    FINALIZING = "Finalizing"
    COMPLETED = "Completed"
    PARTIALLY_FAILED = "PartiallyFailed"
    ALL_ROWS_FAILED = "AllRowsFailed"
    CANCELLED = "Cancelled"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    REJECTED = "Rejected"
    FAILED = "Failed"
    EXPIRED = "Expired"


#: Reasons that no longer change by themselves, save into Expired.
TERMINAL = frozenset(
    {
        Reason.COMPLETED,
        Reason.PARTIALLY_FAILED,
        Reason.ALL_ROWS_FAILED,
        Reason.CANCELLED,
        Reason.DEADLINE_EXCEEDED,
        Reason.REJECTED,
        Reason.FAILED,
        Reason.EXPIRED,
    }
)


class Condition(Record):
    """One condition of the list keyed by ``type``."""

    type: str
    status: Status
    reason: str
    message: str = Field("", max_length=32768)
    last_transition_time: Time
    observed_generation: int | None = None


def find(conditions: Sequence[Condition], type_: str) -> Condition | None:
    """The condition of this type."""
    return next((one for one in conditions if one.type == type_), None)


def put(conditions: Sequence[Condition], new: Condition) -> list[Condition]:
    """The list with ``new`` in it; the transition time changes only when the status does."""
    old = find(conditions, new.type)
    if old is not None and old.status == new.status:
        new = new.evolve(last_transition_time=old.last_transition_time)
    kept = [new if one.type == new.type else one for one in conditions]
    return kept if old is not None else [*kept, new]


def condition(
    type_: ConditionType,
    status: Status,
    reason: str,
    message: str,
    *,
    at: datetime,
    generation: int | None,
) -> Condition:
    """A condition as of ``at``."""
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=at,
        observed_generation=generation,
    )
