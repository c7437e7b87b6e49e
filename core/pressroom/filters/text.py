"""Markdown and line breaks as safe HTML: whatever HTML is in the text itself stays text."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from jinja2.runtime import Context
from markupsafe import Markup, escape

from pressroom.filters.support import text_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_MOST_MARKDOWN = 200_000
_MOST_TEXT = 8 * 1024 * 1024
_BREAK = re.compile(r"\r\n|\r|\n")
#: A picture of the template's own, by name, or one that is in the text itself.
_OWN_PICTURE = re.compile(r"(?![/\\])[^:?#\\]+|data:image/(?:png|jpeg|gif|webp);base64,[\w+/=%]+")


def markdown(_context: Context, value: Any) -> Markup:
    """CommonMark with tables and strikethrough as HTML. Links stay; pictures by name alone."""
    text = text_of("markdown", value, _MOST_MARKDOWN)
    return Markup(_renderer().render(text))  # noqa: S704 - HTML in the text is escaped


def nl2br(_context: Context, value: Any) -> Markup:
    """The text, escaped, with a ``<br>`` where a line ends."""
    if not isinstance(value, Markup):
        value = text_of("nl2br", value, _MOST_TEXT)
    return Markup(_BREAK.sub("<br>\n", str(escape(value))))  # noqa: S704 - escaped just here


@functools.lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.add_render_rule("image", _picture)
    return made


def _picture(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    """The picture where it is the template's own; else its description."""
    token = tokens[index]
    described = self.renderInlineAsText(token.children, options, env)
    if not _OWN_PICTURE.fullmatch(str(token.attrs.get("src", ""))):
        return str(escape(described))
    token.attrs["alt"] = described
    return str(self.renderToken(tokens, index, options, env))
