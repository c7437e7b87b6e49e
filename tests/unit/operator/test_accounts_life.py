"""What a tenant is charged follows from the row ledgers, whoever dies in the middle."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.errors import UnavailableError
from pressroom.model.base import now, rfc3339
from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType, Reason, find
from pressroom.model.tenant import TenantStatus
from pressroom.ports import BATCH_JOBS, TENANTS, Json, Kind
from pressroom.testing.memory_jobs import MemoryJobs


def rows(count: int) -> list[Json]:
    return [{"data": {"a": index}} for index in range(count)]


async def tenant(world: World, name: str = "acme", **spec: Any) -> None:
    await world.jobs.create(TENANTS, NAMESPACE, {"metadata": {"name": name}, "spec": spec})


async def status(world: World, name: str = "acme") -> TenantStatus:
    body = await world.jobs.get(TENANTS, NAMESPACE, name)
    return TenantStatus.model_validate(body.get("status") or {})


async def charged(world: World, name: str = "acme") -> int:
    """Credits by all usage records of a tenant."""
    keys = [one.key async for one in world.store.list(f"usage/{name}/")]
    return sum([orjson.loads(await world.store.get(key))["credits"] for key in keys])


async def until_reserved(world: World, count: int, name: str = "acme") -> TenantStatus:
    async with asyncio.timeout(5):
        listing = await world.jobs.list(TENANTS, NAMESPACE)
        found = await status(world, name)
        if len(found.reserved) == count:
            return found
        async for _ in world.jobs.watch(TENANTS, NAMESPACE, listing.resource_version):
            found = await status(world, name)
            if len(found.reserved) == count:
                return found
    raise AssertionError("the watch ended")


def rejection(job: BatchJob) -> tuple[str, str]:
    accepted = find(job.status.conditions, ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.status == "False"
    return accepted.reason, accepted.message


async def test_credits_are_reserved_whole_and_settled_by_the_outcome(world: World) -> None:
    world.failing = {1, 5}
    await tenant(world, credits={"mode": "Metered", "granted": 10})
    async with world.running(work=False):
        job = await world.create(rows=rows(10), tenant="acme")
        await world.until_reason(Reason.QUEUED, Reason.RENDERING)
        reserved = await until_reserved(world, 1)
        assert reserved.reserved == {job.uid: 10}
    async with world.running():
        await world.until_reason(Reason.PARTIALLY_FAILED)
        # It is settled before its end is shown.
        settled = await status(world)
    assert (settled.reserved, settled.spent) == ({}, 8)
    assert (settled.usage[0].jobs, settled.usage[0].rows, settled.usage[0].pages) == (1, 10, 8)
    assert await charged(world) == 8


async def test_without_the_credits_a_job_is_rejected_and_nothing_reserved(world: World) -> None:
    await tenant(world, credits={"mode": "Metered", "granted": 9})
    async with world.running():
        await world.create(rows=rows(10), tenant="acme")
        job = await world.until_reason(Reason.REJECTED)
        reason, message = rejection(job)
        assert reason == "InsufficientCredits"
        assert "10 credits" in message
        assert "9 available" in message
        await world.create("smaller", rows=rows(9), tenant="acme")
        await world.until_reason(Reason.COMPLETED, name="smaller")
    assert ((await status(world)).reserved, (await status(world)).spent) == ({}, 9)
    assert await world.store.stat(names.usage_key("acme", job.uid)) is None


async def test_unlimited_tenants_are_counted_alike(world: World) -> None:
    async with world.running():
        await world.create(rows=rows(4))
        await world.until_reason(Reason.COMPLETED)
    assert (await status(world, "default")).spent == 4


async def test_a_cancelled_job_pays_for_the_rows_that_came_out(world: World) -> None:
    await tenant(world)
    async with world.running(work=False):
        await world.create(rows=rows(80), tenant="acme", dialect="ImaginePdf")
        await world.until_reason(Reason.RENDERING)
        delivery = await world.queue.take_work(names.LANE_BULK, 1)
        assert delivery is not None
        await world.render(delivery)
        done = await world.until(
            lambda job: job.status.rows is not None and job.status.rows.settled > 0
        )
        assert done.status.rows is not None
        await world.edit(cancel=True)
        await world.until_reason(Reason.CANCELLED)
    after = await status(world)
    assert (after.reserved, after.spent) == ({}, done.status.rows.succeeded)
    assert 0 < after.spent < 80


async def test_a_deleted_job_pays_for_the_rows_that_came_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pressroom_operator.retention.ACK_WAIT", 0.05)
    await tenant(world)
    async with world.running(work=False):
        job = await world.create(rows=rows(80), tenant="acme")
        await world.until_reason(Reason.RENDERING)
        delivery = await world.queue.take_work(names.LANE_BULK, 1)
        assert delivery is not None
        await world.render(delivery)
        gone = asyncio.create_task(world.until_gone())
        await asyncio.sleep(0)
        await world.jobs.delete(BATCH_JOBS, NAMESPACE, "job", uid=job.uid)
        await gone
    after = await status(world)
    assert (after.reserved, after.spent) == ({}, 10)
    assert await charged(world) == 10


async def test_a_job_that_cannot_go_on_gives_back_what_it_did_not_use(world: World) -> None:
    await tenant(world)
    async with world.running(work=False):
        job = await world.create(rows=rows(8), tenant="acme")
        await until_reserved(world, 1)
        await world.until_reason(Reason.RENDERING)
    await world.store.put(names.shard_key(job.uid, 0), b"{")
    async with world.running():
        await world.until_reason(Reason.FAILED)
    after = await status(world)
    assert after.reserved == {}
    assert after.spent == await charged(world)


class MortalJobs(MemoryJobs):
    """At the n-th write of the operator's, it is killed: before the write, or just after."""

    def __init__(self, *, written: bool) -> None:
        super().__init__()
        self.fatal = 0
        self.written = written
        self.killed = asyncio.Event()

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        self.fatal -= 1
        if self.fatal == 0 and not self.written:
            await self._die()
        made = await super().patch(kind, namespace, name, patch, subresource=subresource)
        if self.fatal == 0:
            await self._die()
        return made

    async def _die(self) -> None:
        self.killed.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("fatal", range(1, 16))
