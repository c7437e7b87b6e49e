"""``/v1/usage``: what the caller's tenant has used, may still use, and for which jobs.

The account is the Tenant's status, which the operator keeps; the jobs are usage records in the
store. Nothing is written here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from pressroom import usage
from pressroom.accounts import available
from pressroom.model.base import rfc3339
from pressroom.model.ledger import UsageRecord
from pressroom.model.scopes import Scope
from pressroom.model.tenant import (
    DEFAULT_ACTIVE_JOBS,
    DEFAULT_MAX_REQUEST_BYTES,
    DEFAULT_MAX_TTL_SECONDS,
    DEFAULT_ROWS_PER_BATCH,
    CreditMode,
    Credits,
    TenantLimits,
    TenantSpec,
    TenantStatus,
)
from pressroom.names import usage_key
from pressroom_gateway.answers import (
    bad_cursor,
    cursor_of,
    json_answer,
    limit_of,
    make_cursor,
    refuse_unknown_parameters,
)
from pressroom_gateway.limits import read_tenant
from pressroom_gateway.route import Route
from pressroom_gateway.services import SERVICES, TENANT

#: Records read at once.
_AHEAD = 16


async def get_usage(request: web.Request) -> web.Response:
    """``GET /v1/usage``: credits, months (the latest first) and limits in force."""
    refuse_unknown_parameters(request, set())
    services, tenant = request.app[SERVICES], request[TENANT].name
    spec, status = read_tenant(services.tenants.get(services.namespace, tenant))
    return json_answer(
        {
            "credits": _credits(spec, status),
            "months": [one.wire() for one in reversed(status.usage)],
            "limits": _limits(spec.limits or TenantLimits()),
        }
    )


async def list_usage_jobs(request: web.Request) -> web.Response:
    """``GET /v1/usage/jobs``: what each ended job used, in no order that means anything."""
    refuse_unknown_parameters(request, {"limit", "cursor"})
    store, tenant = request.app[SERVICES].store, request[TENANT].name
    limit, after = limit_of(request), _after(request)
    uids: list[str] = []
    prefix = usage_key(tenant, "").removesuffix(".json")
    async for found in store.list(prefix, after=usage_key(tenant, after) if after else ""):
        uids.append(found.key.removeprefix(prefix).removesuffix(".json"))
        if len(uids) > limit:
            break
    cursor = make_cursor(uids[limit - 1]) if len(uids) > limit else None
    jobs: list[dict[str, Any]] = []
    shown = uids[:limit]
    for first in range(0, len(shown), _AHEAD):
        some = shown[first : first + _AHEAD]
        read = await asyncio.gather(*(usage.read(store, tenant, uid) for uid in some))
        # One that went meanwhile, or that an older version wrote, is left out.
        jobs += [_job(record) for record in read if record is not None]
    return json_answer({"jobs": jobs, "nextCursor": cursor})


def _after(request: web.Request) -> str:
    """The UID that the last page ended with; empty for the first page."""
    values = cursor_of(request)
    if values is None:
        return ""
    if len(values) != 1 or not isinstance(values[0], str) or not values[0]:
        raise bad_cursor()
    return values[0]


def _credits(spec: TenantSpec, status: TenantStatus) -> dict[str, Any]:
    """``granted`` and ``available`` are null where credits do not run out."""
    credit = spec.credits or Credits(mode=CreditMode.UNLIMITED)
    metered = credit.mode is CreditMode.METERED
    return {
        "mode": "metered" if metered else "unlimited",
        "granted": (credit.granted or 0) if metered else None,
        "spent": status.spent,
        "reserved": sum(status.reserved.values()),
        "available": available(spec, status),
    }


def _limits(limits: TenantLimits) -> dict[str, Any]:
    """All limits that there are, the farm's defaults filled in."""
    return {
        "rowsPerBatch": DEFAULT_ROWS_PER_BATCH,
        "activeJobs": DEFAULT_ACTIVE_JOBS,
        "maxTtlSeconds": DEFAULT_MAX_TTL_SECONDS,
        "maxRequestBytes": DEFAULT_MAX_REQUEST_BYTES,
        **limits.wire(),
    }


def _job(record: UsageRecord) -> dict[str, Any]:
    return {
        "id": record.job,
        "uid": record.uid,
        "dialect": record.dialect[:1].lower() + record.dialect[1:],
        "rows": {
            "total": record.rows,
            "succeeded": record.succeeded,
            "failed": record.failed,
            "cancelled": record.cancelled,
        },
        "pages": record.pages,
        "bytes": record.bytes,
        "credits": record.credits,
        "endedAt": rfc3339(record.ended_at),
    }


ROUTES = (
    Route("GET", "/v1/usage", get_usage, scope=Scope.USAGE_READ),
    Route("GET", "/v1/usage/jobs", list_usage_jobs, scope=Scope.USAGE_READ),
)
