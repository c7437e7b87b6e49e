"""Lets requests and new jobs in: rates, active jobs, pages of the month. 429 where it does not.

Rates are counted by all replicas together. Active jobs are those that this replica sees and those
it is creating itself, so replicas that create at the same moment may overshoot by a few; the
operator rejects what is too much for it.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pressroom.dialects.ceilings import Ceilings
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import Dialect
from pressroom.ratewindow import SECONDS
from pressroom_gateway.active import ActiveJobs, Owner
from pressroom_gateway.keyring import Identity
from pressroom_gateway.limits import Tenant
from pressroom_gateway.ratelimit import RateLimits

Headers = dict[str, str]
_NO_CEILINGS = Ceilings()


class Admission:
    """Counts what comes in, and refuses what is too much."""

    def __init__(self, rates: RateLimits, active: ActiveJobs) -> None:
        self._rates = rates
        self._active = active

    async def request(
        self,
        tenant: Tenant,
        identity: Identity,
        dialect: Dialect,
        ceilings: Ceilings | None,
        headers: Headers,
    ) -> None:
        """Count a request against the tenant's rate, and a create call against its key's."""
        if tenant.requests_per_minute is not None:
            name = f"requests.{tenant.name}"
            await self._take(name, "requests", tenant.requests_per_minute, headers)
        if ceilings is not None and ceilings.requests_per_minute is not None:
            who = f"key.{identity.key}" if identity.key else f"tenant.{tenant.name}"
            name = f"calls.{dialect}.{who}"
            await self._take(name, "calls", ceilings.requests_per_minute, headers)

    @asynccontextmanager
    async def job(
        self, name: str, tenant: Tenant, owner: Owner, ceilings: Ceilings = _NO_CEILINGS
    ) -> AsyncIterator[None]:
        """Room for one more active job, of this name, held while the job is being created."""
        self._refuse_too_many(tenant, owner, ceilings)
        refuse_used_up(tenant)
        with self._active.starting(name, owner):
            yield

    async def count_job(
        self, tenant: Tenant, owner: Owner, headers: Headers, ceilings: Ceilings = _NO_CEILINGS
    ) -> None:
        """Count a job that is about to be stored against the rates of new ones."""
        if tenant.new_jobs_per_minute is not None:
            await self._take(f"jobs.{tenant.name}", "jobs", tenant.new_jobs_per_minute, headers)
        if ceilings.new_jobs_per_minute is not None:
            name = f"jobs.{owner.dialect}.{tenant.name}"
            await self._take(name, "jobs", ceilings.new_jobs_per_minute, headers)

    def _refuse_too_many(self, tenant: Tenant, owner: Owner, ceilings: Ceilings) -> None:
        active = self._active
        counted = (
            (active.of_tenant(owner), tenant.active_jobs, "of this account"),
            (active.of_key(owner), tenant.active_jobs_per_key, "of this API key"),
            (active.of_dialect(owner), ceilings.active_jobs, "of this account"),
            (active.of_dialect_key(owner), ceilings.active_jobs_per_key, "of this API key"),
        )
        for number, most, whose in counted:
            if most is not None and number >= most:
                raise UserError(
                    Code.TOO_MANY_ACTIVE_JOBS,
                    f"{number} jobs {whose} are active, and no more than {most} may be. "
                    "Wait until one has ended.",
                    status=429,
                    retry_after=5,
                )

    async def _take(self, name: str, policy: str, limit: int, headers: Headers) -> None:
        verdict = await self._rates.take(name, limit)
        wait = max(1, math.ceil(verdict.wait))
        _add(headers, "RateLimit-Policy", f'"{policy}";q={limit};w={SECONDS}')
        _add(headers, "RateLimit", f'"{policy}";r={verdict.left};t={wait}')
        if not verdict.allowed:
            raise UserError(
                Code.TOO_MANY_REQUESTS,
                f"No more than {limit} {policy} a minute are taken. Try again in {wait} s.",
                status=429,
                retry_after=wait,
            )


def refuse_used_up(tenant: Tenant) -> None:
    """429 where the month's pages are used up."""
    if tenant.pages_per_month is not None and tenant.pages_used >= tenant.pages_per_month:
        raise UserError(
            Code.PAGE_QUOTA_EXCEEDED,
            f"The {tenant.pages_per_month} pages of this month are used up.",
            status=429,
            retry_after=3600,
        )


def owner_of(identity: Identity, dialect: Dialect) -> Owner:
    """Whose a job is that this caller makes through this dialect."""
    return Owner(identity.tenant, dialect, identity.key)


def _add(headers: Headers, name: str, value: str) -> None:
    headers[name] = f"{headers[name]}, {value}" if name in headers else value
