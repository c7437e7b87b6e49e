"""What a job needs next, and what its status says. Pure: decided from values, no input or output.

Decisions follow the resource alone, so a restarted operator decides the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from pressroom.model.batchjob import (
    DEFAULT_HISTORY_SECONDS,
    ArtifactsStatus,
    ArtifactStatus,
    BatchJob,
    BatchJobStatus,
)
from pressroom.model.conditions import (
    TERMINAL,
    Condition,
    ConditionType,
    Reason,
    Status,
    condition,
    find,
    put,
)
from pressroom.model.ledger import Artifact, Artifacts, WebhookRecord
from pressroom.model.tenant import TenantSpec, kept_seconds
from pressroom.model.webhooks import redelivery_of, redelivery_open, webhook_open
from pressroom.names import PURGE_FINALIZER
from pressroom_operator.progress import Progress

#: How long an open webhook holds up the purge of a job with a short TTL.
WEBHOOK_GRACE = timedelta(minutes=5)


class Step(Enum):
    """What to do for a job now."""

    NOTHING = auto()
    ADOPT = auto()  # set our finalizer, before any side effect
    ACCEPT = auto()  # check, copy, plan
    RUN = auto()  # dispatch, watch, finalize
    HOLD = auto()  # suspended
    CLOSE = auto()  # cancelled or overdue: give every open shard a ledger
    NOTIFY = auto()  # terminal, its webhook not settled
    KEEP = auto()  # terminal, its time not come
    EXPIRE = auto()  # purge the data, keep the small record
    FORGET = auto()  # delete the small record
    PURGE = auto()  # being deleted: purge, then let go


#: Steps that work on what the spec says.
UNDER_WAY = frozenset({Step.ACCEPT, Step.RUN, Step.HOLD, Step.CLOSE})


def step(job: BatchJob, now: datetime) -> Step:
    """What this job needs at this moment."""
    if job.metadata.deletion_timestamp is not None:
        return Step.PURGE if PURGE_FINALIZER in job.metadata.finalizers else Step.NOTHING
    if PURGE_FINALIZER not in job.metadata.finalizers:
        return Step.ADOPT
    reason = job.status.reason()
    if reason in TERMINAL:
        return _after_the_end(job, reason, now)
    if not is_true(job, ConditionType.ACCEPTED):
        return Step.ACCEPT
    if job.spec.cancel or overdue(job, now):
        return Step.CLOSE
    return Step.HOLD if job.spec.suspend else Step.RUN


def _after_the_end(job: BatchJob, reason: Reason, now: datetime) -> Step:
    if reason is Reason.EXPIRED:
        if now >= forget_at(job):
            return Step.FORGET
        # The small record has all that the event says.
        return Step.NOTIFY if redelivery_open(job) else Step.KEEP
    expires = expire_at(job)
    if webhook_open(job):
        # A short TTL must not keep the terminal event from being sent at least once.
        ended = job.status.completion_time or job.metadata.creation_timestamp
        return Step.NOTIFY if now < max(expires, ended + WEBHOOK_GRACE) else Step.EXPIRE
    return Step.EXPIRE if now >= expires else Step.KEEP


def is_true(job: BatchJob, type_: ConditionType) -> bool:
    """Whether a condition holds."""
    found = find(job.status.conditions, type_)
    return found is not None and found.status is Status.TRUE


def overdue(job: BatchJob, now: datetime) -> bool:
    """Whether the job's active deadline has passed, counted from its creation."""
    seconds = job.spec.active_deadline_seconds
    return seconds is not None and now >= deadline_at(job, seconds)


def deadline_at(job: BatchJob, seconds: int) -> datetime:
    """When a job is overdue."""
    return job.metadata.creation_timestamp + timedelta(seconds=seconds)


def expire_at(job: BatchJob) -> datetime:
    """When a finished job's data goes. The TTL is mutable, so it is computed anew."""
    ended = job.status.completion_time or job.metadata.creation_timestamp
    kept = kept_seconds(job.spec.ttl_seconds_after_finished, job.status.max_ttl_seconds)
    return ended + timedelta(seconds=kept)


def forget_at(job: BatchJob) -> datetime:
    """When a finished job's small record goes."""
    history = job.spec.history_seconds
    return expire_at(job) + timedelta(
        seconds=DEFAULT_HISTORY_SECONDS if history is None else history
    )


def wake_at(job: BatchJob, now: datetime) -> datetime | None:
    """When the job next needs looking after by itself, if it does."""
    reason = job.status.reason()
    if reason is Reason.EXPIRED:
        return forget_at(job)
    if reason in TERMINAL:
        return expire_at(job)
    seconds = job.spec.active_deadline_seconds
    return deadline_at(job, seconds) if seconds is not None else None


# --- the status ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ending:
    """How a job ends."""

    reason: Reason
    message: str


def ending(job: BatchJob, progress: Progress, artifacts: Artifacts, now: datetime) -> Ending:
    """The last word on a job whose artifacts stand."""
    if artifacts.error is not None:
        return Ending(Reason.FAILED, artifacts.error.message)
    total = progress.plan.rows
    if progress.succeeded + progress.failed < total:
        given_up = total - progress.succeeded - progress.failed
        if job.spec.cancel:
            return Ending(Reason.CANCELLED, f"Cancelled; {given_up} of {total} rows not rendered.")
        return Ending(
            Reason.DEADLINE_EXCEEDED,
            f"The active deadline passed; {given_up} of {total} rows not rendered.",
        )
    if progress.failed == 0:
        return Ending(Reason.COMPLETED, f"All {total} rows succeeded.")
    if progress.succeeded == 0:
        return Ending(Reason.ALL_ROWS_FAILED, f"All {total} rows failed.")
    return Ending(Reason.PARTIALLY_FAILED, f"{progress.failed} of {total} rows failed.")


