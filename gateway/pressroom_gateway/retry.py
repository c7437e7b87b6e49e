"""``POST /v1/batches/{id}/retry``: a new batch of the rows that failed, and of no others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator

import orjson
from aiohttp import web

from pressroom import names
from pressroom.dialects import native_answers
from pressroom.errors import Code, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, Manifest, job_of
from pressroom.model.ledger import RowState
from pressroom.model.plan import Plan
from pressroom.model.states import TERMINAL_STATES, state_of
from pressroom.ports import BATCH_JOBS, SECRETS, Store
from pressroom_gateway import ledgers, templates, uploads
from pressroom_gateway.batches import accepted, idempotency_key, job_from
from pressroom_gateway.create import Order, name_for, place
from pressroom_gateway.limits import refuse_too_many_jobs
from pressroom_gateway.services import SERVICES, TENANT, Services

FETCH = 8


async def retry_batch(request: web.Request) -> web.Response:
    """202 with the new batch; 409 before the end, 410 after expiry, 422 where no row failed."""
    services, tenant = request.app[SERVICES], request[TENANT]
    known = await job_from(request)
    # The cache has no templates and no inline rows.
    body = await services.jobs.get(BATCH_JOBS, services.namespace, known.metadata.name)
    job = job_of(body)
    ledgers.refuse_expired(job)
    if state_of(job) not in TERMINAL_STATES:
        text = "The batch has not ended. Wait for it, or cancel it first."
        raise UserError(Code.CONFLICT, text, status=409)
    key = idempotency_key(request)
    name = name_for(services, tenant.name, key)
    if key is None or await services.batches.get(name) is None:
        refuse_too_many_jobs(tenant, services.batches.items())
        await templates.require(services, tenant.name, _templates(job))
    try:
        manifest = await _failed_rows(services.store, job)
    except NotFoundError:
        raise ledgers.gone() from None
    order = await _order(services, job, name, manifest)
    return accepted(*await place(services, order))


async def _order(services: Services, job: BatchJob, name: str, manifest: Manifest) -> Order:
    hook = job.spec.webhook
    return Order(
        name=name,
        spec=job.spec.evolve(
            rows=None,
            config_map=None,
            manifest=manifest,
            suspend=None,
            cancel=None,
            webhook=hook.evolve(secret_ref=None) if hook else None,
        ),
        sha256=hashlib.sha256(f"retry\0{job.uid}".encode()).hexdigest(),
        # The old batch's Secret goes with the old batch: the new one gets its own.
        secret=await _secret_of(services, job),
        labels=native_answers.labels_of(job.metadata.annotations),
        annotations={names.ANNOTATION_RETRY_OF: job.metadata.name},
    )


def _templates(job: BatchJob) -> list[tuple[str, str]]:
    own = [job.spec.template.name] if job.spec.template else []
    return [(name, "template") for name in (*own, *(job.spec.templates or ()))]


async def _secret_of(services: Services, job: BatchJob) -> str | None:
    hook = job.spec.webhook
    if hook is None or hook.secret_ref is None:
        return None
    try:
        found = await services.jobs.get(SECRETS, services.namespace, hook.secret_ref.name)
    except NotFoundError:
        return None
    value = (found.get("data") or {}).get("secret", "")
    return base64.b64decode(value).decode() or None


async def _failed_rows(store: Store, job: BatchJob) -> Manifest:
    plan = await ledgers.read_plan(store, job)
    failed = await _failed(store, plan) if plan is not None else {}
    if plan is None or not failed:
        raise UserError(Code.NO_ROWS, "No row of this batch failed.", status=422)
    return await uploads.upload_checked(store, job.tenant, _lines(store, plan, failed))


async def _failed(store: Store, plan: Plan) -> dict[int, str]:
    """Index and id of each row that failed."""
    failed: dict[int, str] = {}
    for group in range(0, len(plan.shards), FETCH):
        numbers = range(group, min(group + FETCH, len(plan.shards)))
        found = await asyncio.gather(
            *(ledgers.read_ledger(store, plan.uid, number) for number in numbers)
        )
        for ledger in found:
            for row in ledger.rows if ledger is not None else ():
                if row.state is RowState.FAILED:
                    failed[row.index] = row.id
    return failed


async def _lines(store: Store, plan: Plan, failed: dict[int, str]) -> AsyncIterator[bytes]:
    """The manifest lines of these rows, each with the id it had."""
    index = 0
    async for line in ledgers.manifest_lines(store, plan.manifest):
        if index in failed:
            row = {"id": failed[index], **orjson.loads(line)}
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        index += 1
