"""Heartbeats for a taken message: while they arrive, no other worker gets it."""

from __future__ import annotations

import asyncio
import logging
import time

from pressroom.errors import UnavailableError
from pressroom.ports import Delivery

_log = logging.getLogger(__name__)
#: After a heartbeat that failed the next one is sent this much sooner.
_HASTE = 10


class Hold:
    """Keeps a delivery ours. It is lost once the last good heartbeat is older than the ack wait."""

    def __init__(self, delivery: Delivery, ack_wait: float) -> None:
        self._delivery = delivery
        self._ack_wait = ack_wait
        self._last = time.monotonic()

    @property
    def lost(self) -> bool:
        """Whether the queue may have given the message to another worker."""
        return time.monotonic() - self._last > self._ack_wait

    async def keep(self) -> None:
        """Send heartbeats; returns once the message is lost."""
        interval = self._ack_wait / 3
        wait = interval
        while True:
            await asyncio.sleep(wait)
            if self.lost:
                return
            sent = time.monotonic()
            try:
                async with asyncio.timeout(interval):
                    await self._delivery.in_progress()
            except (UnavailableError, TimeoutError) as error:
                _log.warning("heartbeat failed: %s", error, extra={"action": "heartbeat_failed"})
                wait = interval / _HASTE
            else:
                # From before the call: the queue counts from when it got the heartbeat.
                self._last = sent
                wait = interval
