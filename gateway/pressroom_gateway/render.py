"""``POST /v1/render``: one document, synchronously: a one-row batch in the fast lane."""

from __future__ import annotations

import asyncio
import json
import logging
import math

from aiohttp import web

from pressroom import names
from pressroom.dialects import native, native_rows
from pressroom.errors import Code, NotFoundError, PressroomError, UserError
from pressroom.model.batchjob import (
    BatchJob,
    BatchJobSpec,
    Dialect,
    InlineRow,
    OutputKind,
    job_of,
)
from pressroom.model.conditions import ConditionType, find
from pressroom.model.ledger import RowOutcome, RowState
from pressroom.model.states import TERMINAL_STATES, state_of
from pressroom_gateway import body, ledgers, templates, uploads
from pressroom_gateway.admission import owner_of
from pressroom_gateway.answers import refuse_unknown_parameters
from pressroom_gateway.batches import patch_spec
from pressroom_gateway.create import Order, place
from pressroom_gateway.downloads import attachment, content_type_of
from pressroom_gateway.limits import Tenant, ttl_within
from pressroom_gateway.services import HEADERS, IDENTITY, SERVICES, TENANT, Services

log = logging.getLogger(__name__)
#: Codes by the reasons of a job that was not accepted.
_CODES = {"".join(word.capitalize() for word in code.split("_")): code for code in Code}
DEFAULT_SECONDS = 60.0
MOST_SECONDS = 300.0
#: Between two looks for the ledger and at the client's connection.
POLL_SECONDS = 0.25
TTL_SECONDS = 600
HISTORY_SECONDS = 3600
#: A larger row goes through the store: a resource has little room.
INLINE_BYTES = 256 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
BATCH_HEADER = "X-Pressroom-Batch"
FINDINGS_HEADER = "X-Pressroom-Findings"
#: Characters of that header; clients and proxies stop at 8 KiB.
MOST_HEADER = 4096


async def render(request: web.Request) -> web.Response:
    """200 with the document; 422 with the row's code where it fails; 504 past ``?timeout=``."""
    services, tenant = request.app[SERVICES], request[TENANT]
    refuse_unknown_parameters(request, {"timeout"})
    seconds = seconds_of(request)
    most = min(tenant.max_request_bytes, MAX_BODY_BYTES)
    async with body.json_request(request, most) as raw:
        wanted = native.parse_render(raw)
        native.refuse_outside(wanted.url, tenant.page_hosts, "url")
        line = native_rows.data_line(wanted.data, "data")
        if wanted.template is not None:
            await templates.require(services, tenant.name, [(wanted.template, "template")])
            await templates.require_version(
                services, tenant.name, wanted.template, wanted.template_version
            )
    return await document(request, wanted, line, seconds)


async def document(
    request: web.Request, wanted: native.RenderRequest, line: bytes, seconds: float
) -> web.Response:
    """The answer with the document; ``line`` is the checked row."""
    services = request.app[SERVICES]
    job = await _create(request, wanted, line, seconds)
    request[HEADERS][BATCH_HEADER] = job.metadata.name
    try:
        outcome = await _wait(request, services, job, seconds)
    except (UserError, asyncio.CancelledError):
        await _cancel(services, job)
        raise
    return await _answer(services, outcome)


async def _create(
    request: web.Request, wanted: native.RenderRequest, line: bytes, seconds: float
) -> BatchJob:
    services, tenant = request.app[SERVICES], request[TENANT]
    owner = owner_of(request[IDENTITY], Dialect.NATIVE)
    name = names.job_name(names.random_job_id())
    async with services.admission.job(name, tenant, owner):
        await services.admission.count_job(tenant, owner, request[HEADERS])
        spec = await _spec(services, tenant, wanted, line, seconds)
        order = Order(name=name, spec=spec, sha256="", lane=names.LANE_FAST, key=owner.key)
        created, _ = await place(services, order)
    return job_of(created)


