"""Keys and values as people read them: labels, amounts, one line for what is nested. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
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
    r"|deposit|tip|revenue|budget|salary)$"
)
_NO_AMOUNT = re.compile(r"(?:rate|percent|percentage|count|date|number|id|days|terms)")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CNY": "¥", "KRW": "₩"}
_WHOLE = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})
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
    return _AMOUNT.search(bare) is not None and _NO_AMOUNT.search(bare) is None


def is_number(value: Any) -> bool:
    """A number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def amount(value: Any, currency: str = "") -> str:
    """A number as money: ``$1,500.00``; text stays as it was given."""
    if not is_number(value):
        return text(value)
    code = currency.upper()
    try:
        digits = f"{abs(Decimal(str(value))):,.{0 if code in _WHOLE else 2}f}"
    except (InvalidOperation, ValueError):
        return text(value)
    sign = "-" if value < 0 else ""
    if code in _SYMBOLS:
        return f"{sign}{_SYMBOLS[code]}{digits}"
    if len(currency) == 1 and not currency.isalnum():
        return f"{sign}{currency}{digits}"
    return f"{sign}{digits} {currency}".strip()


def text(value: Any, depth: int = 0) -> str:
    """Any value in one line: ``250.0`` as 250, true as Yes, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dict):
        return _joined(_pairs(value, depth), "; ", depth)
    if isinstance(value, list):
        return _joined((text(one, depth + 1) for one in value), ", ", depth)
    return str(value)


def _pairs(value: Mapping[str, Any], depth: int) -> Iterable[str]:
    return (f"{label(key)}: {text(one, depth + 1)}" for key, one in value.items())


def _joined(parts: Iterable[str], between: str, depth: int) -> str:
    return "…" if depth > _MOST_DEEP else between.join(part for part in parts if part)


def shown(key: str, value: Any, currency: str = "") -> str:
    """A value as the field of this key shows it."""
    return amount(value, currency) if is_amount(key) and is_number(value) else text(value)


def paragraphs(value: Any) -> list[str]:
    """A text's paragraphs, its single line breaks kept; a list's entries, one each."""
    if isinstance(value, list):
        return [part for one in value for part in paragraphs(one)]
    whole = text(value)
    return [part.strip("\n") for part in re.split(r"\n\s*\n", whole) if part.strip()]


def is_long(value: Any) -> bool:
    """Whether a text is prose rather than a field."""
    return isinstance(value, str) and (len(value) > 90 or "\n" in value.strip())
