"""CPU time of processes and of what they started, read from Linux's ``/proc``."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """CPU milliseconds: of a process with what it started, and of the browsers among those."""

    own_ms: float
    browser_ms: float

    def since(self, before: Usage) -> Usage:
        """What was used from ``before`` to this."""
        return Usage(self.own_ms - before.own_ms, self.browser_ms - before.browser_ms)


@dataclass(frozen=True)
class _Stat:
    parent: int
    name: str
    own: int
    reaped: int

    @property
    def browser(self) -> bool:
        return self.name.startswith(("chrom", "headless"))


def usage(pid: int) -> Usage:
    """What a process has used until now. ProcessLookupError if it is not there.

    A child that has ended counts from when its parent waited for it, and as its parent's.
    """
    stats = dict(_all_stats())
    if pid not in stats:
        raise ProcessLookupError(f"no process {pid}")
    below = defaultdict(list)
    for child, stat in stats.items():
        below[stat.parent].append(child)
    own = browser = 0
    todo = [pid]
    while todo:
        each = todo.pop()
        todo += below[each]
        ticks = stats[each].own + stats[each].reaped
        if stats[each].browser:
            browser += ticks
        else:
            own += ticks
    return Usage(own * _TICK_MS, browser * _TICK_MS)


def _all_stats() -> Iterator[tuple[int, _Stat]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:  # it has just ended
            continue
        # The name in parentheses may hold anything; the fields after it are numbers.
        head, _, tail = text.rpartition(")")
        field = tail.split()
        own, reaped = int(field[11]) + int(field[12]), int(field[13]) + int(field[14])
        yield int(entry.name), _Stat(int(field[1]), head.partition("(")[2], own, reaped)
