"""The native API, request side: parsed JSON in, the pieces of a BatchJob out. Pure.

Malformed shapes are 400 ``invalid_request``; well-formed values that cannot be accepted are 422
``invalid_option``. Both name the path of the offending value, such as ``page.scalePercent``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import Field, StringConstraints, ValidationError, field_validator

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
)
from pressroom.model.page import Media, Output, PageOptions, PaperFormat
from pressroom.model.rows import MAX_ROW_BYTES, RowId
from pressroom.model.template import MissingValues, TemplateHtml, TemplateSpec

LabelKey = Annotated[str, StringConstraints(pattern=r"^[^:\s]+$", max_length=63)]
LabelValue = Annotated[str, StringConstraints(max_length=255)]
M = TypeVar("M", bound=Model)


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
        return url


class BatchOptions(Model):
    """A batch request without its rows."""

    template: TemplateId | None = None
    html: TemplateHtml | None = None
    page: PageOptions | None = None
    outputs: Annotated[list[OutputWord], Field(max_length=3)] | None = None
    file_name_pattern: FileNamePattern | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = None
    parallelism: Annotated[int, Field(ge=1, le=10_000)] | None = None
    row_timeout_seconds: Annotated[int, Field(ge=1, le=600)] | None = None
    ttl_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    missing_values: MissingValues | None = None
    webhook: WebhookRequest | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=20)] | None = None


class Item(Model):
    """A row with options of its own."""

    id: RowId | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    html: str | None = None
    template: TemplateId | None = None
    page: PageOptions | None = None


class RenderRequest(Model):
    """One document, asked for synchronously."""

    template: TemplateId | None = None
    html: TemplateHtml | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    page: PageOptions | None = None
    missing_values: MissingValues | None = None


@dataclass(frozen=True)
class Rows:
    """Rows as the lines of a manifest, and the templates that they name themselves."""

    lines: list[bytes]
    templates: frozenset[str] = frozenset()


# --- parsing -------------------------------------------------------------------------------------
def parse_json(body: bytes) -> Any:
    """A JSON body. 400 ``malformed_json`` with line and column, or ``bad_encoding``."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise json_fault(body, error) from None


def json_fault(body: bytes, error: orjson.JSONDecodeError, *, first_line: int = 1) -> UserError:
    """What is wrong with a text that is no JSON; ``first_line`` is where the text begins."""
    try:
        body.decode()
    except UnicodeDecodeError as bad:
        line = first_line + body.count(b"\n", 0, bad.start)
        return UserError(Code.BAD_ENCODING, f"Line {line} is not UTF-8. Send UTF-8.", line=line)
    line = first_line + error.lineno - 1
    return UserError(
        Code.MALFORMED_JSON,
        f"Line {line}, column {error.colno}: {error.msg}.",
        line=line,
    )


def json_object(value: Any, what: str = "request") -> dict[str, Any]:
    """``value`` as an object, or 400."""
    if not isinstance(value, dict):
        raise UserError(Code.INVALID_REQUEST, f"The {what} must be a JSON object.")
    return value


def parse_options(raw: Mapping[str, Any]) -> BatchOptions:
    """The options of a batch, its rows already taken out."""
    options = _validated(BatchOptions, _spelled(raw))
    _one_template(options.template, options.html)
    return options


def parse_render(raw: Mapping[str, Any]) -> RenderRequest:
    """A request for one document."""
    request = _validated(RenderRequest, _spelled(raw))
    _one_template(request.template, request.html)
    _needs_template(request.template, request.html)
    return request


def parse_template(raw: Mapping[str, Any]) -> TemplateSpec:
    """The body of a template."""
    return _validated(TemplateSpec, _spelled(raw))


def needs_template(options: BatchOptions) -> None:
    """400 where rows that bring no template of their own are given none."""
    _needs_template(options.template, options.html)


def parse_rows(options: BatchOptions, rows: Any, items: Any, *, most: int) -> Rows:
    """The rows of a JSON request, either ``rows`` or ``items``; ``most`` is the tenant's limit."""
    if (rows is None) == (items is None):
        raise UserError(Code.INVALID_REQUEST, "Give either rows or items.", path="rows")
    name = "items" if rows is None else "rows"
    given = items if rows is None else rows
    if not isinstance(given, list):
        raise UserError(Code.INVALID_REQUEST, f"{name} must be a list.", path=name)
    if not given:
        raise no_rows(name)
    if len(given) > most:
        raise too_many_rows(most, path=name)
    if rows is None:
        return _items(options, given)
    needs_template(options)
    return Rows([data_line(row, f"rows[{index}]") for index, row in enumerate(given)])


def data_line(row: Any, path: str, line: int | None = None) -> bytes:
    """A data object as the line of a manifest. 400 where it is none."""
    if not isinstance(row, dict):
        raise UserError(
            Code.INVALID_REQUEST, f"{path} must be a JSON object.", path=path, line=line
        )
    return _manifest_line({"data": row}, path, line)


def no_rows(path: str | None = None) -> UserError:
    """400: there is nothing to render."""
    return UserError(Code.NO_ROWS, "There are no rows. Give at least one.", path=path)


