"""A cell's value as a spreadsheet shows it: number formats (ECMA-376, 18.8.31). Pure text.

Honoured: sections and their conditions, digits, grouping, scaling commas, per cent, exponents,
literals, currencies (``[$€-407]``), dates, times and elapsed times. Names of months and days are
English, and signs of number and group those of the format itself. Dates whose format is left to
the reader's system are ISO 8601. Fractions, and what cannot be read, are shown as ``General``.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from pressroom.workbook.dates import moment_text
from pressroom.workbook.numbers import number_text

Value = str | bool | int | float | datetime | date | time | timedelta | None


def shown(value: Value, number_format: str = "General") -> str:
    """What a cell of this value and format shows; ``""`` for an empty one. Texts stay."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return number_text(Decimal(repr(value)), number_format)
    return moment_text(value, number_format)