async def test_an_operator_killed_at_any_write_books_each_job_once(
    fatal: int, written: bool
) -> None:
    jobs = MortalJobs(written=written)
    world = World(jobs)
    world.failing = {3}
    await tenant(world, credits={"mode": "Metered", "granted": 20})
    async with world.running():
        jobs.fatal = fatal
        await world.create("one", rows=rows(10), tenant="acme")
        await world.create("two", rows=rows(10), tenant="acme")
        ended = [
            asyncio.create_task(world.until_reason(Reason.PARTIALLY_FAILED, name=name))
            for name in ("one", "two")
        ]
        killed = asyncio.create_task(jobs.killed.wait())
        both = asyncio.gather(*ended)
        await asyncio.wait({killed, both}, return_when=asyncio.FIRST_COMPLETED)
        both.cancel()
        await asyncio.gather(*ended, both, return_exceptions=True)
        killed.cancel()
    async with world.running():
        await world.until_reason(Reason.PARTIALLY_FAILED, name="one")
        await world.until_reason(Reason.PARTIALLY_FAILED, name="two")
    after = await status(world)
    assert (after.reserved, after.spent, after.usage[0].jobs) == ({}, 18, 2)
    assert await charged(world) == 18


class ForgetfulJobs(MemoryJobs):
    """Every third write is made and its answer lost."""

    count = 0

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        made = await super().patch(kind, namespace, name, patch, subresource=subresource)
        self.count += 1
        if self.count % 3 == 0:
            raise UnavailableError("The answer is lost.")
        return made


async def test_lost_answers_book_nothing_twice() -> None:
    world = World(ForgetfulJobs())
    async with world.running():
        for number in range(6):
            await world.create(f"job-{number}", rows=rows(5))
        for number in range(6):
            await world.until_reason(Reason.COMPLETED, name=f"job-{number}")
    after = await status(world, "default")
    assert (after.reserved, after.spent, after.usage[0].jobs) == ({}, 30, 6)


