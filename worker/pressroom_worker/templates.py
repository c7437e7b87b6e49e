"""The template engine: Jinja2 in a sandbox, from a text and a row's values to a page's HTML.

Pure computing, without any limit on time or memory: that is the business of the process it runs
in (``typesetting``). It imports neither models nor clients, so that this process stays small.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, Template, TemplateSyntaxError, Undefined
from jinja2.exceptions import UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pressroom.errors import Code, RowError

#: Characters of one rendered page at most.
MAX_OUTPUT = 32 * 1024 * 1024
#: Compiled templates kept.
CACHE_SIZE = 64
#: The name under which a rewritten token finds the row's data.
_DATA = "_pressroom_row"

#: What may hold braces that are no tokens, then a token: {{ ... }} without quotes or calls.
_TOKEN = re.compile(
    r"(?P<other>\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}|\{#.*?#\})"
    r"|\{\{(?P<open>[-+]?)[ \t]*(?P<key>[^{}\"'|()\[\]%\n]+?)[ \t]*(?P<close>[-+]?)\}\}",
    re.S,
)
_HEAD_END = re.compile(r"</head\s*>", re.I)
_PROLOGUE = re.compile(r"\s*(<!--.*?-->\s*)*<!doctype[^>]*>", re.I | re.S)


class _Missing:
    """How a missing value is put into words."""

    _undefined_name: str | None
    _undefined_hint: str | None

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        return f"The row has no value named {str(self._undefined_name)!r}."


class _Strict(_Missing, StrictUndefined):
    """A missing value fails the row wherever it is used."""

    __slots__ = ()


class _Lenient(_Missing, ChainableUndefined):
    """A missing value is empty, and so is all that is looked up in it."""

    __slots__ = ()


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, in which data wins over methods: ``order.items`` is the row's own value."""

    def __init__(self, undefined: type[Undefined], *, escape: bool) -> None:
        super().__init__(
            autoescape=escape, undefined=undefined, finalize=_shown, cache_size=0, loader=None
        )
        self.globals.pop("lipsum", None)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
            if attribute.startswith("_"):
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def _shown(value: Any) -> Any:
    """A value as people write it: 250.0 as 250, None as nothing."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return "" if value is None else value


class Engine:
    """Renders texts; keeps the CACHE_SIZE templates used last compiled."""

    def __init__(self) -> None:
        self._environments = {
            (lenient, escape): _Environment(_Lenient if lenient else _Strict, escape=escape)
            for lenient in (False, True)
            for escape in (False, True)
        }
        self._compiled: OrderedDict[tuple[str, str | None, bool, bool], Template] = OrderedDict()

    def page(self, html: str, css: str | None, values: Mapping[str, Any], *, lenient: bool) -> str:
        """The page's HTML, escaped, with the style sheet in it.

        RowError: ``template_syntax`` (with the line), ``template_undefined`` (with the name) or
        ``template_failed``.
        """
        return self._render(html, css, values, lenient=lenient, escape=True)

    def line(self, pattern: str, values: Mapping[str, Any], *, lenient: bool) -> str:
        """A short text such as a file name: not escaped. Errors as in :meth:`page`."""
        return self._render(pattern, None, values, lenient=lenient, escape=False)

    def _render(
        self, text: str, css: str | None, values: Mapping[str, Any], *, lenient: bool, escape: bool
    ) -> str:
        try:
            template = self._template(text, css, lenient, escape)
            return _limited(template, {**values, _DATA: values})
        except RowError:
            raise
        except TemplateSyntaxError as error:
            message = f"Line {error.lineno} of the template: {error.message}"
            raise RowError(Code.TEMPLATE_SYNTAX, message, line=error.lineno) from error
        except UndefinedError as error:
            raise RowError(Code.TEMPLATE_UNDEFINED, error.message or str(error)) from error
        except MemoryError as error:
            raise RowError(Code.TEMPLATE_FAILED, "The template needs too much memory.") from error
        except Exception as error:
            raise RowError(Code.TEMPLATE_FAILED, _failure(error)) from error

    def _template(self, text: str, css: str | None, lenient: bool, escape: bool) -> Template:
        key = (text, css, lenient, escape)
        found = self._compiled.get(key)
        if found is None:
            environment = self._environments[lenient, escape]
            source = readable(text, environment.parse)
            found = environment.from_string(with_css(source, css) if css else source)
            self._compiled[key] = found
            if len(self._compiled) > CACHE_SIZE:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return found


def _limited(template: Template, values: dict[str, Any]) -> str:
    pieces = []
    size = 0
    for piece in template.generate(values):
        size += len(piece)
        if size > MAX_OUTPUT:
            raise RowError(
                Code.TEMPLATE_FAILED, f"The template makes a page of over {MAX_OUTPUT} characters."
            )
        pieces.append(piece)
    return "".join(pieces)


def _failure(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "The template is nested too deeply."
    return f"The template failed: {type(error).__name__}: {str(error)[:300]}"


def readable(text: str, parse: Callable[[str], object]) -> str:
    """``text``, with tokens such as ``{{ Customer Name }}`` made lookups if it is no Jinja as is.

    Lines stay where they are. Raises TemplateSyntaxError where that does not help either.
    """
    try:
        parse(text)
    except TemplateSyntaxError as first:
        changed = _TOKEN.sub(lambda match: _lookup(match, parse), text)
        if changed == text:
            raise
        try:
            parse(changed)
        except TemplateSyntaxError as second:
            raise second from first
        return changed
    return text


def _lookup(match: re.Match[str], parse: Callable[[str], object]) -> str:
    key = match["key"]
    if match["other"] is not None or key is None:
        return match[0]
    try:
        parse("{{ " + key + " }}")
    except TemplateSyntaxError:
        quoted = key.replace("\\", "\\\\")
        return f'{{{{{match["open"]} {_DATA}["{quoted}"] {match["close"]}}}}}'
    return match[0]


def with_css(html: str, css: str) -> str:
    """``html`` (a template) with the style sheet at the end of its head, or at its start.

    The style sheet is no template: what looks like Jinja in it stays as it is.
    """
    plain = css.replace("{%", "{% endraw %}{{ '{%' }}{% raw %}").replace("</style", "<\\/style")
    style = "{% raw %}<style>" + plain + "</style>{% endraw %}"
    head = _HEAD_END.search(html)
    if head:
        return html[: head.start()] + style + html[head.start() :]
    prologue = _PROLOGUE.match(html)
    start = prologue.end() if prologue else 0
    return html[:start] + style + html[start:]
