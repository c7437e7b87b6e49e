"""The native API, request side: parsed JSON in, the pieces of a BatchJob out. Pure.

Malformed shapes are 400 ``invalid_request``; well-formed values that cannot be accepted are 422
``invalid_option``. Both name the path of the offending value, such as ``page.scalePercent``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

import orjson
from pydantic import Field, StringConstraints, field_validator

from pressroom.dialects.spelling import spelled
from pressroom.dialects.validating import validated
from pressroom.errors import Code, UserError
from pressroom.model.base import Model
from pressroom.model.batchjob import (
    BatchJobSpec,
    Dialect,
    FileNamePattern,
    Manifest,
    OutputKind,
    SecretRef,
    TemplateId,
    TemplateRef,
    Webhook,
    cannot_merge,
)
from pressroom.model.document import BuiltIn
from pressroom.model.finish import MergeOptions
from pressroom.model.page import PageOptions
from pressroom.model.rows import PageUrl
from pressroom.model.template import MissingValues, TemplateHtml, TemplateSpec
from pressroom.pagehosts import PageHosts, literal_host

LabelKey = Annotated[str, StringConstraints(pattern=r"^[^:\s]+$", max_length=63)]
LabelValue = Annotated[str, StringConstraints(max_length=255)]


# --- what a request may say ----------------------------------------------------------------------
class OutputWord(StrEnum):
    """The native words for what a batch leaves; files are always there."""

    FILES = "files"
    ZIP = "zip"
    MERGED = "merged"


_OUTPUT_KINDS = {
    OutputWord.FILES: OutputKind.FILES,
    OutputWord.ZIP: OutputKind.ZIP,
    OutputWord.MERGED: OutputKind.MERGED,
}


class WebhookRequest(Model):
    """Where to say that the batch ended, and the secret to sign that with."""

    url: Annotated[str, StringConstraints(max_length=2048)]
    secret: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)  # ValueError for a malformed one, which is what is wanted
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be an http or https URL")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not carry credentials; use the webhook's secret")
        return parts.scheme + url[len(parts.scheme) :]  # the resource has schemes in small letters


TemplateVersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class BatchOptions(Model):
    """A batch request without its rows."""

    template: TemplateId | None = None
    template_version: TemplateVersionNumber | None = None
    html: TemplateHtml | None = None
    url: PageUrl | None = None
    document: BuiltIn | None = None
    page: PageOptions | None = None
    outputs: Annotated[list[OutputWord], Field(max_length=3)] | None = None
    merge: MergeOptions | None = None
    file_name_pattern: FileNamePattern | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = None
    parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    row_timeout_seconds: Annotated[int, Field(ge=1, le=600)] | None = None
    ttl_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    missing_values: MissingValues | None = None
    webhook: WebhookRequest | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=20)] | None = None


class RenderRequest(Model):
    """One document, asked for synchronously."""

    template: TemplateId | None = None
    template_version: TemplateVersionNumber | None = None
    html: TemplateHtml | None = None
    url: PageUrl | None = None
    document: BuiltIn | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    page: PageOptions | None = None
    missing_values: MissingValues | None = None


# --- parsing -------------------------------------------------------------------------------------
def parse_options(raw: Mapping[str, Any]) -> BatchOptions:
    """The options of a batch, its rows already taken out."""
    options = validated(BatchOptions, spelled(_versioned(raw)))
    one_source(options)
    _refuse_stray_version(options.template, options.template_version)
    _refuse_unmergeable(options, options.page, "outputs")
    _refuse_no_room(options.page, options.template)
    _refuse_conflict(options.page)
    if options.merge is not None and OutputWord.MERGED not in (options.outputs or ()):
        text = "merge is for a merged PDF: add merged to outputs, or leave merge out."
        raise UserError(Code.INVALID_OPTION, text, path="merge", status=422)
    return options


def check_item_page(
    options: BatchOptions, page: PageOptions, template: str | None, path: str
) -> None:
    """422 where an item's own ``page`` does not go with its batch. ``template`` is the item's."""
    _refuse_unmergeable(options, page, f"{path}.page.output")
    whole = page.over(options.page)
    _refuse_no_room(whole, template, f"{path}.")
    _refuse_conflict(whole, f"{path}.")


def parse_render(raw: Mapping[str, Any]) -> RenderRequest:
    """A request for one document."""
    request = validated(RenderRequest, spelled(_versioned(raw)))
    one_source(request)
    _refuse_stray_version(request.template, request.template_version)
    _needs_source(request)
    _refuse_no_room(request.page, request.template)
    _refuse_conflict(request.page)
    return request


def _versioned(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A template as ledgers name it, ``invoice@3``, is a template and its version."""
    named = raw.get("template")
    if not isinstance(named, str):
        return raw
    name, at, version = named.rpartition("@")
    if not at or not re.fullmatch("[0-9]{1,9}", version):
        return raw
    if raw.get("templateVersion") not in (None, int(version)):
        text = f"template says version {version} already: leave templateVersion out."
        raise UserError(Code.INVALID_REQUEST, text, path="templateVersion")
    return {**raw, "template": name, "templateVersion": int(version)}


def _refuse_stray_version(template: str | None, version: int | None) -> None:
    if version is not None and template is None:
        text = "templateVersion goes with a template."
        raise UserError(Code.INVALID_REQUEST, text, path="templateVersion")


