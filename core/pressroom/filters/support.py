"""What the filters share: errors in words, missing values, arguments, locales, lengths."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateRuntimeError, Undefined, pass_context
from jinja2.runtime import Context

if TYPE_CHECKING:
    from babel import Locale

#: The value of a template or row that names the language where a filter's argument does not.
LOCALE = "locale"
_DEFAULT_LOCALE = "en"
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,3}")
_LENGTH = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,4})?)(mm|cm|in|pt|pc|px)")
_MILLIMETRES = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6}
_MILLIMETRES |= {"px": 25.4 / 96}
#: Locales whose data Babel may keep; it forgets none by itself, and each takes megabytes.
_MOST_LOCALE_DATA = 32


class FilterError(TemplateRuntimeError):
    """A filter was given what it cannot show. The message names the filter and the value."""


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` (context, value, arguments …) as a filter.

    A missing value is empty or an error, as the environment has it; None and blank texts are
    empty. An argument that is missing or none is its default.
    """
    signature = inspect.signature(function)
    name = function.__name__

    @pass_context
    @functools.wraps(function)
    def call(context: Context, value: Any, *given: Any, **named: Any) -> Any:
        value = _present(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            return ""
        values = {key: _present(one) for key, one in named.items()}
        try:
            bound = signature.bind(context, value, *map(_present, given), **values)
        except TypeError as error:
            raise FilterError(f"{name}: {error}") from None
        for key, one in list(bound.arguments.items()):
            if one is None:
                del bound.arguments[key]
        return function(*bound.args, **bound.kwargs)

    return call


def _present(value: Any) -> Any:
    """The value; None where a lenient template lacks it, UndefinedError where a strict one does."""
    if isinstance(value, Undefined):
        str(value)
        return None
    return value


def shown(value: Any) -> str:
    """A value for a message, never long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 128:
        return "so large a number"
    text = repr(value[:41] if isinstance(value, str) else value)
    return text if len(text) <= 44 else text[:40] + "…'"


def locale_of(name: str, context: Context, given: Any) -> Locale:
    """The locale of the filter ``name``: its argument, the value named ``locale``, or English."""
    if given is None:
        given = context.resolve_or_missing(LOCALE)
        if not isinstance(given, str) or not given.strip():
            given = _DEFAULT_LOCALE
    if not isinstance(given, str) or not _LOCALE.fullmatch(given.strip()):
        raise FilterError(f"{name}: {shown(given)} is not a locale such as en, de or pt_BR")
    try:
        return _parsed(given.strip().replace("-", "_"))
    except ValueError:
        raise FilterError(f"{name}: {shown(given)} is not a known locale") from None


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> Locale:
    """ValueError where there is no such locale."""
    from babel import Locale, UnknownLocaleError, localedata

    if len(localedata._cache) > _MOST_LOCALE_DATA:
        localedata._cache.clear()
    try:
        return Locale.parse(text)
    except UnknownLocaleError as error:
        raise ValueError(text) from error


def choice(name: str, argument: str, given: Any, known: tuple[str, ...]) -> str:
    """An argument that is one of ``known``."""
    if given not in known:
        text = f"{name}: {argument} must be one of {', '.join(known)}, not {shown(given)}"
        raise FilterError(text)
    return str(given)


def whole(name: str, argument: str, given: Any, most: int) -> int:
    """An argument that is a whole number from 0 to ``most``."""
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= most:
        text = f"{name}: {argument} must be a whole number from 0 to {most}, not {shown(given)}"
        raise FilterError(text)
    return given


def millimetres(name: str, argument: str, given: Any) -> float:
    """An argument that is a CSS length of 1 mm to 1 m, in millimetres."""
    match = _LENGTH.fullmatch(given.strip()) if isinstance(given, str) else None
    found = float(match[1]) * _MILLIMETRES[match[2]] if match else 0.0
    if not 1 <= found <= 1000:
        text = f"{name}: {argument} must be a length such as 30mm or 1.5in, not {shown(given)}"
        raise FilterError(text)
    return found


def text_of(name: str, value: Any, most: int) -> str:
    """A text or a number as text, of ``most`` characters at most."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, (bool, dict, list, tuple)):
        raise FilterError(f"{name}: {shown(value)} is no text")
    if isinstance(value, int) and value.bit_length() > 512:
        raise FilterError(f"{name}: {shown(value)} is no text")
    text = str(value)
    if len(text) > most:
        raise FilterError(f"{name}: a text of {len(text)} characters is longer than {most}")
    return text
