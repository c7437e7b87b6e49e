"""The mail merge API: requests into submissions, jobs into its status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from pressroom.csvrows import CsvRows
from pressroom.dialects.fault import Fault
from pressroom.dialects.ids import public_id
from pressroom.dialects.native_rows import data_line, no_rows, too_many_rows
from pressroom.dialects.submission import Submission
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect, FileNamePattern, OutputKind, TemplateId
from pressroom.model.conditions import ConditionType, Reason, find
from pressroom.model.ledger import RowOutcome, RowState
from pressroom.model.page import Output, PageOptions

#: Rows of one job at most.
MAX_ROWS: Final = 2000
#: Bytes of an XLSX at most.
MAX_XLSX_BYTES: Final = 32 * 1024 * 1024
#: Jobs in a list at most.
MAX_LISTED: Final = 100

#: What a form may say beside its file.
FIELDS: Final = frozenset({"output", "fileNamePattern"})
_OUTPUTS = {"zip": OutputKind.ZIP, "merged": OutputKind.MERGED}
_TEMPLATE: TypeAdapter[str] = TypeAdapter(TemplateId)
_PATTERN: TypeAdapter[str] = TypeAdapter(FileNamePattern)
_TEXT_FILES = ("csv", "tsv", "tab", "txt")
_CHUNK = 256 * 1024

#: By reasons, as the state does not tell failed rows from a failed job.
_WORDS = {
    Reason.QUEUED: "pending",
    Reason.RENDERING: "processing",
    Reason.SUSPENDED: "processing",
    Reason.FINALIZING: "processing",
    Reason.COMPLETED: "completed",
    Reason.PARTIALLY_FAILED: "completed",
    Reason.ALL_ROWS_FAILED: "completed",
    Reason.CANCELLED: "failed",
    Reason.DEADLINE_EXCEEDED: "failed",
    Reason.REJECTED: "failed",
    Reason.FAILED: "failed",
    Reason.EXPIRED: "completed",  # of a job that does not tell how it ended
}
_CODES = {Code.UNAUTHENTICATED: "UNAUTHORIZED", Code.TOO_MANY_REQUESTS: "RATE_LIMITED"}


# --- requests ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Options:
    """A request without its rows."""

    template: str
    output: OutputKind = OutputKind.ZIP
    file_name_pattern: str | None = None


@dataclass(frozen=True)
class Upload:
    """The file of a form: what its part says about it, and its bytes."""

    name: str
    content_type: str
    charset: str | None
    data: bytes


def parse_options(template: str, raw: Mapping[str, Any]) -> Options:
    """The fields of a JSON request or a form beside the rows; others are not looked at.

    UserError: 400, and 404 where no template can have this id.
    """
    try:
        _TEMPLATE.validate_python(template)
    except ValidationError:
        text = f"There is no template {template!r}."
        raise UserError(Code.TEMPLATE_NOT_FOUND, text, status=404) from None
    output = raw.get("output", "zip")
    if not isinstance(output, str) or output not in _OUTPUTS:
        raise UserError(Code.INVALID_OPTION, 'output must be "zip" or "merged".', path="output")
    return Options(template, _OUTPUTS[output], _pattern(raw.get("fileNamePattern")))


def _pattern(given: Any) -> str | None:
    if given is None or given == "":
        return None
    try:
        return _PATTERN.validate_python(given, strict=True)
    except ValidationError:
        text = "fileNamePattern must be null or a string of at most 500 characters."
        raise UserError(Code.INVALID_OPTION, text, path="fileNamePattern") from None


def parse_json(template: str, raw: Mapping[str, Any], *, most: int) -> Submission:
    """A JSON request; ``most`` rows are the tenant's limit."""
    options = parse_options(template, raw)
    if "rows" not in raw:
        raise UserError(Code.INVALID_REQUEST, "rows is missing.", path="rows")
    rows = raw["rows"]
    if not isinstance(rows, list):
        raise UserError(Code.INVALID_REQUEST, "rows must be a list of objects.", path="rows")
    return submission(options, rows, most=most)


def submission(options: Options, rows: Sequence[Any], *, most: int) -> Submission:
    """A job of these rows. UserError where there is none, are too many, or one is no object."""
    most = min(most, MAX_ROWS)
    if not rows:
        raise no_rows("rows")
    if len(rows) > most:
        raise too_many_rows(most, path="rows")
    return Submission(
        dialect=Dialect.MAIL_MERGE,
        rows=[data_line(row, f"rows[{index}]") for index, row in enumerate(rows)],
        template=options.template,
        # Whatever the template is made for otherwise: this API is about PDFs.
        page=PageOptions(output=Output.PDF),
        outputs=frozenset({OutputKind.FILES, options.output}),
        file_name_pattern=options.file_name_pattern,
    )


def the_file(files: Sequence[tuple[str | None, Upload]]) -> Upload:
    """Of a form's files by the names of their parts: ``file``, else the first. 400 without one."""
    # A form in a browser sends a nameless, empty file where none was chosen.
    chosen = [(name, file) for name, file in files if file.name or file.data]
    named = [file for name, file in chosen if name == "file"]
    if len(named) > 1:
        raise UserError(Code.INVALID_REQUEST, "Upload one file, not several.", path="file")
    if not chosen:
        text = "The form has no file. Send a .csv or .xlsx file as the part named file."
        raise UserError(Code.INVALID_REQUEST, text, path="file")
    return named[0] if named else chosen[0][1]


