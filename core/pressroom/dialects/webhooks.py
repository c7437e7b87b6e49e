"""What a webhook says when a job has ended, in the words of the API that made the job. Pure.

APIs whose documents know no webhook tell of their jobs as the native API does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pressroom import names
from pressroom.dialects import lightningpdf, native_answers, pdfgorilla
from pressroom.model.base import rfc3339
from pressroom.model.batchjob import BatchJob, Dialect
from pressroom.model.ledger import WebhookRecord
from pressroom.model.states import TERMINAL_STATES, last_word, state_of
from pressroom.model.webhooks import redelivery_of


@dataclass(frozen=True)
class WebhookMessage:
    """An event and its body as JSON.

    ``signature_header``: where the hex HMAC-SHA-256 of the body stands besides the headers of
    Standard Webhooks.
    """

    event: str
    body: dict[str, Any]
    signature_header: str | None = None


def message_of(job: BatchJob) -> WebhookMessage:
    """The event of a job that has ended: the same one however often, and however late, asked."""
    # A name that kubectl chose has no form in the dialects, which do not know such jobs.
    dialect = job.spec.dialect if names.job_id(job.metadata.name) is not None else None
    if dialect is Dialect.LIGHTNING_PDF:
        body = lightningpdf.webhook(job)
        return WebhookMessage(body["event"], body, lightningpdf.SIGNATURE_HEADER)
    if dialect is Dialect.PDF_GORILLA:
        body = pdfgorilla.webhook(job)
        return WebhookMessage(body["event"], body, pdfgorilla.SIGNATURE_HEADER)
    body = _native(job)
    return WebhookMessage(body["type"], body)


def _native(job: BatchJob) -> dict[str, Any]:
    """``{type, timestamp, data}``, as Standard Webhooks recommends."""
    state = last_word(job)
    rows = job.status.rows
    ended = job.status.completion_time
    at = rfc3339(ended) if ended else None
    return {
        "type": f"batch.{state}",
        "timestamp": at,
        "data": {
            "id": job.metadata.name,
            "state": state,
            "rows": rows.wire() if rows else None,
            "completedAt": at,
        },
    }


def entry(job: BatchJob, record: WebhookRecord | None) -> dict[str, Any]:
    """A webhook in the native API's list. ``record``: what the store holds of its calls, if any."""
    if record is not None and record.redelivery != redelivery_of(job):
        record = None  # of an earlier round
    due = record.next_attempt_at if record else None
    return {
        "batch": job.metadata.name,
        **native_answers.webhook(job),
        "event": message_of(job).event if state_of(job) in TERMINAL_STATES else None,
        "attempts": record.attempts if record else 0,
        "lastStatus": record.last_status if record else None,
        "lastError": record.last_error if record else None,
        "lastAttemptAt": rfc3339(record.updated_at) if record else None,
        "nextAttemptAt": rfc3339(due) if due else None,
    }
