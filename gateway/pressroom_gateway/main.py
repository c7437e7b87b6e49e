"""The gateway's process: settings in, ports opened, HTTP served until a signal says stop."""

from __future__ import annotations

import asyncio
import logging

from prometheus_client import CollectorRegistry

from pressroom.adapters.kube import open_jobs
from pressroom.adapters.nats import open_queue
from pressroom.adapters.s3 import open_store
from pressroom.lifecycle import stop_on_signals
from pressroom.probes import serve
from pressroom.settings import KubeSettings, NatsSettings, S3Settings
from pressroom.telemetry import configure_logging
from pressroom_gateway.app import make_app, open_services
from pressroom_gateway.metrics import make_metrics
from pressroom_gateway.modifications import open_modifier
from pressroom_gateway.settings import GatewaySettings

log = logging.getLogger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = GatewaySettings()
    configure_logging(settings, "gateway")
    asyncio.run(run(settings))


async def run(settings: GatewaySettings) -> None:
    """Serve; requests under way get five seconds to end."""
    stop = stop_on_signals()
    metrics = make_metrics(CollectorRegistry())
    timeout = settings.call_timeout_seconds
    async with (
        open_jobs(KubeSettings(), timeout=timeout) as jobs,
        open_queue(NatsSettings(), name="gateway", timeout=timeout) as queue,
        open_store(S3Settings(), timeout=timeout) as store,
        open_modifier(settings) as modifier,
        open_services(settings, jobs, queue, store, queue.counters, metrics, modifier) as services,
        serve(make_app(services), settings.gateway_host, settings.gateway_port) as port,
    ):
        log.info(
            "listening on %s:%d",
            settings.gateway_host,
            port,
            extra={"action": "listening", "port": port},
        )
        await stop.wait()
    log.info("stopped", extra={"action": "stopped"})
