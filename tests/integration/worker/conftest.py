"""A real browser for the worker's tests, started once for all of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pressroom.errors import PressroomError
from pressroom.lifecycle import backoff
from pressroom_worker.browser import EXECUTABLE, BrowserOptions
from pressroom_worker.supervisor import Supervisor

CHROMIUM = Path(os.environ.get("PRESSROOM_CHROMIUM", EXECUTABLE))


@pytest.fixture
def browser_options(tmp_path_factory: pytest.TempPathFactory) -> BrowserOptions:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    return BrowserOptions(executable=CHROMIUM)


async def until_healthy(supervisor: Supervisor) -> None:
    async with asyncio.timeout(30):
        for delay in backoff(0.05, 0.2):
            try:
                await supervisor.healthy()
            except PressroomError:
                await asyncio.sleep(delay)
            else:
                return


@pytest.fixture
async def supervisor(browser_options: BrowserOptions) -> AsyncIterator[Supervisor]:
    made = Supervisor(browser_options, slots=2)
    await made.start()
    try:
        await until_healthy(made)
        yield made
    finally:
        await made.stop()
