"""How many of something in a minute: a sliding window over two counts. Pure.

The count of the last minute is taken to be spread evenly, so a burst at the border of two minutes
is not let through twice; within one minute the count is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

SECONDS = 60


@dataclass(frozen=True)
class Window:
    """Counts of the minute ``minute`` (since the epoch) and of the one before."""

    minute: int
    current: int = 0
    previous: int = 0

    def wire(self) -> bytes:
        """As it is stored."""
        return b"%d %d %d" % (self.minute, self.current, self.previous)


def parse(value: bytes) -> Window | None:
    """What :meth:`Window.wire` wrote; None for anything else."""
    parts = value.split()
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return None
    return Window(*map(int, parts))


@dataclass(frozen=True)
class Verdict:
    """Whether one more is allowed, how many are left, and the seconds until there are more.

    ``window`` is what counts from now on.
    """

    allowed: bool
    limit: int
    left: int
    wait: float
    window: Window


def take(window: Window | None, limit: int, at: float) -> Verdict:
    """Count one more at the time ``at`` (seconds since the epoch), if ``limit`` allows it."""
    now = _at(window, int(at // SECONDS))
    part = at % SECONDS / SECONDS
    used = now.previous * (1 - part) + now.current
    if used + 1 > limit:
        return Verdict(False, limit, 0, _wait(now, limit, part), now)
    counted = Window(now.minute, now.current + 1, now.previous)
    return Verdict(True, limit, int(limit - used - 1), SECONDS * (1 - part), counted)


def _at(window: Window | None, minute: int) -> Window:
    """The window as it stands in ``minute``. A clock that lags counts in the later minute."""
    if window is None or window.minute < minute - 1:
        return Window(minute)
    if window.minute == minute - 1:
        return Window(minute, 0, window.current)
    return window


def _wait(now: Window, limit: int, part: float) -> float:
    """Seconds until one more fits: later in this minute, or somewhere in the next."""
    room = limit - 1 - now.current
    if room >= 0 and now.previous:
        return max(0.0, (1 - room / now.previous - part) * SECONDS)
    if limit < 1:
        return float(SECONDS)
    rest = max(0.0, 1 - (limit - 1) / now.current) if now.current else 0.0
    return (1 - part + rest) * SECONDS
