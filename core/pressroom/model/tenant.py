"""The Tenant resource: weight and limits. Purely data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pressroom.model.base import Model, Record
from pressroom.model.conditions import KEYED_BY_TYPE, Condition


class TenantLimits(Model):
    """Ceilings; an absent one is the farm's default, named in each description."""

    rows_per_batch: Annotated[int, Field(ge=1)] | None = Field(None, description="Default 100000.")
    active_jobs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Default 1000."
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


class TenantSpec(Model):
    """Who shares the farm, and how much of it is theirs."""

    weight: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="Share of the farm beside other tenants. Default 100."
    )
    limits: TenantLimits | None = None


class TenantStatus(Record):
    """Written by the operator alone."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list, json_schema_extra=KEYED_BY_TYPE)
    active_jobs: int = 0


DEFAULT_WEIGHT = 100
DEFAULT_ROWS_PER_BATCH = 100_000
DEFAULT_ACTIVE_JOBS = 1_000
DEFAULT_MAX_TTL_SECONDS = 30 * 86_400
DEFAULT_MAX_REQUEST_BYTES = 256 * 1024 * 1024
