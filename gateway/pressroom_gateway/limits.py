"""A tenant's ceilings, the farm's defaults filled in, and what it has used of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import ValidationError

from pressroom import names
from pressroom.errors import Code, UserError
from pressroom.model.base import now
from pressroom.model.conditions import ConditionType, Reason
from pressroom.model.tenant import (
    DEFAULT_ACTIVE_JOBS,
    DEFAULT_MAX_REQUEST_BYTES,
    DEFAULT_MAX_TTL_SECONDS,
    DEFAULT_ROWS_PER_BATCH,
    CreditMode,
    TenantLimits,
    TenantSpec,
    TenantStatus,
    kept_seconds,
)
from pressroom.pagehosts import PageHosts
from pressroom.ports import Json


@dataclass(frozen=True)
class Tenant:
    """Who is asking, and how much they may ask for."""

    name: str
    rows_per_batch: int = DEFAULT_ROWS_PER_BATCH
    active_jobs: int = DEFAULT_ACTIVE_JOBS
    max_ttl_seconds: int = DEFAULT_MAX_TTL_SECONDS
    max_request_bytes: int = DEFAULT_MAX_REQUEST_BYTES
    requests_per_minute: int | None = None
    new_jobs_per_minute: int | None = None
    active_jobs_per_key: int | None = None
    pages_per_month: int | None = None
    pages_used: int = 0
    #: What the tenant's plan includes; None for everything.
    features: frozenset[str] | None = None
    #: Credits that are neither spent nor reserved; None where they do not run out.
    credits_left: int | None = None
    #: Hosts and networks that webhooks may reach though they are not public.
    allowed_peers: tuple[str, ...] = ()
    #: Where pages may be fetched from.
    page_hosts: PageHosts = field(default_factory=PageHosts)

    def may(self, feature: str) -> bool:
        """Whether the plan includes a feature."""
        return self.features is None or feature in self.features


def tenant_of(name: str, resource: Json | None) -> Tenant:
    """The tenant with the limits of its resource; the defaults where there is none."""
    spec, status = read_tenant(resource)
    limits = spec.limits or TenantLimits()
    month = now().strftime("%Y-%m")
    return Tenant(
        name,
        rows_per_batch=limits.rows_per_batch or DEFAULT_ROWS_PER_BATCH,
        active_jobs=limits.active_jobs or DEFAULT_ACTIVE_JOBS,
        max_ttl_seconds=limits.max_ttl_seconds or DEFAULT_MAX_TTL_SECONDS,
        max_request_bytes=limits.max_request_bytes or DEFAULT_MAX_REQUEST_BYTES,
        requests_per_minute=limits.requests_per_minute,
        new_jobs_per_minute=limits.new_jobs_per_minute,
        active_jobs_per_key=limits.active_jobs_per_key,
        pages_per_month=limits.pages_per_month,
        pages_used=next((one.pages for one in status.usage if one.month == month), 0),
        features=None if spec.features is None else frozenset(spec.features),
        credits_left=_credits_left(spec, status),
        allowed_peers=tuple((spec.egress.allow if spec.egress else None) or ()),
        page_hosts=PageHosts.parse((spec.egress.pages if spec.egress else None) or ()),
    )


def read_tenant(resource: Json | None) -> tuple[TenantSpec, TenantStatus]:
    """Spec and status of a Tenant; empty ones where there is none, or none that can be read."""
    try:
        return (
            TenantSpec.model_validate((resource or {}).get("spec") or {}),
            TenantStatus.model_validate((resource or {}).get("status") or {}),
        )
    except ValidationError:
        # A newer farm's Tenant; the operator says so in its status.
        return TenantSpec(), TenantStatus()


def _credits_left(spec: TenantSpec, status: TenantStatus) -> int | None:
    if spec.credits is None or spec.credits.mode is CreditMode.UNLIMITED:
        return None
    return (spec.credits.granted or 0) - status.spent - sum(status.reserved.values())


def job_tenant(body: Json) -> str:
    """The tenant of a BatchJob's JSON."""
    return str(body["spec"].get("tenant") or names.DEFAULT_TENANT)


def reason_of(body: Json) -> str:
    """The reason of the summary condition of a BatchJob's JSON, without parsing the rest."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition["type"] == ConditionType.SUCCEEDED:
            return str(condition["reason"])
    return Reason.QUEUED


def ttl_within(tenant: Tenant, seconds: int | None) -> int:
    """How long a job's data is kept: as asked, else by default, within the tenant's limit."""
    return kept_seconds(seconds, tenant.max_ttl_seconds)


def refuse_long_ttl(tenant: Tenant, seconds: int | None) -> None:
    """422 where data would be kept longer than the tenant may."""
    if seconds is not None and seconds > tenant.max_ttl_seconds:
        raise UserError(
            Code.INVALID_OPTION,
            f"ttlSeconds must be {tenant.max_ttl_seconds} at most.",
            path="ttlSeconds",
            status=422,
        )
