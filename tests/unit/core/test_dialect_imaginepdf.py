"""ImaginePDF's words: requests taken in and jobs shown as its documents have them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pressroom import names
from pressroom.dialects import imaginepdf, submission
from pressroom.dialects.fault import Fault
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect, OutputKind, job_of
from pressroom.model.page import Output

NAME = names.job_name(bytes(range(15)))
CREATED = "2026-06-08T12:00:00Z"
DOCUMENTED = {
    "rows": [
        {"invoice_number": "INV-001", "customer_name": "Acme Corp", "amount": "$100"},
        {"invoice_number": "INV-002", "customer_name": "Globex Inc", "amount": "$250"},
    ]
}


def job(reason: str | None = None, **status: Any) -> BatchJob:
    """A job of two rows whose summary has this reason; none before the operator has seen it."""
    conditions = []
    if reason is not None:
        summary = {"type": "Succeeded", "status": "Unknown", "reason": reason, "message": "Why."}
        conditions = [{**summary, "lastTransitionTime": CREATED}]
    meta = {"name": NAME, "namespace": "farm", "uid": "u", "resourceVersion": "1"}
    manifest = {"key": "uploads/default/x.ndjson", "rows": 2, "bytes": 9, "sha256": "0" * 64}
    return job_of(
        {
            "metadata": {**meta, "creationTimestamp": CREATED},
            "spec": {
                "dialect": "ImaginePdf",
                "manifest": manifest,
                "template": {"name": "design_abc123"},
            },
            "status": {"conditions": conditions, **status},
        }
    )


def counts(succeeded: int, failed: int) -> dict[str, int]:
    return {"total": 2, "succeeded": succeeded, "failed": failed, "settled": succeeded + failed}


ZIP = {"zip": {"key": "jobs/u/out/a/batch.zip", "bytes": 9, "sha256": "0" * 64}}


def refused(body: Any, most: int = 10) -> UserError:
    with pytest.raises(UserError) as raised:
        imaginepdf.parse("design_abc123", body, most=most)
    return raised.value


def test_the_documented_body_becomes_a_zip_of_pdfs() -> None:
    made = imaginepdf.parse("design_abc123", DOCUMENTED, most=2)
    assert made.dialect is Dialect.IMAGINE_PDF
    assert [orjson.loads(line)["data"] for line in made.rows] == DOCUMENTED["rows"]
    assert made.template == "design_abc123"
    assert made.outputs == {OutputKind.FILES, OutputKind.ZIP}
    assert made.page is not None and made.page.output is Output.PDF
    assert made.ttl_seconds == submission.TTL_SECONDS


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({}, "rows", Code.INVALID_REQUEST),
        ({"rows": None}, "rows", Code.INVALID_REQUEST),
        ({"rows": {"a": 1}}, "rows", Code.INVALID_REQUEST),
        ({"rows": "text"}, "rows", Code.INVALID_REQUEST),
        ({"rows": []}, "rows", Code.NO_ROWS),
        ({"rows": [{}, 1]}, "rows[1]", Code.INVALID_REQUEST),
        ({"rows": [None]}, "rows[0]", Code.INVALID_REQUEST),
        ({"rows": [{}, {}, []]}, "rows[2]", Code.INVALID_REQUEST),
    ],
)
def test_rows_that_are_none(body: dict[str, Any], path: str, code: Code) -> None:
    error = refused(body)
    assert (error.status, error.path, error.code) == (400, path, code)
    assert path in error.message or error.code is Code.NO_ROWS


def test_an_empty_row_is_one_and_unknown_fields_mean_nothing() -> None:
    assert len(imaginepdf.parse("d", {"rows": [{}], "note": 1}, most=1).rows) == 1


def test_more_rows_than_the_plan_allows() -> None:
    error = refused({"rows": [{}] * 3}, most=2)
    assert (error.status, error.code) == (400, Code.TOO_MANY_ROWS)
    assert "2 rows" in error.message


@pytest.mark.parametrize("query", [{}, {"design": ""}, {"Design": "d"}])
def test_a_design_is_required(query: dict[str, str]) -> None:
    with pytest.raises(UserError, match="design") as raised:
        imaginepdf.design_of(query)
    assert raised.value.status == 400


def test_the_design_is_taken_as_sent() -> None:
    assert imaginepdf.design_of({"design": "design_abc123"}) == "design_abc123"


@pytest.mark.parametrize("features", [None, frozenset({"batchGenerate"})])
def test_a_plan_with_the_feature_may_come_in(features: frozenset[str] | None) -> None:
    imaginepdf.refuse_unentitled(features)


@pytest.mark.parametrize("features", [frozenset(), frozenset({"batchgenerate"})])
def test_a_plan_without_the_feature_may_not(features: frozenset[str]) -> None:
    with pytest.raises(UserError) as raised:
        imaginepdf.refuse_unentitled(features)
    status, body = imaginepdf.error(Fault(raised.value.status, raised.value.code, "No."))
    assert (status, body["error"]["code"]) == (403, "INSUFFICIENT_PERMISSIONS")


def test_the_documented_answer_to_a_new_job() -> None:
    answer = imaginepdf.accepted(job())
    job_id = answer["data"]["jobId"]
    assert job_id.startswith("job_")
    assert answer == {
        "status": "success",
        "data": {
            "jobId": job_id,
            "status": "queued",
            "total": 2,
            "designId": "design_abc123",
        },
        "error": None,
    }


def test_the_documented_answer_to_a_job_under_way() -> None:
    under_way = job("Rendering", rows=counts(1, 0), startTime="2026-06-08T12:01:00Z")
    answer = imaginepdf.status(under_way)
    assert answer == {
        "status": "success",
        "data": {
            "jobId": imaginepdf.job_id(under_way),
            "status": "processing",
            "total": 2,
            "completed": 1,
            "failed": 0,
            "createdAt": "2026-06-08T12:00:00Z",
            "updatedAt": "2026-06-08T12:01:00Z",
        },
        "error": None,
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (None, "queued"),
        ("Queued", "queued"),
        ("Rendering", "processing"),
        ("Suspended", "processing"),
        ("Finalizing", "processing"),
        ("Completed", "completed"),
        ("PartiallyFailed", "completed"),
        ("AllRowsFailed", "failed"),
        ("Failed", "failed"),
        ("Rejected", "failed"),
        ("DeadlineExceeded", "failed"),
        ("Cancelled", "failed"),
    ],
)
def test_the_word_for_every_state(reason: str | None, word: str) -> None:
    assert imaginepdf.status(job(reason))["data"]["status"] == word


@pytest.mark.parametrize(
    ("ended", "word"),
    [("Completed", "completed"), ("PartiallyFailed", "completed"), ("AllRowsFailed", "failed")],
)
def test_an_expired_job_keeps_its_last_word_and_counts(ended: str, word: str) -> None:
    data = imaginepdf.status(job("Expired", endedAs=ended, rows=counts(1, 1)))["data"]
    assert (data["status"], data["completed"], data["failed"]) == (word, 1, 1)


def test_nothing_is_counted_before_the_job_is_accepted() -> None:
    data = imaginepdf.status(job())["data"]
    assert (data["total"], data["completed"], data["failed"]) == (2, 0, 0)
    assert data["createdAt"] == data["updatedAt"] == CREATED


def test_the_end_is_the_last_update() -> None:
    ended = job("Completed", startTime=CREATED, completionTime="2026-06-08T12:02:03.9Z")
    assert imaginepdf.status(ended)["data"]["updatedAt"] == "2026-06-08T12:02:03Z"


@pytest.mark.parametrize("reason", ["Completed", "PartiallyFailed"])
def test_a_completed_job_has_an_archive(reason: str) -> None:
    assert imaginepdf.archive_of(job(reason, artifacts=ZIP)).key == ZIP["zip"]["key"]


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (None, 409),
        ("Rendering", 409),
        ("Finalizing", 409),
        ("AllRowsFailed", 409),
        ("Failed", 409),
        ("Rejected", 409),
        ("Cancelled", 409),
        ("Expired", 410),
    ],
)
def test_a_job_without_an_archive(reason: str | None, status: int) -> None:
    with pytest.raises(UserError) as raised:
        imaginepdf.archive_of(job(reason, artifacts=ZIP, endedAs="Completed"))
    assert raised.value.status == status


def test_the_documented_answer_to_a_download() -> None:
    assert imaginepdf.link("https://s.test/batch.zip?signature=x") == {
        "status": "success",
        "data": {"url": "https://s.test/batch.zip?signature=x", "expiresIn": 3600},
        "error": None,
    }


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(400, Code.MALFORMED_JSON, "x"), 400, "MALFORMED_JSON"),
        (Fault(400, Code.TOO_MANY_ROWS, "x"), 400, "TOO_MANY_ROWS"),
        (Fault(401, Code.UNAUTHENTICATED, "x"), 401, "UNAUTHORIZED"),
        (Fault(402, Code.INSUFFICIENT_CREDITS, "x"), 402, "INSUFFICIENT_CREDITS"),
        (Fault(403, Code.FORBIDDEN, "x"), 403, "INSUFFICIENT_PERMISSIONS"),
        (Fault(404, Code.NOT_FOUND, "x"), 404, "NOT_FOUND"),
        (Fault(404, Code.TEMPLATE_NOT_FOUND, "x"), 404, "DESIGN_NOT_FOUND"),
        (Fault(405, Code.METHOD_NOT_ALLOWED, "x"), 405, "METHOD_NOT_ALLOWED"),
        (Fault(413, Code.REQUEST_TOO_LARGE, "x"), 413, "REQUEST_TOO_LARGE"),
        (Fault(422, Code.INVALID_OPTION, "x"), 400, "INVALID_OPTION"),
        (Fault(429, Code.TOO_MANY_REQUESTS, "x"), 429, "RATE_LIMITED"),
        (Fault(500, Code.INTERNAL, "x"), 500, "INTERNAL"),
    ],
)
def test_errors_have_the_envelope_too(fault: Fault, status: int, code: str) -> None:
    assert imaginepdf.error(fault) == (
        status,
        {"status": "error", "data": None, "error": {"code": code, "message": "x"}},
    )
