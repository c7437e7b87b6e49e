"""The built-in pages: one Jinja2 text per kind and style, put together from this package's files.

A page is whole in itself, so that it can be printed as any template: it knows one value, ``doc``,
made by :func:`pressroom.documents.view.view`. ``base.css`` has what all styles share (how a page
breaks, what long words do), each style's own sheet how it looks.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib import resources

from pressroom.documents.kinds import DocType


class Style(StrEnum):
    """How the built-in pages may look."""

    STRIPE_CLEAN = "stripe-clean"
    BOLD = "bold"
    MINIMAL = "minimal"
    CORPORATE = "corporate"


_FITTING = {
    DocType.REPORT: Style.CORPORATE,
    DocType.QUOTE: Style.CORPORATE,
    DocType.LETTER: Style.MINIMAL,
    DocType.DOCUMENT: Style.MINIMAL,
}


def style_for(kind: DocType) -> Style:
    """The look that a kind of document has unless another is asked for."""
    return _FITTING.get(kind, Style.STRIPE_CLEAN)


@cache
def page(kind: DocType, style: Style) -> str:
    """The Jinja2 text of the page for this kind, with the sheet of this style."""
    sheet = _read("base.css") + _read(f"{style.value}.css")
    return (
        _read("frame.html")
        .replace("<!-- the style sheet -->", f"<style>\n{sheet}</style>")
        .replace("<!-- the blocks -->", _read("blocks.html"))
        .replace("<!-- the page -->", _read(f"{kind.value}.html"))
    )


def _read(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
