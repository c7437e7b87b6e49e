"""PDFGorilla's words: requests taken in, jobs and webhooks shown as its documents have them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pressroom import names
from pressroom.addresses import Admitted
from pressroom.dialects import pdfgorilla
from pressroom.dialects.fault import Fault
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect, OutputKind, Webhook, job_of
from pressroom.model.page import Output

NAME = names.job_name(bytes(range(15)))
CREATED = "2026-06-08T12:00:00Z"
ENDED = "2026-06-08T12:00:02Z"
NOBODY = Admitted()
HOOK = {"webhookUrl": "https://hooks.example.com/pdf", "webhookSecret": "s"}


def job(reason: str | None = None, **status: Any) -> BatchJob:
    """A job whose summary has this reason; none before the operator has seen it."""
    conditions = []
    if reason is not None:
        summary = {"type": "Succeeded", "status": "Unknown", "reason": reason, "message": "Why."}
        conditions = [{**summary, "lastTransitionTime": CREATED}]
    meta = {"name": NAME, "namespace": "farm", "uid": "u", "resourceVersion": "1"}
    manifest = {"key": "uploads/default/x.ndjson", "rows": 1, "bytes": 9, "sha256": "0" * 64}
    return job_of(
        {
            "metadata": {**meta, "creationTimestamp": CREATED},
            "spec": {"manifest": manifest, "template": {"name": "TEMPLATE_ID"}},
            "status": {"conditions": conditions, **status},
        }
    )


def data_of(body: dict[str, Any]) -> Any:
    (line,) = pdfgorilla.parse("TEMPLATE_ID", body, NOBODY).rows
    return orjson.loads(line).get("data", {})


def refused(body: dict[str, Any], admitted: Admitted = NOBODY) -> UserError:
    with pytest.raises(UserError) as raised:
        pdfgorilla.parse("TEMPLATE_ID", body, admitted)
    return raised.value


# --- requests ------------------------------------------------------------------------------------
def test_the_documented_body_becomes_one_pdf() -> None:
    made = pdfgorilla.parse("TEMPLATE_ID", {"data": {"orderId": "A-1"}}, NOBODY)
    assert made.dialect is Dialect.PDF_GORILLA
    assert [orjson.loads(line)["data"] for line in made.rows] == [{"orderId": "A-1"}]
    assert (made.template, made.idempotency_key) == ("TEMPLATE_ID", None)
    assert made.outputs == {OutputKind.FILES}
    assert made.page is not None and made.page.output is Output.PDF
    assert (made.webhook_url, made.webhook_secret) == (None, None)


def test_every_documented_field_is_taken() -> None:
    body = {"data": {}, "jsonData": '{"a": [null, 1]}', **HOOK, "idempotencyKey": "order-1"}
    made = pdfgorilla.parse("TEMPLATE_ID", body, NOBODY)
    assert orjson.loads(made.rows[0])["data"] == {"a": [None, 1]}
    assert made.webhook_url == "https://hooks.example.com/pdf"
    assert made.webhook_secret == "s"
    assert made.idempotency_key == "order-1"


@pytest.mark.parametrize(
    ("body", "data"),
    [
        ({}, {}),
        ({"data": None, "jsonData": None}, {}),
        ({"data": {"a": 1}}, {"a": 1}),
        ({"jsonData": '{"a": 2}'}, {"a": 2}),
        ({"data": {"a": 1}, "jsonData": '{"b": 2}'}, {"b": 2}),
        ({"data": {"a": 1}, "jsonData": "{}"}, {}),
    ],
)
def test_json_data_wins_over_data(body: dict[str, Any], data: dict[str, Any]) -> None:
    assert data_of(body) == data


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"data": []}, "data"),
        ({"data": "{}"}, "data"),
        ({"data": 0}, "data"),
        ({"data": False}, "data"),
        ({"jsonData": {}}, "jsonData"),
        ({"jsonData": ""}, "jsonData"),
        ({"jsonData": "<string>"}, "jsonData"),
        ({"jsonData": "[]"}, "jsonData"),
        ({"jsonData": "null"}, "jsonData"),
        ({"jsonData": '"text"', "data": {}}, "jsonData"),
        ({"idempotencyKey": 1}, "idempotencyKey"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({**HOOK, "webhookSecret": None}, "webhookSecret"),
        ({**HOOK, "webhookSecret": ""}, "webhookSecret"),
        ({**HOOK, "webhookSecret": 5}, "webhookSecret"),
        ({**HOOK, "webhookSecret": "x" * 513}, "webhookSecret"),
        ({**HOOK, "webhookUrl": 5}, "webhookUrl"),
    ],
)
def test_an_invalid_body_is_400_and_says_where(body: dict[str, Any], path: str) -> None:
    error = refused(body)
    assert (error.status, error.code, error.path) == (400, Code.INVALID_REQUEST, path)
    assert error.message.startswith(path)


def test_a_secret_may_have_512_characters() -> None:
    secret = "é" * 512
    assert pdfgorilla.parse("T", {**HOOK, "webhookSecret": secret}, NOBODY).webhook_secret == secret


def test_a_secret_without_a_webhook_is_not_kept() -> None:
    assert pdfgorilla.parse("T", {"webhookSecret": "s"}, NOBODY).webhook_secret is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://",
        "https:///path",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com/a b",
        " https://hooks.example.com/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com:99999/",
        "https://[::1",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://app.localhost:8443/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.1.2.3/",
        "https://192.168.0.1/",
        "https://169.254.169.254/latest/",
        "https://hooks.example.com/" + "x" * 2048,
    ],
)
def test_a_webhook_must_be_https_and_public(url: str) -> None:
    error = refused({**HOOK, "webhookUrl": url})
    assert (error.status, error.path) == (400, "webhookUrl")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com:8443/pdf?a=b#c",
        "https://8.8.8.8/",
        "https://bücher.example/",
    ],
)
def test_a_public_webhook_is_taken_as_sent(url: str) -> None:
    body = {**HOOK, "webhookUrl": url}
    assert pdfgorilla.parse("T", body, NOBODY).webhook_url == url


def test_any_spelling_of_https_makes_a_webhook_that_a_job_can_hold() -> None:
    made = pdfgorilla.parse("T", {**HOOK, "webhookUrl": "HTTPS://Hooks.Example.com/A"}, NOBODY)
    assert made.webhook_url is not None
    assert Webhook(url=made.webhook_url).url == "https://Hooks.Example.com/A"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:9000/", "http://127.0.0.1:9000/", "http://receiver.internal/"]
)
def test_a_receiver_inside_may_be_admitted(url: str) -> None:
    admitted = Admitted.parse("127.0.0.0/8, receiver.internal")
    assert pdfgorilla.parse("T", {**HOOK, "webhookUrl": url}, admitted).webhook_url == url


@pytest.mark.parametrize("url", ["http://hooks.example.com/", "https://10.0.0.1/", "http://[::1]/"])
def test_admitting_one_receiver_admits_no_other(url: str) -> None:
    admitted = Admitted.parse("127.0.0.0/8, receiver.internal")
    assert refused({**HOOK, "webhookUrl": url}, admitted).path == "webhookUrl"


# --- complexity ----------------------------------------------------------------------------------
def nested(levels: int) -> dict[str, Any]:
    """An object whose innermost container is this many levels deep."""
    data: dict[str, Any] = {"end": 1}
    for level in range(levels - 1):
        data = {"in": data} if level % 2 else {"in": data, "x": []}
    return data


@pytest.mark.parametrize("as_text", [False, True])
def test_64_levels_are_taken_and_65_are_not(as_text: bool) -> None:
    def body(data: dict[str, Any]) -> dict[str, Any]:
        return {"jsonData": orjson.dumps(data).decode()} if as_text else {"data": data}

    assert data_of(body(nested(64))) == nested(64)
    error = refused(body(nested(65)))
    assert (error.status, error.code) == (422, Code.TOO_COMPLEX)


@pytest.mark.parametrize("text", [b'{"data":' + b"[" * 5000, b'{"data":' + b'{"a":' * 5000])
def test_what_no_parser_reads_is_too_complex_too(text: bytes) -> None:
    closed = text + b"1" + b"]" * text.count(b"[") + b"}" * text.count(b"{")
    with pytest.raises(UserError) as raised:
        pdfgorilla.load(closed)
    assert (raised.value.status, raised.value.code) == (422, Code.TOO_COMPLEX)
    assert refused({"jsonData": closed.decode()}).status == 422


@pytest.mark.parametrize(
    "make",
    [
        lambda count: {"list": [0] * count},
        lambda count: {str(number): number for number in range(count)},
        lambda count: {"lists": [[1, 2]] * (count // 2 - 1), "more": [[]] * (2 + count % 2)},
        lambda count: {"empty": [{}] * count},
    ],
)
def test_100_000_values_are_taken_and_one_more_is_not(make: Any) -> None:
    assert pdfgorilla.parse("T", {"data": make(100_000)}, NOBODY).rows
    error = refused({"data": make(100_001)})
    assert (error.status, error.code, error.path) == (422, Code.TOO_COMPLEX, "data")


def test_the_limits_hold_for_the_data_that_counts() -> None:
    assert data_of({"data": nested(99), "jsonData": "{}"}) == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", Code.MALFORMED_JSON),
        (b"{", Code.MALFORMED_JSON),
        (b'{"data": NaN}', Code.MALFORMED_JSON),
        (b'{"data": "\xff"}', Code.BAD_ENCODING),
        (b"[]", Code.INVALID_REQUEST),
        (b"null", Code.INVALID_REQUEST),
    ],
)
def test_a_body_that_is_no_object(text: bytes, code: Code) -> None:
    with pytest.raises(UserError) as raised:
        pdfgorilla.load(text)
    assert (raised.value.status, raised.value.code) == (400, code)


def test_the_documented_limits() -> None:
    limits = pdfgorilla.CEILINGS
    assert (limits.new_jobs_per_minute, limits.requests_per_minute) == (20, 60)
    assert (limits.active_jobs, limits.active_jobs_per_key) == (10, 20)
    assert limits.rows is None
    assert pdfgorilla.MAX_BODY_BYTES == 10 * 1024 * 1024


# --- answers -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (None, "queued"),
        ("Queued", "queued"),
        ("Rendering", "processing"),
        ("Suspended", "processing"),
        ("Finalizing", "processing"),
        ("Completed", "completed"),
        ("AllRowsFailed", "failed"),
        ("DeadlineExceeded", "failed"),
        ("Failed", "failed"),
        ("Rejected", "failed"),
        ("Cancelled", "canceled"),
        ("Expired", "expired"),
    ],
)
def test_the_word_for_every_state(reason: str | None, word: str) -> None:
    assert pdfgorilla.status(job(reason, endedAs="Completed"))["status"] == word


@pytest.mark.parametrize("deduplicated", [False, True])
def test_the_documented_answer_to_a_request(deduplicated: bool) -> None:
    answer = pdfgorilla.accepted(job("Completed"), deduplicated=deduplicated)
    job_id = answer["jobId"]
    assert len(job_id) == 25 and job_id[0] == "c" and job_id.isalnum() and job_id.islower()
    assert answer == {"jobId": job_id, "status": "completed", "deduplicated": deduplicated}


def test_a_job_shows_when_what_happened() -> None:
    shown = pdfgorilla.status(
        job("Completed", startTime=CREATED, completionTime=ENDED, expiryTime="2026-06-09T12:00:02Z")
    )
    assert shown == {
        "jobId": pdfgorilla.job_id(job()),
        "status": "completed",
        "templateId": "TEMPLATE_ID",
        "error": None,
        "createdAt": CREATED,
        "startedAt": CREATED,
        "completedAt": ENDED,
        "expiresAt": "2026-06-09T12:00:02Z",
    }
    assert pdfgorilla.status(job())["completedAt"] is None


def test_a_failed_job_says_why() -> None:
    row = {"row": 0, "id": "0", "code": "template_failed", "message": "Line 1: no."}
    assert pdfgorilla.status(job("AllRowsFailed", failures=[row]))["error"] == "Line 1: no."
    assert pdfgorilla.status(job("Rejected"))["error"] == "Why."
    assert pdfgorilla.status(job("Cancelled"))["error"] is None


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (None, 409),
        ("Rendering", 409),
        ("AllRowsFailed", 409),
        ("Cancelled", 409),
        ("Expired", 410),
    ],
)
def test_a_job_without_a_pdf(reason: str | None, status: int) -> None:
    with pytest.raises(UserError) as raised:
        pdfgorilla.refuse_unfinished(job(reason, endedAs="Completed"))
    assert raised.value.status == status


def test_a_completed_job_has_a_pdf() -> None:
    pdfgorilla.refuse_unfinished(job("Completed"))


@pytest.mark.parametrize("reason", [None, "Rendering", "Suspended", "Cancelled"])
def test_what_can_be_canceled(reason: str | None) -> None:
    pdfgorilla.refuse_ended(job(reason))


@pytest.mark.parametrize("reason", ["Completed", "AllRowsFailed", "Rejected", "Expired"])
def test_what_cannot_be_canceled(reason: str) -> None:
    with pytest.raises(UserError) as raised:
        pdfgorilla.refuse_ended(job(reason))
    assert raised.value.status == 409


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(400, Code.INVALID_REQUEST, "x"), 400, "INVALID_REQUEST"),
        (Fault(400, Code.MALFORMED_JSON, "x"), 400, "MALFORMED_JSON"),
        (Fault(415, Code.UNSUPPORTED_MEDIA_TYPE, "x"), 400, "UNSUPPORTED_MEDIA_TYPE"),
        (Fault(422, Code.INVALID_OPTION, "x"), 400, "INVALID_OPTION"),
        (Fault(401, Code.UNAUTHENTICATED, "x"), 401, "UNAUTHORIZED"),
        (Fault(402, Code.INSUFFICIENT_CREDITS, "x"), 429, "INSUFFICIENT_CREDITS"),
        (Fault(404, Code.TEMPLATE_NOT_FOUND, "x"), 404, "TEMPLATE_NOT_FOUND"),
        (Fault(404, Code.NOT_FOUND, "x"), 404, "NOT_FOUND"),
        (Fault(413, Code.REQUEST_TOO_LARGE, "x"), 413, "REQUEST_TOO_LARGE"),
        (Fault(422, Code.TOO_COMPLEX, "x"), 422, "TOO_COMPLEX"),
        (Fault(429, Code.TOO_MANY_REQUESTS, "x"), 429, "RATE_LIMITED"),
        (Fault(429, Code.PAGE_QUOTA_EXCEEDED, "x"), 429, "PAGE_QUOTA_EXCEEDED"),
        (Fault(429, Code.TOO_MANY_ACTIVE_JOBS, "x"), 429, "TOO_MANY_ACTIVE_JOBS"),
        (Fault(500, Code.INTERNAL, "x"), 500, "INTERNAL"),
    ],
)
def test_errors(fault: Fault, status: int, code: str) -> None:
    assert pdfgorilla.error(fault) == (status, {"error": "x", "code": code})


# --- webhooks ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "word"),
    [("Completed", "completed"), ("AllRowsFailed", "failed"), ("Cancelled", "canceled")],
)
def test_the_event_that_ends_a_job(reason: str, word: str) -> None:
    event = {
        "event": f"job.{word}",
        "jobId": pdfgorilla.job_id(job()),
        "status": word,
        "completedAt": ENDED,
    }
    assert pdfgorilla.webhook(job(reason, completionTime=ENDED)) == event
    late = job("Expired", endedAs=reason, completionTime=ENDED)
    assert pdfgorilla.webhook(late) == event
