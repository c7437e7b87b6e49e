"""Renders a shard's rows: HTML from the typesetter, pages from a tab, in the rows' order.

Each row has one deadline, for its template and its print; its clock runs only while the row itself
is at work, not while it waits for its turn, for a tab or for its reader. A row that fails, fails
alone; a browser or tab that dies ends the call with BrowserCrashed, after all rows before it came
out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from pressroom.errors import Code, PressroomError, RowError
from pressroom.model.checks import Finding
from pressroom.model.page import Output, PageOptions
from pressroom.pdf import carry
from pressroom_worker import quality
from pressroom_worker.browser import BrowserGoneError, Mode, ProtocolError, TabGoneError
from pressroom_worker.desk import Desk, Seat
from pressroom_worker.showing import Shown, show
from pressroom_worker.supplies import Supplies
from pressroom_worker.traffic import LoadAsset, no_assets
from pressroom_worker.transport import FrameTooLargeError
from pressroom_worker.typesetting import RowJob, Typeset

log = logging.getLogger(__name__)

#: Rows that may be done and not yet taken by the caller.
READY_ROWS = 2
#: A file from this size is inspected beside the event loop: a drawing may unpack to a thousand
#: times its size.
LARGE_BYTES = 128 * 1024

OnStart = Callable[[int], Awaitable[None]]
OpenDesk = Callable[[str, bool], AbstractAsyncContextManager[Desk]]


@dataclass(frozen=True)
class Rendered:
    """A finished row. ``name`` is a safe file name with its extension, not yet unique."""

    index: int
    data: bytes
    pages: int
    name: str
    millis: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A row that failed alone."""

    index: int
    error: RowError
    millis: int
    findings: tuple[Finding, ...] = ()


class BrowserCrashed(PressroomError):  # noqa: N818 - what happened, as the ledger names it
    """The browser or the tab died. ``index`` is the row in the tab; None where none is to blame."""

    def __init__(self, index: int | None, cause: str) -> None:
        blamed = "a row" if index is None else f"row {index}"
        super().__init__(f"The browser crashed while it rendered {blamed}.", log=cause)
        self.index = index


class Renderer:
    """Renders shards; several at once, each at a desk of its own."""

    def __init__(self, desk: OpenDesk, *, assets: LoadAsset = no_assets) -> None:
        self._desk = desk
        self._assets = assets

    async def render(
        self,
        jobs: Sequence[RowJob],
        *,
        row_timeout: float,
        alone: bool = False,
        realm: str = "",
        on_start: OnStart | None = None,
    ) -> AsyncGenerator[Rendered | Failed, None]:
        """The rows, in order, one outcome each. Close the iterator if you leave early.

        ``row_timeout`` is a row's deadline in seconds, template and print together. ``alone``
        renders in fresh browsers that nobody else uses. Shards of one ``realm`` (a job's uid) may
        follow one another in one tab; without it the tab is this call's own. ``on_start`` is
        awaited with its index before a row enters the browser.

        Raises BrowserCrashed, and UnavailableError where no browser comes up in time.
        """
        ready: asyncio.Queue[Rendered | Failed | PressroomError | None]
        ready = asyncio.Queue(READY_ROWS)
        shard = _Shard(row_timeout, on_start, ready, Supplies(self._assets))
        work = asyncio.create_task(self._work(shard, jobs, realm, alone))
        try:
            while not work.done() or not ready.empty():
                outcome = await ready.get()
                if isinstance(outcome, PressroomError):
                    raise outcome
                if outcome is None:
                    break
                yield outcome
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _work(self, shard: _Shard, jobs: Sequence[RowJob], realm: str, alone: bool) -> None:
        """Put every outcome, then None; or the error that ended it."""
        ended: PressroomError | None = None
        try:
            async with self._desk(realm, alone) as desk:
                await shard.run(desk, jobs)
        except PressroomError as error:
            ended = error
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - handed to the caller, who waits for it
            ended = PressroomError("The renderer failed.", log=repr(error))
            ended.__cause__ = error
        await shard.ready.put(ended)


