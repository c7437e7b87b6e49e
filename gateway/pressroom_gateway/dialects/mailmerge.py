"""Mail merge's addresses, below a template's; ``pressroom.dialects.mailmerge`` has its words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from pressroom.dialects import mailmerge
from pressroom.dialects.submission import Submission
from pressroom.errors import Code, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, Dialect, OutputKind
from pressroom.model.ledger import RowOutcome
from pressroom.model.plan import Plan
from pressroom.ports import Disposition, Store
from pressroom.workbook.rows import is_workbook, parse_xlsx
from pressroom_gateway import auth, body, downloads, intake, ledgers, syntax
from pressroom_gateway.answers import json_answer
from pressroom_gateway.problems import envelope
from pressroom_gateway.route import Handler, Route
from pressroom_gateway.services import SERVICES, TENANT

_PIECE_BYTES = 64 * 1024
_MAX_PARTS = 100
#: What a form has besides its parts' contents, generously.
_FORM_BYTES = 64 * 1024
#: Ledgers and jobs read at once.
_FETCH = 8


# --- create --------------------------------------------------------------------------------------
async def create(request: web.Request) -> web.Response:
    """``POST …/render-batch``: 200 with the job's id."""
    size = request.content_length or body.THREAD_BYTES + 1
    async with body.json_request(request, _most_bytes(request)) as raw:
        submission = await body.offload(
            size,
            mailmerge.parse_json,
            request.match_info["id"],
            raw,
            most=request[TENANT].rows_per_batch,
        )
    return await _submit(request, submission)


async def upload(request: web.Request) -> web.Response:
    """``POST …/render-batch/upload``: 200 with the job's id. The form's file holds the rows."""
    if request.content_type != "multipart/form-data":
        what = "Send multipart/form-data with a .csv or .xlsx file."
        raise UserError(Code.UNSUPPORTED_MEDIA_TYPE, what, status=415)
    file, fields = await _form(request)
    options = mailmerge.parse_options(request.match_info["id"], fields)
    most = request[TENANT].rows_per_batch
    rows = await _rows(file, most)
    size = len(file.data)
    submission = await body.offload(size, mailmerge.submission, options, rows, most=most)
    return await _submit(request, submission)


async def _submit(request: web.Request, submission: Submission) -> web.Response:
    await syntax.refuse_faulty((("fileNamePattern", submission.file_name_pattern),))
    submitted = await intake.submit(request, submission)
    return json_answer(mailmerge.created(submitted.job))


def _most_bytes(request: web.Request) -> int:
    # Held in memory, as the charset of a CSV shows only at its end.
    settings = request.app[SERVICES].settings
    return min(request[TENANT].max_request_bytes, settings.gateway_max_json_bytes)


async def _rows(file: mailmerge.Upload, most: int) -> list[dict[str, str]]:
    if is_workbook(file.data):
        return await asyncio.to_thread(parse_xlsx, file.data, most=min(most, mailmerge.MAX_ROWS))
    if not mailmerge.is_csv(file):
        raise mailmerge.not_a_sheet(file)
    rows: list[dict[str, str]] = await body.offload(
        len(file.data), mailmerge.csv_rows, file, most=most
    )
    return rows


# --- the form ------------------------------------------------------------------------------------
async def _form(request: web.Request) -> tuple[mailmerge.Upload, dict[str, str]]:
    """The file, and the fields beside it. UserError: 400, 413."""
    most = _most_bytes(request)
    if request.content_length is not None and request.content_length > most + _FORM_BYTES:
        raise body.too_large(most)
    try:
        files, fields = await _parts(await request.multipart(), most)
    except (ValueError, AssertionError, RuntimeError) as error:
        text = "The multipart form is malformed or broken off."
        raise UserError(Code.INVALID_REQUEST, text, log=repr(error)) from error
    return mailmerge.the_file(files), fields


async def _parts(
    form: MultipartReader, most: int
) -> tuple[list[tuple[str | None, mailmerge.Upload]], dict[str, str]]:
    """Files with the names of their parts, and the texts of the other parts by name."""
    files: list[tuple[str | None, mailmerge.Upload]] = []
    fields: dict[str, str] = {}
    left = most
    for _ in range(_MAX_PARTS):
        part = await form.next()
        if part is None:
            return files, fields
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within the form")
        data = await _read(part, left, most)
        left -= len(data)
        if part.filename is not None or part.name == "file":
            files.append((part.name, _upload(part, data)))
        elif part.name in mailmerge.FIELDS and data:
            fields[part.name] = data.decode()
    raise ValueError("too many parts")


