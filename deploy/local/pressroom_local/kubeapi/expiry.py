"""Core events are deleted after a while, as in a real cluster; nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pressroom_local.kubeapi.errors import ApiError
from pressroom_local.kubeapi.resources import Registry
from pressroom_local.kubeapi.store import Store
from pressroom_local.kubeapi.target import DeleteOptions, Target
from pressroom_local.kubeapi.writes import Writer

_EVERY_SECONDS = 30.0
_BATCH = 200  # a sweep may not hold up requests for long


@asynccontextmanager
async def expire_events(
    registry: Registry, store: Store, writer: Writer, ttl_seconds: float
) -> AsyncIterator[None]:
    """Sweeps in the background while the context is open."""
    task = asyncio.create_task(_sweep_for_ever(registry, store, writer, ttl_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep_for_ever(
    registry: Registry, store: Store, writer: Writer, ttl_seconds: float
) -> None:
    while True:
        swept = _sweep(registry, store, writer, ttl_seconds)
        await asyncio.sleep(0 if swept == _BATCH else _EVERY_SECONDS)


def _sweep(registry: Registry, store: Store, writer: Writer, ttl_seconds: float) -> int:
    events = registry.by_key("events")
    if events is None:
        return 0
    keys = store.written_before(events, ttl_seconds, _BATCH)
    for namespace, name in keys:
        with suppress(ApiError):
            writer.delete(Target(events, namespace, name), DeleteOptions())
    return len(keys)
