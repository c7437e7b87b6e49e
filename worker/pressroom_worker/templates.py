"""The template engine: from a text and a row's values to a page's HTML.

Pure computing, without any limit on time or memory: that is the business of the process it runs
in (``typesetting``). It imports neither models nor clients, so that this process stays small.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateSyntaxError
from jinja2.exceptions import UndefinedError

from pressroom.errors import Code, RowError
from pressroom.filters import AssetMissing, FilterError
from pressroom.templating import ASSETS, DATA, Environment, readable

#: Characters of one rendered page at most.
MAX_OUTPUT = 32 * 1024 * 1024
#: Compiled templates kept.
CACHE_SIZE = 64

_HEAD_END = re.compile(r"</head\s*>", re.I)
_PROLOGUE = re.compile(r"\s*(<!--.*?-->\s*)*<!doctype[^>]*>", re.I | re.S)


@dataclass(frozen=True)
class _Compiled:
    """A template, and where a style sheet has moved its lines: by ``added`` after ``before``."""

    template: Template
    before: int
    added: int

    def line(self, trace: TracebackType | None) -> int | None:
        """The author's line (from 1) at which rendering stopped; None where that is unknown."""
        found = None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                found = trace.tb_lineno
            trace = trace.tb_next
        if found is not None and found > self.before:
            found -= self.added
        return found


class Engine:
    """Renders texts; keeps the CACHE_SIZE templates used last compiled."""

    def __init__(self) -> None:
        self._environments = {
            (lenient, escape): Environment(lenient=lenient, escape=escape)
            for lenient in (False, True)
            for escape in (False, True)
        }
        self._compiled: OrderedDict[tuple[str, str | None, bool, bool], _Compiled] = OrderedDict()

    def page(
        self,
        html: str,
        css: str | None,
        values: Mapping[str, Any],
        *,
        lenient: bool,
        part: str | None = None,
        assets: Collection[str] = (),
    ) -> str:
        """The page's HTML, escaped, with the style sheet in it.

        ``part`` names the text in messages where it is not the template itself; ``assets`` are the
        names that the filter ``asset`` knows.

        RowError: ``template_syntax``, ``template_undefined`` (with the name), ``asset_not_found``
        or ``template_failed``, each with the line where it is known.
        """
        known = {**values, DATA: values, ASSETS: assets}
        return self._render(html, css, known, lenient=lenient, escape=True, part=part)

    def line(self, pattern: str, values: Mapping[str, Any], *, lenient: bool, part: str) -> str:
        """A short text such as a file name: not escaped. Errors as in :meth:`page`."""
        known = {**values, DATA: values, ASSETS: ()}
        return self._render(pattern, None, known, lenient=lenient, escape=False, part=part)

    def _render(
        self,
        text: str,
        css: str | None,
        values: dict[str, Any],
        *,
        lenient: bool,
        escape: bool,
        part: str | None,
    ) -> str:
        compiled = None
        try:
            compiled = self._template(text, css, lenient, escape)
            return _limited(compiled.template, values, part)
        except RowError:
            raise
        except TemplateSyntaxError as error:
            raise _fault(
                Code.TEMPLATE_SYNTAX, part, error.lineno, error.message or str(error)
            ) from error
        except Exception as error:
            line = compiled.line(error.__traceback__) if compiled is not None else None
            raise _failure(error, part, line) from error

    def _template(self, text: str, css: str | None, lenient: bool, escape: bool) -> _Compiled:
        key = (text, css, lenient, escape)
        found = self._compiled.get(key)
        if found is None:
            environment = self._environments[lenient, escape]
            source = readable(text, environment.parse)
            before = added = 0
            if css:
                start = style_start(source)
                before, added = source.count("\n", 0, start) + 1, css.count("\n")
                source = source[:start] + style(css) + source[start:]
            found = _Compiled(environment.from_string(source), before, added)
            self._compiled[key] = found
            if len(self._compiled) > CACHE_SIZE:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return found


def _limited(template: Template, values: dict[str, Any], part: str | None) -> str:
    pieces = []
    size = 0
    for piece in template.generate(values):
        size += len(piece)
        if size > MAX_OUTPUT:
            message = f"{part or 'The template'} makes a page of over {MAX_OUTPUT} characters."
            raise RowError(Code.TEMPLATE_FAILED, message)
        pieces.append(piece)
    return "".join(pieces)


def _fault(code: Code, part: str | None, line: int | None, text: str) -> RowError:
    if line is None:
        place = part
    else:
        place = f"{part}, line {line}" if part else f"Line {line} of the template"
    return RowError(code, f"{place}: {text}" if place else text, line=line)


def _failure(error: Exception, part: str | None, line: int | None) -> RowError:
    subject = part or "The template"
    if isinstance(error, UndefinedError):
        return _fault(Code.TEMPLATE_UNDEFINED, part, line, error.message or str(error))
    if isinstance(error, MemoryError):
        return RowError(Code.TEMPLATE_FAILED, f"{subject} needs too much memory.")
    if isinstance(error, RecursionError):
        return RowError(Code.TEMPLATE_FAILED, f"{subject} is nested too deeply.")
    text = str(error)[:300]
    code = Code.TEMPLATE_FAILED
    if isinstance(error, FilterError):
        text = text.rstrip(".") + "."
        code = Code.ASSET_NOT_FOUND if isinstance(error, AssetMissing) else code
    else:
        text = f"{type(error).__name__}: {text}"
    if line is None:
        return RowError(code, f"{subject} failed: {text}")
    return _fault(code, part, line, text)


def style(css: str) -> str:
    """A style element as template text: what looks like Jinja in the sheet stays as it is."""
    plain = css.replace("{%", "{% endraw %}{{ '{%' }}{% raw %}").replace("</style", "<\\/style")
    return "{% raw %}<style>" + plain + "</style>{% endraw %}"


def style_start(html: str) -> int:
    """Where a style sheet goes in ``html``: at the end of its head, or at its start."""
    head = _HEAD_END.search(html)
    if head:
        return head.start()
    prologue = _PROLOGUE.match(html)
    return prologue.end() if prologue else 0
