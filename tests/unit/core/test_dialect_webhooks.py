"""What webhooks say: the native event, and those of the dialects whose documents have their own."""

from __future__ import annotations

from typing import Any

import pytest

from pressroom import names
from pressroom.dialects import ids
from pressroom.dialects.webhooks import message_of
from pressroom.model.batchjob import BatchJob, Dialect, job_of

NAME = names.job_name(bytes(range(15)))
ENDED = "2026-03-04T05:06:07Z"


def job(
    reason: str, dialect: Dialect | None = None, ended_as: str | None = None, **meta: Any
) -> BatchJob:
    condition = {
        "type": "Succeeded",
        "status": "False",
        "reason": reason,
        "lastTransitionTime": ENDED,
    }
    return job_of(
        {
            "metadata": {
                "name": NAME,
                "namespace": "n",
                "uid": "u",
                "resourceVersion": "1",
                "creationTimestamp": ENDED,
                **meta,
            },
            "spec": {
                "rows": [{}],
                "html": "x",
                "webhook": {"url": "https://hooks.test/"},
                **({"dialect": dialect} if dialect else {}),
            },
            "status": {
                "conditions": [condition],
                "completionTime": ENDED,
                "rows": {"total": 3, "succeeded": 2, "failed": 1, "settled": 3, "pages": 2},
                **({"endedAs": ended_as} if ended_as else {}),
            },
        }
    )


def test_the_native_event_says_how_the_batch_ended() -> None:
    message = message_of(job("PartiallyFailed"))
    rows = {
        "total": 3,
        "succeeded": 2,
        "failed": 1,
        "settled": 3,
        "pages": 2,
        "bytes": 0,
        "flagged": 0,
    }
    data = {"id": NAME, "state": "partiallyFailed", "rows": rows, "completedAt": ENDED}
    assert (message.event, message.signature_header) == ("batch.partiallyFailed", None)
    assert message.body == {"type": "batch.partiallyFailed", "timestamp": ENDED, "data": data}


@pytest.mark.parametrize("dialect", [Dialect.IMAGINE_PDF, Dialect.MAIL_MERGE, Dialect.GLYPH])
def test_dialects_without_webhooks_tell_as_the_native_api_does(dialect: Dialect) -> None:
    assert message_of(job("Completed", dialect)) == message_of(job("Completed"))


def test_lightningpdf_tells_in_its_own_words() -> None:
    message = message_of(job("AllRowsFailed", Dialect.LIGHTNING_PDF))
    assert (message.event, message.signature_header) == (
        "batch.completed",
        "X-LightningPDF-Signature",
    )
    assert message.body["job_id"] == ids.public_id(Dialect.LIGHTNING_PDF, NAME)
    assert message.body["status"] == "failed"


def test_pdfgorilla_tells_in_its_own_words() -> None:
    message = message_of(job("Cancelled", Dialect.PDF_GORILLA))
    assert (message.event, message.signature_header) == ("job.canceled", "X-PDFGorilla-Signature")
    assert set(message.body) == {"event", "jobId", "status", "completedAt"}


@pytest.mark.parametrize("dialect", [None, Dialect.LIGHTNING_PDF, Dialect.PDF_GORILLA])
def test_the_event_stays_the_same_when_the_job_has_expired(dialect: Dialect | None) -> None:
    ended = message_of(job("Completed", dialect))
    assert message_of(job("Expired", dialect, ended_as="Completed")) == ended


@pytest.mark.parametrize("dialect", [Dialect.LIGHTNING_PDF, Dialect.PDF_GORILLA])
def test_a_job_whose_name_has_no_form_in_its_dialect_is_told_of_natively(dialect: Dialect) -> None:
    assert message_of(job("Completed", dialect, name="letters")).event == "batch.completed"
    assert message_of(job("Completed", dialect, name="letters")).signature_header is None