class StatusWriter:
    """Builds a status on top of a job's present one."""

    def __init__(self, job: BatchJob, now: datetime) -> None:
        self._job = job
        self._now = now
        self._status = job.status.evolve(observed_generation=job.metadata.generation)

    def set(self, type_: ConditionType, status: Status, reason: str, message: str) -> None:
        """Set a condition."""
        new = condition(
            type_, status, reason, message, at=self._now, generation=self._job.metadata.generation
        )
        self._status = self._status.evolve(conditions=put(self._status.conditions, new))

    def has(self, type_: ConditionType) -> Condition | None:
        """The condition as it is now."""
        return find(self._status.conditions, type_)

    def tenant(self, tenant: TenantSpec) -> None:
        """Keep the limit that the tenant sets to the time its data is kept."""
        most = tenant.limits.max_ttl_seconds if tenant.limits else None
        self._status = self._status.evolve(max_ttl_seconds=most)

    def summary(self, reason: Reason, message: str) -> None:
        """Set what people read."""
        if reason in {Reason.COMPLETED}:
            status = Status.TRUE
        else:
            status = Status.FALSE if reason in TERMINAL else Status.UNKNOWN
        self.set(ConditionType.SUCCEEDED, status, reason, message)

    def counts(self, progress: Progress) -> None:
        """Rows, shards and the first failures."""
        self._status = self._status.evolve(
            rows=progress.row_counts(),
            shards=progress.shard_counts(),
            failures=list(progress.failures),
            findings=progress.finding_counts(),
        )

    def started(self) -> None:
        """The first shard went out."""
        if self._status.start_time is None:
            self._status = self._status.evolve(start_time=self._now)
        self.set(ConditionType.DISPATCHED, Status.TRUE, "Dispatching", "Shards are in the queue.")

    def ended(self, end: Ending, artifacts: Artifacts | None) -> None:
        """The last word, with the times that follow from it."""
        self.summary(end.reason, end.message)
        self._status = self._status.evolve(completion_time=self._now, ended_as=end.reason)
        after = self._job.evolve(status=self._status)
        self._status = self._status.evolve(
            expiry_time=expire_at(after),
            artifacts=_shown(artifacts) if artifacts is not None else self._status.artifacts,
        )

    def rejected(self, message: str) -> None:
        """The job is refused: it ends here, with nothing rendered."""
        self.ended(Ending(Reason.REJECTED, message), None)

    def failed(self, message: str) -> None:
        """The batch itself failed, whatever its rows."""
        self.ended(Ending(Reason.FAILED, message), None)

    def queued(self) -> None:
        """No shard is out."""
        if self.has(ConditionType.DISPATCHED) is not None:
            self.set(ConditionType.DISPATCHED, Status.FALSE, "Queued", "No shard is in the queue.")

    def waits(self, reason: str, message: str) -> None:
        """A dependency is away: nothing is lost, and nothing goes on."""
        if not is_true(self._job, ConditionType.ACCEPTED):
            self.set(ConditionType.ACCEPTED, Status.UNKNOWN, reason, message)
        elif not is_true(self._job, ConditionType.RENDERED):
            self.set(ConditionType.DISPATCHED, Status.FALSE, reason, message)
        self.summary(self._status.reason(), message)

    def expiry(self) -> None:
        """The expiry as the (mutable) TTL has it now."""
        self._status = self._status.evolve(expiry_time=expire_at(self._job))

    def purged(self) -> None:
        """The data is gone, the record stays."""
        self.summary(Reason.EXPIRED, "The data was purged; only this record is left.")
        self._status = self._status.evolve(artifacts=None)

    def webhook(self, record: WebhookRecord | None) -> None:
        """What became of the webhook, in the round of calls that was asked for last."""
        asked = redelivery_of(self._job)
        self._status = self._status.evolve(webhook_redelivery=asked)
        if record is None:
            message = "Not sent yet." if asked is None else "Not sent again yet."
            self.set(ConditionType.WEBHOOK_DELIVERED, Status.UNKNOWN, "Pending", message)
        elif record.delivered:
            self.set(
                ConditionType.WEBHOOK_DELIVERED,
                Status.TRUE,
                "Delivered",
                f"Answered {record.last_status} at attempt {record.attempts}.",
            )
        else:
            said = record.last_error or f"it answered {record.last_status}"
            self.set(
                ConditionType.WEBHOOK_DELIVERED,
                Status.FALSE if record.gave_up else Status.UNKNOWN,
                _undelivered(record),
                f"Attempt {record.attempts} failed: {said}.",
            )

    def result(self) -> BatchJobStatus:
        """The status built."""
        return self._status


def _undelivered(record: WebhookRecord) -> str:
    if record.refused:
        return "AddressRefused"
    return "GaveUp" if record.gave_up else "Retrying"


def _shown(artifacts: Artifacts) -> ArtifactsStatus:
    def one(artifact: Artifact | None) -> ArtifactStatus | None:
        return None if artifact is None else ArtifactStatus.model_validate(artifact.model_dump())

    return ArtifactsStatus(
        ledger=one(artifacts.ledger), zip=one(artifacts.zip), merged=one(artifacts.merged)
    )
