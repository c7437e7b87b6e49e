"""Glyph over HTTP: one synchronous call that answers with the files themselves."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from dataclasses import dataclass, field

import orjson
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from pressroom import names
from pressroom.dialects import glyph, glyph_request, native_rows
from pressroom.dialects.glyph import Made, Missed
from pressroom.dialects.glyph_request import Item
from pressroom.errors import Code, PressroomError, RowError, UserError
from pressroom.model.batchjob import BatchJob, Dialect, TemplateId, job_of
from pressroom.model.conditions import ConditionType, find
from pressroom.model.ledger import RowOutcome
from pressroom.model.rows import Row
from pressroom.model.states import TERMINAL_STATES, state_of
from pressroom.model.template import TemplateSpec
from pressroom_gateway import auth, body, intake, ledgers, problems, templates
from pressroom_gateway.batches import patch_spec
from pressroom_gateway.route import Route
from pressroom_gateway.services import HEADERS, SERVICES, TENANT, Services

log = logging.getLogger(__name__)
#: For all items of a request; what is left by then fails.
MOST_SECONDS = 290.0
#: Of these, what modifications leave for the rendering.
RENDER_SECONDS = 90.0
#: Between two looks for ledgers and at the client's connection.
POLL_SECONDS = 0.25
BATCH_HEADER = "X-Pressroom-Batch"
_IDS: TypeAdapter[str] = TypeAdapter(TemplateId)
_OVERDUE = f"The batch's {MOST_SECONDS:g} seconds were over before this item was done."


@dataclass
class _Batch:
    """A request under way: the lines of the rows, which items they are, and what failed before.

    ``spent`` is the time in milliseconds that each item's preparation took.
    """

    items: list[Item]
    began: float = field(default_factory=time.monotonic)
    rows: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    templates: set[str] = field(default_factory=set)
    spent: dict[int, int] = field(default_factory=dict)
    results: dict[int, Made | Missed] = field(default_factory=dict)

    def seconds_left(self) -> float:
        return max(0.0, self.began + MOST_SECONDS - time.monotonic())


async def generate(request: web.Request) -> web.StreamResponse:
    """``POST /v1/batch/generate``: 200 with a result for every item, 400 with every violation."""
    began = time.monotonic()
    try:
        items = await _items(request)
    except glyph_request.InvalidError as error:
        answer = orjson.dumps(glyph.invalid(error.details))
        return web.Response(body=answer, status=400, content_type="application/json")
    batch = _Batch(items, began)
    await _prepare(request, batch)
    if batch.lines:
        await _render(request, batch)
    return await _answer(request, batch)


async def _items(request: web.Request) -> list[Item]:
    services, tenant = request.app[SERVICES], request[TENANT]
    if "Content-Type" in request.headers and request.content_type != "application/json":
        text = "Send application/json here."
        raise UserError(Code.UNSUPPORTED_MEDIA_TYPE, text, path="Content-Type")
    most = min(tenant.max_request_bytes, services.settings.gateway_max_json_bytes)
    sent = await body.read(request, most)
    value = await body.offload(len(sent), native_rows.parse_json, sent)
    rows = min(tenant.rows_per_batch, glyph_request.MAX_ITEMS)
    items: list[Item] = await body.offload(len(sent), glyph_request.parse, value, rows)
    return items


# --- before --------------------------------------------------------------------------------------
async def _prepare(request: web.Request, batch: _Batch) -> None:
    """Make the rows; an item that cannot become one fails here."""
    size = request.content_length or body.THREAD_BYTES + 1
    for item in batch.items:
        began = time.monotonic()
        try:
            stored = await _template(request, item)
            row: Row = await body.offload(size, glyph.row_of, item, stored)
            if item.modifications:
                row = await _modified(request, batch, item, row, stored)
            line: bytes = await body.offload(size, glyph.line, row)
        except RowError as error:
            batch.results[item.index] = Missed(error.message, _millis(began))
            continue
        batch.rows.append(item.index)
        batch.lines.append(line)
        batch.spent[item.index] = _millis(began)
        if item.template is not None:
            batch.templates.add(item.template)


async def _modified(
    request: web.Request, batch: _Batch, item: Item, row: Row, stored: TemplateSpec | None
) -> Row:
    """The row after its modifications. What was skipped is logged: the answer has no place."""
    seconds = max(0.0, batch.seconds_left() - RENDER_SECONDS)
    modifier = request.app[SERVICES].modifier
    row, found = await glyph.modified(row, stored, item.modifications, modifier, seconds)
    if found.missed:
        missed = len(found.missed)
        log.info(
            "%d parts of item %d's modifications were skipped",
            missed,
            item.index,
            extra={"action": "modifications_skipped", "skipped": missed, "done": len(found.done)},
        )
    return row


async def _template(request: web.Request, item: Item) -> TemplateSpec | None:
    if item.template is None or not item.data:
        return None
    found = None
    if _is_id(item.template):
        services, tenant = request.app[SERVICES], request[TENANT]
        found = await templates.find(services, tenant.name, item.template)
    if found is None:
        text = f"There is no template {item.template[:200]!r}."
        raise RowError(Code.TEMPLATE_NOT_FOUND, text)
    try:
        return TemplateSpec.model_validate(found["spec"])
    except ValidationError:
        text = f"The template {item.template!r} cannot be read."
        raise RowError(Code.TEMPLATE_FAILED, text) from None


def _is_id(text: str) -> bool:
    try:
        _IDS.validate_python(text)
    except ValidationError:
        return False
    return True


# --- meanwhile -----------------------------------------------------------------------------------
async def _render(request: web.Request, batch: _Batch) -> None:
    submission = glyph.submission(batch.lines, frozenset(batch.templates))
    services = request.app[SERVICES]
    job = (await intake.submit(request, submission, lane=names.LANE_FAST)).job
    request[HEADERS][BATCH_HEADER] = job.metadata.name
    outcomes: list[RowOutcome] = []
    done = False
    try:
        missing = await _wait(request, services, job, batch, outcomes)
        done = len(outcomes) == len(batch.rows)
    finally:
        if not done and _end_of(services, job) is None:
            await asyncio.shield(_cancel(services, job))
    by_row = {outcome.index: outcome for outcome in outcomes}
    for row, index in enumerate(batch.rows):
        spent = batch.spent[index]
        batch.results[index] = glyph.result_of(by_row.get(row), spent, missing)


async def _wait(
    request: web.Request,
    services: Services,
    job: BatchJob,
    batch: _Batch,
    outcomes: list[RowOutcome],
) -> str:
    """Collect the rows' outcomes, and say why there is none of the others.

    A hint ends a wait early; the ledgers alone decide.
    """
    shard = 0
    while True:
        ended = _end_of(services, job)  # first: then no ledger can come after the last look
        while (ledger := await ledgers.read_ledger(services.store, job.uid, shard)) is not None:
            outcomes += ledger.rows
            shard += 1
        if len(outcomes) >= len(batch.rows) or ended is not None:
            return ended or "The item was cancelled."
        if request.transport is None or request.transport.is_closing():
            raise UserError(Code.CANCELLED, "The client hung up.", status=499)
        left = batch.seconds_left()
        if left == 0:
            return _OVERDUE
        await services.hints.wait(job.uid, min(POLL_SECONDS, left))


def _end_of(services: Services, job: BatchJob) -> str | None:
    """How the job ended, in words; None while it goes on."""
    found = services.batches.cached(job.metadata.name)
    if found is None:
        return None
    current = job_of(found)
    if state_of(current) not in TERMINAL_STATES:
        return None
    summary = find(current.status.conditions, ConditionType.SUCCEEDED)
    return summary.message if summary and summary.message else "The item was not rendered."


async def _cancel(services: Services, job: BatchJob) -> None:
    try:
        await patch_spec(services, job, {"cancel": True})
    except PressroomError as error:
        log.warning(error.log, extra={"action": "cancel_failed", "batch": job.metadata.name})


# --- after ---------------------------------------------------------------------------------------
async def _answer(request: web.Request, batch: _Batch) -> web.StreamResponse:
    """The answer, written item by item, so that one file at a time is in memory."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"results":[')
    good = 0
    for number, item in enumerate(batch.items):
        text, made = await _result(request.app[SERVICES], item, batch.results[item.index])
        good += made
        await response.write(b"," * (number > 0) + text)
    sums = {
        "totalTimeMs": _millis(batch.began),
        "successCount": good,
        "failCount": len(batch.items) - good,
    }
    await response.write(b"]," + orjson.dumps(sums)[1:])
    await response.write_eof()
    return response


async def _result(services: Services, item: Item, result: Made | Missed) -> tuple[bytes, bool]:
    """A result's JSON, and whether it is a success."""
    if isinstance(result, Made):
        try:
            file = await services.store.get(result.file)
        except PressroomError as error:
            log.warning(error.log, extra={"action": "file_unread", "file": result.file})
            result = Missed("The generated file could not be read.", result.millis)
        else:
            text = await body.offload(len(file), _success, item, result, file)
            return text, True
    return orjson.dumps(glyph.failure(item.index, result)), False


def _success(item: Item, made: Made, file: bytes) -> bytes:
    stamp = time.time_ns() // 1_000_000
    encoded = base64.b64encode(file).decode()
    return orjson.dumps(glyph.success(item, made, base64=encoded, size=len(file), stamp=stamp))


def _millis(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/batch/generate",
        generate,
        envelope=problems.envelope(glyph.error),
        authenticate=auth.bearer_key,
        dialect=Dialect.GLYPH,
    ),
)