def is_csv(upload: Upload) -> bool:
    """Whether a file that is no workbook may be a CSV, by what its part says."""
    _, dot, extension = upload.name.rpartition(".")
    plain = not dot or extension.lower() in _TEXT_FILES
    return plain or upload.content_type == "text/csv"


def csv_rows(upload: Upload, *, most: int) -> list[dict[str, str]]:
    """The rows of a CSV file. UserError: see :mod:`pressroom.csvrows`; too many rows."""
    most = min(most, MAX_ROWS)
    reader = CsvRows(upload.charset or _charset(upload.data), spreadsheet=True)
    rows: list[dict[str, str]] = []
    for start in range(0, len(upload.data), _CHUNK):
        rows += (row for _, row in reader.feed(upload.data[start : start + _CHUNK]))
        if len(rows) > most:
            raise too_many_rows(most, path="file")
    return rows + [row for _, row in reader.close()]


def _charset(data: bytes) -> str | None:
    """None for what the reader finds out itself: UTF-8, or a byte order mark."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    try:
        data.decode()
    except UnicodeDecodeError:
        return "windows-1252"  # as Excel saves a CSV
    return None


def not_a_sheet(upload: Upload) -> UserError:
    """The answer to a file that is neither: 400 for a broken workbook, else 415."""
    if upload.name.lower().endswith((".xlsx", ".xlsm", ".xls")):
        text = f"{upload.name} is not a workbook that can be read. Save it as .xlsx, or as .csv."
        return UserError(Code.INVALID_REQUEST, text, path="file")
    text = f"{upload.name} is neither CSV nor XLSX. Upload a .csv or .xlsx file."
    return UserError(Code.UNSUPPORTED_MEDIA_TYPE, text, path="file", status=415)


# --- answers -------------------------------------------------------------------------------------
def job_id(job: BatchJob) -> str:
    """The job's UUID."""
    return public_id(Dialect.MAIL_MERGE, job.metadata.name)


def created(job: BatchJob) -> dict[str, str]:
    """The answer to a job that was made."""
    return {"jobId": job_id(job)}


def is_of(job: BatchJob, template: str) -> bool:
    """Whether this is the template that the job was made for, by the id it was made with."""
    return job.spec.template is not None and job.spec.template.name == template


def word_of(job: BatchJob) -> str:
    """The job's status: a job whose rows were all tried is completed, however they came out."""
    reason = job.status.reason()
    if reason is Reason.EXPIRED and job.status.ended_as is not None:
        reason = job.status.ended_as
    return _WORDS[reason]


def output_of(job: BatchJob) -> OutputKind:
    """What the job's result is."""
    merged = OutputKind.MERGED in job.spec.outputs_or_default()
    return OutputKind.MERGED if merged else OutputKind.ZIP


def failed_rows(outcomes: Iterable[RowOutcome]) -> list[dict[str, Any]]:
    """The failures among these rows, for :func:`status`."""
    return [
        failure(one.index, one.error.message if one.error else "The row failed.")
        for one in outcomes
        if one.state is RowState.FAILED
    ]


def known_failures(job: BatchJob) -> list[dict[str, Any]]:
    """The failures that the job's own record holds: the first ones."""
    return [failure(one.row, one.message) for one in job.status.failures]


def failure(index: int, message: str) -> dict[str, Any]:
    """A failed row; people count from 1."""
    return {"row": index + 1, "error": message}


def status(job: BatchJob, failures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The job's status. ``failures`` is there where rows failed, ``error`` where the job did."""
    rows = job.status.rows
    announced = job.spec.manifest.rows if job.spec.manifest else len(job.spec.rows or ())
    shown: dict[str, Any] = {
        "jobId": job_id(job),
        "status": word_of(job),
        "total": rows.total if rows and rows.total else announced,
        "completed": rows.succeeded if rows else 0,
        "failed": rows.failed if rows else 0,
    }
    if failures:
        shown["failures"] = list(failures)
    if shown["status"] == "failed":
        shown["error"] = _why(job)
    return shown


def _why(job: BatchJob) -> str:
    if job.status.reason() is Reason.EXPIRED:
        return "The job failed; the details have expired."
    summary = find(job.status.conditions, ConditionType.SUCCEEDED)
    return summary.message if summary and summary.message else "The job failed."


def refuse_without_result(job: BatchJob) -> None:
    """409 where there is nothing to fetch: not yet, or not ever."""
    word = word_of(job)
    if word == "failed":
        raise UserError(Code.CONFLICT, f"The job failed: {_why(job)}", status=409)
    if word != "completed":
        text = "The result is not ready. Poll the job's status until it is completed."
        raise UserError(Code.NOT_READY, text, status=409, retry_after=1)


def no_document() -> UserError:
    """409: not one row came out, so there is nothing to merge."""
    text = "No row came out, so there is no merged PDF. See failures in the job's status."
    return UserError(Code.CONFLICT, text, status=409)


def result_name(job: BatchJob) -> str:
    """The file name of the result, made of the template's id."""
    template = job.spec.template.name if job.spec.template else job_id(job)
    return f"{template}.{'pdf' if output_of(job) is OutputKind.MERGED else 'zip'}"


def error(fault: Fault) -> tuple[int, dict[str, Any]]:
    """A fault in this API's words; whatever is wrong with a request's values is 400."""
    code = _CODES.get(fault.code, fault.code.upper())
    text = fault.detail
    if fault.code is Code.REQUEST_TOO_LARGE and fault.path is None:
        text = "The request is too large. Split the rows into several jobs."
    return (400 if fault.status == 422 else fault.status), {"error": text, "code": code}
