"""Wakes the watchers of a kind when something of it was written. In-process, no queues.

A watcher is told only *that* there is something; it reads what from the store's history, at its
own pace, so a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class Hub:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    @property
    def watchers(self) -> int:
        return sum(len(found) for found in self._watchers.values())

    @contextmanager
    def subscribe(self, key: str) -> Iterator[asyncio.Event]:
        """An event that is set at every write of the kind, until it is cleared."""
        woken = asyncio.Event()
        self._watchers.setdefault(key, set()).add(woken)
        try:
            yield woken
        finally:
            self._watchers[key].discard(woken)

    def wake(self, keys: Collection[str]) -> None:
        for key in keys:
            for woken in self._watchers.get(key, ()):
                woken.set()

    def close(self) -> None:
        """Lets every watch end in good order."""
        self.closed = True
        self.wake(tuple(self._watchers))
