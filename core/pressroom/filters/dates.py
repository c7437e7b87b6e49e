"""Dates and times as a language writes them: from ISO 8601 texts and from seconds since 1970."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from jinja2.runtime import Context

from pressroom.filters.support import FilterError, locale_of, shown

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_WIDTHS = ("short", "medium", "long", "full")
_EPOCH = re.compile(r"[0-9]{9,13}")
_QUOTED = re.compile(r"'[^']*'")
_ZONE = re.compile(r"[A-Za-z0-9_+\-]{1,32}(?:/[A-Za-z0-9_+\-]{1,32}){0,2}")
_MOST_CHARACTERS = 64
_MOST_PATTERN = 100
#: From here on a number counts milliseconds: as seconds it would be the year 5138.
_MILLISECONDS = 1e11
_DAY = dt.date(1970, 1, 1)


def date(
    context: Context,
    value: Any,
    format: Any = "medium",  # noqa: A002 - the word that authors write
    locale: Any = None,
    timezone: Any = None,
) -> str:
    """``2026-03-03`` as ``Mar 3, 2026``."""
    return _written("date", context, value, format, locale, timezone)


def datetime(
    context: Context,
    value: Any,
    format: Any = "medium",  # noqa: A002 - the word that authors write
    locale: Any = None,
    timezone: Any = None,
) -> str:
    """``2026-03-03T14:30:00Z`` as ``Mar 3, 2026, 2:30:00 PM``."""
    return _written("datetime", context, value, format, locale, timezone)


def time(
    context: Context,
    value: Any,
    format: Any = "short",  # noqa: A002 - the word that authors write
    locale: Any = None,
    timezone: Any = None,
) -> str:
    """``2026-03-03T14:30:00Z`` or ``14:30`` as ``2:30 PM``."""
    return _written("time", context, value, format, locale, timezone)


def _written(
    name: str, context: Context, value: Any, wanted: Any, locale: Any, timezone: Any
) -> str:
    pattern = _pattern(name, wanted)
    moment = _moment(name, value)
    zone = None if timezone is None else _zone(name, timezone)
    if isinstance(moment, dt.datetime):
        # A time without an offset is UTC where it is to be shown in a time zone.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        moment = _shifted(name, moment, zone)
    elif isinstance(moment, dt.date):
        moment = dt.datetime.combine(moment, dt.time(), zone or dt.UTC)  # a day is no moment
    else:
        if name != "time":
            raise FilterError(f"{name}: {shown(value)} has no date")
        moment = dt.datetime.combine(_DAY, moment, zone or dt.UTC)
    known = locale_of(name, context, locale)
    from babel import dates

    try:
        if pattern not in _WIDTHS:
            return str(dates.parse_pattern(pattern).apply(moment, known))
        if name == "date":
            return dates.format_date(moment.date(), pattern, known)
        if name == "time":
            return dates.format_time(moment, pattern, tzinfo=moment.tzinfo, locale=known)
        return dates.format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=known)
    except (ValueError, LookupError, AttributeError, OverflowError):
        raise FilterError(f"{name}: cannot write {shown(value)} as {shown(wanted)}") from None


def _shifted(name: str, moment: dt.datetime, zone: ZoneInfo | None) -> dt.datetime:
    try:
        return moment.astimezone(zone) if zone else moment
    except OverflowError:
        raise FilterError(f"{name}: the date is out of range") from None


def _pattern(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given.strip() or len(given) > _MOST_PATTERN:
        raise FilterError(f"{name}: {shown(given)} is not a format: {_formats()}")
    if given not in _WIDTHS:
        letters = _QUOTED.sub("", given)
        if "%" in letters or "D" in letters or "Y" in letters:
            # They have other meanings here (day of the year, year of the week) or none.
            raise FilterError(f"{name}: {shown(given)} is not a format: {_formats()}")
    return given


def _formats() -> str:
    return "short, medium, long, full or a pattern such as dd.MM.yyyy HH:mm"


def _moment(name: str, value: Any) -> dt.datetime | dt.date | dt.time:
    found: dt.datetime | dt.date | dt.time | None = None
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        found = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found = _since_1970(value)
    elif isinstance(value, str) and len(value) <= _MOST_CHARACTERS:
        text = value.strip()
        found = _since_1970(int(text)) if _EPOCH.fullmatch(text) else _iso(text)
    if found is None:
        raise FilterError(f"{name}: {shown(value)} is not a date such as 2026-03-31 (ISO 8601)")
    return found


def _since_1970(value: float) -> dt.datetime | None:
    try:
        seconds = value / 1000 if abs(value) >= _MILLISECONDS else value
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None


def _iso(text: str) -> dt.datetime | dt.date | dt.time | None:
    for parse in (dt.date.fromisoformat, dt.datetime.fromisoformat, dt.time.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return None


def _zone(name: str, given: Any) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    if isinstance(given, str) and _ZONE.fullmatch(given.strip()):
        try:
            return ZoneInfo(given.strip())
        except (KeyError, ValueError, OSError):
            pass
    raise FilterError(f"{name}: {shown(given)} is not a time zone such as Europe/Berlin")
