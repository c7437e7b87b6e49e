"""When a webhook is due. The finalizer makes the call; its record in the store is the truth."""

from __future__ import annotations

from typing import Any

import orjson

from pressroom.errors import NotFoundError
from pressroom.model.base import now, rfc3339
from pressroom.model.batchjob import BatchJob
from pressroom.model.ledger import Task, WebhookRecord, WebhookTask
from pressroom.model.states import state_of
from pressroom.names import TASK_WEBHOOK, webhook_key
from pressroom.ports import Queue, Store

_LOOK_AGAIN = 20.0


class Notifier:
    """Asks for a webhook until its record says that it is settled."""

    def __init__(self, queue: Queue, store: Store) -> None:
        self._queue = queue
        self._store = store

    async def notify(self, job: BatchJob) -> tuple[WebhookRecord | None, float | None]:
        """The record so far, and the seconds until to look again (None: settled)."""
        record = await self._record(job.uid)
        if record is not None and (record.delivered or record.gave_up):
            return record, None
        if record is not None and record.next_attempt_at is not None:
            left = (record.next_attempt_at - now()).total_seconds()
            if left > 0:
                return record, left
        task = webhook_task(job, attempt=record.attempts + 1 if record else 1)
        await self._queue.put_task(TASK_WEBHOOK, job.uid, orjson.dumps(task.wire()))
        return record, _LOOK_AGAIN

    async def _record(self, uid: str) -> WebhookRecord | None:
        try:
            body = await self._store.get(webhook_key(uid))
        except NotFoundError:
            return None
        return WebhookRecord.model_validate(orjson.loads(body))


def webhook_task(job: BatchJob, attempt: int) -> Task:
    """The payload of a webhook task: the terminal event of a job."""
    webhook = job.spec.webhook
    if webhook is None:
        raise ValueError("the job has no webhook")
    event = f"batch.{state_of(job)}"
    return Task(
        uid=job.uid,
        namespace=job.metadata.namespace,
        name=job.metadata.name,
        tenant=job.tenant,
        webhook=WebhookTask(
            url=webhook.url,
            secret_ref=webhook.secret_ref.name if webhook.secret_ref else None,
            event=event,
            body=orjson.dumps(webhook_body(job, event)).decode(),
            attempt=attempt,
        ),
    )


def webhook_body(job: BatchJob, event: str) -> dict[str, Any]:
    """The native event: ``{type, timestamp, data}`` as Standard Webhooks recommends."""
    rows = job.status.rows
    ended = job.status.completion_time
    at = rfc3339(ended) if ended else None
    return {
        "type": event,
        "timestamp": at,
        "data": {
            "id": job.metadata.name,
            "state": state_of(job),
            "rows": rows.wire() if rows else None,
            "completedAt": at,
        },
    }
