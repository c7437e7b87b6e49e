"""Calls made ahead of their turn, results in order. Pure but for the calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Got = TypeVar("Got")


async def ahead(
    items: Iterable[Given], call: Callable[[Given], Awaitable[Got]], most: int
) -> AsyncGenerator[Got, None]:
    """``call`` for each item, at most ``most`` at once; results in the order of the items.

    The calls under way are cancelled when one fails or the iterator is closed.
    """
    waiting = iter(items)
    running: deque[asyncio.Task[Got]] = deque()

    async def one(item: Given) -> Got:
        return await call(item)

    try:
        running.extend(asyncio.create_task(one(item)) for item in islice(waiting, most))
        while running:
            result = await running[0]
            running.popleft()
            running.extend(asyncio.create_task(one(item)) for item in islice(waiting, 1))
            yield result
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
