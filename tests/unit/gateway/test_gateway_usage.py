"""A tenant sees what it has used and may still use, and nothing of any other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import NAMESPACE, OTHER_KEY, Farm

from pressroom import names
from pressroom.model.base import now
from pressroom.model.ledger import UsageRecord
from pressroom.ports import TENANTS
from pressroom_gateway.app import make_app
from pressroom_gateway.usage import ROUTES

MONTH = {"month": "2026-10", "jobs": 2, "rows": 30, "pages": 31, "credits": 29}


@pytest.fixture
async def usage(farm: Farm) -> AsyncIterator[Farm]:
    async with TestClient(TestServer(make_app(farm.services, ROUTES))) as client:
        farm.client = client
        yield farm


async def change(farm: Farm, spec: dict[str, Any], status: dict[str, Any]) -> None:
    """Change the tenant, as an administrator and the operator do."""
    await farm.jobs.patch(TENANTS, NAMESPACE, "default", {"spec": spec})
    await farm.jobs.patch(TENANTS, NAMESPACE, "default", {"status": status}, subresource="status")
    async with asyncio.timeout(5):
        while "status" not in (farm.services.tenants.get(NAMESPACE, "default") or {}):
            await asyncio.sleep(0.01)


async def use(farm: Farm, tenant: str, uid: str, succeeded: int) -> None:
    record = UsageRecord(
        uid=uid,
        tenant=tenant,
        job=f"job-{uid}",
        dialect="ImaginePdf",
        rows=succeeded + 3,
        succeeded=succeeded,
        failed=2,
        cancelled=1,
        pages=succeeded,
        bytes=100,
        credits=succeeded + 2,
        ended_at=now(),
    )
    await farm.store.put(names.usage_key(tenant, uid), orjson.dumps(record.wire()))


async def test_a_metered_tenant_sees_what_is_left(usage: Farm) -> None:
    await change(
        usage,
        {"credits": {"mode": "Metered", "granted": 100}, "limits": {"pagesPerMonth": 500}},
        {"spent": 60, "reserved": {"u": 10, "v": 5}, "usage": [{"month": "2026-09"}, MONTH]},
    )
    status, body = await usage.call("GET", "/v1/usage")
    assert status == 200
    assert body["credits"] == {
        "mode": "metered",
        "granted": 100,
        "spent": 60,
        "reserved": 15,
        "available": 25,
    }
    assert body["months"][0] == MONTH
    assert [one["month"] for one in body["months"]] == ["2026-10", "2026-09"]
    assert body["limits"]["pagesPerMonth"] == 500
    assert body["limits"]["maxTtlSeconds"] == 30 * 86_400


async def test_an_unlimited_tenant_has_no_end_of_credits(usage: Farm) -> None:
    await change(usage, {"credits": None}, {"spent": 7})
    _, body = await usage.call("GET", "/v1/usage")
    credit = {"mode": "unlimited", "granted": None, "spent": 7, "reserved": 0, "available": None}
    assert body["credits"] == credit
    _, other = await usage.call("GET", "/v1/usage", key=OTHER_KEY)
    assert other["credits"]["spent"] == 0


async def test_jobs_are_paged_through_and_only_the_tenants_own(usage: Farm) -> None:
    for number in range(5):
        await use(usage, "default", f"uid-{number}", number)
    await use(usage, "other", "uid-9", 9)
    await use(usage, "default-2", "uid-8", 8)
    await usage.store.put(names.usage_key("default", "uid-21"), b'{"uid": "old"}')
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        status, body = await usage.call("GET", f"/v1/usage/jobs?limit=2&cursor={cursor}")
        assert status == 200, body
        assert len(body["jobs"]) <= 2
        seen += [one["uid"] for one in body["jobs"]]
        cursor = body["nextCursor"]
    assert seen == [f"uid-{number}" for number in range(5)]
    _, body = await usage.call("GET", "/v1/usage/jobs", key=OTHER_KEY)
    (one,) = body["jobs"]
    assert (one["id"], one["dialect"], one["credits"]) == ("job-uid-9", "imaginePdf", 11)
    assert one["rows"] == {"total": 12, "succeeded": 9, "failed": 2, "cancelled": 1}
    assert one["endedAt"].endswith("Z")


@pytest.mark.parametrize("query", ["cursor=x", "cursor=WzFd", "limit=0", "other=1"])
async def test_a_bad_page_is_refused(usage: Farm, query: str) -> None:
    status, _ = await usage.call("GET", f"/v1/usage/jobs?{query}")
    assert status in (400, 422)