def _upload(part: BodyPartReader, data: bytes) -> mailmerge.Upload:
    content_type = part.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    charset = part.get_charset("") or None
    return mailmerge.Upload(part.filename or "", content_type, charset, data)


async def _read(part: BodyPartReader, left: int, most: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_PIECE_BYTES):
        data += chunk
        if len(data) > left:
            raise body.too_large(most)
        if len(data) > mailmerge.MAX_XLSX_BYTES and is_workbook(data):
            raise body.too_large(mailmerge.MAX_XLSX_BYTES)
    return bytes(data)


# --- show ----------------------------------------------------------------------------------------
async def show(request: web.Request) -> web.Response:
    """``GET …/jobs/{jobId}``."""
    return json_answer(await _status(request.app[SERVICES].store, await _job(request)))


async def list_jobs(request: web.Request) -> web.Response:
    """``GET …/jobs``: the template's latest, newest first."""
    store, template = request.app[SERVICES].store, request.match_info["id"]
    found = [
        job for job in intake.jobs_of(request, Dialect.MAIL_MERGE) if mailmerge.is_of(job, template)
    ]
    found = found[: mailmerge.MAX_LISTED]
    shown: list[dict[str, Any]] = []
    for start in range(0, len(found), _FETCH):
        group = found[start : start + _FETCH]
        shown += await asyncio.gather(*(_status(store, job) for job in group))
    return json_answer(shown)


async def result(request: web.Request) -> web.StreamResponse:
    """``GET …/jobs/{jobId}/result``: the ZIP or the merged PDF itself. 409 without one, 410.

    No redirect: clients would send their token along to the store.
    """
    job = await _job(request)
    ledgers.refuse_expired(job)
    mailmerge.refuse_without_result(job)
    merged = mailmerge.output_of(job) is OutputKind.MERGED
    artifacts = job.status.artifacts
    found = (artifacts.merged if merged else artifacts.zip) if artifacts is not None else None
    if found is None:
        raise mailmerge.no_document()
    content_type = "application/pdf" if merged else "application/zip"
    disposition = Disposition(mailmerge.result_name(job), content_type)
    return await downloads.stream(request, found.key, disposition)


async def _job(request: web.Request) -> BatchJob:
    job_id = request.match_info["jobId"]
    job = await intake.job_from(request, Dialect.MAIL_MERGE, job_id)
    if not mailmerge.is_of(job, request.match_info["id"]):
        raise UserError(Code.NOT_FOUND, f"There is no job {job_id!r}.", status=404)
    return job


async def _status(store: Store, job: BatchJob) -> dict[str, Any]:
    failures = mailmerge.known_failures(job)
    rows = job.status.rows
    if rows is not None and rows.failed > len(failures):
        failures = await _all_failures(store, job) or failures
    return mailmerge.status(job, failures)


async def _all_failures(store: Store, job: BatchJob) -> list[dict[str, Any]]:
    """Every failed row as far as the store still tells: the job's ledger, else its shards'."""
    artifacts = job.status.artifacts
    try:
        if artifacts is not None and artifacts.ledger is not None:
            return mailmerge.failed_rows(await _job_ledger(store, artifacts.ledger.key))
        plan = await ledgers.read_plan(store, job)
        return mailmerge.failed_rows(await _shard_ledgers(store, plan) if plan else ())
    except NotFoundError:
        return []  # expired, and the small record is all that is left


async def _job_ledger(store: Store, key: str) -> list[RowOutcome]:
    async with aclosing(ledgers.manifest_lines(store, key)) as lines:
        return [RowOutcome.model_validate_json(line) async for line in lines]


async def _shard_ledgers(store: Store, plan: Plan) -> Sequence[RowOutcome]:
    found: list[RowOutcome] = []
    for start in range(0, len(plan.shards), _FETCH):
        numbers = range(start, min(start + _FETCH, len(plan.shards)))
        reads = (ledgers.read_ledger(store, plan.uid, number) for number in numbers)
        for ledger in await asyncio.gather(*reads):
            found += ledger.rows if ledger is not None else ()
    return found


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(
        method,
        f"/api/templates/{{id}}/render-batch{path}",
        handler,
        envelope=envelope(mailmerge.error),
        authenticate=auth.jwt,
        dialect=Dialect.MAIL_MERGE,
    )


ROUTES = (
    _route("POST", "", create),
    _route("POST", "/upload", upload),
    _route("GET", "/jobs", list_jobs),
    _route("GET", "/jobs/{jobId}", show),
    _route("GET", "/jobs/{jobId}/result", result),
)
