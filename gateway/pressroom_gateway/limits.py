"""A tenant's ceilings, the farm's defaults filled in, and the count of its active jobs."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from pressroom import names
from pressroom.errors import Code, UserError
from pressroom.model.conditions import TERMINAL, ConditionType, Reason
from pressroom.model.tenant import (
    DEFAULT_ACTIVE_JOBS,
    DEFAULT_MAX_REQUEST_BYTES,
    DEFAULT_MAX_TTL_SECONDS,
    DEFAULT_ROWS_PER_BATCH,
    TenantLimits,
    TenantSpec,
)
from pressroom.ports import Json


@dataclass(frozen=True)
class Tenant:
    """Who is asking, and how much they may ask for."""

    name: str
    rows_per_batch: int = DEFAULT_ROWS_PER_BATCH
    active_jobs: int = DEFAULT_ACTIVE_JOBS
    max_ttl_seconds: int = DEFAULT_MAX_TTL_SECONDS
    max_request_bytes: int = DEFAULT_MAX_REQUEST_BYTES


def tenant_of(name: str, resource: Json | None) -> Tenant:
    """The tenant with the limits of its resource; the defaults where there is none."""
    limits = _limits(resource)
    return Tenant(
        name,
        limits.rows_per_batch or DEFAULT_ROWS_PER_BATCH,
        limits.active_jobs or DEFAULT_ACTIVE_JOBS,
        limits.max_ttl_seconds or DEFAULT_MAX_TTL_SECONDS,
        limits.max_request_bytes or DEFAULT_MAX_REQUEST_BYTES,
    )


def _limits(resource: Json | None) -> TenantLimits:
    try:
        spec = TenantSpec.model_validate((resource or {}).get("spec") or {})
    except ValidationError:
        return TenantLimits()  # a newer farm's Tenant; the operator says so in its status
    return spec.limits or TenantLimits()


def job_tenant(body: Json) -> str:
    """The tenant of a BatchJob's JSON."""
    return str(body["spec"].get("tenant") or names.DEFAULT_TENANT)


def reason_of(body: Json) -> str:
    """The reason of the summary condition of a BatchJob's JSON, without parsing the rest."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition["type"] == ConditionType.SUCCEEDED:
            return str(condition["reason"])
    return Reason.QUEUED


def refuse_too_many_jobs(tenant: Tenant, jobs: list[Json]) -> None:
    """429 where the tenant has as many active jobs as it may."""
    active = sum(
        job_tenant(body) == tenant.name and reason_of(body) not in TERMINAL for body in jobs
    )
    if active >= tenant.active_jobs:
        raise UserError(
            Code.TOO_MANY_REQUESTS,
            f"{active} batches are active, and no more than {tenant.active_jobs} may be.",
            status=429,
            retry_after=5,
        )


def refuse_long_ttl(tenant: Tenant, seconds: int | None) -> None:
    """422 where data would be kept longer than the tenant may."""
    if seconds is not None and seconds > tenant.max_ttl_seconds:
        raise UserError(
            Code.INVALID_OPTION,
            f"ttlSeconds must be {tenant.max_ttl_seconds} at most.",
            path="ttlSeconds",
            status=422,
        )
