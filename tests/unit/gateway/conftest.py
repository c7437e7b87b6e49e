"""The gateway under test, over the in-memory twins."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from bad_input import LIMITS
from gateway_support import KEY, NAMESPACE, OTHER_KEY, Farm, add_key
from prometheus_client import CollectorRegistry

from pressroom.ports import TENANTS
from pressroom.testing.memory_counters import MemoryCounters
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_queue import MemoryQueue
from pressroom.testing.memory_store import MemoryStore
from pressroom_gateway.app import make_app, open_services
from pressroom_gateway.metrics import make_metrics
from pressroom_gateway.settings import GatewaySettings


@pytest.fixture
async def farm() -> AsyncIterator[Farm]:
    jobs, store, queue = MemoryJobs(), MemoryStore(), MemoryQueue()
    await add_key(jobs, KEY, "default")
    await add_key(jobs, OTHER_KEY, "other")
    for tenant in ("default", "other"):
        await jobs.create(
            TENANTS, NAMESPACE, {"metadata": {"name": tenant}, "spec": {"limits": LIMITS}}
        )
    settings = GatewaySettings(namespace=NAMESPACE)
    counters = MemoryCounters()
    metrics = make_metrics(CollectorRegistry())
    async with open_services(settings, jobs, queue, store, counters, metrics) as services:
        for informer in services.informers:
            await informer.synced.wait()
        async with TestClient(TestServer(make_app(services))) as client:
            version = (await jobs.list(TENANTS, NAMESPACE)).resource_version
            yield Farm(client, services, jobs, store, queue, counters, version)
