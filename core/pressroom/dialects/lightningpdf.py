"""The LightningPDF API, answer side: jobs in its words. Pure.

Results are told with the status; a file's place in an answer is a :class:`Pdf`, which whoever
sends the answer fills in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pressroom.dialects import ids
from pressroom.dialects.ceilings import Ceilings
from pressroom.dialects.fault import Fault
from pressroom.dialects.submission import echo_of
from pressroom.errors import Code, UserError
from pressroom.model.base import rfc3339
from pressroom.model.batchjob import BatchJob, Dialect, RowCounts
from pressroom.model.conditions import ConditionType, Reason, find
from pressroom.model.ledger import RowOutcome, RowState
from pressroom.model.states import TERMINAL_STATES, State, last_word, state_of

Json = dict[str, Any]

MAX_ITEMS = 100
CEILINGS = Ceilings(rows=MAX_ITEMS)
#: Of a webhook: HMAC-SHA256 of its bytes with the tenant's secret, in lower-case hex.
SIGNATURE_HEADER = "X-LightningPDF-Signature"
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
#: How long a batch of at most so few items takes on a busy farm.
ESTIMATE = timedelta(seconds=60)
_WORDS = {
    State.QUEUED: "pending",
    State.RENDERING: "processing",
    State.SUSPENDED: "processing",
    State.FINALIZING: "processing",
    State.COMPLETED: "completed",
    State.PARTIALLY_FAILED: "partial",
    State.FAILED: "failed",
    State.REJECTED: "failed",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "failed",  # and how it ended is not known
}
STATUSES = tuple(dict.fromkeys(_WORDS.values()))


# --- errors --------------------------------------------------------------------------------------
def error(fault: Fault) -> tuple[int, Json]:
    """The envelope of every error. What native addresses refuse with 422 is 400 here."""
    text = fault.detail
    if fault.path and fault.path not in text:
        text = f"{fault.path}: {text}"
    status = 400 if fault.status == 422 else fault.status
    return status, {"success": False, "error": {"code": fault.code, "message": text}}


# --- a job's status ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Pdf:
    """The object of this key, as the base64 text of its bytes."""

    key: str


def created(job: BatchJob) -> Json:
    """The answer to a create request."""
    at = job.metadata.creation_timestamp
    data = {
        "job_id": _id(job),
        "status": "processing",
        "total_items": _counts(job).total,
        "created_at": rfc3339(at),
        "estimated_completion": rfc3339(at + ESTIMATE),
    }
    return {"success": True, "data": data}


def is_over(job: BatchJob) -> bool:
    """Whether the job has ended, so that its results are told."""
    return state_of(job) in TERMINAL_STATES


def under_way(job: BatchJob) -> Json:
    """The status of a job that has not ended."""
    return {"success": True, "data": {**_head(job), **_times(job)}}


def over(
    job: BatchJob, outcomes: Sequence[RowOutcome] | None, templates: Mapping[int, str]
) -> Json:
    """The status of a job that has ended, with its results.

    ``outcomes`` are those of all items in order; None where they are gone, or never were.
    ``templates`` are the template ids of the items whose template was not found, by index.
    """
    data = _head(job)
    merged = job.status.artifacts.merged if job.status.artifacts else None
    wants_merged = job.spec.wants_merged()
    if wants_merged and merged is not None and outcomes is not None:
        data["merged_pdf"] = Pdf(merged.key)
        data["total_pages"] = merged.pages if merged.pages is not None else _counts(job).pages
        data["generation_time_ms"] = sum(one.millis for one in outcomes)
    if outcomes is None:
        results = _remembered(job)
    else:
        results = [_result(one, templates.get(one.index), pdf=not wants_merged) for one in outcomes]
    if results is not None and not (wants_merged and last_word(job) is State.COMPLETED):
        data["results"] = results
    if job.status.reason() in (Reason.FAILED, Reason.REJECTED):
        data["error"] = _batch_error(job)
    return {"success": True, "data": {**data, **_times(job)}}


def _id(job: BatchJob) -> str:
    return ids.public_id(Dialect.LIGHTNING_PDF, job.metadata.name)


def _word(job: BatchJob) -> str:
    return _WORDS[last_word(job)]


def _counts(job: BatchJob) -> RowCounts:
    announced = job.spec.manifest.rows if job.spec.manifest else len(job.spec.rows or ())
    return job.status.rows or RowCounts(total=announced)


def _head(job: BatchJob) -> Json:
    counts = _counts(job)
    done = counts.succeeded + counts.failed
    progress = _progress(counts) | {"percentage": 100 * done // max(counts.total, 1)}
    return {"job_id": _id(job), "status": _word(job), "progress": progress}


def _progress(counts: RowCounts) -> Json:
    return {"completed": counts.succeeded, "failed": counts.failed, "total": counts.total}


def _times(job: BatchJob) -> Json:
    started, ended = job.status.start_time, job.status.completion_time
    shown: Json = {"created_at": rfc3339(job.metadata.creation_timestamp)}
    if started is not None:
        shown["started_at"] = rfc3339(started)
    if ended is not None:
        shown["completed_at"] = rfc3339(ended)
        # A job that never started took no time.
        shown["total_time_ms"] = round((ended - (started or ended)).total_seconds()) * 1000
    return shown


# --- the results of an ended job -----------------------------------------------------------------
def _result(outcome: RowOutcome, template: str | None, *, pdf: bool) -> Json:
    if outcome.state is RowState.SUCCEEDED and outcome.file is not None:
        shown: Json = {"id": outcome.id, "status": "success"}
        if pdf:
            shown["pdf"] = Pdf(outcome.file)
        return shown | {"generation_time_ms": outcome.millis}
    code = outcome.error.code if outcome.error else Code.CANCELLED
    text = outcome.error.message if outcome.error else "The item was cancelled."
    if code is Code.TEMPLATE_NOT_FOUND and template is not None:
        text = f"Template {template} does not exist"
    return _failed(outcome.id, code, text)


def _failed(item_id: str, code: str, message: str) -> Json:
    return {"id": item_id, "status": "failed", "error": {"code": code, "message": message}}


def _remembered(job: BatchJob) -> list[Json] | None:
    """Results as far as the job's own record tells them; None where it does not tell all."""
    kept, counts = echo_of(job).get("ids"), _counts(job)
    said = {one.row: (one.code, one.message) for one in job.status.failures}
    all_failed = last_word(job) in (State.REJECTED, State.FAILED) and not counts.succeeded
    if not isinstance(kept, list) or not (
        all_failed or counts.succeeded + len(said) == counts.total
    ):
        return None
    if all_failed:
        fault = _batch_error(job)
        said = dict.fromkeys(range(len(kept)), (fault["code"], fault["message"])) | said
    return [
        _failed(item_id, *said[index]) if index in said else {"id": item_id, "status": "success"}
        for index, item_id in enumerate(kept)
    ]