def too_many_rows(most: int, *, path: str, line: int | None = None) -> UserError:
    """422: more rows than the tenant may send at once."""
    text = f"A batch may have {most} rows at most. Send several batches."
    return UserError(Code.TOO_MANY_ROWS, text, path=path, line=line, status=422)


def _items(options: BatchOptions, items: list[Any]) -> Rows:
    lines: list[bytes] = []
    seen: dict[str, int] = {}
    templates: set[str] = set()
    for index, raw in enumerate(items):
        path = f"items[{index}]"
        if not isinstance(raw, dict):
            raise UserError(Code.INVALID_REQUEST, f"{path} must be a JSON object.", path=path)
        item = _validated(Item, _spelled(raw), path)
        row_id = item.id or str(index)
        if seen.setdefault(row_id, index) != index:
            raise UserError(
                Code.DUPLICATE_ROW_ID,
                f"{path} has the id {row_id!r} of items[{seen[row_id]}].",
                path=f"{path}.id",
                status=422,
            )
        _one_template(item.template, item.html, path)
        if item.template is None and item.html is None:
            _needs_template(options.template, options.html, path)
        if item.template is not None:
            templates.add(item.template)
        lines.append(
            _manifest_line(
                item.model_dump(mode="json", by_alias=True, exclude_none=True), path, None
            )
        )
    if len(templates) > 100:
        raise UserError(
            Code.INVALID_OPTION, "items may name 100 templates at most.", path="items", status=422
        )
    return Rows(lines, frozenset(templates))


def _manifest_line(row: dict[str, Any], path: str, line: int | None) -> bytes:
    try:
        text = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        raise UserError(
            Code.INVALID_REQUEST, f"{path} is nested too deeply.", path=path, line=line
        ) from None
    if len(text) > MAX_ROW_BYTES:
        raise row_too_large(path, line)
    return text


def row_too_large(path: str, line: int | None) -> UserError:
    """413: a row beyond 8 MiB."""
    text = f"{path} is larger than {MAX_ROW_BYTES} bytes."
    return UserError(Code.REQUEST_TOO_LARGE, text, path=path, line=line, status=413)


def _one_template(template: str | None, html: str | None, path: str | None = None) -> None:
    if template is not None and html is not None:
        raise UserError(
            Code.INVALID_REQUEST, "Give either template or html, not both.", path=path or "html"
        )


def _needs_template(template: str | None, html: str | None, path: str | None = None) -> None:
    if template is None and html is None:
        raise UserError(Code.INVALID_REQUEST, "Give a template or html.", path=path or "template")


# --- validation ----------------------------------------------------------------------------------
def _validated(model: type[M], raw: Mapping[str, Any], prefix: str = "") -> M:
    """``raw`` by the strict rules of JSON: no text taken for a number, no snake_case names."""
    try:
        return model.model_validate_json(
            orjson.dumps(raw), strict=True, by_alias=True, by_name=False
        )
    except orjson.JSONEncodeError:
        text = f"The {prefix or 'request'} is nested too deeply."
        raise UserError(Code.INVALID_REQUEST, text, path=prefix or None) from None
    except ValidationError as error:
        raise _complaint(error, prefix) from None


def _complaint(error: ValidationError, prefix: str) -> UserError:
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    path = prefix + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in first["loc"]
        if part != "[key]"
    )
    path = path.removeprefix(".")
    malformed = kind.endswith("_type") or kind in _MALFORMED
    return UserError(
        Code.INVALID_REQUEST if malformed else Code.INVALID_OPTION,
        f"{path or 'The request'} {_reason(kind, first['msg'])}.",
        path=path or None,
        status=400 if malformed else 422,
    )


_MALFORMED = frozenset({"missing", "extra_forbidden", "int_from_float", "json_invalid"})


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a field of this request"
    if kind == "missing":
        return "is missing"
    text = message.removeprefix("Value error, ").replace("Input should", "must")
    return text if text.startswith("must") else f"is not valid: {text[0].lower()}{text[1:]}"


_ENUMS: dict[str, type[StrEnum]] = {
    "format": PaperFormat,
    "output": Output,
    "emulatedMedia": Media,
}


def _spelled(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Words in any case (``letter``, ``png``, ``strict``) become the model's own spelling."""
    spelled = dict(raw)
    if "missingValues" in spelled:
        spelled["missingValues"] = _word(spelled["missingValues"], MissingValues)
    page = spelled.get("page")
    if isinstance(page, dict):
        spelled["page"] = {
            key: _word(value, _ENUMS[key]) if key in _ENUMS else value
            for key, value in page.items()
        }
    return spelled


def _word(value: Any, words: type[StrEnum]) -> Any:
    if not isinstance(value, str):
        return value
    return next((str(word) for word in words if word.lower() == value.lower()), value)


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
        template=TemplateRef(name=options.template) if options.template else None,
        html=options.html,
        templates=sorted(templates) or None,
        missing_values=options.missing_values,
        page=options.page,
        outputs=_kinds(options.outputs),
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
