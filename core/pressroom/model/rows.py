"""Rows: one line of a manifest each, and the shape of a row inside a resource. Purely data."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import Field, StringConstraints, ValidationError

from pressroom.errors import Code, RowError
from pressroom.model.base import Model
from pressroom.model.edits import MAX_EDITS, Edit
from pressroom.model.page import PageOptions

#: A row's own id as the client wrote it.
RowId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
#: A page to fetch. What it leads to once rendered must be among the tenant's ``egress.pages``.
PageUrl = Annotated[str, StringConstraints(pattern=r"^https?://\S.*$", max_length=2048)]
#: The longest line of a manifest, in bytes.
MAX_ROW_BYTES = 8 * 1024 * 1024


class Row(Model):
    """One row: the data for its template, or HTML of its own.

    ``html`` is a template text like the job's, rendered with ``data``; with ``raw`` it is printed
    as it stands; with ``template`` besides, it stands in for that template's own text. ``url`` is
    a page to fetch and print instead, a template text too. Without an ``id`` the row's position
    (from 0) is its id.
    """

    id: RowId | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    html: str | None = None
    url: PageUrl | None = None
    template: str | None = None
    page: PageOptions | None = None
    raw: bool = False
    edits: Annotated[list[Edit], Field(max_length=MAX_EDITS)] | None = Field(
        None, description="Made in order on the HTML that the template gives, before it is printed."
    )

    def line(self) -> bytes:
        """This row as a line of a manifest, with its newline."""
        return orjson.dumps(
            self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True),
            option=orjson.OPT_APPEND_NEWLINE,
        )


def parse_row(line: bytes) -> Row:
    """A manifest line. RowError ``row_invalid`` if it is none."""
    try:
        return Row.model_validate(orjson.loads(line))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise RowError(Code.ROW_INVALID, f"The row is not valid: {brief(error)}") from error


def brief(error: Exception) -> str:
    """The first complaint of a validation error, with its path, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        return f"{path}: {text}" if path else text
    return str(error)
