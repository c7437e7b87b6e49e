"""The worker process: wires queue, store and browser to the slots, and stops them in order.

It starts whether its dependencies are there or not, and says at ``/readyz`` which are missing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry

from pressroom import names
from pressroom.adapters.nats import open_queue
from pressroom.adapters.s3 import open_store
from pressroom.errors import PressroomError, UnavailableError
from pressroom.lifecycle import backoff, stop_on_signals
from pressroom.ports import Queue, Store
from pressroom.probes import Check, add_probes, serve
from pressroom.settings import NatsSettings, S3Settings
from pressroom.telemetry import configure_logging
from pressroom_worker.browser import EXECUTABLE, BrowserOptions
from pressroom_worker.catalog import Catalog
from pressroom_worker.consumer import Consumer
from pressroom_worker.farm import Farm
from pressroom_worker.metrics import WorkerMetrics
from pressroom_worker.settings import WorkerSettings
from pressroom_worker.signals import obey_stops, send_beat, send_beats
from pressroom_worker.supervisor import Supervisor

T = TypeVar("T")
_log = logging.getLogger(__name__)
#: What the probe asks, by the names it answers with.
PARTS = ("queue", "store", "browser")


def main() -> None:
    """Run a worker until SIGTERM or SIGINT."""
    settings = WorkerSettings()
    configure_logging(settings, "worker")
    asyncio.run(run(settings, NatsSettings(), S3Settings()))


async def run(settings: WorkerSettings, nats: NatsSettings, s3: S3Settings) -> None:
    """A worker's life, from the first probe to the last browser."""
    stop = stop_on_signals()
    name = worker_name()
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    checks: dict[str, Check] = dict.fromkeys(PARTS, _starting)
    timeout = settings.call_timeout_seconds
    async with AsyncExitStack() as stack:
        app = web.Application()
        add_probes(app, checks, registry)
        port = await stack.enter_async_context(serve(app, settings.probe_host, settings.probe_port))
        _log.info("started", extra={"action": "started", "worker": name, "probes": port})

        async def opened(context: Callable[[], AbstractAsyncContextManager[T]]) -> T | None:
            return await _persist(stop, lambda: stack.enter_async_context(context()))

        store = await opened(lambda: open_store(s3, timeout=timeout))
        queue = await opened(lambda: open_queue(nats, name=name, timeout=timeout))
        if store is None or queue is None:
            return
        checks.update(queue=queue.check, store=store.check)
        catalog = Catalog(store)
        supervisor = Supervisor(
            browser_options(settings), settings.slots, metrics, assets=catalog.asset
        )
        stack.push_async_callback(supervisor.stop)
        await _persist(stop, supervisor.start)
        checks.update(browser=supervisor.healthy)
        farm = _farm(name, queue, store, supervisor, metrics, catalog)
        consumer = Consumer(farm, slots=settings.slots, drain_seconds=settings.drain_seconds)
        await _serve(consumer, farm, stop)
    _log.info("stopped", extra={"action": "stopped"})


async def _serve(consumer: Consumer, farm: Farm, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(send_beats(farm.queue, consumer, farm.worker)),
            tasks.create_task(obey_stops(farm.queue, consumer)),
        ]
        await consumer.run(stop)
        for task in beside:
            task.cancel()
    await send_beat(farm.queue, consumer, farm.worker)


def _farm(
    name: str,
    queue: Queue,
    store: Store,
    supervisor: Supervisor,
    metrics: WorkerMetrics,
    catalog: Catalog,
) -> Farm:
    return Farm(
        worker=name,
        queue=queue,
        store=store,
        renderer=supervisor.renderer,
        healthy=supervisor.healthy,
        catalog=catalog,
        metrics=metrics,
    )


async def _persist(stop: asyncio.Event, call: Callable[[], Awaitable[T]]) -> T | None:
    """Call until it works; None if ``stop`` is set before that."""

    async def persist() -> T:
        delays = backoff()
        while True:
            try:
                return await call()
            except PressroomError as error:
                _log.warning("%s", error.log, extra={"action": "start_waits"})
            await asyncio.sleep(next(delays))

    stopping, calling = asyncio.create_task(stop.wait()), asyncio.create_task(persist())
    try:
        await asyncio.wait({stopping, calling}, return_when=asyncio.FIRST_COMPLETED)
        return calling.result() if calling.done() else None
    finally:
        for task in (stopping, calling):
            task.cancel()
        await asyncio.gather(stopping, calling, return_exceptions=True)


def browser_options(settings: WorkerSettings) -> BrowserOptions:
    """How this worker starts its browsers. Says so in the log where they have no sandbox."""
    if not settings.sandbox:
        _log.warning(
            "the browser's sandbox is off: a page that breaks the browser has this container",
            extra={"action": "sandbox_off"},
        )
    return BrowserOptions(executable=settings.chromium or EXECUTABLE, sandbox=settings.sandbox)


async def _starting() -> None:
    raise UnavailableError("not started yet")


def worker_name() -> str:
    """The host's token, by which the operator knows the pod, and some randomness."""
    return f"{names.host_token(socket.gethostname())}-{secrets.token_hex(3)}"