def _batch_error(job: BatchJob) -> Json:
    """Why there is nothing of a batch as such."""
    codes = {Reason.REJECTED: Code.INVALID_REQUEST, Reason.EXPIRED: Code.GONE}
    summary = find(job.status.conditions, ConditionType.SUCCEEDED)
    text = summary.message if summary and summary.message else "The batch failed."
    return {"code": codes.get(job.status.reason(), Code.INTERNAL), "message": text}


# --- lists ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Query:
    """A page of the list, counted from 1, and the status of the jobs wanted."""

    status: str | None = None
    page: int = 1
    limit: int = DEFAULT_LIMIT


def parse_query(query: Mapping[str, str]) -> Query:
    """What a list is asked for. UserError for a status, page or limit that is none."""
    status = query.get("status")
    if status is not None and status not in STATUSES:
        text = f"status must be one of {', '.join(STATUSES)}."
        raise UserError(Code.INVALID_OPTION, text, path="status")
    page = _positive(query, "page", 1)
    return Query(status, page, min(_positive(query, "limit", DEFAULT_LIMIT), MAX_LIMIT))


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) > 0):
        raise UserError(Code.INVALID_REQUEST, f"{name} must be a whole number above 0.", path=name)
    return int(text)


def listing(jobs: Iterable[BatchJob], query: Query) -> Json:
    """The page of ``jobs`` (newest first) that is asked for."""
    found = [job for job in jobs if query.status in (None, _word(job))]
    first = (query.page - 1) * query.limit
    pagination = {
        "page": query.page,
        "limit": query.limit,
        "total": len(found),
        "total_pages": -(-len(found) // query.limit),
    }
    shown = [_entry(job) for job in found[first : first + query.limit]]
    return {"success": True, "data": {"jobs": shown, "pagination": pagination}}


def _entry(job: BatchJob) -> Json:
    entry = {
        "job_id": _id(job),
        "status": _word(job),
        "total_items": _counts(job).total,
        "created_at": rfc3339(job.metadata.creation_timestamp),
    }
    if job.status.completion_time is not None:
        entry["completed_at"] = rfc3339(job.status.completion_time)
    return entry


# --- deletion and webhooks -----------------------------------------------------------------------
def done(message: str) -> Json:
    """An answer that says no more than that it was done."""
    return {"success": True, "message": message}


def webhook(job: BatchJob) -> Json:
    """The body of the webhook of an ended job; its event is the same whatever the outcome."""
    ended = job.status.completion_time
    return {
        "event": "batch.completed",
        "job_id": _id(job),
        "status": _word(job),
        "progress": _progress(_counts(job)),
        "completed_at": rfc3339(ended) if ended else None,
    }
