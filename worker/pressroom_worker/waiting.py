"""What a page is waited for beyond its load event: ``page.wait``. The row's deadline ends it."""

from __future__ import annotations

import asyncio
import json

from pressroom.model.page import Wait
from pressroom_worker.tab import Tab

#: Seconds between two looks at the page.
POLL_SECONDS = 0.05
#: Seconds without a request after which the network is idle.
QUIET_SECONDS = 0.5


async def wait_for(tab: Tab, wait: Wait) -> None:
    """Wait for all that is named, one after the other; ``tab.awaited`` says for which.

    RowError ``render_failed`` where the selector or the expression is none.
    """
    if wait.selector is not None:
        tab.awaited = f"the selector {_short(wait.selector)}"
        await _until(tab, f"!!document.querySelector({json.dumps(wait.selector)})")
    if wait.expression is not None:
        tab.awaited = f"the expression {_short(wait.expression)}"
        await _until(tab, wait.expression)
    if wait.network_idle:
        tab.awaited = "the network to be idle"
        while (quiet := tab.traffic.quiet_seconds) < QUIET_SECONDS:  # noqa: ASYNC110 - a pause
            await asyncio.sleep(max(POLL_SECONDS, QUIET_SECONDS - quiet))
    if wait.milliseconds:
        tab.awaited = f"{wait.milliseconds} ms"
        await asyncio.sleep(wait.milliseconds / 1000)
    tab.awaited = ""


async def _until(tab: Tab, expression: str) -> None:
    while not await tab.holds(expression):  # noqa: ASYNC110 - the page announces nothing
        await asyncio.sleep(POLL_SECONDS)


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:99] + "…")
