"""The life of a part's process: signals in, an orderly stop out."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set, in the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait that long, or less if ``stop`` is set. True if it is."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


def backoff(first: float = 0.2, most: float = 10.0) -> Iterator[float]:
    """Endless delays in seconds: doubling from ``first`` up to ``most``, with jitter of a fifth."""
    delay = first
    while True:
        yield delay * random.uniform(0.8, 1.2)
        delay = min(delay * 2, most)
