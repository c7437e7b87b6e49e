"""``/v1/pdf``: the LightningPDF API, also below ``/api``. Results are part of the status."""

from __future__ import annotations

import asyncio
import logging

import orjson
from aiohttp import web

from pressroom.dialects import lightningpdf, lightningpdf_request
from pressroom.dialects.lightningpdf import Json
from pressroom.errors import Code, ConflictError, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, Dialect, job_of
from pressroom.model.ledger import RowOutcome
from pressroom.model.plan import Plan
from pressroom.ports import BATCH_JOBS, Store
from pressroom_gateway import auth, batches, body, checks, intake, ledgers, syntax
from pressroom_gateway.answers import json_answer
from pressroom_gateway.dialects.filled_json import send_with_files
from pressroom_gateway.problems import envelope
from pressroom_gateway.route import Handler, Route
from pressroom_gateway.services import SERVICES, TENANT, Services

log = logging.getLogger(__name__)
#: Shard ledgers read at once.
FETCH = 8


# --- create and list -----------------------------------------------------------------------------
async def create_batch(request: web.Request) -> web.Response:
    """``POST …/batch``: the job that was made; nothing is stored of a request that is refused."""
    services, tenant = request.app[SERVICES], request[TENANT]
    most_bytes = min(tenant.max_request_bytes, services.settings.gateway_max_json_bytes)
    async with body.json_request(request, most_bytes) as raw:
        order: lightningpdf_request.Order = await body.offload(
            request.content_length or body.THREAD_BYTES + 1,
            lightningpdf_request.parse,
            raw,
            most=min(lightningpdf.MAX_ITEMS, tenant.rows_per_batch),
        )
        url = order.submission.webhook_url
        if url is not None:
            checks.refuse_unreachable(services, tenant, url, "callback_url")
        await syntax.refuse_faulty(order.texts)
    submitted = await intake.submit(request, order.submission)
    return json_answer(lightningpdf.created(submitted.job))


async def list_jobs(request: web.Request) -> web.Response:
    """``GET …/jobs``: newest first, a page at a time."""
    query = lightningpdf.parse_query(request.query)
    return json_answer(lightningpdf.listing(intake.jobs_of(request, Dialect.LIGHTNING_PDF), query))


async def _job(request: web.Request) -> BatchJob:
    return await intake.job_from(request, Dialect.LIGHTNING_PDF, request.match_info["id"])


# --- cancel and delete ---------------------------------------------------------------------------
async def delete_job(request: web.Request) -> web.Response:
    """``DELETE …/jobs/{id}``: an active job is cancelled, an ended one removed with its results."""
    services, job = request.app[SERVICES], await _job(request)
    if not lightningpdf.is_over(job):
        job = job_of(await batches.patch_spec(services, job, {"cancel": True}))
        if not lightningpdf.is_over(job):
            return json_answer(lightningpdf.done("Job cancelled successfully"))
        # It had ended before, which the cache did not know.
    await _remove(services, job)
    return json_answer(lightningpdf.done("Job deleted successfully"))


async def _remove(services: Services, job: BatchJob) -> None:
    name = job.metadata.name
    try:
        await services.jobs.delete(BATCH_JOBS, services.namespace, name, uid=job.uid)
    except (NotFoundError, ConflictError):
        raise UserError(Code.NOT_FOUND, "There is no such job any more.", status=404) from None
    services.batches.forget({"metadata": {"name": name, "uid": job.uid}})


# --- status and results --------------------------------------------------------------------------
async def get_job(request: web.Request) -> web.StreamResponse:
    """``GET …/jobs/{id}``: how far it is; once it has ended, all its results with their files."""
    job = await _job(request)
    if not lightningpdf.is_over(job):
        return json_answer(lightningpdf.under_way(job))
    store = request.app[SERVICES].store
    try:
        answer = await _results(store, job)
        if answer is not None:
            return await send_with_files(request, answer)
    except NotFoundError:  # its time ended while it was read
        log.info("a job's files went", extra={"action": "files_gone", "uid": job.uid})
    return json_answer(lightningpdf.over(job, None, {}))


async def _results(store: Store, job: BatchJob) -> Json | None:
    """The answer with all results; None where they are not there, or not any more."""
    plan = await ledgers.read_plan(store, job)
    if plan is None:
        return None
    outcomes: list[RowOutcome] = []
    for group in range(0, len(plan.shards), FETCH):
        numbers = range(group, min(group + FETCH, len(plan.shards)))
        found = (ledgers.read_ledger(store, plan.uid, number) for number in numbers)
        for ledger in await asyncio.gather(*found):
            if ledger is None:
                return None
            outcomes += ledger.rows
    return lightningpdf.over(job, outcomes, await _missing_templates(store, plan, outcomes))


async def _missing_templates(
    store: Store, plan: Plan, outcomes: list[RowOutcome]
) -> dict[int, str]:
    """The template ids of the items whose template was not found, by index."""
    wanted = {
        ledgers.shard_of(plan, one.index)
        for one in outcomes
        if one.error is not None and one.error.code is Code.TEMPLATE_NOT_FOUND
    }
    found: dict[int, str] = {}
    for shard in (plan.shards[number] for number in sorted(wanted)):
        text = await store.get(plan.manifest, offset=shard.offset, length=shard.bytes)
        for index, line in enumerate(text.splitlines(), shard.first):
            found[index] = str(orjson.loads(line).get("template"))
    return found


def _routes(prefix: str) -> tuple[Route, ...]:
    def route(method: str, path: str, handler: Handler) -> Route:
        return Route(
            method,
            prefix + path,
            handler,
            envelope=envelope(lightningpdf.error),
            authenticate=auth.bearer_key,
            dialect=Dialect.LIGHTNING_PDF,
            ceilings=lightningpdf.CEILINGS if handler is create_batch else None,
        )

    return (
        route("POST", "/v1/pdf/batch", create_batch),
        route("GET", "/v1/pdf/jobs", list_jobs),
        route("GET", "/v1/pdf/jobs/{id}", get_job),
        route("DELETE", "/v1/pdf/jobs/{id}", delete_job),
    )


#: The document names its addresses both ways: in its tables without, in its examples with /api.
ROUTES = (*_routes(""), *_routes("/api"))
