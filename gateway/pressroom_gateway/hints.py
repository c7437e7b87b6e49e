"""One subscription to "a shard is done" for all synchronous requests of this gateway."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from pressroom import names
from pressroom.errors import UnavailableError
from pressroom.lifecycle import backoff
from pressroom.ports import Queue

log = logging.getLogger(__name__)
#: Hints kept for a request that has not learnt its job's uid yet.
RECENT = 4096


class DoneHints:
    """Wakes whoever waits for a job. A hint may be lost: waiters look for themselves besides."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._waiting: dict[str, asyncio.Event] = {}

    async def run(self) -> None:
        """Listen for ever; start it before the first request."""
        delays = backoff()
        while True:
            try:
                async with self._queue.listen(names.done_subject("*")) as messages:
                    delays = backoff()
                    async for message in messages:
                        self._note(message.subject.removeprefix(names.done_subject("")))
            except UnavailableError as error:
                log.warning(error.log, extra={"action": "listen_failed"})
            await asyncio.sleep(next(delays))

    async def wait(self, uid: str, seconds: float) -> None:
        """Until a shard of this job is said to be done, or so many seconds at most."""
        if uid in self._recent:
            del self._recent[uid]
            return
        event = self._waiting.setdefault(uid, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._waiting.pop(uid, None)

    def _note(self, uid: str) -> None:
        event = self._waiting.get(uid)
        if event is not None:
            event.set()
            return
        self._recent[uid] = None
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
