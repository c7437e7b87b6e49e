"""A tenant's account: what is reserved, spent and used, as its status holds it. Pure.

Every job is booked in twice: reserved before it is accepted, settled when it ends. Both are
idempotent by the job's UID, so either can be done again after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect
from pressroom.model.ledger import UsageRecord
from pressroom.model.tenant import (
    DEFAULT_ACTIVE_JOBS,
    CreditMode,
    MonthUsage,
    TenantLimits,
    TenantSpec,
    TenantStatus,
)
from pressroom.pricing import price

#: Months that a status keeps.
MONTHS = 13
#: What a tenant's features must list for a dialect; other dialects need none.
NEEDED_FEATURES = {Dialect.IMAGINE_PDF: "batchGenerate"}


@dataclass(frozen=True)
class Order:
    """What a job asks of its tenant's account."""

    uid: str
    tenant: str
    dialect: Dialect
    credits: int

    @classmethod
    def of(cls, job: BatchJob, rows: int) -> Order:
        """The order of a job with so many rows."""
        dialect = job.spec.dialect or Dialect.NATIVE
        merged = job.spec.wants_merged()
        return cls(job.uid, job.tenant, dialect, price(dialect, rows, merged=merged))


def available(spec: TenantSpec, status: TenantStatus) -> int | None:
    """Credits that a new job may reserve, never below 0; None where they do not run out."""
    if spec.credits is None or spec.credits.mode is CreditMode.UNLIMITED:
        return None
    granted = spec.credits.granted or 0
    return max(0, granted - status.spent - sum(status.reserved.values()))


def reserve(spec: TenantSpec, status: TenantStatus, order: Order, at: datetime) -> TenantStatus:
    """The status with the order's credits reserved; the same where they are already.

    UserError where the tenant may not have such a job now.
    """
    if order.uid in status.reserved:
        return status
    _check_features(spec, order)
    _check_limits(spec.limits or TenantLimits(), status, order, at)
    left = available(spec, status)
    if left is not None and order.credits > left:
        raise UserError(
            Code.INSUFFICIENT_CREDITS,
            f"The job needs {order.credits} credits; the tenant {order.tenant} has {left} "
            "available.",
            status=402,
        )
    return status.evolve(reserved={**status.reserved, order.uid: order.credits})


def settle(status: TenantStatus, uid: str, record: UsageRecord | None) -> TenantStatus:
    """The status with a job's reservation turned into what ``record`` says it used.

    Without a record, the job used nothing. The same status where nothing is reserved for the job:
    it was settled before.
    """
    if uid not in status.reserved:
        return status
    reserved = {other: credit for other, credit in status.reserved.items() if other != uid}
    if record is None:
        return status.evolve(reserved=reserved)
    return status.evolve(
        reserved=reserved,
        spent=status.spent + record.credits,
        usage=_added(status.usage, record),
    )


def month_of(at: datetime) -> str:
    """The calendar month (UTC) that usage is counted in: ``2026-11``."""
    return at.astimezone(UTC).strftime("%Y-%m")


def in_month(status: TenantStatus, at: datetime) -> MonthUsage:
    """What was used in the month of ``at``."""
    month = month_of(at)
    return next((one for one in status.usage if one.month == month), MonthUsage(month=month))


def _check_features(spec: TenantSpec, order: Order) -> None:
    feature = NEEDED_FEATURES.get(order.dialect)
    if feature is not None and spec.features is not None and feature not in spec.features:
        raise UserError(
            Code.FEATURE_NOT_ALLOWED,
            f"The tenant {order.tenant} does not have the feature {feature}.",
            path="spec.dialect",
            status=403,
        )


def _check_limits(limits: TenantLimits, status: TenantStatus, order: Order, at: datetime) -> None:
    most_jobs = DEFAULT_ACTIVE_JOBS if limits.active_jobs is None else limits.active_jobs
    # Also what bounds the size of the status.
    if len(status.reserved) >= most_jobs:
        raise UserError(
            Code.LIMIT_EXCEEDED,
            f"The tenant {order.tenant} may have {most_jobs} active jobs.",
            status=429,
        )
    most_pages, pages = limits.pages_per_month, in_month(status, at).pages
    if most_pages is not None and pages >= most_pages:
        raise UserError(
            Code.PAGE_QUOTA_EXCEEDED,
            f"The tenant {order.tenant} has used {pages} of its {most_pages} pages in "
            f"{month_of(at)}.",
            status=429,
        )


def _added(usage: list[MonthUsage], record: UsageRecord) -> list[MonthUsage]:
    """Months in order, the latest last; the oldest give way."""
    month = month_of(record.ended_at)
    months = {one.month: one for one in usage}
    one = months.get(month, MonthUsage(month=month))
    months[month] = one.evolve(
        jobs=one.jobs + 1,
        rows=one.rows + record.succeeded + record.failed,
        pages=one.pages + record.pages,
        credits=one.credits + record.credits,
    )
    return [months[name] for name in sorted(months)][-MONTHS:]
