"""The Template resource and its snapshots. Purely data."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated

import orjson
from pydantic import Field, StringConstraints, field_validator

from pressroom.model.base import SET, Model, Record, distinct
from pressroom.model.conditions import KEYED_BY_TYPE, Condition
from pressroom.model.page import PageOptions

Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
#: Larger than any hand-written template; below what a resource may weigh.
TemplateHtml = Annotated[str, StringConstraints(max_length=900_000)]


class MissingValues(StrEnum):
    """What a value that the row does not have means to its template."""

    STRICT = "Strict"
    LENIENT = "Lenient"


class TemplateSpec(Model):
    """A Jinja2 template, its style sheet and the page it asks for."""

    html: TemplateHtml
    css: TemplateHtml | None = None
    page: PageOptions | None = None
    missing_values: MissingValues | None = Field(
        None, description="Strict (default): a missing value fails its row. Lenient: it is empty."
    )
    aliases: Annotated[list[Alias], Field(max_length=16)] | None = Field(
        None,
        description="Ids that foreign APIs use for this template.",
        json_schema_extra=SET,
    )

    @field_validator("aliases")
    @classmethod
    def _is_set(cls, value: list[str] | None) -> list[str] | None:
        return distinct(value)


class TemplateStatus(Record):
    """What the operator found."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list, json_schema_extra=KEYED_BY_TYPE)


class Snapshot(Record):
    """A template as a job uses it, whatever becomes of the resource."""

    html: str
    css: str | None = None
    page: PageOptions | None = None
    missing_values: MissingValues = MissingValues.STRICT

    def body(self) -> bytes:
        """The bytes that are stored, and whose digest names them."""
        return orjson.dumps(self.wire(), option=orjson.OPT_SORT_KEYS)

    def digest(self) -> str:
        """SHA-256 of :meth:`body`, in hex."""
        return hashlib.sha256(self.body()).hexdigest()


def snapshot(spec: TemplateSpec) -> Snapshot:
    """The snapshot of a template as it stands now."""
    return Snapshot(
        html=spec.html,
        css=spec.css,
        page=spec.page,
        missing_values=spec.missing_values or MissingValues.STRICT,
    )
