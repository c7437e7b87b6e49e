"""A queue of keys to look after: each at most once in it, each worked on by one at a time.

The shape of client-go's work queue: a key added while it is worked on is worked on again; a key
that failed comes back after a growing delay.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")


class WorkQueue(Generic[Key]):
    """Keys that wait now, keys that wait for their time, keys in work. Bounded by distinct keys."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._active: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._delays: dict[Key, float] = {}

    def add(self, key: Key) -> None:
        """Work on ``key`` as soon as may be."""
        self._cancel_timer(key)
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Work on ``key`` in so many seconds, unless it is worked on before."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self.add, key)

    def forget(self, key: Key) -> None:
        """Drop what is planned for ``key``: it is gone."""
        self._cancel_timer(key)
        self._delays.pop(key, None)

    async def run(
        self, work: Callable[[Key], Awaitable[None]], failed: Callable[[Key, Exception], None]
    ) -> None:
        """Take keys and work on them, for ever. Run several of these at once."""
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._active.add(key)
            try:
                await work(key)
                self._delays.pop(key, None)
            except Exception as error:  # noqa: BLE001 - whatever it was, the key comes back
                failed(key, error)
                self.add_after(key, self._next_delay(key))
            finally:
                self._active.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    def _next_delay(self, key: Key) -> float:
        """Doubling from 0.2 s to 30 s, with jitter, so that many keys do not come back at once."""
        self._delays[key] = min(self._delays.get(key, 0.1) * 2, 30.0)
        return self._delays[key] * random.uniform(0.8, 1.2)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
