"""What one shard works with: a template process and tabs, opened when a row first needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pressroom_worker.browser import (
    BrowserContext,
    BrowserGoneError,
    Chromium,
    Mode,
    ProtocolError,
    Tab,
    TabGoneError,
)
from pressroom_worker.typesetting import Typesetter

#: Documents after which a tab is replaced, because a renderer's memory only grows.
TAB_DOCUMENTS = 2000


class Source(Protocol):
    """Where browsers come from."""

    async def acquire(self, mode: Mode) -> Chromium: ...

    async def release(self, browser: Chromium) -> None: ...

    def sole_user(self, browser: Chromium) -> bool: ...


@dataclass
class Seat:
    """A tab, alone in a context of its own."""

    source: Source
    browser: Chromium
    context: BrowserContext
    tab: Tab
    scripts: bool
    documents: int = 0

    async def close(self) -> None:
        """Close the context with all that is in it, and give the browser back."""
        try:
            await self.browser.close_context(self.context)
        finally:
            await self.source.release(self.browser)


class Desk:
    """The tabs of a shard, one for each way of rendering."""

    def __init__(self, source: Source, typesetter: Typesetter, seat: Seat | None) -> None:
        self.typesetter = typesetter
        self._source = source
        self._seats: dict[tuple[Mode, bool], Seat] = {}
        if seat is not None:
            self._seats[Mode.PRESS, False] = seat

    async def seat(self, mode: Mode, *, scripts: bool) -> Seat:
        """A usable tab of this kind.

        UnavailableError without a browser; TimeoutError, TabGoneError, BrowserGoneError or
        ProtocolError where the browser does not open one.
        """
        found = self._seats.get((mode, scripts))
        if found is not None:
            if found.tab.usable and found.documents < TAB_DOCUMENTS:
                return found
            await self.leave(found)
        browser = await self._source.acquire(mode)
        try:
            context = await browser.open_context()
            tab = await browser.open_tab(context, scripts=scripts)
        except (TimeoutError, TabGoneError, ProtocolError):
            browser.kill()
            await self._source.release(browser)
            raise
        except BaseException:
            await self._source.release(browser)
            raise
        seat = Seat(self._source, browser, context, tab, scripts)
        self._seats[mode, scripts] = seat
        return seat

    async def fresh_seat(self, mode: Mode, *, scripts: bool) -> Seat:
        """A tab that has shown nothing yet. Errors as of :meth:`seat`."""
        found = self._seats.get((mode, scripts))
        if found is not None and found.documents:
            await self.leave(found)
        return await self.seat(mode, scripts=scripts)

    async def leave(self, seat: Seat) -> bool:
        """Throw a tab away. False where it hung so badly that its browser had to be killed."""
        self._seats.pop((seat.browser.mode, seat.scripts), None)
        closed = await seat.tab.close()
        if not closed:
            seat.browser.kill()
        await seat.close()
        return closed

    def sole_user(self, seat: Seat) -> bool:
        """True where no other shard can have brought the browser down."""
        return self._source.sole_user(seat.browser)

    def give_up_press(self) -> Seat | None:
        """The print tab, if it is fit for another shard: it is the caller's then."""
        seat = self._seats.get((Mode.PRESS, False))
        if seat is None or not seat.tab.usable:
            return None
        return self._seats.pop((Mode.PRESS, False))

    async def close(self) -> None:
        """Close all tabs."""
        seats, self._seats = list(self._seats.values()), {}
        for seat in seats:
            await seat.close()


__all__ = ["BrowserGoneError", "Desk", "Seat", "Source"]