async def _spec(
    services: Services, tenant: Tenant, wanted: native.RenderRequest, line: bytes, seconds: float
) -> BatchJobSpec:
    inline = len(line) <= INLINE_BYTES
    return BatchJobSpec(
        tenant=tenant.name,
        dialect=Dialect.NATIVE,
        rows=[InlineRow(data=wanted.data)] if inline else None,
        manifest=None
        if inline
        else await uploads.upload_lines(services.store, tenant.name, [line]),
        template=native.template_ref(wanted.template, wanted.template_version),
        html=wanted.html,
        url=wanted.url,
        document=wanted.document,
        missing_values=wanted.missing_values,
        page=wanted.page,
        outputs=[OutputKind.FILES],
        # Ends the job also where nobody is left to cancel it.
        active_deadline_seconds=math.ceil(seconds) + 30,
        ttl_seconds_after_finished=ttl_within(tenant, TTL_SECONDS),
        history_seconds=HISTORY_SECONDS,
    )


async def _wait(
    request: web.Request, services: Services, job: BatchJob, seconds: float
) -> RowOutcome:
    """The row's outcome. A hint ends a wait early; the ledger alone decides."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                await services.hints.wait(job.uid, POLL_SECONDS)
                ledger = await ledgers.read_ledger(services.store, job.uid, 0)
                if ledger is not None:
                    return ledger.rows[0]
                if request.transport is None or request.transport.is_closing():
                    raise UserError(Code.CANCELLED, "The client hung up.", status=499)
                await _refuse_ended(services, job)
    except TimeoutError:
        text = (
            f"The document was not ready within {seconds:g} s; batch {job.metadata.name} is "
            "cancelled. Give it longer with ?timeout=, or send a batch."
        )
        raise UserError(Code.TIMEOUT, text, status=504) from None


async def _refuse_ended(services: Services, job: BatchJob) -> None:
    """422 where the batch ended without any row having been tried."""
    found = services.batches.cached(job.metadata.name)
    if found is None:
        return
    current = job_of(found)
    if state_of(current) not in TERMINAL_STATES:
        return
    if await ledgers.read_ledger(services.store, job.uid, 0) is not None:
        return  # it came between the two looks; the next one finds it
    summary = find(current.status.conditions, ConditionType.SUCCEEDED)
    text = summary.message if summary and summary.message else "The document was not rendered."
    accepted = find(current.status.conditions, ConditionType.ACCEPTED)
    code = _CODES.get(accepted.reason) if accepted else None
    raise UserError(code or Code.INVALID_REQUEST, text, status=422)


async def _answer(services: Services, outcome: RowOutcome) -> web.Response:
    if outcome.state is not RowState.SUCCEEDED or outcome.file is None:
        code = outcome.error.code if outcome.error else Code.CANCELLED
        text = outcome.error.message if outcome.error else "The document was cancelled."
        raise UserError(code, text, status=422)
    try:
        document = await services.store.get(outcome.file)
    except NotFoundError:
        raise ledgers.gone() from None
    name = outcome.name or f"document.{outcome.file.rsplit('.', 1)[-1]}"
    headers = {
        "Content-Type": content_type_of(outcome.file),
        "Content-Disposition": attachment(name, kind="inline"),
        "X-Content-Type-Options": "nosniff",
    }
    if outcome.findings:
        headers[FINDINGS_HEADER] = _in_header(outcome)
    return web.Response(body=document, headers=headers)


def _in_header(outcome: RowOutcome) -> str:
    """The findings as a JSON list in ASCII: the first of them, as many as a header may hold."""
    shown = [one.wire() for one in outcome.findings]
    while len(text := json.dumps(shown)) > MOST_HEADER:
        shown.pop()
    return text


async def _cancel(services: Services, job: BatchJob) -> None:
    try:
        await patch_spec(services, job, {"cancel": True})
    except PressroomError as error:  # its deadline ends it
        log.warning(error.log, extra={"action": "cancel_failed", "batch": job.metadata.name})


def seconds_of(request: web.Request) -> float:
    """How long the client waits, by ``?timeout=``."""
    text = request.query.get("timeout")
    if text is None:
        return DEFAULT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        raise UserError(
            Code.INVALID_REQUEST, "timeout must be a number of seconds.", path="timeout"
        ) from None
    if not 0 < seconds <= MOST_SECONDS:
        text = f"timeout must be above 0 and at most {MOST_SECONDS:g} seconds."
        raise UserError(Code.INVALID_OPTION, text, path="timeout", status=422)
    return seconds
