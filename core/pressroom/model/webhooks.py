"""Whether a job's webhook has still to be called. Purely data.

A redelivery is an annotation that a client has set anew: its text names the round of calls that was
asked for, and ``status.webhookRedelivery`` the one that the condition speaks of.
"""

from __future__ import annotations

from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType, Status, find
from pressroom.names import ANNOTATION_REDELIVER


def redelivery_of(job: BatchJob) -> str | None:
    """The redelivery that was asked for last, if one was."""
    return job.metadata.annotations.get(ANNOTATION_REDELIVER)


def redelivery_is_new(job: BatchJob) -> bool:
    """Whether a redelivery was asked for that the condition does not speak of yet."""
    asked = redelivery_of(job)
    return asked is not None and asked != job.status.webhook_redelivery


def webhook_open(job: BatchJob) -> bool:
    """Whether there is a webhook that was neither delivered nor given up."""
    if job.spec.webhook is None:
        return False
    found = find(job.status.conditions, ConditionType.WEBHOOK_DELIVERED)
    return redelivery_is_new(job) or found is None or found.status is Status.UNKNOWN


def redelivery_open(job: BatchJob) -> bool:
    """Whether a redelivery was asked for that has not come to an end."""
    return redelivery_of(job) is not None and webhook_open(job)
