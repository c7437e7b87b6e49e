"""Dates and currencies within a text, written otherwise. Pure.

Only dates that can be read in one way are touched: ``2026-03-31``, ``31 March 2026``, ``March 31,
2026``. No amount is ever converted: signs and codes beside numbers are exchanged as text.
"""

from __future__ import annotations

import datetime as dt
import re

_MONTHS_TEXT = (
    "January February March April May June July August September October November December"
)
MONTHS = tuple(_MONTHS_TEXT.split())
_BY_NAME = {month[:3].casefold(): number for number, month in enumerate(MONTHS, 1)}
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = tuple(
    re.compile(rf"(?<![\w/-]){pattern}(?![\w/-])", re.I)
    for pattern in (
        r"(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})",
        rf"{_DAY}\.? {_MONTH},? (?P<year>\d{{4}})",
        rf"{_MONTH} {_DAY},? (?P<year>\d{{4}})",
    )
)
_FIELD = re.compile(r"d{1,2}|M{1,4}|y{4}|y{2}")

#: Currencies with a sign of their own. A sign that several use stands for the first.
SIGNS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "KRW": "₩",
    "PLN": "zł",
    "ILS": "₪",
    "TRY": "₺",
    "UAH": "₴",
    "VND": "₫",
    "BRL": "R$",
}
_CODES_TEXT = "AUD CAD CHF CNY CZK DKK HKD HUF IDR ILS MXN MYR NOK NZD PHP RON SEK SGD THB ZAR"
CODES = frozenset(SIGNS) | frozenset(_CODES_TEXT.split())
_SIGN = r"(?:US|CA|AU|NZ|HK|R|A|C)?\$|[€£¥₹₩₪₺₴₫]|zł"
_CODE = "|".join(sorted(CODES))
_BEFORE = re.compile(rf"(?<!\w)(?P<mark>{_SIGN}|{_CODE})(?P<gap>\s?)(?=[-−(]?[\d.,]*\d)")
_AFTER = re.compile(rf"(?<=\d)(?P<gap>\s?)(?P<mark>{_SIGN}|{_CODE})(?![\w$])")


def with_dates(text: str, pattern: str) -> str:
    """The text, its dates written by ``pattern``: d, dd, M, MM, MMM, MMMM, yy, yyyy."""

    def written(match: re.Match[str]) -> str:
        parts = match.groupdict()
        number = parts.get("number")
        month = int(number) if number else _BY_NAME[parts["month"][:3].casefold()]
        try:
            day = dt.date(int(parts["year"]), month, int(parts["day"]))
        except ValueError:
            return match[0]
        return date_by(pattern, day)

    for found in _DATES:
        text = found.sub(written, text)
    return text


def date_by(pattern: str, day: dt.date) -> str:
    """A day by a pattern of d, dd, M, MM, MMM, MMMM, yy and yyyy."""
    values = {
        "d": str(day.day),
        "dd": f"{day.day:02}",
        "M": str(day.month),
        "MM": f"{day.month:02}",
        "MMM": MONTHS[day.month - 1][:3],
        "MMMM": MONTHS[day.month - 1],
        "yy": f"{day.year % 100:02}",
        "yyyy": f"{day.year:04}",
    }
    return _FIELD.sub(lambda match: values[match[0]], pattern)


def with_currency(text: str, code: str) -> str:
    """The text, the currency beside its numbers exchanged for ``code``: sign for sign."""
    sign = SIGNS.get(code, code)

    def mark(match: re.Match[str]) -> tuple[str, str]:
        is_code = match["mark"] in CODES
        new = code if is_code else sign
        return new, match["gap"] or ("\u00a0" if new.isalpha() and not is_code else "")

    def before(match: re.Match[str]) -> str:
        return "".join(mark(match))

    def after(match: re.Match[str]) -> str:
        return "".join(reversed(mark(match)))

    return _AFTER.sub(after, _BEFORE.sub(before, text))
