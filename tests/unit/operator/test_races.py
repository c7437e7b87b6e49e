"""What two things at once, or one at the wrong moment, must not break."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.model.conditions import Reason
from pressroom.model.rows import Row
from pressroom.ports import BATCH_JOBS, LEASES, TENANTS, Json, Kind, Listing
from pressroom_operator.lease import Lease


def rows(count: int) -> list[Json]:
    return [{"data": {"a": index}} for index in range(count)]


async def test_a_resume_while_suspending_leaves_nothing_stopped(world: World) -> None:
    async with world.running(work=False):
        job = await world.create(rows=rows(30))
        await world.until_reason(Reason.RENDERING)
        purge_work = world.queue.purge_work

        async def resumed_meanwhile(uid: str) -> None:
            world.queue.purge_work = purge_work  # type: ignore[method-assign]
            await purge_work(uid)
            await world.edit(suspend=False)

        world.queue.purge_work = resumed_meanwhile  # type: ignore[method-assign]
        await world.edit(suspend=True)
        async with world.running():
            await world.until_reason(Reason.COMPLETED)
    assert await world.store.stat(names.stop_key(job.uid)) is None


async def test_a_deleted_job_does_not_take_up_the_window(world: World) -> None:
    async with world.running(work=False, finalize=False):
        await world.create("big", rows=rows(100))
        await world.until_reason(Reason.RENDERING, name="big")
        await world.jobs.delete(BATCH_JOBS, NAMESPACE, "big")
        await world.create("other", rows=rows(2))
        await world.until_reason(Reason.RENDERING, name="other")


async def test_a_resource_that_cannot_be_read_is_rejected_and_can_be_deleted(world: World) -> None:
    async with world.running():
        body = {"metadata": {"name": "job"}, "spec": {"html": "x", "rows": [{}], "unknown": 1}}
        await world.jobs.create(BATCH_JOBS, NAMESPACE, body)
        async with asyncio.timeout(5):
            listing = await world.jobs.list(BATCH_JOBS, NAMESPACE)
            async for event in world.jobs.watch(BATCH_JOBS, NAMESPACE, listing.resource_version):
                if (event.object.get("status") or {}).get("completionTime"):
                    break
        await world.jobs.delete(BATCH_JOBS, NAMESPACE, "job")
        await world.until_gone()


async def test_an_unreadable_ledger_fails_its_job_and_no_other(world: World) -> None:
    async with world.running(work=False):
        job = await world.create("bad", rows=rows(30))
        await world.until_reason(Reason.RENDERING, name="bad")
        await world.store.put(names.shard_key(job.uid, 3), b"{}")
        await world.until_reason(Reason.FAILED, name="bad")
        async with world.running():
            await world.create("good", rows=rows(3))
            await world.until_reason(Reason.COMPLETED, name="good")


async def test_an_unreadable_tenant_holds_up_nobody(world: World) -> None:
    body = {"metadata": {"name": "odd", "namespace": NAMESPACE}, "spec": {"weight": "much"}}
    await world.jobs.create(TENANTS, NAMESPACE, body)
    async with world.running():
        await world.create(rows=rows(1))
        await world.until_reason(Reason.COMPLETED)


async def upload(world: World, count: int) -> Json:
    body = b"".join(Row(data={"a": index}).line() for index in range(count))
    key = names.upload_key("default", "u1")
    await world.store.put(key, body)
    sha256 = hashlib.sha256(body).hexdigest()
    return {"key": key, "rows": count, "bytes": len(body), "sha256": sha256}


async def test_an_upload_belongs_to_one_job_and_goes_with_that_one(world: World) -> None:
    manifest = await upload(world, 30)
    async with world.running(work=False):
        await world.create("first", manifest=manifest)
        await world.until_reason(Reason.RENDERING, name="first")
        await world.create("second", manifest=manifest)
        await world.until_reason(Reason.REJECTED, name="second")
        await world.jobs.delete(BATCH_JOBS, NAMESPACE, "second")
        await world.until_gone("second")
        assert manifest["key"] in world.store.objects
        async with world.running():
            await world.until_reason(Reason.COMPLETED, name="first")


async def test_a_job_whose_rows_are_gone_can_still_be_cancelled(world: World) -> None:
    manifest = await upload(world, 30)
    async with world.running(work=False):
        await world.create(manifest=manifest)
        await world.until_reason(Reason.RENDERING)
        await world.store.delete([manifest["key"]])
        await world.edit(cancel=True)
        done = await world.until_reason(Reason.CANCELLED)
    assert done.status.rows is not None
    assert done.status.rows.settled == 30


async def test_a_job_accepted_during_a_resync_is_not_forgotten(world: World) -> None:
    async with world.running(work=False):
        await world.until_synced()
        list_all = world.jobs.list
        listed, go_on = asyncio.Event(), asyncio.Event()

        async def slow(kind: Kind, namespace: str | None, *, label_selector: str = "") -> Listing:
            found = await list_all(kind, namespace, label_selector=label_selector)
            if kind == BATCH_JOBS:
                listed.set()
                await go_on.wait()
            return found

        world.jobs.list = slow  # type: ignore[method-assign]
        resync = asyncio.create_task(world.operator.resync())
        await listed.wait()
        world.jobs.list = list_all  # type: ignore[method-assign]
        job = await world.create(rows=rows(100))
        await world.until_reason(Reason.RENDERING)
        go_on.set()
        await resync
        assert world.operator.active.get(job.uid) is not None


class Lost:
    def __init__(self) -> None:
        self.called = asyncio.Event()

    def __call__(self) -> None:
        self.called.set()


async def test_a_lease_that_another_took_is_given_up_at_once(world: World) -> None:
    lost = Lost()
    lease = Lease(world.jobs, NAMESPACE, "me", 1, lost=lost)
    await lease.acquire()
    body = await world.jobs.get(LEASES, NAMESPACE, names.LEASE_NAME)
    body["spec"]["holderIdentity"] = "other"
    await world.jobs.replace(LEASES, NAMESPACE, names.LEASE_NAME, body)
    keeping = asyncio.create_task(lease.keep())
    async with asyncio.timeout(0.6):
        await lost.called.wait()
    await keeping
    assert not lease.held


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_lease_is_given_up_before_it_runs_out(world: World, hangs: bool) -> None:
    lost = Lost()
    lease = Lease(world.jobs, NAMESPACE, "me", 1, lost=lost)
    await lease.acquire()
    taken = asyncio.get_running_loop().time()
    if hangs:
        never = asyncio.Event()

        async def hang(*_: object) -> Json:
            await never.wait()
            return {}

        world.jobs.get = hang  # type: ignore[method-assign]
    else:
        world.jobs.away = True
    async with asyncio.timeout(2):
        await lease.keep()
    assert lost.called.is_set()
    assert asyncio.get_running_loop().time() - taken < 1
