"""The probes' routes: what is away is named, in the answer and as a metric."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from pressroom.errors import UnavailableError
from pressroom.probes import Check, add_probes


async def test_a_dependency_that_is_away_shows_in_the_metrics_until_it_is_back() -> None:
    away = True

    async def store() -> None:
        if away:
            raise UnavailableError("no answer")

    async def nats() -> None:
        return None

    checks: dict[str, Check] = {"store": store, "nats": nats}
    app = web.Application()
    add_probes(app, checks, CollectorRegistry())

    async with TestClient(TestServer(app)) as client:

        async def found() -> tuple[int, set[str]]:
            status = (await client.get("/readyz")).status
            text = await (await client.get("/metrics")).text()
            assert "process_resident_memory_bytes" in text
            return status, {line for line in text.splitlines() if line.startswith("pressroom_")}

        assert await found() == (
            503,
            {'pressroom_ready{check="store"} 0.0', 'pressroom_ready{check="nats"} 1.0'},
        )
        away = False
        assert await found() == (
            200,
            {'pressroom_ready{check="store"} 1.0', 'pressroom_ready{check="nats"} 1.0'},
        )


async def test_the_log_says_once_what_is_away_and_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = True

    async def store() -> None:
        if away:
            raise UnavailableError("no answer", log="the store gave no answer")

    app = web.Application()
    add_probes(app, {"store": store}, CollectorRegistry())
    caplog.set_level("INFO", logger="pressroom.probes")
    async with TestClient(TestServer(app)) as client:
        for _ in range(3):
            await client.get("/readyz")
        away = False
        await client.get("/readyz")
    assert caplog.messages == ["Not ready: store: the store gave no answer", "Well again: store"]
