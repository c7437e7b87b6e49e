"""The ImaginePDF API: one PDF per row of a dataset, bundled into a ZIP. Pure.

``POST /batch/generate?design=…`` in, envelopes of ``status``, ``data`` and ``error`` out, for
every answer. A job ends as ``completed`` or ``failed`` here: partly failed batches have a ZIP of
what came out, and count as completed; cancelled ones count as failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pressroom.dialects import ids, native_rows
from pressroom.dialects.fault import Fault
from pressroom.dialects.submission import Submission
from pressroom.errors import Code, UserError
from pressroom.model.base import rfc3339
from pressroom.model.batchjob import ArtifactStatus, BatchJob, Dialect, OutputKind, RowCounts
from pressroom.model.page import Output, PageOptions
from pressroom.model.states import TERMINAL_STATES, State, last_word, state_of

#: What a tenant must have for any of these addresses.
FEATURE = "batchGenerate"
#: Seconds that a download link holds.
LINK_SECONDS = 3600

_QUEUED = "queued"
_WORDS = {
    State.QUEUED: _QUEUED,
    State.RENDERING: "processing",
    State.SUSPENDED: "processing",
    State.FINALIZING: "processing",
    State.COMPLETED: "completed",
    State.PARTIALLY_FAILED: "completed",
}
_CODES = {
    Code.UNAUTHENTICATED: "UNAUTHORIZED",
    Code.FORBIDDEN: "INSUFFICIENT_PERMISSIONS",
    Code.FEATURE_NOT_ALLOWED: "INSUFFICIENT_PERMISSIONS",
    Code.TEMPLATE_NOT_FOUND: "DESIGN_NOT_FOUND",
    Code.TOO_MANY_REQUESTS: "RATE_LIMITED",
}


# --- requests ------------------------------------------------------------------------------------
def refuse_unentitled(features: frozenset[str] | None) -> None:
    """403 where the tenant's plan has no batch generation; ``None`` is a plan with everything."""
    if features is not None and FEATURE not in features:
        raise UserError(
            Code.FEATURE_NOT_ALLOWED,
            f"Your plan does not include batch generation ({FEATURE}).",
            status=403,
        )


def design_of(query: Mapping[str, str]) -> str:
    """The design that the query names. 400 without one."""
    design = query.get("design", "")
    if not design:
        text = "The query parameter design is required."
        raise UserError(Code.INVALID_REQUEST, text, path="design")
    return design


def unknown_design(design: str) -> UserError:
    """404: no design of this tenant has this id."""
    text = f"There is no design {design!r}."
    return UserError(Code.TEMPLATE_NOT_FOUND, text, path="design", status=404)


def parse(design: str, body: Mapping[str, Any], *, most: int) -> Submission:
    """The batch that a body ``{"rows": [{…}, …]}`` asks for; ``most`` rows are the plan's limit.

    400 with the path of what is wrong; 413 for a row beyond 8 MiB.
    """
    rows = body.get("rows")
    if rows is None:
        raise UserError(Code.INVALID_REQUEST, "rows is required.", path="rows")
    if not isinstance(rows, list):
        raise UserError(Code.INVALID_REQUEST, "rows must be a list.", path="rows")
    if not rows:
        raise native_rows.no_rows("rows")
    if len(rows) > most:
        text = f"Your plan allows {most} rows per batch; these are {len(rows)}."
        raise UserError(Code.TOO_MANY_ROWS, text, path="rows")
    return Submission(
        dialect=Dialect.IMAGINE_PDF,
        rows=[native_rows.data_line(row, f"rows[{index}]") for index, row in enumerate(rows)],
        template=design,
        page=PageOptions(output=Output.PDF),
        outputs=frozenset({OutputKind.FILES, OutputKind.ZIP}),
    )


# --- answers -------------------------------------------------------------------------------------
def accepted(job: BatchJob) -> dict[str, Any]:
    """The answer to a batch that was taken in just now."""
    return _success(
        {
            "jobId": job_id(job),
            "status": _QUEUED,
            "total": _total(job),
            "designId": job.spec.template.name if job.spec.template else None,
        }
    )


def status(job: BatchJob) -> dict[str, Any]:
    """How far a job is. Times are RFC 3339 in UTC; the counts stay when the files have expired."""
    counts = job.status.rows or RowCounts()
    return _success(
        {
            "jobId": job_id(job),
            "status": _word(job),
            "total": _total(job),
            "completed": counts.succeeded,
            "failed": counts.failed,
            "createdAt": rfc3339(job.metadata.creation_timestamp),
            "updatedAt": _updated_at(job),
        }
    )


def archive_of(job: BatchJob) -> ArtifactStatus:
    """The ZIP of a job that completed. 409 where there is none (yet), 410 once it has expired."""
    state = state_of(job)
    if state is State.EXPIRED:
        raise UserError(Code.GONE, "The files of this job have expired.", status=410)
    if state not in TERMINAL_STATES:
        text = "The job has not completed yet. Poll its status."
        raise UserError(Code.NOT_READY, text, status=409, retry_after=1)
    found = job.status.artifacts.zip if job.status.artifacts else None
    if _word(job) != "completed" or found is None:
        text = "The job failed, so there is nothing to download."
        raise UserError(Code.BATCH_ENDED, text, status=409)
    return found


def link(url: str) -> dict[str, Any]:
    """Where the ZIP can be fetched, for :data:`LINK_SECONDS`."""
    return _success({"url": url, "expiresIn": LINK_SECONDS})


def job_id(job: BatchJob) -> str:
    """The job's id in this API."""
    return ids.public_id(Dialect.IMAGINE_PDF, job.metadata.name)


def error(fault: Fault) -> tuple[int, dict[str, Any]]:
    """The envelope of an error. Values that cannot be accepted are 400 here, never 422."""
    what = {"code": _CODES.get(fault.code, fault.code.upper()), "message": fault.detail}
    status_ = 400 if fault.status == 422 else fault.status
    return status_, {"status": "error", "data": None, "error": what}


def _success(data: dict[str, Any]) -> dict[str, Any]:
    return {"status": "success", "data": data, "error": None}


def _word(job: BatchJob) -> str:
    return _WORDS.get(last_word(job), "failed")


def _total(job: BatchJob) -> int:
    if job.status.rows is not None:
        return job.status.rows.total
    return job.spec.manifest.rows if job.spec.manifest else len(job.spec.rows or ())


def _updated_at(job: BatchJob) -> str:
    """The last change that the resource carries a time of."""
    times = [job.metadata.creation_timestamp]
    times += [one.last_transition_time for one in job.status.conditions]
    times += [at for at in (job.status.start_time, job.status.completion_time) if at is not None]
    return rfc3339(max(times))
