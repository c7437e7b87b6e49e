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


async def test_a_job_is_told_while_the_operator_itself_waits(world: World) -> None:
    world.queue.away = True
    await world.create(rows=ROWS)
    waiting = asyncio.create_task(world.operator.prepare())
    try:
        async with asyncio.timeout(5):
            while not (await world.job()).status.conditions:
                await asyncio.sleep(0.01)
    finally:
        waiting.cancel()
    (accepted,) = [
        one for one in (await world.job()).status.conditions if one.type == ConditionType.ACCEPTED
    ]
    assert accepted.reason == "QueueUnavailable"
