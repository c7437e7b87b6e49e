"""The page options of the LightningPDF API, in native words. Pure.

Names are in snake_case. Lengths are CSS lengths as text, or numbers of pixels; margins are one
text of one to four lengths, an object of sides, or a field for each side.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field

from pressroom.model.base import Model, Rule
from pressroom.model.page import (
    Html,
    Length,
    Margin,
    Output,
    PageOptions,
    PageRanges,
    PaperFormat,
    PaperLength,
)

_SIDES = ("top", "right", "bottom", "left")
_NUMBER = re.compile(r"\.?\d")
#: Which of the lengths of a shorthand each of the sides takes (CSS, "margin").
_SHORTHAND = {1: (0, 0, 0, 0), 2: (0, 1, 0, 1), 3: (0, 1, 2, 1), 4: (0, 1, 2, 3)}


class Foreign(Model):
    """A value whose fields are named as they are here; ``null`` is the same as absent."""

    model_config = ConfigDict(alias_generator=None)


# --- spelling ------------------------------------------------------------------------------------
def _length(value: Any) -> Any:
    """A CSS length in the one spelling that the farm keeps. Others are left to the type."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    return f"0{text}" if text.startswith(".") and _NUMBER.match(text) else text


def _sides(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dict.fromkeys(_SIDES, value)
    if not isinstance(value, str):
        return value
    lengths = value.split()
    places = _SHORTHAND.get(len(lengths))
    if places is None:
        raise ValueError("must be one to four lengths, or an object of sides")
    return {side: lengths[place] for side, place in zip(_SIDES, places, strict=True)}


def _paper(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return next((one for one in PaperFormat if one.lower() == value.lower()), value)


def _ranges(value: Any) -> Any:
    """An empty text means all pages, as in the browser's own interface."""
    return value.strip() or None if isinstance(value, str) else value


_CssLength = Annotated[Length, BeforeValidator(_length)]
_CssPaperLength = Annotated[PaperLength, BeforeValidator(_length)]


# --- the options ---------------------------------------------------------------------------------
class Sides(Foreign):
    """The margins of each side."""

    top: _CssLength | None = None
    right: _CssLength | None = None
    bottom: _CssLength | None = None
    left: _CssLength | None = None


def _one_of(part: str) -> Rule:
    html, template = f"{part}_html", f"{part}_template"
    return Rule(
        "",  # no resource has these fields
        f"give either {html} or {template}, not both",
        lambda o: getattr(o, html) is None or getattr(o, template) is None,
    )


class Options(Foreign):
    """What a page may be asked to look like."""

    format: Annotated[PaperFormat | None, BeforeValidator(_paper)] = None
    width: _CssPaperLength | None = None
    height: _CssPaperLength | None = None
    landscape: bool | None = None
    print_background: bool | None = None
    scale: Annotated[float, Field(ge=0.1, le=2)] | None = None
    margin: Annotated[Sides | None, BeforeValidator(_sides)] = None
    margin_top: _CssLength | None = None
    margin_right: _CssLength | None = None
    margin_bottom: _CssLength | None = None
    margin_left: _CssLength | None = None
    header_html: Html | None = None
    header_template: Html | None = None
    footer_html: Html | None = None
    footer_template: Html | None = None
    page_ranges: Annotated[PageRanges | None, BeforeValidator(_ranges)] = None
    prefer_css_page_size: bool | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        *PageOptions.rules,
        _one_of("header"),
        _one_of("footer"),
    )

    def page(self) -> PageOptions:
        """In native words. Pages are always PDF, whatever a template says."""
        margin = {
            side: getattr(self, f"margin_{side}") or getattr(self.margin, side, None)
            for side in _SIDES
        }
        return PageOptions(
            format=self.format,
            width=self.width,
            height=self.height,
            landscape=self.landscape,
            print_background=self.print_background,
            scale_percent=None if self.scale is None else round(self.scale * 100),
            margin=Margin(**margin) if any(margin.values()) else None,
            header_html=_first(self.header_html, self.header_template),
            footer_html=_first(self.footer_html, self.footer_template),
            page_ranges=self.page_ranges,
            prefer_css_page_size=self.prefer_css_page_size,
            output=Output.PDF,
        )

    def texts(self, path: str) -> list[tuple[str, str]]:
        """Those that are templates for pages that come from one, each with its path."""
        names = ("header_html", "header_template", "footer_html", "footer_template")
        return [(f"{path}.{name}", text) for name in names if (text := getattr(self, name))]


def _first(one: str | None, other: str | None) -> str | None:
    return other if one is None else one
