"""Keys and values as people read them: labels, amounts, one line for what is nested. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

from pressroom.documents.kinds import plain, words

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\-\s]+")
_ACRONYMS = frozenset(
    words(
        "id po vat iban bic swift sku url uri ein gst hst pst qr sla kpi kpis pdf api ceo cfo "
        "cto usa us uk eu usd eur gbp q1 q2 q3 q4 ytd"
    )
)
_AMOUNT = re.compile(
    r"(?:amount|price|cost|total|subtotal|tax|vat|gst|discount|shipping|fee|fees|balance|paid|due"
    r"|deposit|tip|revenue|budget|salary|spent|income|profit|expenses?|payment|refund)$"
)
_PRICE = re.compile(r"(?:price|cost|rate)$")
_RATES = frozenset(words("unitrate hourlyrate dayrate dailyrate nightlyrate weeklyrate"))
_COUNTS = frozenset(words("quantity qty units hours days nights"))
_NO_AMOUNT = re.compile(
    r"rate|percent|(?<!dis)(?<!ac)count|(?<!up)date|number|(?<!pa)id(?!end)|days|terms"
)
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CNY": "¥", "KRW": "₩"}
#: Digits after the point, where a currency has not two (ISO 4217).
_PLACES = dict.fromkeys(words("JPY KRW VND CLP ISK"), 0)
_PLACES |= dict.fromkeys(words("BHD IQD JOD KWD LYD OMR TND"), 3)
_ISO = 3
#: Prices of small things are given with so many; more come from computing.
_MOST_PLACES = 6
_MANY = 10_000
_CODES = (
    "AED|AUD|BHD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|INR|JPY|KRW|KWD|MXN|NOK|NZD|OMR|PLN|QAR|"
    "SAR|SEK|SGD|THB|TRY|USD|ZAR"
)
_MARK = rf"(?:{_CODES}|[A-Z]{{0,2}}[$€£¥₹₩₪₺₴₫]|zł|kr|Fr\.)"
_DIGITS = r"(?:\d{1,3}(?:[., '\u2019\u00a0\u202f]\d{3})+|\d+)(?:[.,]\d{1,4})?"
_POINTED = r"(?:\d{1,3}(?:[., '\u2019\u00a0\u202f]\d{3})+|\d+)[.,]\d{1,4}|\d{1,3}(?:,\d{3})+"
_MONEY = re.compile(
    rf"\(?[-+−]?(?: ?{_MARK}\s?[-+−]?{_DIGITS}|{_DIGITS}\s?{_MARK}|{_POINTED})[-−]?\)?"
)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_MOST_DEEP = 8


def label(key: str) -> str:
    """``unitPrice`` and ``unit_price`` as ``Unit price``; a key with spaces as it stands."""
    if " " in key.strip() or not key.isascii():
        return key.strip()
    parts = [word for word in _HUMP.split(key) if word]
    if not parts:
        return key
    shown = [
        word.upper() if word.lower() in _ACRONYMS else word if _is_upper(word) else word.lower()
        for word in parts
    ]
    return shown[0][:1].upper() + shown[0][1:] + "".join(f" {word}" for word in shown[1:])


def _is_upper(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def is_amount(key: str) -> bool:
    """Whether a number under this key is money."""
    bare = plain(key)
    if bare in _RATES:
        return True
    return _AMOUNT.search(bare) is not None and _NO_AMOUNT.search(bare) is None


def is_number(value: Any) -> bool:
    """A number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(key: str) -> bool:
    """Whether a number under this key says how many there are."""
    return plain(key) in _COUNTS


def is_money(value: Any) -> bool:
    """Whether a text is an amount as people write them: ``1.140,00 €``; no date, no version."""
    return isinstance(value, str) and _MONEY.fullmatch(value.strip()) is not None


def amount(value: Any, currency: str = "", *, exact: bool = False) -> str:
    """A number as money: ``$1,500.00``; text stays as it was given.

    ``exact`` keeps what a price has beyond the currency's digits.
    """
    if not is_number(value):
        return text(value)
    code = currency.upper()
    try:
        digits = _digits(Decimal(str(value)), _PLACES.get(code, 2), exact)
    except (InvalidOperation, ValueError):
        return text(value)
    sign = "-" if value < 0 and re.search("[1-9]", digits) else ""
    if code in _SYMBOLS:
        return f"{sign}{_SYMBOLS[code]}{digits}"
    if currency.endswith("$") or (len(currency) == 1 and not currency.isalnum()):
        return f"{sign}{currency}{digits}"
    return f"{sign}{digits} {code if len(code) == _ISO else currency}".strip()


def _digits(number: Decimal, places: int, exact: bool) -> str:
    exponent = number.as_tuple().exponent
    given = -exponent if isinstance(exponent, int) else 0
    if exact and places < given <= _MOST_PLACES:
        places = given
    with localcontext(rounding=ROUND_HALF_UP):
        return f"{abs(number):,.{places}f}"


def text(value: Any, depth: int = 0) -> str:
    """Any value in one line: ``250.0`` as 250, true as Yes, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        stamp = _STAMP.fullmatch(value)
        return _moment(stamp) if stamp else value
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dict):
        return _joined(_pairs(value, depth), "; ", depth)
    if isinstance(value, list):
        return _joined((text(one, depth + 1) for one in value), ", ", depth)
    return str(value)


def _moment(stamp: re.Match[str]) -> str:
    """A timestamp of machines as people read it; a date where it is a day's first moment."""
    day, minute, seconds, zone = stamp.groups()
    if minute == "00:00" and seconds in (None, ":00") and zone in (None, "Z"):
        return day
    shown = f"{day} {minute}{seconds if seconds and seconds != ':00' else ''}"
    return f"{shown} {'UTC' if zone == 'Z' else zone}" if zone else shown


def _pairs(value: Mapping[str, Any], depth: int) -> Iterable[str]:
    return (f"{label(key)}: {text(one, depth + 1)}" for key, one in value.items())


def _joined(parts: Iterable[str], between: str, depth: int) -> str:
    return "…" if depth > _MOST_DEEP else between.join(part for part in parts if part)


def shown(key: str, value: Any, currency: str = "") -> str:
    """A value as the field of this key shows it."""
    if not is_number(value):
        return text(value)
    if is_amount(key):
        return amount(value, currency, exact=_PRICE.search(plain(key)) is not None)
    if is_count(key) and abs(value) >= _MANY:
        return f"{value:,}"
    return text(value)


def paragraphs(value: Any) -> list[str]:
    """A text's paragraphs, its single line breaks kept; a list's entries, one each."""
    if isinstance(value, list):
        return [part for one in value for part in paragraphs(one)]
    whole = text(value)
    return [part.strip("\n") for part in re.split(r"\n\s*\n", whole) if part.strip()]


def is_long(value: Any) -> bool:
    """Whether a text is prose rather than a field."""
    return isinstance(value, str) and (len(value) > 90 or "\n" in value.strip())