@dataclass(frozen=True)
class _Shard:
    """One call of the renderer."""

    row_timeout: float
    on_start: OnStart | None
    ready: asyncio.Queue[Rendered | Failed | PressroomError | None]
    supplies: Supplies

    async def run(self, desk: Desk, jobs: Sequence[RowJob]) -> None:
        typeset = desk.typesetter.typeset(jobs, self.row_timeout)
        try:
            async for row in typeset:
                if self.on_start is not None:
                    await self.on_start(row.job.index)
                await self.ready.put(await self._row(desk, row))
        finally:
            await typeset.aclose()

    async def _row(self, desk: Desk, row: Typeset) -> Rendered | Failed:
        index = row.job.index
        if row.error is not None:
            return Failed(index, row.error, round(row.seconds * 1000))
        try:
            seat = await _seat(desk, row)
        except (TimeoutError, TabGoneError, BrowserGoneError, ProtocolError) as error:
            raise BrowserCrashed(None, f"no tab: {error!r}") from error
        started = time.perf_counter()
        ends = started + max(0.0, self.row_timeout - row.seconds)
        try:
            shown = await self._make(desk, seat, row, ends)
            _refuse_outage(seat)
        except RowError as error:
            _refuse_outage(seat)
            return Failed(index, error, _millis(started, row))
        except PressroomError:
            raise
        except Exception as error:  # noqa: BLE001 - pages answer what they like: it is theirs alone
            await desk.leave(seat)
            return Failed(index, _unforeseen(error), _millis(started, row))
        finally:
            seat.documents += 1
            seat.browser.documents += 1
        if seat.scripts or row.url is not None:
            # Whatever scripts left running, or a site left behind, must not reach the next row.
            await desk.leave(seat)
        return await self._finished(row, shown, started, ends)

    async def _finished(
        self, row: Typeset, shown: Shown, started: float, ends: float
    ) -> Rendered | Failed:
        """The row's outcome once its pages were looked at and finished."""
        index = row.job.index
        findings: tuple[Finding, ...] = ()
        data = shown.data
        try:
            async with asyncio.timeout(max(0.0, ends - time.perf_counter())):
                findings = tuple(await _inspect(shown, row.page, ends))
                error = quality.judge(findings, row.page)
                if error is not None:
                    raise error
                if row.page.kind is Output.PDF and carry.needed(row.page):
                    assets = await self.supplies.attached(row.page, row.job.snapshot)
                    data = await asyncio.to_thread(carry.carrying, data, row.page, assets)
        except TimeoutError:
            message = f"The row's PDF was not finished within {self.row_timeout:g} s."
            late = RowError(Code.RENDER_TIMEOUT, message)
            return Failed(index, late, _millis(started, row), findings)
        except RowError as error:
            return Failed(index, error, _millis(started, row), findings)
        except PressroomError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            return Failed(index, _unforeseen(error), _millis(started, row), findings)
        return Rendered(index, data, shown.pages, row.name, _millis(started, row), findings)

    async def _make(self, desk: Desk, seat: Seat, row: Typeset, ends: float) -> Shown:
        """The row's bytes and pages; a tab that did not do well is thrown away."""
        index = row.job.index
        try:
            supply = self.supplies.of(row)
            async with asyncio.timeout(max(0.0, ends - time.perf_counter())):
                shown = await show(seat.tab, row.html, row.page, supply)
            if seat.tab.left:
                raise RowError(Code.RENDER_FAILED, "The page went to another address.")
            return shown
        except TabGoneError as error:
            raise BrowserCrashed(index, repr(error)) from error
        except BrowserGoneError as error:
            guilty = index if desk.sole_user(seat) else None
            raise BrowserCrashed(guilty, repr(error)) from error
        except TimeoutError as error:
            sole, awaited = desk.sole_user(seat), seat.tab.awaited
            if not await desk.leave(seat) and not sole:
                # Perhaps a neighbour has stopped the whole browser: try this row in another.
                raise BrowserCrashed(index, "the tab hung and could not be closed") from error
            message = f"The row was not rendered within {self.row_timeout:g} s."
            if awaited:
                message = f"{message[:-1]}: it still waited for {awaited}."
            raise RowError(Code.RENDER_TIMEOUT, message) from error
        except FrameTooLargeError as error:
            await desk.leave(seat)
            raise RowError(
                Code.OUTPUT_TOO_LARGE, "The rendered file is larger than 256 MiB."
            ) from error
        except ProtocolError as error:
            await desk.leave(seat)
            raise RowError(Code.RENDER_FAILED, f"The browser says: {error}") from error
        except RowError:
            await desk.leave(seat)
            raise


def _refuse_outage(seat: Seat) -> None:
    """UnavailableError where the page lacks what the store could not give just then."""
    if seat.tab.traffic.outage is not None:
        raise seat.tab.traffic.outage


async def _seat(desk: Desk, row: Typeset) -> Seat:
    """The tab for a row. A page that is fetched has a context of its own."""
    if row.url is not None:
        return await desk.fresh_seat(Mode.PLAIN, scripts=row.page.scripts is not False)
    scripts = bool(row.page.scripts)
    mode = Mode.PRESS if row.page.kind is Output.PDF and not scripts else Mode.PLAIN
    return await desk.seat(mode, scripts=scripts)


async def _inspect(shown: Shown, page: PageOptions, ends: float) -> list[Finding]:
    data, pages, noticed = shown.data, shown.pages, shown.noticed
    if len(data) < LARGE_BYTES:
        return quality.inspect(data, pages, page, noticed, ends=ends)
    return await asyncio.to_thread(quality.inspect, data, pages, page, noticed, ends=ends)


def _unforeseen(error: Exception) -> RowError:
    log.error("a row failed by %r", error, exc_info=error, extra={"action": "row_unforeseen"})
    return RowError(Code.RENDER_FAILED, "The row could not be rendered.", log=repr(error))


def _millis(started: float, row: Typeset) -> int:
    return round((time.perf_counter() - started + row.seconds) * 1000)


__all__ = ["BrowserCrashed", "Failed", "Rendered", "Renderer", "RowJob"]
