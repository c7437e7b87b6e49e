"""The browser of one mode: replaced when it died or is worn out, without breaking a shard off.

The new browser is up first; the old one stops when the last shard that uses it is done.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pressroom.errors import PressroomError, UnavailableError
from pressroom.lifecycle import backoff
from pressroom_worker.browser import (
    BrowserGoneError,
    BrowserOptions,
    Chromium,
    Mode,
    ProtocolError,
)

log = logging.getLogger(__name__)

Launch = Callable[[Mode], Awaitable[Chromium]]

HEALTH_SECONDS = 3.0
_CHECK_SECONDS = 5.0


class Line:
    """The browser of one mode: the current one, and old ones that still have work."""

    def __init__(
        self,
        mode: Mode,
        options: BrowserOptions,
        launch: Launch,
        on_renewed: Callable[[], Awaitable[None]],
    ) -> None:
        self._mode = mode
        self._on_renewed = on_renewed
        self._options = options
        self._launch = launch
        self._current: Chromium | None = None
        self._users: dict[Chromium, int] = {}
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self.wanted = mode is Mode.PRESS
        #: Bytes of memory of the current browser, as last measured; 0 while there is none.
        self.rss = 0

    async def acquire(self) -> Chromium:
        """The current browser, one user more. UnavailableError if none comes up in time."""
        if self._alive() is None:
            self.wanted = True
            self._changed.set()
        try:
            async with asyncio.timeout(self._options.start_seconds):
                while (browser := self._alive()) is None:
                    self._ready.clear()
                    await self._ready.wait()
        except TimeoutError as error:
            raise UnavailableError("There is no browser.") from error
        self._users[browser] += 1
        return browser

    async def release(self, browser: Chromium) -> None:
        """One user less; an old browser stops with its last one."""
        self._users[browser] -= 1
        if browser is not self._current or browser.closed.is_set():
            await self._retire(browser)
        elif browser.documents >= self._options.max_documents:
            self._changed.set()

    def sole_user(self, browser: Chromium) -> bool:
        """True where nobody else can have brought it down."""
        return self._users.get(browser, 0) <= 1

    def is_current(self, browser: Chromium) -> bool:
        """False once it is to be replaced: park nothing in it."""
        fit = browser.documents < self._options.max_documents
        return browser is self._current and fit and not browser.closed.is_set()

    @property
    def pid(self) -> int:
        """The current browser's process group. UnavailableError if there is none."""
        browser = self._alive()
        if browser is None:
            raise UnavailableError("There is no browser.")
        return browser.pid

    async def check(self) -> None:
        """Ask the browser. PressroomError if it does not answer."""
        browser = self._alive()
        if browser is None:
            raise UnavailableError("There is no browser.")
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await browser.version()
        except (TimeoutError, BrowserGoneError, ProtocolError) as error:
            raise UnavailableError("The browser does not answer.", log=repr(error)) from error

    async def keep(self) -> None:
        """Keep a fit browser current while the task runs."""
        delays = backoff()
        while True:
            if await self._renewed():
                delays = backoff()
                await self._pause()
            else:
                await asyncio.sleep(next(delays))

    async def close(self) -> None:
        """Stop all browsers, whoever uses them."""
        for browser in list(self._users):
            await browser.close()
        self._users.clear()
        self._current = None

    def _alive(self) -> Chromium | None:
        current = self._current
        return None if current is None or current.closed.is_set() else current

    async def _renewed(self) -> bool:
        """Replace the current browser if need be. False where the new one did not start."""
        current = self._alive()
        if not self.wanted or (current is not None and not await self._worn_out(current)):
            return True
        if current is not None and self._mode is Mode.PLAIN and self.sole_user(current):
            self.wanted = False  # seldom used: the next one starts when somebody asks
            fresh = None
        else:
            try:
                fresh = await self._launch(self._mode)
            except PressroomError as error:
                log.error("browser: %s", error.log)
                return False
            self._users[fresh] = 0
        old, self._current, self.rss = self._current, fresh, 0
        self._ready.set()
        if old is not None:
            await self._on_renewed()
            await self._retire(old)
        return True

    async def _retire(self, browser: Chromium) -> None:
        if self._users.get(browser) == 0:
            del self._users[browser]
            await browser.close()
        self._changed.set()

    async def _worn_out(self, browser: Chromium) -> bool:
        options = self._options
        if browser.documents >= options.max_documents:
            return True
        if time.monotonic() - browser.started >= options.max_age_seconds:
            return True
        self.rss = await asyncio.to_thread(group_rss, browser.pid)
        return self.rss >= options.max_rss_bytes

    async def _pause(self) -> None:
        """Until something changed, the browser died or it is time to look again."""
        changed = asyncio.create_task(self._changed.wait())
        waits = [changed]
        if self._current is not None:
            waits.append(asyncio.create_task(self._current.closed.wait()))
        try:
            await asyncio.wait(waits, timeout=_CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        self._changed.clear()


def group_rss(group: int) -> int:
    """Bytes of memory of a process group that it does not share with files."""
    page = resource.getpagesize()
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name, which may hold anything: state, parent, group.
            if int((entry / "stat").read_bytes().rpartition(b")")[2].split()[2]) == group:
                _, resident, shared = (entry / "statm").read_bytes().split()[:3]
                total += (int(resident) - int(shared)) * page
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
    return total
