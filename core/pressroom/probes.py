"""The small HTTP server of a part that has no other: ``/healthz``, ``/readyz``, ``/metrics``.

``/readyz`` really asks: it runs the part's checks, each with a deadline, and names what failed.
What it found last is a metric too, so that an alert can name the dependency that is away, and the
log tells of every change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pressroom.errors import PressroomError

_log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
CHECK_SECONDS = 5.0


async def failing(checks: Mapping[str, Check]) -> dict[str, str]:
    """Run all checks at once; what failed, by name. A check fails by raising PressroomError."""

    async def one(name: str, check: Check) -> tuple[str, str] | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            return name, f"did not answer within {CHECK_SECONDS:g} s"
        except PressroomError as error:
            return name, error.log
        return None

    answers = await asyncio.gather(*(one(name, check) for name, check in checks.items()))
    return dict(answer for answer in answers if answer is not None)


def probe_metrics() -> tuple[CollectorRegistry, Gauge]:
    """What every part shows besides its own: the process, and what the last probe found."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    ready = Gauge(
        "pressroom_ready",
        "1 where the last readiness probe found this dependency well, 0 where it did not.",
        ["check"],
        registry=registry,
    )
    return registry, ready


def add_probes(
    app: web.Application, checks: Mapping[str, Check], registry: CollectorRegistry
) -> None:
    """Put the three routes on ``app``. ``/metrics`` shows ``registry`` and the probes' own."""
    own, ready = probe_metrics()
    last: dict[str, str] = {}

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        failed = await failing(checks)
        for name in checks:
            ready.labels(name).set(name not in failed)
        _tell(last, failed)
        last.clear()
        last.update(failed)
        body = {"status": "unavailable" if failed else "ok", "failed": failed}
        return web.json_response(body, status=503 if failed else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry) + generate_latest(own),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


def _tell(before: Mapping[str, str], failed: Mapping[str, str]) -> None:
    """Log which checks began to fail and which no longer do."""
    for name in failed.keys() - before.keys():
        _log.warning("Not ready: %s: %s", name, failed[name], extra={"action": "not_ready"})
    for name in before.keys() - failed.keys():
        _log.info("Well again: %s", name, extra={"action": "well_again"})


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve ``app`` while the context is open; yields the port it got."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
