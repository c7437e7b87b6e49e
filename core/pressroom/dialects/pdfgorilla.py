"""The PDFGorilla API: one document in the background, fetched as a PDF. Pure.

``POST /api/v1/templates/{templateId}/generate-async`` in, a flat job out. A job is a batch of one
row: the row's failure is the job's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from pressroom.addresses import Admitted
from pressroom.dialects import ids, native_rows
from pressroom.dialects.ceilings import Ceilings
from pressroom.dialects.fault import Fault
from pressroom.dialects.submission import Submission
from pressroom.errors import Code, UserError
from pressroom.model.base import rfc3339
from pressroom.model.batchjob import BatchJob, Dialect
from pressroom.model.conditions import ConditionType, find
from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import Row
from pressroom.model.states import State, last_word, state_of

CEILINGS = Ceilings(
    new_jobs_per_minute=20,
    requests_per_minute=60,
    active_jobs=10,
    active_jobs_per_key=20,
)
MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 100_000
MAX_SECRET = 512
MAX_URL = 2048
#: Carries a webhook's signature: hex HMAC-SHA-256 of the body by the client's secret.
SIGNATURE_HEADER = "X-PDFGorilla-Signature"

_URL = re.compile(r"(?i:https?)://[^\s\x00-\x1f\x7f]+")
_WORDS = {
    State.QUEUED: "queued",
    State.RENDERING: "processing",
    State.SUSPENDED: "processing",
    State.FINALIZING: "processing",
    State.COMPLETED: "completed",
    State.CANCELLED: "canceled",
    State.EXPIRED: "expired",
}
_FAILED = "failed"
_CODES = {
    Code.UNAUTHENTICATED: "UNAUTHORIZED",
    Code.TOO_MANY_REQUESTS: "RATE_LIMITED",
}


# --- requests ------------------------------------------------------------------------------------
def load(body: bytes) -> dict[str, Any]:
    """A request's JSON object. 400; 422 where it is nested beyond what is read at all."""
    value = _loads(body)
    if not isinstance(value, dict):
        raise UserError(Code.INVALID_REQUEST, "The body must be a JSON object.")
    return value


def key_of(body: Mapping[str, Any]) -> str | None:
    """The idempotency key. 400 where it is no text, or empty."""
    key = _text(body, "idempotencyKey")
    if key == "":
        raise _invalid("idempotencyKey", "must not be empty")
    return key


def parse(template: str, body: Mapping[str, Any], admitted: Admitted) -> Submission:
    """The job that a body asks for. ``admitted``: what webhooks may reach besides the internet.

    400 with the path of what is wrong; 422 ``too_complex`` for data beyond the limits.
    """
    url = _text(body, "webhookUrl")
    secret = _text(body, "webhookSecret")
    if secret is not None and len(secret) > MAX_SECRET:
        raise _invalid("webhookSecret", f"must have {MAX_SECRET} characters at most")
    if url is not None:
        url = _reachable(url, admitted)
        if not secret:
            raise _invalid("webhookSecret", "is required with webhookUrl")
    data = _data_of(body)
    return Submission(
        dialect=Dialect.PDF_GORILLA,
        rows=[Row(data=data).line()],
        template=template,
        page=PageOptions(output=Output.PDF),
        webhook_url=url,
        webhook_secret=secret if url is not None else None,
        idempotency_key=key_of(body),
    )


def _data_of(body: Mapping[str, Any]) -> dict[str, Any]:
    text = _text(body, "jsonData")
    if text is None:
        path, data = "data", body.get("data")
        data = {} if data is None else data
    else:
        path, data = "jsonData", _embedded(text)
    if not isinstance(data, dict):
        what = "a JSON object" if path == "data" else "the text of a JSON object"
        raise _invalid(path, f"must be {what}")
    _refuse_complex(data, path)
    return data


def _embedded(text: str) -> Any:
    try:
        return _loads(text.encode())
    except UserError as error:
        if error.code is Code.TOO_COMPLEX:
            raise
        raise _invalid("jsonData", f"is not JSON: {error.message.rstrip('.')}") from None


def _loads(text: bytes) -> Any:
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "depth limit" in error.msg:
            raise _too_complex("The data is nested too deeply.", None) from None
        raise native_rows.json_fault(text, error) from None


def _refuse_complex(data: dict[str, Any], path: str) -> None:
    """422 past the limits. ``data`` itself is level 1; what holds nothing more is a value."""
    values = 0
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        inner = []
        for value in _members(level):
            if isinstance(value, dict | list):
                inner.append(value)
            values += not (value and isinstance(value, dict | list))
        if values > MAX_VALUES:
            raise _too_complex(f"{path} holds more than {MAX_VALUES} values.", path)
        if not inner:
            return
        level = inner
    raise _too_complex(f"{path} is nested deeper than {MAX_DEPTH} levels.", path)


