"""What a request of Glyph's may say: all of its violations at once, each with its path. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from pressroom.documents import DocType, Style, detect
from pressroom.errors import PressroomError
from pressroom.model.page import Margin, Output, PageOptions, PaperFormat

MAX_ITEMS = 10
MAX_MODIFICATION = 1_000
AUTO = "auto"
#: Violations that one answer names.
_MOST_DETAILS = 100

_PAPERS = {"A4": PaperFormat.A4, "letter": PaperFormat.LETTER, "legal": PaperFormat.LEGAL}
_LENGTH = re.compile(r"\s*\+?(\d{0,6}(?:\.\d*)?)\s*(px|pt|pc|mm|cm|in|q|em|rem)?\s*", re.I)
#: Units that a page option does not know, in pixels; a font's size is a browser's own.
_PIXELS = {"em": 16.0, "rem": 16.0, "q": 96 / 101.6}
_NO_LENGTH = 'Must be a CSS length such as "0.5in", "20mm" or "48px"'
_MOST_LENGTH = 99_999


class InvalidError(PressroomError):
    """The request is not one of Glyph's; ``details`` holds path and message of each violation."""

    def __init__(self, details: list[dict[str, Any]]) -> None:
        super().__init__("Validation failed")
        self.details = details


def _length(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _LENGTH.fullmatch(value)
    if match is None or not any(digit.isdigit() for digit in match[1]):
        raise ValueError(_NO_LENGTH)
    number, unit = float(match[1]), (match[2] or "px").lower()
    if unit in _PIXELS:
        number, unit = number * _PIXELS[unit], "px"
    if number > _MOST_LENGTH:
        raise ValueError(_NO_LENGTH)
    return f"{number:.4f}".rstrip("0").rstrip(".") + unit


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, alias_generator=to_camel)


_Side = Annotated[str, BeforeValidator(_length)]


class _Margins(_Model):
    top: _Side | None = None
    right: _Side | None = None
    bottom: _Side | None = None
    left: _Side | None = None


class Options(_Model):
    """The page of an item, the documented defaults filled in where they hold for every page."""

    page_size: Literal["A4", "letter", "legal"] | None = None
    orientation: Literal["portrait", "landscape"] | None = None
    margins: Annotated[_Margins | None, Field(alias="margin")] = None
    given_scale: Annotated[float | None, Field(alias="scale", ge=0.1, le=3)] = None

    @property
    def paper(self) -> PaperFormat:
        """The paper, by default Letter."""
        return _PAPERS[self.page_size or "letter"]

    @property
    def margin(self) -> Margin | None:
        """The margins that were given."""
        return None if self.margins is None else Margin(**self.margins.model_dump())

    @property
    def scale(self) -> float:
        """By how much the page is magnified, by default not at all."""
        return 1.0 if self.given_scale is None else self.given_scale


_Modification = Annotated[str, StringConstraints(max_length=MAX_MODIFICATION)]


class _Item(_Model):
    data: dict[str, Any]
    template: str | None = None
    modifications: list[_Modification] | None = None
    format: Literal["pdf", "png"] | None = None
    style: Literal["stripe-clean", "bold", "minimal", "corporate"] | None = None
    options: Options | None = None


class _Request(_Model):
    items: list[_Item]


@dataclass(frozen=True)
class Item:
    """One item, its defaults filled in. ``template`` is None for the built-in page of ``kind``."""

    index: int
    data: dict[str, Any]
    kind: DocType = DocType.DOCUMENT
    template: str | None = None
    modifications: tuple[str, ...] = ()
    output: Output = Output.PDF
    style: Style | None = None
    options: Options = field(default_factory=Options)


def parse(body: Any, most: int = MAX_ITEMS) -> list[Item]:
    """The items of a request's JSON; ``most`` of them at most. InvalidError."""
    details: list[dict[str, Any]] = []
    given = body.get("items") if isinstance(body, dict) else None
    if isinstance(given, list) and not 1 <= len(given) <= most:
        details.append({"path": ["items"], "message": _count(len(given), most)})
        body = {**body, "items": given[:most]}
    items: list[Item] = []
    try:
        request = _Request.model_validate(body)
        items = [_item(index, one) for index, one in enumerate(request.items)]
    except ValidationError as error:
        details += _details(error)
    details += [detail for item in items for detail in _no_room(item)]
    if details:
        raise InvalidError(details[:_MOST_DETAILS])
    return items


def _count(found: int, most: int) -> str:
    return "At least one item is required" if found == 0 else f"At most {most} items are allowed"


def _item(index: int, given: _Item) -> Item:
    return Item(
        index=index,
        data=given.data,
        kind=detect(given.data),
        template=None if given.template in (None, AUTO) else given.template,
        modifications=tuple(given.modifications or ()),
        output=Output.PNG if given.format == "png" else Output.PDF,
        style=Style(given.style) if given.style else None,
        options=given.options or Options(),
    )


def _no_room(item: Item) -> list[dict[str, Any]]:
    options = item.options
    # How large a stored template's paper is, is not known here.
    if item.template is not None and options.page_size is None:
        return []
    page = PageOptions(
        format=options.paper,
        landscape=options.orientation == "landscape",
        margin=options.margin,
        output=item.output,
    )
    if page.has_room():
        return []
    path = ["items", item.index, "options", "margin"]
    return [{"path": path, "message": "The margins leave no room on the page"}]


def _details(error: ValidationError) -> list[dict[str, Any]]:
    found = error.errors(include_url=False, include_input=False)
    return [{"path": list(one["loc"]), "message": _message(one)} for one in found]


_TYPES = {
    "dict_type": "Expected an object",
    "model_type": "Expected an object",
    "model_attributes_type": "Expected an object",
    "list_type": "Expected an array",
    "string_type": "Expected a string",
    "float_type": "Expected a number",
    "finite_number": "Expected a finite number",
    "missing": "Required",
}


def _message(one: Mapping[str, Any]) -> str:
    kind, context = one["type"], one.get("ctx", {})
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "literal_error":
        return f"Expected one of {context['expected']}"
    if kind == "greater_than_equal":
        return f"Must be at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"Must be at most {context['le']:g}"
    if kind == "string_too_long":
        return f"Must have at most {context['max_length']} characters"
    text = str(one["msg"]).removeprefix("Value error, ")
    return text[:1].upper() + text[1:]
