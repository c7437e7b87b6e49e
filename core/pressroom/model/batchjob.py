"""The BatchJob resource. Purely data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from pressroom.model.base import SET, Model, Record, Rule, Time, distinct
from pressroom.model.checks import FindingCounts
from pressroom.model.conditions import (
    KEYED_BY_TYPE,
    Condition,
    ConditionType,
    Reason,
    find,
)
from pressroom.model.document import BuiltIn
from pressroom.model.finish import MergeOptions
from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import PageUrl, Row
from pressroom.model.template import MissingValues, TemplateHtml

Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", max_length=253)
]
#: A template's name, or one of its aliases.
TemplateId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
FileNamePattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]

MAX_INLINE_ROWS = 100
DEFAULT_HISTORY_SECONDS = 345_600


class Dialect(StrEnum):
    """The API that made a job, and in whose words it is shown."""

    NATIVE = "Native"
    LIGHTNING_PDF = "LightningPdf"
    IMAGINE_PDF = "ImaginePdf"
    MAIL_MERGE = "MailMerge"
    GLYPH = "Glyph"
    PDF_GORILLA = "PdfGorilla"


class OutputKind(StrEnum):
    """What a job leaves. Files are always there."""

    FILES = "Files"
    ZIP = "Zip"
    MERGED = "Merged"


class Manifest(Model):
    """Rows in the object store: NDJSON below the tenant's uploads."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    rows: Annotated[int, Field(ge=1)]
    bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ConfigMapRef(Model):
    """Rows in a ConfigMap of the same namespace."""

    name: Name
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)]


class TemplateRef(Model):
    """A Template of the same namespace, by name or alias."""

    name: TemplateId
    version: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Default: the current one as the job comes in."
    )


class SecretRef(Model):
    """A Secret of the same namespace; the webhook's secret is its key ``secret``."""

    name: Name


class Webhook(Model):
    """Where to say that the job ended."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://", max_length=2048)]
    secret_ref: SecretRef | None = None


class InlineRow(Row):
    """A row inside the resource, whose whole size the API bounds."""

    html: Annotated[str, StringConstraints(max_length=262_144)] | None = None


def _unchanged(python_name: str) -> Rule:
    name = to_camel(python_name)
    return Rule(
        f"has(self.{name}) == has(oldSelf.{name}) && "
        f"(!has(self.{name}) || self.{name} == oldSelf.{name})",
        f"{name} is immutable",
        lambda new, old: getattr(new, python_name) == getattr(old, python_name),
        transition=True,
    )


_MUTABLE = {"suspend", "cancel", "ttl_seconds_after_finished"}


def cannot_merge(page: PageOptions | None) -> bool:
    """Whether options themselves ask for what has no place in a merged PDF."""
    return page is not None and (page.kind is not Output.PDF or page.encryption is not None)


class BatchJobSpec(Model):
    """A batch: where its rows are, what they are rendered with, and what is made of them."""

    tenant: Name | None = Field(None, description="Default: default.")
    dialect: Dialect | None = Field(None, description="Default: Native.")
    rows: Annotated[list[InlineRow], Field(min_length=1, max_length=MAX_INLINE_ROWS)] | None = None
    manifest: Manifest | None = None
    config_map: ConfigMapRef | None = Field(
        None,
        description="Rows in a ConfigMap of the same namespace. A key in .csv holds CSV, "
        "whose header names the values; one in .ndjson or .jsonl holds a JSON object a line, "
        "which is the data of a row and not a row as in rows. Other keys are refused.",
    )
    template: TemplateRef | None = None
    html: TemplateHtml | None = Field(None, description="A template text of the job's own.")
    url: PageUrl | None = Field(
        None,
        description="A page that each row fetches and prints: a template text, filled with the "
        "row's data. Its host must be among the tenant's egress.pages.",
    )
    document: BuiltIn | None = Field(
        None, description="A built-in page instead of a template; its values may be missing."
    )
    templates: Annotated[list[TemplateId], Field(max_length=100)] | None = Field(
        None,
        description="Every template name that rows of a manifest use.",
        json_schema_extra=SET,
    )
    missing_values: MissingValues | None = Field(
        None, description="Overrides what the templates say about missing values."
    )
    page: PageOptions | None = None
    outputs: Annotated[list[OutputKind], Field(max_length=3)] | None = Field(
        None,
        description="Files are always made. Default: Files and Zip.",
        json_schema_extra=SET,
    )
    merge: MergeOptions | None = Field(None, description="What becomes of the merged PDF.")
    file_name_pattern: FileNamePattern | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = Field(None, description="Default 5.")
    parallelism: Annotated[int, Field(ge=1, le=10000)] | None = Field(
        None, description="Shards of this job in work at once. Default: no limit of its own."
    )
    row_timeout_seconds: Annotated[int, Field(ge=1, le=600)] | None = Field(
        None, description="Default 30."
    )
    row_retries: Annotated[int, Field(ge=0, le=10)] | None = Field(None, description="Default 2.")
    active_deadline_seconds: Annotated[int, Field(ge=1)] | None = None
    suspend: bool | None = None
    cancel: bool | None = None
    webhook: Webhook | None = None
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        None,
        description="Seconds until the job's data is purged. Default 86400, or the tenant's "
        "maxTtlSeconds where that is less.",
    )
    history_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        None, description="Seconds that the small record stays after the data. Default 345600."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.rows), has(self.manifest), has(self.configMap)].filter(x, x).size() == 1",
            "give exactly one of rows, manifest and configMap",
            lambda s: sum(x is not None for x in (s.rows, s.manifest, s.config_map)) == 1,
        ),
        Rule(
            "[has(self.template), has(self.html), has(self.url), has(self.document)]"
            ".filter(x, x).size() <= 1",
            "give only one of template, html, url and document",
            lambda s: sum(x is not None for x in (s.template, s.html, s.url, s.document)) <= 1,
        ),
        Rule(
            "!has(self.outputs) || !self.outputs.exists(o, o == 'Merged') || "
            "!has(self.page) || (!has(self.page.encryption) && "
            "(!has(self.page.output) || self.page.output == 'Pdf'))",
            "images and encrypted PDFs cannot be merged: leave Merged out of outputs, or make "
            "page.output Pdf and leave page.encryption out",
            lambda s: not (s.wants_merged() and cannot_merge(s.page)),
        ),
        Rule(
            "!has(self.outputs) || !self.outputs.exists(o, o == 'Merged') || !has(self.rows) || "
            "self.rows.all(r, !has(r.page) || (!has(r.page.encryption) && "
            "(!has(r.page.output) || r.page.output == 'Pdf')))",
            "images and encrypted PDFs cannot be merged: leave Merged out of outputs, or make "
            "every row's page.output Pdf and leave its page.encryption out",
            lambda s: not (s.wants_merged() and any(cannot_merge(r.page) for r in s.rows or ())),
        ),
        Rule(
            "!has(self.merge) || (has(self.outputs) && self.outputs.exists(o, o == 'Merged'))",
            "merge needs Merged in outputs",
            lambda s: s.merge is None or s.wants_merged(),
        ),
        Rule(
            "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
            "a cancelled job stays cancelled",
            lambda new, old: not old.cancel or bool(new.cancel),
            transition=True,
        ),
    )

    @field_validator("templates", "outputs")
    @classmethod
    def _is_set(cls, value: list[Any] | None) -> list[Any] | None:
        return distinct(value)

    def wants_merged(self) -> bool:
        """Whether a merged PDF is asked for."""
        return OutputKind.MERGED in (self.outputs or ())

    def outputs_or_default(self) -> frozenset[OutputKind]:
        """What the job leaves, the default filled in."""
        chosen = {OutputKind.FILES, OutputKind.ZIP} if self.outputs is None else set(self.outputs)
        return frozenset(chosen | {OutputKind.FILES})


BatchJobSpec.rules = (
    *BatchJobSpec.rules,
    *(_unchanged(name) for name in BatchJobSpec.model_fields if name not in _MUTABLE),
)


class RowCounts(Record):
    """How far a job is, in rows. ``settled`` counts cancelled rows too."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    settled: int = 0
    pages: int = 0
    bytes: int = 0
    flagged: int = Field(0, description="Rows in which the quality gate found something.")


