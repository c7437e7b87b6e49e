"""Dates, times and spans of time as their formats show them (ECMA-376, 18.8.31). Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from pressroom.workbook.tokens import Token, tokens_of

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
#: Built-in formats that each system shows in its own way, and how they are shown here.
_LEFT_OPEN = {"mm-dd-yy": "yyyy-mm-dd", "m/d/yy h:mm": "yyyy-mm-dd hh:mm"}


def moment_text(value: datetime | date | time | timedelta, number_format: str) -> str:
    if re.match(r"\[\$-(F800|F400|x-sys)", number_format, re.IGNORECASE):
        number_format = "General"
    number_format = _LEFT_OPEN.get(number_format, number_format)
    tokens = tokens_of(number_format)[0]
    if not any(token.kind in ("date", "elapsed") for token in tokens):
        return _iso(value)
    moment, elapsed = _whole_moment(value)
    places = next((len(one.text) - 1 for one in tokens if one.kind == "part"), None)
    moment, elapsed = _to_places(moment, elapsed, places, tokens)
    noon = any(token.kind == "noon" for token in tokens)
    found: list[str] = []
    for at, token in enumerate(tokens):
        if token.kind == "date":
            minutes = token.text[0] in "mM" and _are_minutes(tokens, at)
            found.append(_date_part(token.text.lower(), moment, noon=noon, minutes=minutes))
        elif token.kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[token.text[0].lower()]
            found.append(f"{elapsed // timedelta(seconds=unit):0{len(token.text)}d}")
        elif token.kind == "noon":
            word = "AM" if moment.hour < 12 else "PM"
            found.append(word if len(token.text) > 3 else word[0])
        elif token.kind == "part":
            found.append("." + f"{moment.microsecond:06d}"[: len(token.text) - 1])
        elif token.kind in ("literal", "digit") and token.text != "@":
            found.append(token.text)
    return "".join(found).strip()


def _iso(value: datetime | date | time | timedelta) -> str:
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(value, time):
        return value.isoformat("auto" if value.microsecond else "seconds")
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return value.isoformat()


def _whole_moment(value: datetime | date | time | timedelta) -> tuple[datetime, timedelta]:
    """Date and time, and the time elapsed since the first day that a sheet knows."""
    start = datetime(1899, 12, 30)
    if isinstance(value, timedelta):
        value = max(value, timedelta())
        return start + value, value
    if isinstance(value, time):
        moment = datetime.combine(start, value)
    elif isinstance(value, datetime):
        moment = value.replace(tzinfo=None)
    else:
        moment = datetime.combine(value, time())
    return moment, moment - start


def _to_places(
    moment: datetime, elapsed: timedelta, places: int | None, tokens: Sequence[Token]
) -> tuple[datetime, timedelta]:
    """Rounded to what is shown, where seconds are."""
    if not any(token.text[0] in "sS" for token in tokens if token.kind in ("date", "elapsed")):
        return moment, elapsed
    step = 10 ** (6 - min(places or 0, 6))
    off = moment.microsecond % step
    move = timedelta(microseconds=step - off if 2 * off >= step else -off)
    return moment + move, elapsed + move


def _are_minutes(tokens: Sequence[Token], at: int) -> bool:
    """An ``m`` after hours or before seconds means minutes."""
    if len(tokens[at].text) > 2:
        return False
    timed = [
        (place, token.text[0].lower())
        for place, token in enumerate(tokens)
        if token.kind in ("date", "elapsed")
    ]
    here = [place for place, _ in timed].index(at)
    before = timed[here - 1][1] if here else ""
    after = timed[here + 1][1] if here + 1 < len(timed) else ""
    return before == "h" or after == "s"


def _date_part(mark: str, moment: datetime, *, noon: bool, minutes: bool) -> str:
    width = len(mark)
    if mark[0] == "y":
        return f"{moment.year:04d}" if width > 2 else f"{moment.year % 100:02d}"
    if mark[0] == "m":
        return _number_or_name(moment.minute if minutes else moment.month, width, _MONTHS, 1)
    if mark[0] == "d":
        if width > 2:
            return _number_or_name(moment.weekday(), width, _DAYS, 0)
        return f"{moment.day:0{width}d}"
    if mark[0] == "h":
        hour = (moment.hour % 12 or 12) if noon else moment.hour
        return f"{hour:0{min(width, 2)}d}"
    return f"{moment.second:0{min(width, 2)}d}"


def _number_or_name(number: int, width: int, names: Sequence[str], base: int) -> str:
    if width <= 2:
        return f"{number:0{width}d}"
    name = names[number - base]
    return {3: name[:3], 5: name[:1]}.get(width, name)
