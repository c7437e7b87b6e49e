"""``/v1/webhooks`` and ``/v1/batches/{id}/webhook/redeliver``: what became of webhooks, and again.

Redelivery is asked for by an annotation of the BatchJob; who makes the call is none of ours.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from pressroom import names
from pressroom.dialects import native_answers
from pressroom.dialects import webhooks as words
from pressroom.errors import Code, ConflictError, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob, job_of
from pressroom.model.conditions import ConditionType, Status
from pressroom.model.ledger import WebhookRecord
from pressroom.model.states import TERMINAL_STATES, state_of
from pressroom.ports import BATCH_JOBS, Json, Store
from pressroom_gateway.answers import (
    json_answer,
    limit_of,
    make_cursor,
    refuse_unknown_parameters,
)
from pressroom_gateway.batches import job_from, place_of
from pressroom_gateway.limits import job_tenant
from pressroom_gateway.route import Route
from pressroom_gateway.services import SERVICES, TENANT, Services
from pressroom_gateway.view import order_of

log = logging.getLogger(__name__)
STATES = ("pending", "delivered", "failed")
#: Records read at once.
FETCH = 8


async def list_webhooks(request: web.Request) -> web.Response:
    """``GET /v1/webhooks``: the tenant's batches that have one, newest first."""
    services, tenant = request.app[SERVICES], request[TENANT].name
    refuse_unknown_parameters(request, {"state", "limit", "cursor"})
    limit, after, state = limit_of(request), place_of(request), _state_filter(request)
    known = [
        one
        for one in services.batches.items()
        if job_tenant(one) == tenant
        and one["spec"].get("webhook")
        and (after is None or order_of(one) < after)
        and (state is None or _may_be(one, state))
    ]
    known.sort(key=order_of, reverse=True)
    jobs = ((order_of(one), job_of(one)) for one in known)
    found = list(islice((one for one in jobs if state in (None, _state(one[1]))), limit + 1))
    page = found[:limit]
    cursor = make_cursor(*page[-1][0]) if len(found) > limit else None
    entries = await _entries(services.store, [job for _, job in page])
    return json_answer({"webhooks": entries, "nextCursor": cursor})


async def redeliver(request: web.Request) -> web.Response:
    """``POST /v1/batches/{id}/webhook/redeliver``: 202; it is sent anew, with the id it had.

    409 where the batch has no webhook, or has not ended.
    """
    services, job = request.app[SERVICES], await job_from(request)
    _refuse_without(job)
    if state_of(job) not in TERMINAL_STATES:  # which the cache may not know yet
        job = job_of(await services.jobs.get(BATCH_JOBS, services.namespace, job.metadata.name))
    if state_of(job) not in TERMINAL_STATES:
        text = "The batch has not ended: there is nothing yet that its webhook could tell."
        raise UserError(Code.CONFLICT, text, status=409)
    changed = job_of(await _ask(services, job))
    log.info(
        "webhook redelivery asked for",
        extra={"action": "webhook_redelivery", "batch": job.metadata.name},
    )
    return json_answer(words.entry(changed, await _record(services.store, changed)), status=202)


async def _ask(services: Services, job: BatchJob) -> Json:
    name, moment = job.metadata.name, datetime.now(UTC).isoformat(timespec="microseconds")
    asked = {names.ANNOTATION_REDELIVER: moment.replace("+00:00", "Z")}
    # The uid keeps the patch from a later batch of the same name.
    patch = {"metadata": {"uid": job.uid, "annotations": asked}}
    try:
        changed = await services.jobs.patch(BATCH_JOBS, services.namespace, name, patch)
    except (NotFoundError, ConflictError):
        raise UserError(Code.NOT_FOUND, f"There is no batch {name!r}.", status=404) from None
    services.batches.put(changed)
    return changed


def _refuse_without(job: BatchJob) -> None:
    if job.spec.webhook is None:
        text = "The batch has no webhook. Give one when you submit it."
        raise UserError(Code.CONFLICT, text, status=409)


# --- what is known of one ------------------------------------------------------------------------
async def _entries(store: Store, jobs: list[BatchJob]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for first in range(0, len(jobs), FETCH):
        group = jobs[first : first + FETCH]
        records = await asyncio.gather(*(_record(store, job) for job in group))
        entries += map(words.entry, group, records)
    return entries


async def _record(store: Store, job: BatchJob) -> WebhookRecord | None:
    """What the finalizer left; None before the first call, and once it was purged."""
    if state_of(job) not in TERMINAL_STATES:
        return None
    try:
        body = await store.get(names.webhook_key(job.uid))
        return WebhookRecord.model_validate(orjson.loads(body))
    except (NotFoundError, orjson.JSONDecodeError, ValidationError):
        return None  # one that cannot be read is written anew


def _state(job: BatchJob) -> str:
    return native_answers.webhook(job)["state"]


def _may_be(one: Json, state: str) -> bool:
    """Whether it is worth while to read a BatchJob's JSON: False for most that are not wanted."""
    if names.ANNOTATION_REDELIVER in (one["metadata"].get("annotations") or {}):
        return True
    conditions = (one.get("status") or {}).get("conditions") or ()
    mine = (one for one in conditions if one["type"] == ConditionType.WEBHOOK_DELIVERED)
    is_true = any(one["status"] == Status.TRUE for one in mine)
    return is_true == (state == "delivered")


# --- the query -----------------------------------------------------------------------------------
def _state_filter(request: web.Request) -> str | None:
    text = request.query.get("state")
    if text is not None and text not in STATES:
        listed = ", ".join(STATES)
        raise UserError(
            Code.INVALID_OPTION, f"state must be one of {listed}.", path="state", status=422
        )
    return text


ROUTES = (
    Route("GET", "/v1/webhooks", list_webhooks),
    Route("POST", "/v1/batches/{id}/webhook/redeliver", redeliver),
)
