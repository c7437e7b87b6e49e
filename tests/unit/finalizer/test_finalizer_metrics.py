"""The finalizer's metrics of webhooks: each call once, by what came of it."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from finalizer_support import task
from prometheus_client import CollectorRegistry

from pressroom.addresses import Admitted
from pressroom.model.ledger import WebhookTask
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_store import MemoryStore
from pressroom_finalizer.consumer import Metrics
from pressroom_finalizer.webhooks import WebhookOptions, deliver

LOCAL = WebhookOptions(5, Admitted.parse("127.0.0.0/8"))


@pytest.mark.parametrize(
    ("status", "outcome"), [(204, "delivered"), (500, "failed"), (410, "gave_up")]
)
async def test_a_call_is_counted_by_its_outcome(status: int, outcome: str) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app, registry = web.Application(), CollectorRegistry()
    app.router.add_post("/hook", handle)
    metrics, store = Metrics(registry), MemoryStore()

    async with TestServer(app) as server:
        hook: dict[str, Any] = {"url": str(server.make_url("/hook")), "event": "e", "body": "{}"}
        due = task().evolve(webhook=WebhookTask(**hook))
        for _ in range(2):  # settled or not due yet the second time: no call
            await deliver(store, MemoryJobs(), due, LOCAL, called=metrics.called)

    counts = {
        one: registry.get_sample_value("pressroom_finalizer_webhook_calls_total", {"outcome": one})
        for one in ("delivered", "failed", "gave_up")
    }
    assert counts == {"delivered": 0, "failed": 0, "gave_up": 0} | {outcome: 1}
