"""Webhooks under the operator: always asked for, by what the tenant says, and again on demand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType, Reason, Status, find
from pressroom.model.ledger import Task, WebhookRecord, WebhookTask
from pressroom.ports import BATCH_JOBS, TENANTS

HOOK = {"url": "https://hooks.test/x"}
ROWS = [{"data": {"a": 0}}]
NAME = names.job_name(bytes(range(15)))
AGAIN = "2026-03-04T05:06:07.000001Z"


async def asked(world: World) -> WebhookTask:
    """The next webhook task, taken."""
    delivery = await world.queue.take_task(names.TASK_WEBHOOK, 5)
    assert delivery is not None
    await delivery.ack()
    found = Task.model_validate(orjson.loads(delivery.data)).webhook
    assert found is not None
    return found


async def called(world: World, job: BatchJob, **record: Any) -> None:
    """What the finalizer leaves after a call."""
    values = {"delivered": True, "attempts": 1, "last_status": 200, "updated_at": now(), **record}
    made = WebhookRecord.model_validate(values)
    await world.store.put(names.webhook_key(job.uid), orjson.dumps(made.wire()))
    await world.queue.hint(names.report_subject(names.TASK_WEBHOOK, job.uid))


async def until_webhook(world: World, status: Status, name: str = "job") -> BatchJob:
    def holds(job: BatchJob) -> bool:
        found = find(job.status.conditions, ConditionType.WEBHOOK_DELIVERED)
        return found is not None and found.status is status

    return await world.until(holds, name)


async def redeliver(world: World, moment: str = AGAIN) -> None:
    patch = {"metadata": {"annotations": {names.ANNOTATION_REDELIVER: moment}}}
    await world.jobs.patch(BATCH_JOBS, NAMESPACE, "job", patch)


@pytest.mark.parametrize(
    ("spec", "failing", "event"),
    [
        ({"rows": ROWS}, set(), "batch.completed"),
        ({"rows": ROWS}, {0}, "batch.failed"),
        ({"rows": ROWS * 2}, {1}, "batch.partiallyFailed"),
        ({"rows": ROWS, "cancel": True}, set(), "batch.cancelled"),
        ({"rows": ROWS, "tenant": "nobody"}, set(), "batch.rejected"),
        ({"rows": ROWS, "dialect": "LightningPdf"}, {0}, "batch.completed"),
        ({"rows": ROWS, "dialect": "PdfGorilla"}, {0}, "job.failed"),
    ],
)
async def test_every_end_is_told(
    world: World, spec: dict[str, Any], failing: set[int], event: str
) -> None:
    world.failing = failing
    async with world.running():
        await world.create(NAME, **spec, webhook=HOOK)
        task = await asked(world)
        assert (task.event, task.url) == (event, HOOK["url"])
        await called(world, await world.job(NAME))
        await until_webhook(world, Status.TRUE, NAME)


async def test_the_end_of_a_job_that_cannot_be_read_is_told_too(world: World) -> None:
    async with world.running():
        # The model refuses what a schema cannot say.
        spec = {"html": "x", "rows": ROWS, "page": {"pageRanges": "5-2"}, "webhook": HOOK}
        body = {"metadata": {"name": "odd"}, "spec": spec}
        await world.jobs.create(BATCH_JOBS, NAMESPACE, body)
        assert (await asked(world)).event == "batch.rejected"


async def test_the_tenant_says_what_may_be_called_and_what_signs(world: World) -> None:
    async with world.running():
        spec = {"egress": {"allow": ["127.0.0.1"]}, "webhookSecretRef": {"name": "ours"}}
        await world.jobs.patch(TENANTS, NAMESPACE, "default", {"spec": spec})
        await world.create("plain", rows=ROWS, webhook=HOOK)
        task = await asked(world)
        assert (task.admitted, task.secret_ref) == (["127.0.0.1"], "ours")
        await world.create("own", rows=ROWS, webhook={**HOOK, "secretRef": {"name": "mine"}})
        while (task := await asked(world)).secret_ref == "ours":
            continue
        assert task.secret_ref == "mine"


async def test_a_redelivery_is_asked_for_once_and_survives_a_restart(world: World) -> None:
    async with world.running():
        await world.create(rows=ROWS, webhook=HOOK)
        first = await asked(world)
        await called(world, await world.job(), delivered=False, gave_up=True, last_error="no")
        await until_webhook(world, Status.FALSE)
    await redeliver(world)
    async with world.running():
        job = await until_webhook(world, Status.UNKNOWN)
    async with world.running():
        again = await asked(world)
        assert (again.redelivery, again.attempt) == (AGAIN, 1)
        assert (again.event, again.body) == (first.event, first.body)
        await called(world, job, redelivery=AGAIN)
        job = await until_webhook(world, Status.TRUE)
        assert job.status.webhook_redelivery == AGAIN
        # Nothing is asked for any more, though the annotation stays.
        assert await world.queue.take_task(names.TASK_WEBHOOK, 0.5) is None


async def test_a_redelivery_of_an_expired_job_is_sent_from_its_small_record(world: World) -> None:
    async with world.running():
        await world.create(rows=ROWS, webhook=HOOK, ttlSecondsAfterFinished=3600)
        first = await asked(world)
        await called(world, await world.job())
        await until_webhook(world, Status.TRUE)
        await world.age("job", timedelta(hours=2))
        await world.until_reason(Reason.EXPIRED)
        await redeliver(world)
        again = await asked(world)
        assert (again.redelivery, again.event) == (AGAIN, first.event)
        await called(world, await world.job(), redelivery=AGAIN)
        job = await until_webhook(world, Status.TRUE)
        assert job.status.reason() is Reason.EXPIRED
        await world.jobs.delete(BATCH_JOBS, NAMESPACE, "job")
        await world.until_gone()
    assert not [key for key in world.store.objects if key.startswith(names.job_prefix(job.uid))]


async def test_a_webhook_that_waits_is_left_until_it_is_due(world: World) -> None:
    async with world.running():
        await world.create(rows=ROWS, webhook=HOOK)
        await asked(world)
        later = now() + timedelta(hours=1)
        failed = {"delivered": False, "last_status": 500, "last_error": "HTTP 500"}
        await called(world, await world.job(), **failed, next_attempt_at=later)
        await world.until(lambda job: "HTTP 500" in job.model_dump_json())
    async with world.running():
        assert await world.queue.take_task(names.TASK_WEBHOOK, 0.5) is None
        job = await world.job()
        await called(world, job, **failed, next_attempt_at=now())
        assert (await asked(world)).attempt == 2