def _members(containers: list[Any]) -> Iterator[Any]:
    for one in containers:
        yield from one.values() if isinstance(one, dict) else one


def _too_complex(text: str, path: str | None) -> UserError:
    return UserError(Code.TOO_COMPLEX, text, path=path, status=422)


def _reachable(url: str, admitted: Admitted) -> str:
    """The webhook's URL: HTTPS and public, save for receivers that were admitted."""
    if len(url) > MAX_URL:
        raise _invalid("webhookUrl", f"must have {MAX_URL} characters at most")
    if not _is_url(url):
        raise _invalid("webhookUrl", "must be an HTTPS URL without credentials")
    if not admitted.admits_url(url):
        raise _invalid("webhookUrl", "must be public: this address is not")
    scheme, rest = url.split(":", 1)
    if scheme.lower() != "https" and not _is_inside(url, admitted):
        raise _invalid("webhookUrl", "must be an HTTPS URL")
    return f"{scheme.lower()}:{rest}"


def _is_inside(url: str, admitted: Admitted) -> bool:
    """Whether it is a receiver inside, where nobody need have a certificate."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host in admitted.hosts or not Admitted().admits_url(url)


def _is_url(url: str) -> bool:
    if _URL.fullmatch(url) is None:
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:  # brackets that hold no address, a port that is no number
        return False


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(name, "must be a string")
    return value


def _invalid(path: str, what: str) -> UserError:
    return UserError(Code.INVALID_REQUEST, f"{path} {what}.", path=path)


# --- answers -------------------------------------------------------------------------------------
def accepted(job: BatchJob, *, deduplicated: bool) -> dict[str, Any]:
    """The answer to a generate request: its job, or the one that its idempotency key made."""
    return {"jobId": job_id(job), "status": word(job), "deduplicated": deduplicated}


def status(job: BatchJob) -> dict[str, Any]:
    """A job as it stands. Times are RFC 3339 in UTC, null where not reached."""
    times = job.status
    return {
        "jobId": job_id(job),
        "status": word(job),
        "templateId": job.spec.template.name if job.spec.template else None,
        "error": failure(job),
        "createdAt": rfc3339(job.metadata.creation_timestamp),
        "startedAt": rfc3339(times.start_time) if times.start_time else None,
        "completedAt": rfc3339(times.completion_time) if times.completion_time else None,
        "expiresAt": rfc3339(times.expiry_time) if times.expiry_time else None,
    }


def failure(job: BatchJob) -> str | None:
    """Why a failed job failed; None for any other."""
    if word(job) != _FAILED:
        return None
    if job.status.failures:
        return job.status.failures[0].message
    summary = find(job.status.conditions, ConditionType.SUCCEEDED)
    return summary.message if summary and summary.message else "The job failed."


def word(job: BatchJob) -> str:
    """The job's status in this API."""
    return _WORDS.get(state_of(job), _FAILED)


def refuse_unfinished(job: BatchJob) -> None:
    """409 where there is no PDF of the job (yet), 410 where it has expired."""
    found = word(job)
    if found == "expired":
        raise UserError(Code.GONE, "The PDF of this job has expired.", status=410)
    if found in ("queued", "processing"):
        text = f"The job is {found}. Download its PDF once it is completed."
        raise UserError(Code.NOT_READY, text, status=409, retry_after=1)
    if found != "completed":
        why = failure(job)
        text = f"The job {found}: {why}" if why else "The job was canceled; it has no PDF."
        raise UserError(Code.BATCH_ENDED, text, status=409)


def refuse_ended(job: BatchJob) -> None:
    """409 where a job can no longer be canceled. Canceling it again is no error."""
    found = word(job)
    if found in (_FAILED, "completed", "expired"):
        text = f"The job is {found}; it can no longer be canceled."
        raise UserError(Code.BATCH_ENDED, text, status=409)


def job_id(job: BatchJob) -> str:
    """The job's id in this API."""
    return ids.public_id(Dialect.PDF_GORILLA, job.metadata.name)


def error(fault: Fault) -> tuple[int, dict[str, Any]]:
    """The body of an error. 422 is for complexity alone; what a plan lacks is a quota, so 429."""
    return _status_of(fault), {
        "error": fault.detail,
        "code": _CODES.get(fault.code, fault.code.upper()),
    }


def _status_of(fault: Fault) -> int:
    if fault.code is Code.TOO_COMPLEX:
        return 422
    return {402: 429, 415: 400, 422: 400}.get(fault.status, fault.status)


# --- webhooks ------------------------------------------------------------------------------------
def webhook(job: BatchJob) -> dict[str, Any]:
    """The event that ends a job: ``job.completed``, ``job.failed`` or ``job.canceled``."""
    found = _WORDS.get(last_word(job), _FAILED)
    ended = job.status.completion_time
    return {
        "event": f"job.{found}",
        "jobId": job_id(job),
        "status": found,
        "completedAt": rfc3339(ended) if ended else None,
    }
