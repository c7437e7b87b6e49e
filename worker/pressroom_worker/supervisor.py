"""Keeps browsers and template processes running, and lends them to the renderer.

Lends at most ``slots`` desks at once. Knows nothing of rows.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pressroom.errors import PressroomError
from pressroom_worker import egress
from pressroom_worker.account import Account, unprivileged
from pressroom_worker.browser import BrowserOptions, Chromium, Mode
from pressroom_worker.desk import Desk, Seat, Source
from pressroom_worker.line import Launch, Line
from pressroom_worker.metrics import WorkerMetrics
from pressroom_worker.render import Renderer
from pressroom_worker.traffic import LoadAsset, no_assets
from pressroom_worker.typesetting import Typesetter


class Supervisor:
    """Owns all processes of the renderer, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self,
        options: BrowserOptions,
        slots: int,
        metrics: WorkerMetrics | None = None,
        *,
        assets: LoadAsset = no_assets,
    ) -> None:
        self._options = options
        self._slots = slots
        self._metrics = metrics
        self._assets = assets
        self._account: Account | None = None
        self._prefix: tuple[str, ...] = ()
        self._lines = {mode: Line(mode, options, self._launch, self._sweep_parked) for mode in Mode}
        self._typesetters: asyncio.LifoQueue[Typesetter] = asyncio.LifoQueue(slots)
        self._all_typesetters: list[Typesetter] = []
        #: Tabs that the next shard of the same realm may go on with.
        self._parked: OrderedDict[str, Seat] = OrderedDict()
        self._keepers: list[asyncio.Task[None]] = []
        if metrics is not None:
            metrics.memory.set_function(self.memory)

    async def start(self) -> None:
        """Start the browser and the template processes, and keep them so.

        Returns as soon as they are being kept; :meth:`healthy` says when they answer.
        """
        self._account = unprivileged(self._options.user)
        self._prefix = await egress.namespace(self._account)
        for _ in range(self._slots):
            typesetter = Typesetter(self._account)
            self._all_typesetters.append(typesetter)
            self._typesetters.put_nowait(typesetter)
        self._keepers = [asyncio.create_task(line.keep()) for line in self._lines.values()]

    async def stop(self) -> None:
        """End all processes, whoever still uses them."""
        for task in self._keepers:
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._parked.clear()
        for line in self._lines.values():
            await line.close()
        for typesetter in self._all_typesetters:
            await typesetter.stop()

    async def healthy(self) -> None:
        """Ask the browser over its own protocol. PressroomError if it does not answer in 3 s."""
        for task in self._keepers:
            if task.done():
                task.result()
        await self._lines[Mode.PRESS].check()

    def browser_pid(self, mode: Mode) -> int:
        """The process group of a mode's current browser. UnavailableError if there is none."""
        return self._lines[mode].pid

    def memory(self) -> float:
        """Bytes that the current browsers held when last measured, a few seconds ago."""
        return float(sum(line.rss for line in self._lines.values()))

    def renderer(self) -> Renderer:
        """What renders shards with all this."""
        return Renderer(self.desk, assets=self._assets)

    @asynccontextmanager
    async def desk(self, realm: str, alone: bool) -> AsyncIterator[Desk]:
        """A desk for one shard; waits for a free one.

        With a ``realm``, a tab that this realm's last shard left behind is used again. ``alone``
        gives it browsers of its own. UnavailableError if there is no browser.
        """
        typesetter = await self._typesetters.get()
        source: Source = _Alone(self._launch) if alone else _Shared(self._lines)
        seat = None if alone else self._parked.pop(realm, None)
        desk = Desk(source, typesetter, seat)
        try:
            yield desk
            if realm and not alone:
                await self._park(realm, desk)
        finally:
            try:
                await desk.close()
            finally:
                self._typesetters.put_nowait(typesetter)

    async def _park(self, realm: str, desk: Desk) -> None:
        seat = desk.give_up_press()
        if seat is None:
            return
        older = self._parked.pop(realm, None)
        self._parked[realm] = seat
        if older is None and len(self._parked) > self._slots:
            _, older = self._parked.popitem(last=False)
        if older is not None:
            await older.close()
        await self._sweep_parked()

    async def _sweep_parked(self) -> None:
        """Close what is parked in browsers that are to go."""
        line = self._lines[Mode.PRESS]
        for realm, seat in list(self._parked.items()):
            if not line.is_current(seat.browser) and self._parked.pop(realm, None) is seat:
                await seat.close()

    async def _launch(self, mode: Mode) -> Chromium:
        browser = Chromium(mode, self._options, self._account)
        try:
            await browser.start(self._prefix)
        except PressroomError:
            self._started(False)
            raise
        self._started(True)
        return browser

    def _started(self, worked: bool) -> None:
        if self._metrics is not None:
            self._metrics.browser_start(worked=worked)


class _Shared:
    """Browsers that other shards use too."""

    def __init__(self, lines: dict[Mode, Line]) -> None:
        self._lines = lines

    async def acquire(self, mode: Mode) -> Chromium:
        return await self._lines[mode].acquire()

    async def release(self, browser: Chromium) -> None:
        await self._lines[browser.mode].release(browser)

    def sole_user(self, browser: Chromium) -> bool:
        return self._lines[browser.mode].sole_user(browser)


class _Alone:
    """Browsers for one desk only."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch

    async def acquire(self, mode: Mode) -> Chromium:
        return await self._launch(mode)

    async def release(self, browser: Chromium) -> None:
        await browser.close()

    def sole_user(self, browser: Chromium) -> bool:
        return True
