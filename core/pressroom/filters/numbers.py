"""Money, numbers and percentages as a language writes them. Decimal throughout, rounded half up."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from decimal import Context as Precision
from typing import TYPE_CHECKING, Any

from jinja2.runtime import Context

from pressroom.filters.support import FilterError, locale_of, shown, whole

if TYPE_CHECKING:
    from babel import Locale
    from babel.numbers import NumberPattern

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,9})?")
#: Thousands set off by commas are taken where a decimal point follows; else they are ambiguous.
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")
_MOST_CHARACTERS = 64
_MOST_DIGITS = 30
_MOST_DECIMALS = 20
_PRECISION = Precision(prec=100, rounding=ROUND_HALF_UP)


def money(
    context: Context,
    value: Any,
    currency: Any = "EUR",
    locale: Any = None,
    decimals: Any = None,
) -> str:
    """``1234.5`` as ``€1,234.50``: with the currency's own decimals unless told otherwise."""
    amount = decimal_of("money", value)
    if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{3}", currency.strip()):
        raise FilterError(f"money: {shown(currency)} is not a currency code such as EUR")
    known = locale_of("money", context, locale)
    code = currency.strip().upper()
    if decimals is None:
        from babel.numbers import get_currency_precision

        decimals = get_currency_precision(code)
    digits = whole("money", "decimals", decimals, _MOST_DECIMALS)
    return _applied(known.currency_formats["standard"], known, amount, (digits, digits), code)


def number(context: Context, value: Any, decimals: Any = None, locale: Any = None) -> str:
    """``1234.5`` as ``1,234.5``: with as many decimals as it has unless told otherwise."""
    amount = decimal_of("number", value)
    if decimals is None:
        places = (0, _MOST_DECIMALS)
    else:
        digits = whole("number", "decimals", decimals, _MOST_DECIMALS)
        places = (digits, digits)
    known = locale_of("number", context, locale)
    return _applied(known.decimal_formats[None], known, amount, places)


def percent(context: Context, value: Any, decimals: Any = None, locale: Any = None) -> str:
    """``0.19`` as ``19%``; without ``decimals`` with as many as there are, at most two."""
    amount = decimal_of("percent", value)
    if decimals is None:
        places = (0, 2)
    else:
        digits = whole("percent", "decimals", decimals, _MOST_DECIMALS)
        places = (digits, digits)
    known = locale_of("percent", context, locale)
    return _applied(known.percent_formats[None], known, amount, places)


def decimal_of(name: str, value: Any) -> Decimal:
    """The number that ``value`` is or spells. FilterError where it is none, or one too large."""
    found: Decimal | None = None
    if isinstance(value, bool):
        pass
    elif isinstance(value, int):
        found = Decimal(value) if value.bit_length() <= 128 else Decimal("Infinity")
    elif isinstance(value, float):
        found = Decimal(repr(value))  # 0.1 is 0.1
    elif isinstance(value, Decimal):
        found = value
    elif isinstance(value, str) and len(value) <= _MOST_CHARACTERS:
        found = _spelled(value.strip())
    if found is None or found.is_nan():
        raise FilterError(f"{name}: {shown(value)} is not a number")
    if not found.is_finite() or (found and found.adjusted() >= _MOST_DIGITS):
        raise FilterError(f"{name}: {shown(value)} has more than {_MOST_DIGITS} digits")
    return found


def _spelled(text: str) -> Decimal | None:
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _applied(
    pattern: NumberPattern,
    locale: Locale,
    amount: Decimal,
    places: tuple[int, int],
    currency: str | None = None,
) -> str:
    """The amount by a pattern of the locale, with ``places`` (least, most) decimals."""
    from babel.numbers import parse_pattern

    own = parse_pattern(pattern.pattern)
    own.frac_prec = places
    with localcontext(_PRECISION):
        unit = Decimal(1).scaleb(-places[1] - int(own.scale))
        exact = amount if not amount else amount.quantize(unit)
        exact = exact or Decimal(0)  # what rounds to zero has no sign
        return str(own.apply(exact, locale, currency=currency, currency_digits=False))
