"""PDFGorilla's addresses, below ``/api/v1``; ``pressroom.dialects.pdfgorilla`` has its words."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from pressroom.dialects import pdfgorilla
from pressroom.dialects.ceilings import Ceilings
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect, job_of
from pressroom.model.ledger import RowOutcome
from pressroom.model.states import TERMINAL_STATES, state_of
from pressroom.ports import Disposition
from pressroom_gateway import auth, body, checks, downloads, intake, ledgers, templates
from pressroom_gateway.answers import json_answer
from pressroom_gateway.batches import patch_spec
from pressroom_gateway.problems import envelope
from pressroom_gateway.route import Handler, Route
from pressroom_gateway.services import SERVICES, TENANT

#: How long a cancellation is waited for, so that its answer can tell of it.
_CANCEL_SECONDS = 2.0
_LOOK_SECONDS = 0.05


async def generate(request: web.Request) -> web.Response:
    """``POST /templates/{templateId}/generate-async``: 202 with the job."""
    services, tenant = request.app[SERVICES], request[TENANT]
    raw = await _body(request)
    # A repeat is answered before anything else of it is looked at.
    made = await intake.earlier(request, Dialect.PDF_GORILLA, pdfgorilla.key_of(raw))
    if made is not None:
        return _accepted(made, deduplicated=True)
    template = request.match_info["templateId"]
    admitted = checks.admitted_by(services, tenant)
    size = request.content_length or body.THREAD_BYTES + 1
    submission = await body.offload(size, pdfgorilla.parse, template, raw, admitted)
    await templates.require(services, tenant.name, [(template, "templateId")])
    submitted = await intake.submit(request, submission)
    return _accepted(submitted.job, deduplicated=submitted.replayed)


async def show(request: web.Request) -> web.Response:
    """``GET /jobs/{jobId}``."""
    return json_answer(pdfgorilla.status(await _job(request)))


async def download(request: web.Request) -> web.StreamResponse:
    """``GET /jobs/{jobId}/download``: the PDF itself. 409 without one, 410.

    No redirect: clients would send their key along to the store.
    """
    job = await _job(request)
    pdfgorilla.refuse_unfinished(job)
    outcome = await _outcome(request, job)
    if outcome is None or outcome.file is None:
        raise ledgers.gone()
    disposition = Disposition(f"{pdfgorilla.job_id(job)}.pdf", "application/pdf")
    return await downloads.stream(request, outcome.file, disposition)


async def cancel(request: web.Request) -> web.Response:
    """``POST /jobs/{jobId}/cancel``, ``DELETE /jobs/{jobId}``: 200 with the job. 409."""
    job = await _job(request)
    pdfgorilla.refuse_ended(job)
    if state_of(job) not in TERMINAL_STATES:
        job = job_of(await patch_spec(request.app[SERVICES], job, {"cancel": True}))
        job = await _ended(request, job)
        pdfgorilla.refuse_ended(job)  # it may have completed meanwhile
    return json_answer(pdfgorilla.status(job))


async def _body(request: web.Request) -> dict[str, object]:
    if request.content_type != "application/json":
        what = "Send a JSON body, with Content-Type: application/json."
        raise UserError(Code.UNSUPPORTED_MEDIA_TYPE, what, path="Content-Type", status=415)
    most = min(request[TENANT].max_request_bytes, pdfgorilla.MAX_BODY_BYTES)
    text = await body.read(request, most)
    found: dict[str, object] = await body.offload(len(text), pdfgorilla.load, text)
    return found


async def _job(request: web.Request) -> BatchJob:
    return await intake.job_from(request, Dialect.PDF_GORILLA, request.match_info["jobId"])


async def _ended(request: web.Request, job: BatchJob) -> BatchJob:
    """The job once it has ended, or as it is after the time that is waited for that."""
    deadline = time.monotonic() + _CANCEL_SECONDS
    while state_of(job) not in TERMINAL_STATES and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
        job = await _job(request)
    return job


async def _outcome(request: web.Request, job: BatchJob) -> RowOutcome | None:
    store = request.app[SERVICES].store
    plan = await ledgers.read_plan(store, job)
    return await ledgers.read_outcome(store, plan, 0) if plan is not None else None


def _accepted(job: BatchJob, *, deduplicated: bool) -> web.Response:
    return json_answer(pdfgorilla.accepted(job, deduplicated=deduplicated), status=202)


def _route(method: str, path: str, handler: Handler, ceilings: Ceilings | None = None) -> Route:
    return Route(
        method,
        f"/api/v1{path}",
        handler,
        envelope=envelope(pdfgorilla.error),
        authenticate=auth.x_api_key_or_bearer,
        dialect=Dialect.PDF_GORILLA,
        ceilings=ceilings,
    )


ROUTES = (
    _route("POST", "/templates/{templateId}/generate-async", generate, pdfgorilla.CEILINGS),
    _route("GET", "/jobs/{jobId}", show),
    _route("DELETE", "/jobs/{jobId}", cancel),
    _route("GET", "/jobs/{jobId}/download", download),
    _route("POST", "/jobs/{jobId}/cancel", cancel),
)
