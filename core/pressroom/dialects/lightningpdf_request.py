"""The LightningPDF API, request side: a batch in native words. Pure.

A batch has items, each with HTML of its own, printed as it stands, or with a stored template and
its variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from pressroom.dialects import native, native_rows
from pressroom.dialects.lightningpdf_options import Foreign, Options
from pressroom.dialects.submission import Submission
from pressroom.dialects.validating import validated
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import Dialect, OutputKind, TemplateId
from pressroom.model.page import PageOptions
from pressroom.model.rows import MAX_ROW_BYTES, Row, RowId

#: Ids are kept with the job for the time after its data, if they come to no more than this.
_MAX_ECHO_BYTES = 8 * 1024
_STORED_ID = TypeAdapter[str](TemplateId)
NotEmpty = Annotated[str, StringConstraints(min_length=1)]


class _Item(Foreign):
    id: RowId
    html: NotEmpty | None = None
    template_id: NotEmpty | None = None
    variables: dict[str, Any] | None = None
    options: Options | None = None


class _Batch(Foreign):
    options: Options = Field(default_factory=Options)
    callback_url: str | None = None
    merge_output: bool = False


@dataclass(frozen=True)
class Order:
    """What is asked for; ``texts`` are the templates in it, each with its path."""

    submission: Submission
    texts: tuple[tuple[str, str], ...] = ()


def parse(raw: Mapping[str, Any], *, most: int) -> Order:
    """A request of at most ``most`` items. UserError with the path of what is wrong with it."""
    given = {key: value for key, value in raw.items() if value is not None}
    items = given.pop("items", None)
    batch = validated(_Batch, given)
    _check_callback(batch.callback_url)
    parsed = _items(items, most)
    page = batch.options.page()
    lines: list[bytes] = []
    templates: set[str] = set()
    texts: dict[str, str] = {}
    for index, item in enumerate(parsed):
        path = f"items[{index}]"
        _check_room(item, page, path)
        lines.append(_line(item, path))
        if item.template_id is not None:
            templates.add(item.template_id)
            texts.update(batch.options.texts("options"))
            texts.update(item.options.texts(f"{path}.options") if item.options else ())
    merged = {OutputKind.MERGED} if batch.merge_output else set()
    submission = Submission(
        dialect=Dialect.LIGHTNING_PDF,
        rows=lines,
        templates=frozenset(filter(_can_be_stored, templates)),
        page=page,
        outputs=frozenset({OutputKind.FILES, *merged}),
        webhook_url=batch.callback_url,
        echo=_echo([item.id for item in parsed]),
    )
    return Order(submission, tuple(texts.items()))


def _items(items: Any, most: int) -> list[_Item]:
    if not isinstance(items, list):
        text = "items must be a list." if items is not None else "items is missing."
        raise UserError(Code.INVALID_REQUEST, text, path="items")
    if not items:
        raise UserError(Code.NO_ROWS, "items is empty. Give at least one.", path="items")
    if len(items) > most:
        text = f"items may have {most} entries at most; it has {len(items)}."
        raise UserError(Code.TOO_MANY_ROWS, text, path="items")
    seen: dict[str, int] = {}
    return [_item(raw, index, seen) for index, raw in enumerate(items)]


def _item(raw: Any, index: int, seen: dict[str, int]) -> _Item:
    path = f"items[{index}]"
    if not isinstance(raw, dict):
        raise UserError(Code.INVALID_REQUEST, f"{path} must be a JSON object.", path=path)
    item = validated(_Item, raw, path)
    if seen.setdefault(item.id, index) != index:
        text = f"{path}.id is {item.id!r}, as is that of items[{seen[item.id]}]."
        raise UserError(Code.DUPLICATE_ROW_ID, text, path=f"{path}.id")
    if (item.html is None) == (item.template_id is None):
        text = f"{path} must have either html or template_id."
        raise UserError(Code.INVALID_REQUEST, text, path=path)
    return item


def _line(item: _Item, path: str) -> bytes:
    row = Row(
        id=item.id,
        data=item.variables or {},
        html=item.html,
        raw=item.html is not None,
        template=item.template_id,
        page=item.options.page() if item.options else None,
    )
    line = row.line()
    if len(line) > MAX_ROW_BYTES:
        raise native_rows.row_too_large(path, None)
    return line


def _check_room(item: _Item, page: PageOptions, path: str) -> None:
    """400 for margins that leave nothing of the paper, as far as the request itself tells."""
    own = item.options.page() if item.options else None
    whole = own.over(page) if own else page
    if whole.has_room() or (item.template_id is not None and not whole.names_paper()):
        return
    where = f"{path}.options" if own else "options"
    text = f"{where}.margin leaves nothing of the paper. Make the margins smaller."
    raise UserError(Code.INVALID_OPTION, text, path=f"{where}.margin")


def _check_callback(url: str | None) -> None:
    if url is None:
        return
    try:
        validated(native.WebhookRequest, {"url": url})
    except UserError as bad:
        text = f"callback_url{bad.message.removeprefix('url')}"
        raise UserError(bad.code, text, path="callback_url") from None
    if not url.startswith(("http://", "https://")):  # only HTTP:// comes so far
        text = "callback_url must begin with http:// or https://, in lower case."
        raise UserError(Code.INVALID_OPTION, text, path="callback_url")


def _can_be_stored(template_id: str) -> bool:
    """Whether there can be a template of this id; others are not found, item by item."""
    try:
        _STORED_ID.validate_python(template_id)
    except ValidationError:
        return False
    return True


def _echo(item_ids: list[str]) -> dict[str, Any]:
    return {"ids": item_ids} if len(orjson.dumps(item_ids)) <= _MAX_ECHO_BYTES else {}
