"""When a webhook is due. The finalizer makes the call; its record in the store is the truth."""

from __future__ import annotations

import orjson
from pydantic import ValidationError

from pressroom.dialects.webhooks import message_of
from pressroom.errors import NotFoundError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob
from pressroom.model.ledger import Task, WebhookRecord, WebhookTask
from pressroom.model.tenant import TenantSpec
from pressroom.model.webhooks import redelivery_of
from pressroom.names import TASK_WEBHOOK, webhook_key
from pressroom.ports import TENANTS, Jobs, Queue, Store

_LOOK_AGAIN = 20.0


class Notifier:
    """Asks for a webhook until its record says that it is settled."""

    def __init__(self, jobs: Jobs, queue: Queue, store: Store) -> None:
        self._jobs = jobs
        self._queue = queue
        self._store = store

    async def notify(self, job: BatchJob) -> tuple[WebhookRecord | None, float | None]:
        """The record so far, and the seconds until to look again (None: settled).

        A record of an earlier round, before the redelivery that was asked for last, counts as none.
        """
        record = await self._record(job)
        if record is not None and (record.delivered or record.gave_up):
            return record, None
        if record is not None and record.next_attempt_at is not None:
            left = (record.next_attempt_at - now()).total_seconds()
            if left > 0:
                return record, left
        attempt = record.attempts + 1 if record else 1
        task = webhook_task(job, await self._tenant(job), attempt)
        await self._queue.put_task(TASK_WEBHOOK, job.uid, orjson.dumps(task.wire()))
        return record, _LOOK_AGAIN

    async def _record(self, job: BatchJob) -> WebhookRecord | None:
        """None too where it cannot be read: the finalizer writes it anew."""
        try:
            body = await self._store.get(webhook_key(job.uid))
            record = WebhookRecord.model_validate(orjson.loads(body))
        except (NotFoundError, orjson.JSONDecodeError, ValidationError):
            return None
        return record if record.redelivery == redelivery_of(job) else None

    async def _tenant(self, job: BatchJob) -> TenantSpec:
        """The tenant as it is now; a job whose tenant is gone is told of by what it has itself."""
        try:
            body = await self._jobs.get(TENANTS, job.metadata.namespace, job.tenant)
        except NotFoundError:
            return TenantSpec()
        return TenantSpec.model_validate(body.get("spec") or {})


def webhook_task(job: BatchJob, tenant: TenantSpec, attempt: int) -> Task:
    """The payload of a webhook task: the terminal event of a job.

    The tenant's Secret signs it where the job has none of its own.
    """
    webhook = job.spec.webhook
    if webhook is None:
        raise ValueError("the job has no webhook")
    message = message_of(job)
    secret = webhook.secret_ref or tenant.webhook_secret_ref
    return Task(
        uid=job.uid,
        namespace=job.metadata.namespace,
        name=job.metadata.name,
        tenant=job.tenant,
        webhook=WebhookTask(
            url=webhook.url,
            secret_ref=secret.name if secret else None,
            event=message.event,
            body=orjson.dumps(message.body).decode(),
            attempt=attempt,
            signature_header=message.signature_header,
            admitted=(tenant.egress.allow if tenant.egress else None) or [],
            redelivery=redelivery_of(job),
        ),
    )
