"""The Template resource and its snapshots. Purely data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import orjson
from pydantic import Field, StringConstraints, field_validator

from pressroom.model.base import SET, Model, Record, Rule, Time, distinct
from pressroom.model.conditions import KEYED_BY_TYPE, Condition
from pressroom.model.finish import AssetName
from pressroom.model.page import PageOptions

Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
#: Larger than any hand-written template; below what a resource may weigh.
TemplateHtml = Annotated[str, StringConstraints(max_length=900_000)]


class MissingValues(StrEnum):
    """What a value that the row does not have means to its template."""

    STRICT = "Strict"
    LENIENT = "Lenient"


#: Bytes of one asset at most.
MAX_ASSET_BYTES = 16 * 1024 * 1024
MAX_ASSETS = 64


class AssetSource(Model):
    """A key of a ConfigMap of the same namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)]


class AssetRef(Model):
    """An image, font or style sheet that the template uses by its name.

    Its bytes lie in the object store under their SHA-256, where an upload has put them, or in a
    ConfigMap.
    """

    name: AssetName
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    bytes: Annotated[int, Field(ge=0, le=MAX_ASSET_BYTES)] | None = None
    config_map: AssetSource | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.sha256) != has(self.configMap)",
            "give either sha256 or configMap",
            lambda a: (a.sha256 is None) != (a.config_map is None),
        ),
    )


class TemplateSpec(Model):
    """A Jinja2 template, its style sheet and the page it asks for."""

    html: TemplateHtml
    css: TemplateHtml | None = None
    page: PageOptions | None = None
    missing_values: MissingValues | None = Field(
        None, description="Strict (default): a missing value fails its row. Lenient: it is empty."
    )
    data_schema: dict[str, Any] | None = Field(
        None, description="JSON Schema (2020-12) that every row's data must fit."
    )
    sample_data: dict[str, Any] | None = Field(
        None, description="Data to try the template with; it must fit dataSchema."
    )
    assets: Annotated[list[AssetRef], Field(max_length=MAX_ASSETS)] | None = Field(
        None,
        description="Images, fonts and style sheets, used by their names.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
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

    @field_validator("assets")
    @classmethod
    def _named_apart(cls, value: list[AssetRef] | None) -> list[AssetRef] | None:
        distinct([asset.name for asset in value or ()])
        return value


class TemplateStatus(Record):
    """What the operator found. ``version`` counts the template's changes, from 1."""

    observed_generation: int | None = None
    version: int | None = None
    digest: str | None = Field(None, description="SHA-256 of the snapshot that batches pin.")
    conditions: list[Condition] = Field(default_factory=list, json_schema_extra=KEYED_BY_TYPE)


class Asset(Record):
    """An asset of a snapshot: where its bytes lie, and what they are (a media type)."""

    key: str
    sha256: str
    bytes: int
    content_type: str


class TemplateVersion(Record):
    """A version of a template, kept in the store: what it was, and since when."""

    version: int
    digest: str
    created_at: Time
    spec: TemplateSpec


class Snapshot(Record):
    """A template as a job uses it, whatever becomes of the resource."""

    html: str
    css: str | None = None
    page: PageOptions | None = None
    missing_values: MissingValues = MissingValues.STRICT
    data_schema: dict[str, Any] | None = None
    assets: dict[str, Asset] = Field(default_factory=dict)

    def body(self) -> bytes:
        """The bytes that are stored, and whose digest names them."""
        return orjson.dumps(self.wire(), option=orjson.OPT_SORT_KEYS)

    def digest(self) -> str:
        """SHA-256 of :meth:`body`, in hex."""
        return hashlib.sha256(self.body()).hexdigest()


def snapshot(spec: TemplateSpec, assets: Mapping[str, Asset] | None = None) -> Snapshot:
    """The snapshot of a template as it stands now, with its ``assets`` by name."""
    return Snapshot(
        html=spec.html,
        css=spec.css,
        page=spec.page,
        missing_values=spec.missing_values or MissingValues.STRICT,
        data_schema=spec.data_schema,
        assets=dict(assets or {}),
    )
