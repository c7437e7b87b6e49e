"""Outages: whether the store and the queue are there, asked by the clock, and who is told.

A job that waits for one of them says so in its status, and is looked at anew when it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pressroom.errors import UnavailableError
from pressroom.ports import Queue, Store

log = logging.getLogger(__name__)

STORE, QUEUE = "StoreUnavailable", "QueueUnavailable"
#: Reasons of conditions that tell of an outage.
OUTAGES = frozenset({STORE, QUEUE})
#: Seconds that one question may take, and between two while something is away.
_ASK_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
#: Failed questions in a row before it is an outage: one alone is often a slow moment.
_IN_A_ROW = 2


@dataclass(frozen=True)
class Outage:
    """A dependency that is away: a condition's reason, and what is wrong with it in words."""

    reason: str
    text: str

    @property
    def message(self) -> str:
        """For a condition."""
        return f"{self.text} The rows wait; none is lost."


class Outages:
    """``now`` is the present outage; ``on_change`` is called when it has changed."""

    def __init__(self, store: Store, queue: Queue, seconds: float) -> None:
        self._checks: tuple[tuple[str, str, Callable[[], Awaitable[None]]], ...] = (
            (STORE, "The object store", store.check),
            (QUEUE, "The queue", queue.check),
        )
        self._seconds = seconds
        self._failed = 0
        self._asking = asyncio.Lock()
        self._asked = 0
        self.now: Outage | None = None
        self.on_change: Callable[[], None] = _nobody

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self._ask(_IN_A_ROW)
            troubled = self._failed > 0
            await asyncio.sleep(min(self._seconds, _AGAIN_SECONDS) if troubled else self._seconds)

    async def found(self) -> Outage | None:
        """Ask at once, for one who was just turned away; many who ask at once share an answer."""
        before = self._asked
        async with self._asking:
            if self._asked == before:
                await self._look(1)
        return self.now

    async def _ask(self, in_a_row: int) -> None:
        async with self._asking:
            await self._look(in_a_row)

    async def _look(self, in_a_row: int) -> None:
        seen = await self._first_away()
        self._asked += 1
        self._failed = self._failed + 1 if seen else 0
        if seen is not None and self.now is None and self._failed < in_a_row:
            return
        if seen == self.now:
            return
        self.now = seen
        if seen is None:
            log.info("Store and queue answer again", extra={"action": "outage_over"})
        else:
            log.warning("%s Rows wait.", seen.text, extra={"action": "outage"})
        self.on_change()

    async def _first_away(self) -> Outage | None:
        answers = await asyncio.gather(*(_answer(check) for _, _, check in self._checks))
        for (reason, name, _), text in zip(self._checks, answers, strict=True):
            if text is not None:
                return Outage(reason, text or f"{name} does not answer: no answer in time.")
        return None


async def _answer(check: Callable[[], Awaitable[None]]) -> str | None:
    """None where it is there, what is wrong where not; empty where no answer came in time."""
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            await check()
    except TimeoutError:
        return ""
    except UnavailableError as error:
        return error.message
    return None


def _nobody() -> None:
    return