async def test_what_a_job_removed_by_force_had_reserved_comes_back(world: World) -> None:
    await tenant(world)
    async with world.running(work=False):
        job = await world.create(rows=rows(8), tenant="acme")
        await until_reserved(world, 1)
        await world.until_reason(Reason.RENDERING)
    await world.store.delete([one.key async for one in world.store.list("jobs/")])
    await world.jobs.delete(BATCH_JOBS, NAMESPACE, "job", uid=job.uid)
    await world.jobs.patch(BATCH_JOBS, NAMESPACE, "job", {"metadata": {"finalizers": None}})
    async with world.running():
        assert (await until_reserved(world, 0)).spent == 0


async def test_a_tenant_that_goes_does_not_keep_its_jobs_from_ending(world: World) -> None:
    await tenant(world)
    async with world.running(work=False):
        await world.create(rows=rows(8), tenant="acme")
        await world.until_reason(Reason.RENDERING)
        await world.jobs.delete(TENANTS, NAMESPACE, "acme")
        async with world.running():
            await world.until_reason(Reason.COMPLETED)


# --- the limits of those who use kubectl ---------------------------------------------------------
async def test_a_plan_without_a_feature_has_no_jobs_of_it(world: World) -> None:
    await tenant(world, features=["other"])
    async with world.running():
        await world.create(rows=rows(1), tenant="acme", dialect="ImaginePdf")
        reason, message = rejection(await world.until_reason(Reason.REJECTED))
    assert reason == "FeatureNotAllowed"
    assert "batchGenerate" in message


async def test_pages_of_the_month_run_out(world: World) -> None:
    await tenant(world, limits={"pagesPerMonth": 3})
    async with world.running():
        await world.create("first", rows=rows(3), tenant="acme")
        await world.until_reason(Reason.COMPLETED, name="first")
        await world.create("second", rows=rows(1), tenant="acme")
        job = await world.until_reason(Reason.REJECTED, name="second")
    assert rejection(job)[0] == "PageQuotaExceeded"


async def test_jobs_a_minute_are_counted_for_those_that_no_gateway_let_in(world: World) -> None:
    await tenant(world, limits={"newJobsPerMinute": 2})
    async with world.running():
        for name in ("a", "b"):
            await world.create(name, rows=rows(1), tenant="acme")
            await world.until_reason(Reason.COMPLETED, name=name)
    async with world.running():
        await world.create("c", rows=rows(1), tenant="acme")
        job = await world.until_reason(Reason.REJECTED, name="c")
        assert rejection(job)[0] == "LimitExceeded"
        admitted = names.job_name(names.random_job_id())
        await world.create(admitted, rows=rows(1), tenant="acme")
        await world.until_reason(Reason.COMPLETED, name=admitted)


async def test_jobs_of_earlier_minutes_do_not_count(world: World) -> None:
    await tenant(world, limits={"newJobsPerMinute": 1})
    early = BatchJob.model_validate(
        {
            "metadata": {
                "name": "early",
                "namespace": NAMESPACE,
                "uid": "u",
                "resourceVersion": "1",
                "creationTimestamp": rfc3339(now() - timedelta(seconds=70)),
            },
            "spec": {"html": "", "rows": [{}], "tenant": "acme"},
        }
    )
    async with world.running():
        world.operator.controller.rate.note(early)
        await world.create(rows=rows(1), tenant="acme")
        await world.until_reason(Reason.COMPLETED)


async def test_a_mail_merge_without_its_template_fails_as_a_whole(world: World) -> None:
    await tenant(world)
    async with world.running():
        spec = {"html": None, "template": {"name": "letter"}, "dialect": "MailMerge"}
        await world.create(rows=rows(2), tenant="acme", **spec)
        reason, message = rejection(await world.until_reason(Reason.REJECTED))
    assert reason == "TemplateNotFound"
    assert "letter" in message
