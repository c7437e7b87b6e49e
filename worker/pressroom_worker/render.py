"""Renders a shard's rows: HTML from the typesetter, pages from a tab, in the rows' order.

Each row has one deadline, for its template and its print; its clock runs only while the row itself
is at work, not while it waits for its turn, for a tab or for its reader. A row that fails, fails
alone; a browser or tab that dies ends the call with BrowserCrashed, after all rows before it came
out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from pressroom.errors import Code, PressroomError, RowError
from pressroom.model.page import Output, PageOptions
from pressroom_worker.browser import BrowserGoneError, Mode, ProtocolError, Tab, TabGoneError
from pressroom_worker.desk import Desk, Seat
from pressroom_worker.printing import count_pages, media, print_parameters, viewport
from pressroom_worker.transport import FrameTooLargeError
from pressroom_worker.typesetting import RowJob, Typeset

#: Rows that may be done and not yet taken by the caller.
READY_ROWS = 2
#: An image's sides at most, in CSS pixels.
MAX_IMAGE_SIDE = 16_000

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


@dataclass(frozen=True)
class Failed:
    """A row that failed alone."""

    index: int
    error: RowError
    millis: int


class BrowserCrashed(PressroomError):  # noqa: N818 - what happened, as the ledger names it
    """The browser or the tab died. ``index`` is the row in the tab; None where none is to blame."""

    def __init__(self, index: int | None, cause: str) -> None:
        blamed = "a row" if index is None else f"row {index}"
        super().__init__(f"The browser crashed while it rendered {blamed}.", log=cause)
        self.index = index


class Renderer:
    """Renders shards; several at once, each at a desk of its own."""

    def __init__(self, desk: OpenDesk) -> None:
        self._desk = desk

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
        shard = _Shard(row_timeout, on_start, ready)
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
        scripts = bool(row.page.scripts)
        mode = Mode.PRESS if row.page.kind is Output.PDF and not scripts else Mode.PLAIN
        try:
            seat = await desk.seat(mode, scripts=scripts)
        except (TimeoutError, TabGoneError, BrowserGoneError, ProtocolError) as error:
            raise BrowserCrashed(None, f"no tab: {error!r}") from error
        started = time.perf_counter()
        try:
            data, pages = await self._make(desk, seat, row)
        except RowError as error:
            return Failed(index, error, _millis(started, row))
        finally:
            seat.documents += 1
            seat.browser.documents += 1
        if scripts:  # whatever its scripts left running must not reach the next row
            await desk.leave(seat)
        return Rendered(index, data, pages, row.name, _millis(started, row))

    async def _make(self, desk: Desk, seat: Seat, row: Typeset) -> tuple[bytes, int]:
        """The row's bytes and pages; a tab that did not do well is thrown away."""
        index = row.job.index
        try:
            async with asyncio.timeout(max(0.0, self.row_timeout - row.seconds)):
                data, pages = await _render(seat.tab, row.html, row.page)
            if seat.tab.left:
                raise RowError(Code.RENDER_FAILED, "The page went to another address.")
            return data, pages
        except TabGoneError as error:
            raise BrowserCrashed(index, repr(error)) from error
        except BrowserGoneError as error:
            guilty = index if desk.sole_user(seat) else None
            raise BrowserCrashed(guilty, repr(error)) from error
        except TimeoutError as error:
            sole = desk.sole_user(seat)
            if not await desk.leave(seat) and not sole:
                # Perhaps a neighbour has stopped the whole browser: try this row in another.
                raise BrowserCrashed(index, "the tab hung and could not be closed") from error
            message = f"The row was not rendered within {self.row_timeout:g} s."
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


async def _render(tab: Tab, html: str, page: PageOptions) -> tuple[bytes, int]:
    if page.kind is Output.PDF:
        await tab.load(html, media(page))
        data = await tab.pdf(print_parameters(page))
        return data, count_pages(data)
    width, height = viewport(page)
    await tab.resize(width, height)
    await tab.load(html, media(page))
    whole_width, whole_height = await tab.content_size()
    width, height = max(width, round(whole_width)), max(height, round(whole_height))
    scale = (page.scale_percent or 100) / 100
    if max(width, height) * scale > MAX_IMAGE_SIDE:
        raise RowError(
            Code.OUTPUT_TOO_LARGE, f"The image would be over {MAX_IMAGE_SIDE} pixels long."
        )
    return await tab.image(page.kind.value.lower(), width, height, scale), 1


def _millis(started: float, row: Typeset) -> int:
    return round((time.perf_counter() - started + row.seconds) * 1000)


__all__ = ["BrowserCrashed", "Failed", "Rendered", "Renderer", "RowJob"]
