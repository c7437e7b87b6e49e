"""ImaginePDF's addresses, below ``/api/v1``; ``pressroom.dialects.imaginepdf`` has its words."""

from __future__ import annotations

from aiohttp import web

from pressroom.dialects import imaginepdf
from pressroom.model.batchjob import BatchJob, Dialect
from pressroom.ports import Disposition
from pressroom_gateway import auth, body, intake, ledgers, templates
from pressroom_gateway.answers import json_answer
from pressroom_gateway.problems import envelope
from pressroom_gateway.route import Handler, Route
from pressroom_gateway.services import SERVICES, TENANT


async def generate(request: web.Request) -> web.Response:
    """``POST /batch/generate?design=…``: 202 with the queued job."""
    imaginepdf.refuse_unentitled(request[TENANT].features)
    services, tenant = request.app[SERVICES], request[TENANT]
    design = imaginepdf.design_of(request.query)
    most = min(tenant.max_request_bytes, services.settings.gateway_max_json_bytes)
    async with body.json_request(request, most) as raw:
        size = request.content_length or body.THREAD_BYTES + 1
        submission = await body.offload(
            size, imaginepdf.parse, design, raw, most=tenant.rows_per_batch
        )
    if await templates.find(services, tenant.name, design) is None:
        raise imaginepdf.unknown_design(design)
    submitted = await intake.submit(request, submission)
    return json_answer(imaginepdf.accepted(submitted.job), status=202)


async def show(request: web.Request) -> web.Response:
    """``GET /batch/{jobId}/status``."""
    return json_answer(imaginepdf.status(await _job(request)))


async def download(request: web.Request) -> web.Response:
    """``GET /batch/{jobId}/download``: a link to the ZIP, for an hour. 409 without one, 410."""
    job = await _job(request)
    store = request.app[SERVICES].store
    key = imaginepdf.archive_of(job).key
    if await store.stat(key) is None:
        raise ledgers.gone()
    name = f"{imaginepdf.job_id(job)}.zip"
    url = await store.presign(
        key,
        seconds=imaginepdf.LINK_SECONDS,
        disposition=Disposition(name, "application/zip"),
    )
    return json_answer(imaginepdf.link(url), headers={"Cache-Control": "no-store"})


async def _job(request: web.Request) -> BatchJob:
    imaginepdf.refuse_unentitled(request[TENANT].features)
    return await intake.job_from(request, Dialect.IMAGINE_PDF, request.match_info["jobId"])


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(
        method,
        f"/api/v1{path}",
        handler,
        envelope=envelope(imaginepdf.error),
        authenticate=auth.x_api_key,
        dialect=Dialect.IMAGINE_PDF,
    )


ROUTES = (
    _route("POST", "/batch/generate", generate),
    _route("GET", "/batch/{jobId}/status", show),
    _route("GET", "/batch/{jobId}/download", download),
)
