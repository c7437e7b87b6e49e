"""``POST /v1/batches/{id}/retry``: a new batch of the rows that did not come out, and no others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import orjson
from aiohttp import web

from pressroom import names
from pressroom.dialects import native_answers
from pressroom.errors import Code, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, Dialect, Manifest, job_of
from pressroom.model.ledger import RowState
from pressroom.model.plan import Plan
from pressroom.model.states import TERMINAL_STATES, State, state_of
from pressroom.ports import BATCH_JOBS, SECRETS, Store
from pressroom_gateway import ledgers, templates, uploads
from pressroom_gateway.admission import owner_of
from pressroom_gateway.batches import accepted, idempotency_key, job_from
from pressroom_gateway.create import Order, name_for, place
from pressroom_gateway.services import HEADERS, IDENTITY, SERVICES, TENANT, Services

FETCH = 8


async def retry_batch(request: web.Request) -> web.Response:
    """202 with the new batch; 409 before the end, 410 after expiry, 422 without such rows."""
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
    owner = owner_of(request[IDENTITY], Dialect.NATIVE)
    async with AsyncExitStack() as stack:
        if key is None or await services.batches.get(name) is None:
            await stack.enter_async_context(services.admission.job(name, tenant, owner))
            await templates.require(services, tenant.name, _templates(job))
            await services.admission.count_job(tenant, owner, request[HEADERS])
        try:
            manifest = await _rows_left(services.store, job)
        except NotFoundError:
            raise ledgers.gone() from None
        order = await _order(services, job, name, manifest, owner.key)
        return accepted(*await place(services, order))


async def _order(
    services: Services, job: BatchJob, name: str, manifest: Manifest, key: str | None
) -> Order:
    hook = job.spec.webhook
    # The old batch's Secret goes with the old batch: the new one gets its own.
    secret = await _secret_of(services, job)
    if hook is not None and secret is not None:
        hook = hook.evolve(secret_ref=None)
    return Order(
        name=name,
        spec=job.spec.evolve(
            rows=None,
            config_map=None,
            manifest=manifest,
            suspend=None,
            cancel=None,
            # A retry is the native API's, whoever made the batch.
            dialect=None,
            webhook=hook,
        ),
        sha256=hashlib.sha256(f"retry\0{job.uid}".encode()).hexdigest(),
        secret=secret,
        labels=native_answers.labels_of(job.metadata.annotations),
        key=key,
        annotations={names.ANNOTATION_RETRY_OF: job.metadata.name},
    )


def _templates(job: BatchJob) -> list[tuple[str, str]]:
    own = [job.spec.template.name] if job.spec.template else []
    return [(name, "template") for name in (*own, *(job.spec.templates or ()))]


async def _secret_of(services: Services, job: BatchJob) -> str | None:
    """The webhook's secret where it is the batch's own; None where others use it as well."""
    hook = job.spec.webhook
    if hook is None or hook.secret_ref is None:
        return None
    try:
        found = await services.jobs.get(SECRETS, services.namespace, hook.secret_ref.name)
    except NotFoundError:
        return None
    if names.LABEL_WEBHOOK not in (found["metadata"].get("labels") or {}):
        return None
    value = (found.get("data") or {}).get("secret", "")
    return base64.b64decode(value).decode() or None


async def _rows_left(store: Store, job: BatchJob) -> Manifest:
    if state_of(job) is State.REJECTED:
        text = "The batch was rejected, and has no rows to render again. Send them anew."
        raise UserError(Code.NO_ROWS, text, status=422)
    plan = await ledgers.read_plan(store, job)
    if plan is None:
        raise ledgers.gone()
    left = await _left(store, plan)
    if not left:
        text = "Every row of this batch came out; there is nothing to retry."
        raise UserError(Code.NO_ROWS, text, status=422)
    return await uploads.upload_checked(store, job.tenant, _lines(store, plan, left))


async def _left(store: Store, plan: Plan) -> dict[int, str]:
    """Index and id of each row that failed or was never rendered."""
    left: dict[int, str] = {}
    for group in range(0, len(plan.shards), FETCH):
        numbers = range(group, min(group + FETCH, len(plan.shards)))
        for found in await asyncio.gather(*(_left_of(store, plan, number) for number in numbers)):
            left |= found
    return left


async def _left_of(store: Store, plan: Plan, number: int) -> dict[int, str]:
    ledger = await ledgers.read_ledger(store, plan.uid, number)
    if ledger is None:  # the batch ended without it
        ids = await ledgers.shard_ids(store, plan, number)
        return dict(enumerate(ids, plan.shards[number].first))
    return {row.index: row.id for row in ledger.rows if row.state is not RowState.SUCCEEDED}


async def _lines(store: Store, plan: Plan, left: dict[int, str]) -> AsyncIterator[bytes]:
    """The manifest lines of these rows, each with the id it had."""
    index = 0
    async for line in ledgers.manifest_lines(store, plan.manifest):
        if index in left:
            row = {"id": left[index], **orjson.loads(line)}
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        index += 1
