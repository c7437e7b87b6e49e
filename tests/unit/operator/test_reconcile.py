"""What a job needs next follows from the resource and the clock alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pressroom.model.batchjob import BatchJob, job_of
from pressroom.model.conditions import ConditionType, Reason, Status, find
from pressroom.model.ledger import WebhookRecord
from pressroom.names import PURGE_FINALIZER
from pressroom_operator.reconcile import StatusWriter, Step, step

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(
    *,
    spec: dict[str, Any] | None = None,
    reason: Reason | None = None,
    accepted: bool = True,
    finalizers: tuple[str, ...] = (PURGE_FINALIZER,),
    deleted: bool = False,
    ended: timedelta | None = None,
    created: timedelta = timedelta(minutes=1),
    webhook: Status | None = None,
) -> BatchJob:
    conditions = []

    def add(type_: str, status: Status, why: str) -> None:
        conditions.append(
            {
                "type": type_,
                "status": status,
                "reason": why,
                "message": "",
                "lastTransitionTime": NOW.isoformat(),
            }
        )

    if accepted:
        add(ConditionType.ACCEPTED, Status.TRUE, "Accepted")
    if reason is not None:
        add(ConditionType.SUCCEEDED, Status.UNKNOWN, reason)
    if webhook is not None:
        add(ConditionType.WEBHOOK_DELIVERED, webhook, "x")
    return job_of(
        {
            "metadata": {
                "name": "j",
                "namespace": "n",
                "uid": "u",
                "resourceVersion": "1",
                "finalizers": list(finalizers),
                "creationTimestamp": (NOW - created).isoformat(),
                **({"deletionTimestamp": NOW.isoformat()} if deleted else {}),
            },
            "spec": {"rows": [{}], "html": "x", **(spec or {})},
            "status": {
                "conditions": conditions,
                **({"completionTime": (NOW - ended).isoformat()} if ended is not None else {}),
            },
        }
    )


HOUR = timedelta(hours=1)
HOOK = {"webhook": {"url": "https://example.com"}}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (job(finalizers=(), accepted=False), Step.ADOPT),
        (job(accepted=False), Step.ACCEPT),
        (job(reason=Reason.QUEUED), Step.RUN),
        (job(reason=Reason.QUEUED, spec={"suspend": True}), Step.HOLD),
        (job(reason=Reason.RENDERING, spec={"cancel": True, "suspend": True}), Step.CLOSE),
        (job(reason=Reason.RENDERING, spec={"activeDeadlineSeconds": 30}), Step.CLOSE),
        (job(reason=Reason.RENDERING, spec={"activeDeadlineSeconds": 90}), Step.RUN),
        (job(reason=Reason.COMPLETED, ended=HOUR), Step.KEEP),
        (job(reason=Reason.COMPLETED, ended=HOUR, spec=HOOK), Step.NOTIFY),
        (job(reason=Reason.COMPLETED, ended=HOUR, spec=HOOK, webhook=Status.UNKNOWN), Step.NOTIFY),
        (job(reason=Reason.COMPLETED, ended=HOUR, spec=HOOK, webhook=Status.TRUE), Step.KEEP),
        (job(reason=Reason.COMPLETED, ended=HOUR, spec=HOOK, webhook=Status.FALSE), Step.KEEP),
        (
            job(reason=Reason.COMPLETED, ended=HOUR, spec={"ttlSecondsAfterFinished": 60}),
            Step.EXPIRE,
        ),
        (
            job(
                reason=Reason.COMPLETED,
                ended=timedelta(minutes=1),
                spec={"ttlSecondsAfterFinished": 1, **HOOK},
            ),
            Step.NOTIFY,
        ),
        (
            job(reason=Reason.COMPLETED, ended=HOUR, spec={"ttlSecondsAfterFinished": 1, **HOOK}),
            Step.EXPIRE,
        ),
        (job(reason=Reason.EXPIRED, ended=2 * 24 * HOUR), Step.KEEP),
        (job(reason=Reason.EXPIRED, ended=10 * 24 * HOUR), Step.FORGET),
        (job(reason=Reason.REJECTED, accepted=False, ended=HOUR), Step.KEEP),
        (job(reason=Reason.RENDERING, deleted=True), Step.PURGE),
        (job(reason=Reason.COMPLETED, deleted=True, finalizers=("another",)), Step.NOTHING),
    ],
)
def test_the_next_step(resource: BatchJob, expected: Step) -> None:
    assert step(resource, NOW) is expected


def test_only_a_wholly_successful_job_has_succeeded_true() -> None:
    for reason, status in (
        (Reason.COMPLETED, Status.TRUE),
        (Reason.PARTIALLY_FAILED, Status.FALSE),
        (Reason.RENDERING, Status.UNKNOWN),
    ):
        writer = StatusWriter(job(), NOW)
        writer.summary(reason, "")
        found = find(writer.result().conditions, ConditionType.SUCCEEDED)
        assert found is not None
        assert found.status is status


def test_a_condition_keeps_its_transition_time_while_its_status_stays() -> None:
    before = job(reason=Reason.QUEUED)
    writer = StatusWriter(before, NOW + HOUR)
    writer.summary(Reason.RENDERING, "")
    found = find(writer.result().conditions, ConditionType.SUCCEEDED)
    assert found is not None
    assert found.last_transition_time == NOW


@pytest.mark.parametrize(
    ("record", "status", "reason"),
    [
        ({"gaveUp": True, "refused": True}, Status.FALSE, "AddressRefused"),
        ({"gaveUp": True}, Status.FALSE, "GaveUp"),
        ({}, Status.UNKNOWN, "Retrying"),
    ],
)
def test_what_is_said_of_a_webhook_that_was_not_delivered(
    record: dict[str, bool], status: Status, reason: str
) -> None:
    made = {"delivered": False, "attempts": 1, "updatedAt": NOW.isoformat(), **record}
    writer = StatusWriter(job(spec=HOOK), NOW)
    writer.webhook(WebhookRecord.model_validate(made))
    found = find(writer.result().conditions, ConditionType.WEBHOOK_DELIVERED)
    assert found is not None
    assert (found.status, found.reason) == (status, reason)
