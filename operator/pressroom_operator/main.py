"""The operator's process: take the Lease, then start kopf and everything else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from pressroom.adapters.kube import open_jobs
from pressroom.adapters.nats import open_queue
from pressroom.adapters.s3 import open_store
from pressroom.errors import UnavailableError
from pressroom.lifecycle import backoff, stop_on_signals
from pressroom.ports import Jobs
from pressroom.probes import add_probes, serve
from pressroom.settings import KubeSettings, NatsSettings, S3Settings
from pressroom.telemetry import configure_logging
from pressroom_operator.farm import Operator
from pressroom_operator.lease import Lease
from pressroom_operator.metrics import metrics
from pressroom_operator.settings import OperatorSettings
from pressroom_operator.watch import watch

log = logging.getLogger(__name__)


def main() -> None:
    """Run until SIGTERM."""
    settings = OperatorSettings()
    configure_logging(settings, "operator")
    asyncio.run(run(settings, NatsSettings(), S3Settings(), KubeSettings()))


async def run(
    settings: OperatorSettings, nats: NatsSettings, s3: S3Settings, kube: KubeSettings
) -> None:
    """Hold the Lease, look after the jobs, answer the probes."""
    stop = stop_on_signals()
    timeout = settings.call_timeout_seconds
    async with contextlib.AsyncExitStack() as stack:
        jobs = await stack.enter_async_context(open_jobs(kube, timeout=timeout))
        queue = await stack.enter_async_context(
            open_queue(nats, name="pressroom-operator", timeout=timeout)
        )
        store = await stack.enter_async_context(open_store(s3, timeout=timeout))
        lease = Lease(jobs, settings.namespace, settings.operator_identity, settings.lease_seconds)
        operator = Operator(settings, jobs, queue, store)
        app = web.Application()
        registry = metrics(operator, lease)

        async def leading() -> None:
            if not (lease.held and operator.synced):
                raise UnavailableError("not leading, or not synced yet")

        checks = {
            "kubernetes": jobs.check,
            "nats": queue.check,
            "store": store.check,
            "lease": leading,
        }
        add_probes(app, checks, registry)
        app.router.add_get("/backlog", backlog(operator, lease))
        await stack.enter_async_context(serve(app, settings.probe_host, settings.probe_port))
        await _until(stop, _lead(settings, kube, s3, jobs, lease, operator))
        await lease.release()
    log.info("Stopped", extra={"action": "stopped"})


async def _lead(
    settings: OperatorSettings,
    kube: KubeSettings,
    s3: S3Settings,
    jobs: Jobs,
    lease: Lease,
    operator: Operator,
) -> None:
    await _answers(jobs)
    await lease.acquire()
    log.info("Leading", extra={"action": "leading"})
    async with asyncio.TaskGroup() as group:
        group.create_task(lease.keep())
        await operator.prepare()
        group.create_task(watch(settings.namespace, kube, operator.seen, operator.templates.seen))
        group.create_task(operator.run(create_bucket=s3.create_bucket))


async def _answers(jobs: Jobs) -> None:
    for delay in backoff():
        try:
            await jobs.check()
        except UnavailableError as error:
            log.warning("Waiting for the Kubernetes API", extra={"error": error.log})
            await asyncio.sleep(delay)
        else:
            return


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` until it ends or ``stop`` is set; what it raises is raised."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
        return
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def backlog(operator: Operator, lease: Lease) -> Callable[[web.Request], Awaitable[web.Response]]:
    """``/backlog``: rows that wait for workers. 503, never 0, while it cannot be known."""

    async def handler(_: web.Request) -> web.Response:
        if not (lease.held and operator.synced):
            return web.json_response({"error": "not leading, or not synced yet"}, status=503)
        return web.json_response(
            {
                "rows": operator.dispatcher.backlog(),
                "slots": sum(operator.workers.slots()),
                "workers": operator.autoscaler.needed(),
            }
        )

    return handler
