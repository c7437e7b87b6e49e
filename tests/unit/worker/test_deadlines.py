"""A row's deadline: whose clock runs when, and who is to blame when a whole browser hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from pressroom.errors import Code
from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues
from pressroom_worker.render import BrowserCrashed, Failed, Rendered, Renderer
from pressroom_worker.traffic import Supply
from pressroom_worker.typesetting import RowJob, Typeset

ROW_TIMEOUT = 0.2


class FakeTab:
    """Takes images; hangs on the text "hang", and makes the worker stumble by "trip"."""

    left = False
    awaited = ""
    traffic = SimpleNamespace(failed={}, outage=None)
    console: Sequence[str] = ()

    def begin(self, supply: Supply) -> None: ...

    async def resize(self, width: int, height: int, scale: float) -> None: ...

    async def evaluate(self, expression: str) -> None: ...

    async def load(self, html: str, media: str) -> None:
        if html == "hang":
            await asyncio.Event().wait()
        if html == "trip":
            raise TypeError("'int' object is not iterable")

    async def content_size(self) -> tuple[float, float]:
        return 10, 10

    async def image(self, options: Any, *, transparent: bool) -> bytes:
        return b"image"


class FakeDesk:
    """One tab. ``closes``: whether a tab that hangs can be closed."""

    def __init__(self, *, closes: bool, shared: bool, opening: float = 0) -> None:
        self.typesetter = self
        self._closes = closes
        self._shared = shared
        self._opening = opening

    async def typeset(self, jobs: Sequence[RowJob], seconds: float) -> AsyncIterator[Typeset]:
        for job in jobs:
            yield Typeset(job, job.page, job.row.html or "", str(job.index), 0.0)

    async def seat(self, mode: object, *, scripts: bool) -> Any:
        await asyncio.sleep(self._opening)
        return SimpleNamespace(
            tab=FakeTab(), browser=SimpleNamespace(documents=0), documents=0, scripts=scripts
        )

    def sole_user(self, seat: object) -> bool:
        return not self._shared

    async def leave(self, seat: object) -> bool:
        return self._closes


async def render(desk: FakeDesk, *texts: str) -> list[Rendered | Failed]:
    @asynccontextmanager
    async def opened(realm: str, alone: bool) -> AsyncIterator[Any]:
        yield desk

    page = PageOptions(output=Output.PNG)
    jobs = [
        RowJob(n, Row(html=text, raw=True), None, page, MissingValues.STRICT, None)
        for n, text in enumerate(texts)
    ]
    renderer = Renderer(opened)
    return [got async for got in renderer.render(jobs, row_timeout=ROW_TIMEOUT)]


def codes(got: Sequence[Rendered | Failed]) -> list[Code | None]:
    return [outcome.error.code if isinstance(outcome, Failed) else None for outcome in got]


async def test_neighbours_of_rows_that_hang_come_out() -> None:
    got = await render(FakeDesk(closes=True, shared=True), "a", "hang", "b", "hang", "c")
    assert codes(got) == [None, Code.RENDER_TIMEOUT, None, Code.RENDER_TIMEOUT, None]


async def test_neighbours_of_a_row_that_the_worker_stumbles_over_come_out() -> None:
    got = await render(FakeDesk(closes=True, shared=True), "a", "trip", "b")
    assert codes(got) == [None, Code.RENDER_FAILED, None]


async def test_waiting_for_a_tab_is_not_the_rows_time() -> None:
    desk = FakeDesk(closes=True, shared=True, opening=2 * ROW_TIMEOUT)
    assert codes(await render(desk, "a", "b")) == [None, None]


async def test_a_row_that_hangs_a_browser_of_its_own_has_timed_out() -> None:
    got = await render(FakeDesk(closes=False, shared=False), "hang", "b")
    assert codes(got) == [Code.RENDER_TIMEOUT, None]


async def test_a_shared_browser_that_hangs_fails_nobody_yet() -> None:
    with pytest.raises(BrowserCrashed) as caught:
        await render(FakeDesk(closes=False, shared=True), "hang", "b")
    assert caught.value.index == 0