def template_ref(name: str | None, version: int | None) -> TemplateRef | None:
    """What a job says of its template."""
    return TemplateRef(name=name, version=version) if name else None


def parse_template(raw: Mapping[str, Any]) -> TemplateSpec:
    """The body of a template."""
    spec = validated(TemplateSpec, spelled(raw))
    if spec.page is not None and spec.page.names_paper():
        _refuse_no_room(spec.page, None)
    return spec


class Source(Protocol):
    """What says where a page comes from."""

    @property
    def template(self) -> str | None: ...
    @property
    def html(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...


def needs_template(options: BatchOptions, path: str | None = None) -> None:
    """400 where rows that bring no template, HTML or URL of their own are given none."""
    _needs_source(options, path)


def one_source(source: Source, path: str | None = None) -> None:
    """400 where more than one of template, html, url and document is given."""
    given = _given(source)
    if len(given) > 1:
        text = f"Give either {given[0]} or {given[1]}, not both."
        raise UserError(Code.INVALID_REQUEST, text, path=path or given[1])


def _needs_source(source: Source, path: str | None = None) -> None:
    if not _given(source):
        text = "Give a template, html, url or document."
        raise UserError(Code.INVALID_REQUEST, text, path=path or "template")


def _given(source: Source) -> list[str]:
    names = ("template", "html", "url", "document")
    return [name for name in names if getattr(source, name, None) is not None]


def refuse_outside(url: str | None, hosts: PageHosts, path: str) -> None:
    """422 for a URL that the tenant's pages can never be fetched from.

    What a row's data fills in is judged when it is there, by the worker.
    """
    if url is None:
        return
    try:
        host = literal_host(url)
    except ValueError as error:
        text = f"{path} {error}." if str(error).startswith("must") else f"{path} is not a URL."
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422) from None
    if host is not None and not hosts.may_admit(host):
        text = (
            f"{path} names {host}, which pages may not be fetched from. Whoever runs the farm can "
            "admit it by the tenant's egress.pages."
        )
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422)


def _refuse_unmergeable(options: BatchOptions, page: PageOptions | None, path: str) -> None:
    if cannot_merge(page):
        refuse_merged(options, path)


def refuse_merged(options: BatchOptions, path: str) -> None:
    """422 where a merged PDF is asked for of rows that become images or are encrypted."""
    if OutputWord.MERGED in (options.outputs or ()):
        text = (
            "Images and encrypted PDFs cannot be merged: leave merged out of outputs, or make "
            "page.output pdf and leave page.encryption out."
        )
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422)


def _refuse_no_room(page: PageOptions | None, template: str | None, prefix: str = "") -> None:
    """422 for margins that leave nothing of the paper, as far as the request itself tells.

    What it leaves open a template may say.
    """
    if page is None or (template is not None and not page.names_paper()):
        return
    ways = [page]
    if template is not None and page.landscape is None:
        ways.append(page.evolve(landscape=True))
    if not any(way.has_room() for way in ways):
        path = f"{prefix}page.margin"
        text = f"{path} leaves nothing of the paper. Make the margins smaller."
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422)


def _refuse_conflict(page: PageOptions | None, prefix: str = "") -> None:
    """422 for what a PDF cannot carry together. What a template adds fails the row."""
    fault = page.conflict() if page is not None else None
    if fault is not None:
        raise UserError(Code.INVALID_OPTION, f"{fault}.", path=f"{prefix}page", status=422)


# --- towards the resource ------------------------------------------------------------------------
def spec_of(
    options: BatchOptions,
    manifest: Manifest,
    *,
    tenant: str,
    templates: Iterable[str] = (),
    secret: str | None = None,
) -> BatchJobSpec:
    """The BatchJob that a request asks for; ``secret`` names the webhook's Secret."""
    hook = options.webhook
    return BatchJobSpec(
        tenant=tenant,
        dialect=Dialect.NATIVE,
        manifest=manifest,
        template=template_ref(options.template, options.template_version),
        html=options.html,
        url=options.url,
        document=options.document,
        templates=sorted(templates) or None,
        missing_values=options.missing_values,
        page=options.page,
        outputs=_kinds(options.outputs),
        merge=options.merge,
        file_name_pattern=options.file_name_pattern,
        priority=options.priority,
        parallelism=options.parallelism,
        row_timeout_seconds=options.row_timeout_seconds,
        ttl_seconds_after_finished=options.ttl_seconds,
        webhook=Webhook(url=hook.url, secret_ref=SecretRef(name=secret) if secret else None)
        if hook
        else None,
    )


def _kinds(words: list[OutputWord] | None) -> list[OutputKind] | None:
    if words is None:
        return None
    chosen = {OutputKind.FILES, *(_OUTPUT_KINDS[word] for word in words)}
    return [kind for kind in OutputKind if kind in chosen]


def fingerprint(options: BatchOptions, rows_sha256: str) -> str:
    """SHA-256 (hex) of the parsed request: two requests with the same one ask for the same."""
    text = orjson.dumps(
        {"options": options.wire(), "rows": rows_sha256}, option=orjson.OPT_SORT_KEYS
    )
    return hashlib.sha256(text).hexdigest()
