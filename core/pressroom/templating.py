"""The template language: one Jinja2 environment for all who read templates, and its check.

Pure computing without limits on time: only the worker's template process renders. Checking a text
computes none of its expressions, so that it takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jinja2 import (
    ChainableUndefined,
    StrictUndefined,
    TemplateSyntaxError,
    Undefined,
    nodes,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pressroom.filters import ASSETS, FILTERS

__all__ = ["ASSETS", "DATA", "Environment", "assets_named", "readable", "syntax_fault"]

#: The name under which a rewritten token finds the row's data.
DATA = "_pressroom_row"

#: What may hold braces that are no tokens, then a token: {{ ... }} without quotes or calls.
#: Nothing in it backtracks far: a hostile text costs no more than a long one.
_TOKEN = re.compile(
    r"(?P<other>\{%[-+]?\s*raw\s*[-+]?%\}.*?(?:\{%[-+]?\s*endraw\s*[-+]?%\}|\Z)"
    r"|\{#.*?(?:#\}|\Z))"
    r"|\{\{(?P<open>[-+]?)(?P<key>[^{}\"'|()\[\]%\n]++)\}\}",
    re.S,
)


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


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox, in which data wins over methods: ``order.items`` is the row's own value.

    ``lenient``: missing values are empty instead of errors. ``escape``: values are escaped for
    HTML.
    """

    def __init__(self, *, lenient: bool, escape: bool) -> None:
        undefined: type[Undefined] = _Lenient if lenient else _Strict
        super().__init__(
            autoescape=escape,
            undefined=undefined,
            finalize=_shown,
            cache_size=0,
            loader=None,
            # Compiling must not compute what only the template process has the limits for.
            optimized=False,
        )
        self.globals.pop("lipsum", None)
        self.filters.update(FILTERS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
            if attribute.startswith("_"):
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


@pass_context  # with a context, it is never called while a template is compiled
def _shown(_context: Context, value: Any) -> Any:
    """A value as people write it: 250.0 as 250, None as nothing, True as true."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def syntax_fault(text: str) -> tuple[int, str] | None:
    """What is wrong with a template's syntax, filters and tests: line (from 1) and message.

    None where the text can be rendered, as far as one can say without data.
    """
    environment = Environment(lenient=False, escape=True)
    try:
        tree = environment.parse(readable(text, environment.parse))
        unknown = _foreign(tree) or _unknown(environment, tree)
        if unknown is not None:
            return unknown
        for modifier in tree.find_all(nodes.EvalContextModifier):
            for option in modifier.options:
                if not isinstance(option.value, nodes.Const):
                    # The compiler would compute it at once, however long that takes.
                    option.value = nodes.Const(True)
        environment.compile(tree, raw=True)
    except TemplateSyntaxError as error:
        return error.lineno, error.message or str(error)
    except RecursionError:
        return 1, "The template is nested too deeply."
    except ValueError as error:  # such as a number of thousands of digits
        return 1, str(error)
    return None


def assets_named(text: str) -> list[tuple[int, str]]:
    """The assets that a template names in so many words: line (from 1) and name.

    Empty where the text is no template.
    """
    environment = Environment(lenient=False, escape=True)
    try:
        tree = environment.parse(readable(text, environment.parse))
    except (TemplateSyntaxError, RecursionError, ValueError):
        return []
    return [
        (node.lineno, node.node.value)
        for node in tree.find_all(nodes.Filter)
        if node.name == "asset"
        and isinstance(node.node, nodes.Const)
        and isinstance(node.node.value, str)
    ]


def _foreign(tree: nodes.Template) -> tuple[int, str] | None:
    """The first tag that would need another template: there is none to be had."""
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        tag = "from" if isinstance(node, nodes.FromImport) else type(node).__name__.lower()
        return node.lineno, f"There is no {tag!r}: a template is one text. Use macros of its own."
    return None


def _unknown(environment: Environment, tree: nodes.Template) -> tuple[int, str] | None:
    """The first unknown filter or test; the compiler overlooks those within conditions."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind = "filter" if isinstance(node, nodes.Filter) else "test"
        known = environment.filters if kind == "filter" else environment.tests
        if node.name not in known:
            return node.lineno, f"No {kind} named {node.name!r}."
    return None


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
    inner = match["key"]
    if inner is None:
        return match[0]
    close = inner[-1] if inner[-1] in "-+" else ""
    key = inner.removesuffix(close).strip(" \t")
    if not key:
        return match[0]
    try:
        parse("{{ " + key + " }}")
    except TemplateSyntaxError:
        quoted = key.replace("\\", "\\\\")
        return f'{{{{{match["open"]} {DATA}["{quoted}"] {close}}}}}'
    return match[0]
