"""Rate limits that all replicas share, by counters in NATS; without it, each counts for itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from prometheus_client import Gauge

from pressroom.errors import ConflictError, UnavailableError
from pressroom.ports import Counters, Entry
from pressroom.ratewindow import Verdict, Window, parse, take

log = logging.getLogger(__name__)
#: A call to the shared counters may take so long, in seconds; it stands in every request's way.
CALL_SECONDS = 0.25
#: After a failed call, the shared counters are left alone for so long.
REST_SECONDS = 2.0
_TRIES = 20
#: Counters that are remembered, so that most are written without being read first.
_REMEMBERED = 10_000


@dataclass
class _Slot:
    """A counter as last seen. One request at a time counts in it."""

    entry: Entry | None = None
    local: Window | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimits:
    """Counts by name. ``alone`` (a gauge) is 1 while this replica counts for itself."""

    def __init__(self, counters: Counters, alone: Gauge) -> None:
        self._counters = counters
        self._alone = alone
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._rest_until = float("-inf")

    async def take(self, name: str, limit: int) -> Verdict:
        """Count one more of ``name``, if ``limit`` a minute allows it. Never fails."""
        slot = self._slots.setdefault(name, _Slot())
        self._slots.move_to_end(name)
        while len(self._slots) > _REMEMBERED:
            self._slots.popitem(last=False)
        async with slot.lock:
            if time.monotonic() >= self._rest_until:
                try:
                    async with asyncio.timeout(CALL_SECONDS):
                        verdict = await self._shared(name, slot, limit)
                    self._alone.set(0)
                    slot.local = verdict.window
                    return verdict
                except (UnavailableError, TimeoutError) as error:
                    log.warning(
                        "counting for this replica alone: %r",
                        error,
                        extra={"action": "rate_limits_alone"},
                    )
                    self._rest_until = time.monotonic() + REST_SECONDS
                    self._alone.set(1)
            verdict = take(slot.local, limit, time.time())
            slot.local, slot.entry = verdict.window, None
            return verdict

    async def _shared(self, name: str, slot: _Slot, limit: int) -> Verdict:
        for _ in range(_TRIES):
            entry = slot.entry or await self._counters.read(name)
            window = parse(entry.value) if entry else None
            verdict = take(window, limit, time.time())
            if not verdict.allowed and slot.entry is None:
                return verdict
            if not verdict.allowed:
                slot.entry = None  # another replica cannot have made room: but a lost bucket has
                continue
            value = verdict.window.wire()
            try:
                revision = await self._counters.write(name, value, entry.revision if entry else 0)
            except ConflictError:
                slot.entry = None
                continue
            slot.entry = Entry(value, revision)
            return verdict
        raise UnavailableError("Too many writers of one counter.")
