"""Starts the finalizer's process: settings, connections, probes, and a set of task loops.

It starts while NATS, the store or the API are away, and waits for them, unready.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry

from pressroom import names
from pressroom.adapters.kube import open_jobs
from pressroom.adapters.nats import open_queue
from pressroom.adapters.s3 import open_store
from pressroom.addresses import Admitted
from pressroom.errors import PressroomError, UserError
from pressroom.lifecycle import backoff, pause, stop_on_signals
from pressroom.model.ledger import Task
from pressroom.ports import Jobs, Queue, Store
from pressroom.probes import add_probes, serve
from pressroom.settings import KubeSettings, NatsSettings, S3Settings
from pressroom.telemetry import configure_logging
from pressroom_finalizer.consumer import Consumer, Handler, Metrics
from pressroom_finalizer.finalize import FinalizeOptions, finalize
from pressroom_finalizer.merging import MergeLimits
from pressroom_finalizer.purge import purge
from pressroom_finalizer.settings import FinalizerSettings
from pressroom_finalizer.webhooks import WebhookOptions, deliver

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ports:
    """What the finalizer reaches outside. ``jobs`` is asked for Secrets only."""

    queue: Queue
    store: Store
    jobs: Jobs


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = FinalizerSettings()
    configure_logging(settings, "finalizer")
    try:
        asyncio.run(_main(settings))
    except UserError as error:
        sys.exit(f"{error.message} ({error.log})")


async def _main(settings: FinalizerSettings) -> None:
    stop = stop_on_signals()
    registry = CollectorRegistry()
    app = web.Application()
    async with _ports(settings) as ports:
        add_probes(app, {"queue": ports.queue.check, "store": ports.store.check}, registry)
        async with serve(app, settings.probe_host, settings.probe_port) as port:
            _log.info("started", extra={"action": "started", "probe_port": port})
            await run(ports, settings, Metrics(registry), stop)
    _log.info("stopped", extra={"action": "stopped"})


@asynccontextmanager
async def _ports(settings: FinalizerSettings) -> AsyncIterator[Ports]:
    """The ports. They open while what they reach is away, and connect when it comes."""
    seconds = settings.call_timeout_seconds
    name = f"finalizer-{socket.gethostname()}"
    async with (
        open_queue(NatsSettings(), name=name, timeout=seconds) as queue,
        open_store(S3Settings(), timeout=seconds) as store,
        open_jobs(KubeSettings(), timeout=seconds) as jobs,
    ):
        yield Ports(queue, store, jobs)


async def run(
    ports: Ports, settings: FinalizerSettings, metrics: Metrics, stop: asyncio.Event
) -> None:
    """Do tasks of all kinds until ``stop`` is set, then give running ones time to end."""
    await _ensure(ports.queue, stop)
    handlers = _handlers(ports, settings, metrics)
    slots = {
        names.TASK_FINALIZE: settings.finalize_slots,
        names.TASK_PURGE: 1,
        names.TASK_WEBHOOK: settings.webhook_slots,
    }
    loops = []
    for kind, handler in handlers.items():
        consumer = Consumer(ports.queue, kind, handler, metrics)
        loops += [asyncio.create_task(consumer.run(stop)) for _ in range(slots[kind])]
    await _until_stopped(loops, stop)
    _, late = await asyncio.wait(loops, timeout=settings.drain_seconds)
    for loop in late:
        loop.cancel()
    results = await asyncio.gather(*loops, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _until_stopped(loops: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Until ``stop`` is set, or a loop has ended, which it must not: then stop all of them."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *loops], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await waiting


async def _ensure(queue: Queue, stop: asyncio.Event) -> None:
    for delay in backoff():
        try:
            await queue.ensure()
        except PressroomError as error:
            _log.warning("no streams yet: %s", error.log, extra={"action": "waiting"})
        else:
            return
        if await pause(stop, delay):
            return


def _handlers(ports: Ports, settings: FinalizerSettings, metrics: Metrics) -> dict[str, Handler]:
    finalizing = FinalizeOptions(
        MergeLimits(
            settings.merge_memory_mib,
            settings.merge_timeout_seconds,
            tuple(settings.merge_fonts),
        ),
        settings.work_dir,
    )
    calling = WebhookOptions(
        settings.webhook_timeout_seconds, Admitted.parse(settings.webhook_allow)
    )

    async def do_finalize(task: Task) -> bool:
        return await finalize(ports.store, task, finalizing)

    async def do_purge(task: Task) -> bool:
        await purge(ports.store, task)
        return True

    async def do_webhook(task: Task) -> bool:
        return await deliver(ports.store, ports.jobs, task, calling, called=metrics.called)

    return {
        names.TASK_FINALIZE: do_finalize,
        names.TASK_PURGE: do_purge,
        names.TASK_WEBHOOK: do_webhook,
    }
