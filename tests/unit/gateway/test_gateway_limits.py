"""What a tenant may do: rates, active jobs, pages and credits, told before anything is stored."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gateway_support import KEY, NAMESPACE, OTHER_KEY, Farm, add_key

from pressroom import names
from pressroom.model.base import now
from pressroom.ports import BATCH_JOBS, SECRETS, TENANTS, Json
from pressroom_gateway import coverage

BATCH = {"html": "<p>x</p>", "rows": [{}]}
METERED: Json = {"credits": {"mode": "Metered", "granted": 10}}


async def limit(farm: Farm, spec: Json, status: Json | None = None) -> None:
    """Give the tenant `default` a spec, and wait until the gateway has seen it."""
    await farm.jobs.patch(TENANTS, NAMESPACE, "default", {"spec": spec})
    if status is not None:
        patch = {"status": status}
        await farm.jobs.patch(TENANTS, NAMESPACE, "default", patch, subresource="status")
    version = (await farm.jobs.get(TENANTS, NAMESPACE, "default"))["metadata"]["resourceVersion"]
    async with asyncio.timeout(5):
        while True:
            seen = farm.services.tenants.get(NAMESPACE, "default") or {}
            if seen.get("metadata", {}).get("resourceVersion") == version:
                return
            await asyncio.sleep(0.01)


async def post(farm: Farm, batch: Json | None = None, **options: Any) -> tuple[int, Any]:
    return await farm.call("POST", "/v1/batches", json=batch or BATCH, **options)


class TestRates:
    async def test_requests_of_any_kind(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"requestsPerMinute": 3}})
        headers = {"Authorization": f"Bearer {KEY}"}
        for left in (2, 1, 0):
            async with farm.client.get("/v1/batches", headers=headers) as answer:
                assert answer.status == 200
                assert answer.headers["RateLimit-Policy"] == '"requests";q=3;w=60'
                assert answer.headers["RateLimit"].startswith(f'"requests";r={left};t=')
        async with farm.client.get("/v1/templates", headers=headers) as answer:
            problem = await answer.json()
            assert (answer.status, problem["code"]) == (429, "too_many_requests")
            assert 1 <= int(answer.headers["Retry-After"]) <= 120
            assert answer.headers["RateLimit"].startswith('"requests";r=0;')
        assert (await farm.call("GET", "/v1/batches", key=OTHER_KEY))[0] == 200

    async def test_new_jobs(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"newJobsPerMinute": 2}})
        keyed = {"Idempotency-Key": "k"}
        assert (await post(farm, headers=keyed))[0] == 202
        # Neither reading, nor a repeat, nor a request that is wrong costs anything.
        assert (await post(farm, headers=keyed))[0] == 202
        assert (await farm.call("GET", "/v1/batches"))[0] == 200
        assert (await post(farm, {"rows": [{}]}))[0] == 400
        assert (await post(farm))[0] == 202
        uploads = farm.uploads()
        status, problem = await post(farm)
        assert (status, problem["code"]) == (429, "too_many_requests")
        assert farm.uploads() == uploads
        assert (await post(farm, headers=keyed))[0] == 202

    async def test_without_the_shared_counters_this_replica_counts(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"newJobsPerMinute": 2}})
        assert (await post(farm))[0] == 202
        farm.counters.away = True
        assert (await post(farm))[0] == 202
        assert (await post(farm))[0] == 429
        registry = farm.services.metrics.registry
        assert registry.get_sample_value("pressroom_gateway_rate_limits_alone") == 1

    async def test_another_replica_counts_too(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"newJobsPerMinute": 3}})
        assert (await post(farm))[0] == 202
        (key, entry), *_ = farm.counters.entries.items()
        minute, current, previous = entry.value.split()
        theirs = b"%s %d %s" % (minute, int(current) + 1, previous)
        await farm.counters.write(key, theirs, entry.revision)
        assert (await post(farm))[0] == 202
        assert (await post(farm))[0] == 429


class TestActiveJobs:
    async def test_of_a_tenant(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"activeJobs": 2}})
        first = (await post(farm))[1]
        assert (await post(farm))[0] == 202
        status, problem = await post(farm)
        assert (status, problem["code"]) == (429, "too_many_active_jobs")
        await farm.set_status(first["id"], "Completed")
        assert (await post(farm))[0] == 202

    async def test_a_deleted_job_is_active_no_more(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"activeJobs": 1}})
        first = (await post(farm))[1]
        assert (await farm.call("DELETE", f"/v1/batches/{first['id']}"))[0] == 204
        assert (await post(farm))[0] == 202

    async def test_at_once(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"activeJobs": 5}})
        answers = await asyncio.gather(*(post(farm) for _ in range(30)))
        assert sorted(status for status, _ in answers) == [202] * 5 + [429] * 25

    async def test_of_a_key(self, farm: Farm) -> None:
        await limit(farm, {"limits": {"activeJobsPerKey": 1}})
        assert (await post(farm))[0] == 202
        assert (await post(farm))[1]["code"] == "too_many_active_jobs"
        await farm.jobs.delete(SECRETS, NAMESPACE, "key-other")
        await add_key(farm.jobs, "k-second", "default", name="key-second")
        await farm.knows("k-second")
        assert (await post(farm, key="k-second"))[0] == 202


async def test_two_hundred_posts_with_one_key_make_one_job(farm: Farm) -> None:
    await limit(farm, {"limits": {"newJobsPerMinute": 300}})
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(post(farm, headers=headers) for _ in range(200)))
    assert {status for status, _ in answers} == {202}
    assert len({batch["id"] for _, batch in answers}) == 1
    assert len((await farm.jobs.list(BATCH_JOBS, NAMESPACE)).items) == 1
    assert len(farm.uploads()) == 1


async def test_pages_of_the_month(farm: Farm) -> None:
    month = now().strftime("%Y-%m")
    await limit(
        farm,
        {"limits": {"pagesPerMonth": 100}},
        {"usage": [{"month": "2020-01", "pages": 999}, {"month": month, "pages": 99}]},
    )
    assert (await post(farm))[0] == 202
    await limit(farm, {}, {"usage": [{"month": month, "pages": 100}]})
    status, problem = await post(farm)
    assert (status, problem["code"]) == (429, "page_quota_exceeded")


class TestCredits:
    async def test_what_is_not_covered_is_refused_whole(self, farm: Farm) -> None:
        await limit(farm, METERED, {"spent": 5, "reserved": {"u": 3}})
        status, problem = await post(farm, {**BATCH, "rows": [{}, {}, {}]})
        assert (status, problem["code"]) == (402, "insufficient_credits")
        assert await farm.nothing_stored()

    async def test_the_operators_refusal_is_the_answer(self, farm: Farm) -> None:
        await limit(farm, METERED)
        creating = asyncio.create_task(post(farm, headers={"Idempotency-Key": "k"}))
        made = await farm.until(lambda body: body.get("kind") == "BatchJob")
        await farm.reject(made["metadata"]["name"], "InsufficientCredits", "Too few credits.")
        status, problem = await creating
        assert (status, problem["code"]) == (402, "insufficient_credits")
        assert problem["detail"] == "Too few credits."
        gone = await farm.jobs.get(BATCH_JOBS, NAMESPACE, made["metadata"]["name"])
        assert "deletionTimestamp" in gone["metadata"]

    async def test_an_accepted_job_is_answered_at_once(self, farm: Farm) -> None:
        await limit(farm, METERED)
        creating = asyncio.create_task(post(farm))
        made = await farm.until(lambda body: body.get("kind") == "BatchJob")
        await farm.accept(made["metadata"]["name"])
        async with asyncio.timeout(1):
            assert (await creating)[0] == 202

    async def test_no_word_in_time_is_a_202(
        self, farm: Farm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(coverage, "WAIT_SECONDS", 0.05)
        await limit(farm, METERED)
        assert (await post(farm))[0] == 202


async def test_the_key_that_made_a_job_is_on_it(farm: Farm) -> None:
    batch = (await post(farm))[1]
    assert (await farm.job(batch["id"]))["metadata"]["labels"][names.LABEL_KEY] == "key-default"
