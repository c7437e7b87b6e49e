"""The Tenant resource: weight and limits. Purely data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from pressroom.model.base import SET, Model, Record, distinct
from pressroom.model.batchjob import SecretRef
from pressroom.model.conditions import KEYED_BY_TYPE, Condition


class TenantLimits(Model):
    """Ceilings; an absent one is the farm's default, named in each description."""

    rows_per_batch: Annotated[int, Field(ge=1)] | None = Field(None, description="Default 100000.")
    active_jobs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Default 1000."
    )
    active_jobs_per_key: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Active jobs that one API key made. Default: no limit of its own."
    )
    new_jobs_per_minute: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Default: no limit."
    )
    requests_per_minute: Annotated[int, Field(ge=1)] | None = Field(
        None, description="HTTP requests of any kind. Default: no limit."
    )
    pages_per_month: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Pages in a calendar month (UTC); jobs are refused once they are used up. "
        "Default: no limit.",
    )
    rows_in_flight: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Rows rendering at once. Default: the farm."
    )
    max_ttl_seconds: Annotated[int, Field(ge=60)] | None = Field(
        None, description="Default 30 days."
    )
    max_request_bytes: Annotated[int, Field(ge=1024)] | None = Field(
        None, description="Default 256 MiB."
    )


class CreditMode(StrEnum):
    """Whether a tenant's credits run out."""

    UNLIMITED = "Unlimited"
    METERED = "Metered"


class Credits(Model):
    """What a tenant may spend; ``granted`` counts since the beginning, so top it up by raising."""

    mode: CreditMode
    granted: Annotated[int, Field(ge=0)] | None = Field(None, description="Default 0.")


Feature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}$")]
AllowedPeer = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:/_-]{1,253}$")]

PageHost = Annotated[
    str, StringConstraints(pattern=r"^(\*|(\*\.)?[A-Za-z0-9.:/_-]{1,253})$", max_length=255)
]


class Egress(Model):
    """Where the tenant's webhooks and pages may go."""

    allow: Annotated[list[AllowedPeer], Field(max_length=100)] | None = Field(
        None,
        description="Where webhooks may go besides the public internet: host names, addresses "
        "and networks (CIDR).",
        json_schema_extra=SET,
    )
    pages: Annotated[list[PageHost], Field(max_length=100)] | None = Field(
        None,
        description="Where pages and their parts may come from: host names, *.example.com for "
        "those below one, addresses and networks (CIDR), or * for the whole public internet. "
        "Default: nowhere.",
        json_schema_extra=SET,
    )

    @field_validator("allow", "pages")
    @classmethod
    def _is_set(cls, value: list[str] | None) -> list[str] | None:
        return distinct(value)


class TenantSpec(Model):
    """Who shares the farm, and how much of it is theirs."""

    weight: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Share of the farm beside other tenants. Default 100."
    )
    limits: TenantLimits | None = None
    features: Annotated[list[Feature], Field(max_length=20)] | None = Field(
        None,
        description="What a plan includes, such as batchGenerate. Default: everything.",
        json_schema_extra=SET,
    )
    credits: Credits | None = Field(None, description="Default: unlimited.")
    egress: Egress | None = None
    webhook_secret_ref: SecretRef | None = Field(
        None, description="Signs webhooks whose job brings no secret of its own."
    )

    @field_validator("features")
    @classmethod
    def _is_set(cls, value: list[str] | None) -> list[str] | None:
        return distinct(value)


class MonthUsage(Record):
    """What the jobs that ended in a month (``2026-11``, UTC) used."""

    month: str
    jobs: int = 0
    rows: int = 0
    pages: int = 0
    credits: int = 0


class TenantStatus(Record):
    """Written by the operator alone.

    ``reserved`` holds, by job UID, the credits that jobs under way may come to cost; ``spent`` is
    what ended ones did. ``usage`` is by month, the latest last.
    """

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list, json_schema_extra=KEYED_BY_TYPE)
    spent: int = 0
    reserved: dict[str, int] = Field(default_factory=dict)
    usage: list[MonthUsage] = Field(default_factory=list, max_length=13)


DEFAULT_WEIGHT = 100
DEFAULT_TTL_SECONDS = 86_400
DEFAULT_ROWS_PER_BATCH = 100_000
DEFAULT_ACTIVE_JOBS = 1_000
DEFAULT_MAX_TTL_SECONDS = 30 * 86_400
DEFAULT_MAX_REQUEST_BYTES = 256 * 1024 * 1024


def kept_seconds(stated: int | None, most: int | None) -> int:
    """How long a finished job's data is kept: as stated, else a day, within the tenant's limit.

    ``most`` is the tenant's ``maxTtlSeconds``. A stated time above it is refused where a job comes
    in; it may still come up later, as the TTL is mutable and the limit may change.
    """
    return min(
        DEFAULT_TTL_SECONDS if stated is None else stated,
        DEFAULT_MAX_TTL_SECONDS if most is None else most,
    )
