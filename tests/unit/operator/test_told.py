"""What kubectl users are told: Events of a job, and what keeps it waiting."""

from __future__ import annotations

import asyncio

from operator_support import NAMESPACE, World

from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType, Reason, Status, find
from pressroom.ports import EVENTS

ROWS = [{"data": {"a": "1"}}, {"data": {"a": "2"}}]


async def told(world: World, job: BatchJob, last: str) -> list[str]:
    """The reasons of a job's Events, once ``last`` is among them."""
    async with asyncio.timeout(5):
        while True:
            listing = await world.jobs.list(EVENTS, NAMESPACE)
            events = [one for one in listing.items if one["involvedObject"]["uid"] == job.uid]
            found = [one["reason"] for one in events]
            if last in found:
                return sorted(found)
            await asyncio.sleep(0.01)


async def test_a_batch_tells_its_story_once(world: World) -> None:
    job = await world.create(rows=ROWS)
    async with world.running():
        await world.until_reason(Reason.COMPLETED)
        first = await told(world, job, "Completed")
    assert {"Accepted", "Completed"} <= set(first)
    assert len(first) == len(set(first)) <= 4
    async with world.running():
        await world.until_reason(Reason.COMPLETED)
        assert await told(world, job, "Completed") == first, "told again after a restart"


async def test_a_job_says_which_dependency_it_waits_for(world: World) -> None:
    async with world.running():
        world.store.away = True
        job = await world.create(rows=ROWS)
        async with asyncio.timeout(5):
            while True:
                seen = await world.job()
                accepted = find(seen.status.conditions, ConditionType.ACCEPTED)
                if accepted is not None:
                    break
                await asyncio.sleep(0.01)
        assert (accepted.status, accepted.reason) == (Status.UNKNOWN, "StoreUnavailable")
        assert "object store" in accepted.message
        assert "StoreUnavailable" in await told(world, job, "StoreUnavailable")
        world.store.away = False
        await world.until_reason(Reason.COMPLETED)


async def test_a_job_is_told_by_an_operator_that_has_never_reached_the_queue(world: World) -> None:
    world.queue.away = True
    job = await world.create(rows=ROWS)
    async with world.running(work=False, finalize=False):
        seen = await world.until(lambda one: reason_of(one, ConditionType.ACCEPTED) is not None)
        assert reason_of(seen, ConditionType.ACCEPTED) == "QueueUnavailable"
        assert not world.operator.synced
        assert "QueueUnavailable" in await told(world, job, "QueueUnavailable")
        world.queue.reconnect()
        await world.until_reason(Reason.RENDERING)
        await world.until_synced()


async def test_a_running_job_says_what_it_waits_for_until_it_goes_on(world: World) -> None:
    async with world.running(work=False):
        job = await world.create(rows=ROWS)
        await world.until_reason(Reason.RENDERING)
        world.store.away = True
        seen = await world.until(
            lambda one: reason_of(one, ConditionType.DISPATCHED) == "StoreUnavailable"
        )
        summary = find(seen.status.conditions, ConditionType.SUCCEEDED)
        assert summary is not None
        assert (summary.status, summary.reason) == (Status.UNKNOWN, "Rendering")
        assert "object store" in summary.message
        assert "StoreUnavailable" in await told(world, job, "StoreUnavailable")
        world.store.away = False
        seen = await world.until(
            lambda one: reason_of(one, ConditionType.DISPATCHED) == "Dispatching"
        )
        summary = find(seen.status.conditions, ConditionType.SUCCEEDED)
        assert summary is not None
        assert "object store" not in summary.message


async def test_what_a_job_says_of_an_outage_is_written_once(world: World) -> None:
    async with world.running():
        world.store.away = True
        await world.create(rows=ROWS)
        seen = await world.until(lambda one: reason_of(one, ConditionType.ACCEPTED) is not None)
        version = seen.metadata.resource_version
        await asyncio.sleep(0.5)  # ten looks of the operator in this world
        assert (await world.job()).metadata.resource_version == version


async def test_suspending_and_resuming_are_told(world: World) -> None:
    async with world.running(work=False):
        job = await world.create(rows=ROWS)
        await world.until_reason(Reason.RENDERING)
        await world.edit(suspend=True)
        await world.until_reason(Reason.SUSPENDED)
        await world.edit(suspend=False)
        assert {"Suspended", "Resumed"} <= set(await told(world, job, "Resumed"))


async def test_a_job_that_is_refused_is_told_why(world: World) -> None:
    async with world.running():
        job = await world.create(rows=ROWS, tenant="nobody")
        await told(world, job, "Rejected")
    listing = await world.jobs.list(EVENTS, NAMESPACE)
    (event,) = [one for one in listing.items if one["reason"] == "Rejected"]
    assert event["type"] == "Warning"
    assert "nobody" in event["message"]
    assert event["involvedObject"]["uid"] == job.uid


def reason_of(job: BatchJob, type_: ConditionType) -> str | None:
    found = find(job.status.conditions, type_)
    return found.reason if found else None
