"""The native API, answer side: resources and ledgers in, the JSON that clients read out. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from pressroom import names
from pressroom.model.base import rfc3339
from pressroom.model.batchjob import BatchJob, RowCounts
from pressroom.model.conditions import ConditionType, Status, find
from pressroom.model.ledger import RowOutcome
from pressroom.model.states import TERMINAL_STATES, State, actions_of, state_of
from pressroom.model.webhooks import redelivery_is_new, redelivery_open

BATCHES = "/v1/batches"
_WEBHOOK_STATES = {
    Status.TRUE: "delivered",
    Status.FALSE: "failed",
    Status.UNKNOWN: "pending",
}


def progress(counts: RowCounts, *, ended: bool) -> int:
    """Per cent of the rows that are settled, rounded down; 100 only once the batch has ended."""
    if counts.total == 0:
        return 0
    share = 100 * counts.settled // counts.total
    return share if ended else min(share, 99)


def labels_of(annotations: dict[str, str]) -> dict[str, str]:
    """The labels that the client gave a batch."""
    text = annotations.get(names.ANNOTATION_ROW_LABELS)
    if not text:
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def batch(job: BatchJob) -> dict[str, Any]:
    """A batch as clients see it. Times are RFC 3339 in UTC."""
    state = state_of(job)
    ended = state in TERMINAL_STATES
    status = job.status
    counts = status.rows or RowCounts(total=_announced(job))
    summary = find(status.conditions, ConditionType.SUCCEEDED)
    shown = {
        "id": job.metadata.name,
        "state": state,
        "reason": status.reason(),
        "message": summary.message if summary else "",
        "rows": {
            "total": counts.total,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "pages": counts.pages,
            "bytes": counts.bytes,
            "flagged": counts.flagged,
        },
        "findings": status.findings.wire() if status.findings else {},
        "progress": progress(counts, ended=ended),
        "createdAt": rfc3339(job.metadata.creation_timestamp),
        "startedAt": rfc3339(status.start_time) if status.start_time else None,
        "completedAt": rfc3339(status.completion_time) if status.completion_time else None,
        "expiresAt": rfc3339(status.expiry_time) if status.expiry_time else None,
        "artifacts": _artifacts(job),
        "failures": [failure.wire() for failure in status.failures[:20]],
        "labels": labels_of(job.metadata.annotations),
        "retryOf": job.metadata.annotations.get(names.ANNOTATION_RETRY_OF),
        "links": _links(job, state),
    }
    if job.spec.webhook is not None:
        shown["webhook"] = webhook(job)
    return shown


def batches(jobs: list[BatchJob], cursor: str | None) -> dict[str, Any]:
    """A page of batches; ``nextCursor`` is null on the last one."""
    return {"batches": [batch(job) for job in jobs], "nextCursor": cursor}


def row(outcome: RowOutcome) -> dict[str, Any]:
    """A settled row."""
    error = outcome.error
    return {
        "row": outcome.index,
        "id": outcome.id,
        "state": outcome.state.lower(),
        "attempts": outcome.attempts,
        "pages": outcome.pages,
        "bytes": outcome.bytes,
        "name": outcome.name,
        "template": outcome.template,
        "error": {"code": error.code, "message": error.message} if error else None,
        "findings": [finding.wire() for finding in outcome.findings],
    }


def open_row(index: int, row_id: str, *, state: str = "pending") -> dict[str, Any]:
    """A row without an outcome."""
    return {
        "row": index,
        "id": row_id,
        "state": state,
        "attempts": 0,
        "pages": 0,
        "bytes": 0,
        "name": None,
        "template": None,
        "error": None,
        "findings": [],
    }


def template(body: dict[str, Any], *, shown_as: str | None = None) -> dict[str, Any]:
    """A template resource; ``shown_as`` is the id it was asked for by."""
    spec = body["spec"]
    name = body["metadata"]["name"]
    aliases = spec.get("aliases") or []
    return {
        "id": shown_as or template_id(body),
        "name": name,
        "aliases": aliases,
        "html": spec["html"],
        "css": spec.get("css"),
        "page": spec.get("page"),
        "missingValues": spec.get("missingValues", "Strict").lower(),
        "dataSchema": spec.get("dataSchema"),
        "sampleData": spec.get("sampleData"),
        "assets": spec.get("assets") or [],
        "version": body["metadata"]["generation"],
        "createdAt": body["metadata"]["creationTimestamp"],
        **_readiness(body),
    }


def _readiness(body: dict[str, Any]) -> dict[str, Any]:
    """``ready`` and, where it is not, ``fault``; null until the operator has looked at it."""
    for one in (body.get("status") or {}).get("conditions") or ():
        current = one.get("observedGeneration") == body["metadata"]["generation"]
        if one.get("type") == "Ready" and current:
            fine = one["status"] == "True"
            fault = {"reason": one["reason"], "message": one.get("message", "")}
            return {"ready": fine, "fault": None if fine else fault}
    return {"ready": None, "fault": None}


def template_id(body: dict[str, Any]) -> str:
    """The id a template is listed by: the foreign id whose hash names it, else its name."""
    name: str = body["metadata"]["name"]
    owner = (body["metadata"].get("labels") or {}).get(names.LABEL_TENANT, names.DEFAULT_TENANT)
    aliases = body["spec"].get("aliases") or []
    return next((alias for alias in aliases if names.template_name(alias, owner) == name), name)


def template_entry(body: dict[str, Any]) -> dict[str, Any]:
    """A template in a list: without its texts."""
    whole = template(body)
    return {
        key: whole[key]
        for key in (
            *("id", "name", "aliases", "missingValues", "version", "createdAt"),
            *("ready", "fault"),
        )
    }


def _announced(job: BatchJob) -> int:
    if job.spec.manifest is not None:
        return job.spec.manifest.rows
    return len(job.spec.rows or ())


def _artifacts(job: BatchJob) -> dict[str, Any]:
    found = job.status.artifacts
    if found is None:
        return {}
    shown = {"zip": found.zip, "merged": found.merged}
    return {
        name: one.model_dump(
            include={"bytes", "sha256", "files", "rows", "pages"}, exclude_none=True
        )
        for name, one in shown.items()
        if one is not None
    }


def webhook(job: BatchJob) -> dict[str, str]:
    """Where a batch's end is told, and how far that is; never the secret."""
    found = find(job.status.conditions, ConditionType.WEBHOOK_DELIVERED)
    if redelivery_is_new(job):
        word, message = "pending", "It is sent again."
    elif found is None:
        word, message = "pending", "Called once the batch has ended."
    else:
        word, message = _WEBHOOK_STATES[found.status], found.message
    if word == "pending" and state_of(job) is State.EXPIRED and not redelivery_open(job):
        # It ends with the data.
        word, message = "failed", f"The batch expired before it was delivered. {message}"
    url = job.spec.webhook.url if job.spec.webhook else ""
    return {"url": url, "state": word, "message": message}


def _links(job: BatchJob, state: State) -> dict[str, str]:
    """Only what can be read or done as the batch is now."""
    me = f"{BATCHES}/{job.metadata.name}"
    if state is State.EXPIRED:
        return {"self": me}
    words = ["rows", *_artifacts(job), *actions_of(job)]
    return {"self": me} | {str(word): f"{me}/{word}" for word in words}