class ShardCounts(Record):
    """How far a job is, in shards."""

    total: int = 0
    done: int = 0


class ArtifactStatus(Record):
    """An artifact as the status shows it."""

    key: str
    bytes: int
    sha256: str
    files: int | None = None
    rows: int | None = None
    pages: int | None = None


class ArtifactsStatus(Record):
    """The artifacts that can be fetched."""

    ledger: ArtifactStatus | None = None
    zip: ArtifactStatus | None = None
    merged: ArtifactStatus | None = None


class Failure(Record):
    """A failed row as the status shows it."""

    row: int
    id: str
    code: str
    message: str


class BatchJobStatus(Record):
    """Written by the operator alone."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list, json_schema_extra=KEYED_BY_TYPE)
    rows: RowCounts | None = None
    shards: ShardCounts | None = None
    artifacts: ArtifactsStatus | None = None
    failures: list[Failure] = Field(default_factory=list, max_length=20)
    findings: FindingCounts | None = Field(
        None, description="In how many rows each check of the quality gate found something."
    )
    ended_as: Reason | None = Field(
        None, description="How the job ended; stays what it is when the data expires."
    )
    start_time: Time | None = None
    completion_time: Time | None = None
    expiry_time: Time | None = None
    webhook_redelivery: str | None = Field(
        None, description="The redelivery that the condition WebhookDelivered speaks of."
    )
    max_ttl_seconds: int | None = Field(
        None, description="The tenant's maxTtlSeconds as the job came in."
    )

    def reason(self) -> Reason:
        """The reason of the summary condition; Queued before the operator has said anything."""
        summary = find(self.conditions, ConditionType.SUCCEEDED)
        return Reason(summary.reason) if summary else Reason.QUEUED


class Meta(Record):
    """The metadata that the farm reads."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int = 1
    creation_timestamp: Time
    deletion_timestamp: Time | None = None
    finalizers: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class BatchJob(Record):
    """A BatchJob as read from the API."""

    metadata: Meta
    spec: BatchJobSpec
    status: BatchJobStatus = Field(default_factory=BatchJobStatus)

    @property
    def uid(self) -> str:
        """The UID that everything outside Kubernetes is keyed by."""
        return self.metadata.uid

    @property
    def tenant(self) -> str:
        """The tenant's name, the default filled in."""
        return self.spec.tenant or "default"


def job_of(body: dict[str, Any]) -> BatchJob:
    """A BatchJob from the API's JSON. pydantic.ValidationError if its spec is not one of ours."""
    return BatchJob.model_validate(body)
