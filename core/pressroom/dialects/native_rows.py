"""The native API, request side: the rows and items of a request, as lines of a manifest. Pure.

The options that surround them are ``pressroom.dialects.native``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import Field

from pressroom.dialects.native import (
    BatchOptions,
    check_item_page,
    needs_template,
    one_source,
    refuse_outside,
)
from pressroom.dialects.spelling import spelled
from pressroom.dialects.validating import validated
from pressroom.errors import Code, UserError
from pressroom.model.base import Model
from pressroom.model.batchjob import TemplateId
from pressroom.model.page import PageOptions
from pressroom.model.rows import MAX_ROW_BYTES, PageUrl, RowId
from pressroom.pagehosts import PageHosts

_MOST_TEMPLATES = 100


class Item(Model):
    """A row with options of its own."""

    id: RowId | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    html: str | None = None
    url: PageUrl | None = None
    template: TemplateId | None = None
    page: PageOptions | None = None


@dataclass(frozen=True)
class Rows:
    """Rows as the lines of a manifest, and the templates that they name themselves.

    ``templates`` leads from each, in order, to where it is named first: ``items[1].template``.
    """

    lines: list[bytes]
    templates: Mapping[str, str] = field(default_factory=dict)


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


def parse_rows(
    options: BatchOptions, rows: Any, items: Any, *, most: int, hosts: PageHosts | None = None
) -> Rows:
    """The rows of a JSON request, either ``rows`` or ``items``; ``most`` is the tenant's limit.

    ``hosts`` are those that the tenant's pages may be fetched from; None: nowhere.
    """
    if (rows is None) == (items is None):
        raise UserError(Code.INVALID_REQUEST, "Give either rows or items.", path="rows")
    name = "items" if rows is None else "rows"
    given = items if rows is None else rows
    if not isinstance(given, list):
        raise UserError(Code.INVALID_REQUEST, f"{name} must be a list.", path=name)
    if not given:
        raise no_rows(name)
    if len(given) > most:
        raise too_many_rows(most, path=f"{name}[{most}]")
    if rows is None:
        return _items(options, given, hosts or PageHosts())
    needs_template(options)
    return Rows([data_line(row, f"rows[{index}]") for index, row in enumerate(given)])


def data_line(row: Any, path: str, line: int | None = None) -> bytes:
    """A data object as the line of a manifest. 400 where it is none."""
    if not isinstance(row, dict):
        raise UserError(
            Code.INVALID_REQUEST, f"{path} must be a JSON object.", path=path, line=line
        )
    return _manifest_line({"data": row}, path, line)


def no_rows(path: str, line: int | None = None) -> UserError:
    """400: there is nothing to render."""
    return UserError(Code.NO_ROWS, "There are no rows. Give at least one.", path=path, line=line)


def too_many_rows(most: int, *, path: str, line: int | None = None) -> UserError:
    """422: more rows than the tenant may send at once."""
    text = f"A batch may have {most} rows at most. Send several batches."
    return UserError(Code.TOO_MANY_ROWS, text, path=path, line=line, status=422)


def _items(options: BatchOptions, items: list[Any], hosts: PageHosts) -> Rows:
    lines: list[bytes] = []
    seen: dict[str, int] = {}
    templates: dict[str, str] = {}
    for index, raw in enumerate(items):
        path = f"items[{index}]"
        if not isinstance(raw, dict):
            raise UserError(Code.INVALID_REQUEST, f"{path} must be a JSON object.", path=path)
        item = validated(Item, spelled(raw), path)
        row_id = item.id or str(index)
        if seen.setdefault(row_id, index) != index:
            raise UserError(
                Code.DUPLICATE_ROW_ID,
                f"{path} has the id {row_id!r} of items[{seen[row_id]}].",
                path=f"{path}.id",
                status=422,
            )
        _check_source(options, item, hosts, path)
        if item.template is not None:
            _name_template(templates, item.template, f"{path}.template")
        if item.page is not None:
            brings = item.html is not None or item.url is not None
            own = item.template or (None if brings else options.template)
            check_item_page(options, item.page, own, path)
        lines.append(
            _manifest_line(
                item.model_dump(mode="json", by_alias=True, exclude_none=True), path, None
            )
        )
    return Rows(lines, templates)


def _check_source(options: BatchOptions, item: Item, hosts: PageHosts, path: str) -> None:
    one_source(item, path)
    if item.template is None and item.html is None and item.url is None:
        needs_template(options, path)
    refuse_outside(item.url, hosts, f"{path}.url")


def _name_template(templates: dict[str, str], template: str, path: str) -> None:
    templates.setdefault(template, path)
    if len(templates) > _MOST_TEMPLATES:
        text = f"items may name {_MOST_TEMPLATES} templates at most."
        raise UserError(Code.INVALID_OPTION, text, path=path, status=422)


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
