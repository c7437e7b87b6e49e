"""The operator's metrics: a backlog that waits, ends of jobs, failures, and silence off duty."""

from __future__ import annotations

import math
from datetime import timedelta

from operator_support import NAMESPACE, World
from prometheus_client import CollectorRegistry

from pressroom.errors import UnavailableError
from pressroom.model.base import now
from pressroom.model.conditions import Reason
from pressroom.model.ledger import WorkerBeat
from pressroom_operator.lease import Lease
from pressroom_operator.metrics import metrics, oldest_wait


def registry_of(world: World, *, held: bool = True) -> CollectorRegistry:
    lease = Lease(world.jobs, NAMESPACE, "me", 15)
    lease.held = held
    return metrics(world.operator, lease)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


async def test_a_job_without_workers_is_backlog_that_grows_old(world: World) -> None:
    async with world.running(work=False):
        await world.create(rows=[{"data": {"a": n}} for n in range(100)])
        await world.until(lambda job: job.status.reason() is Reason.RENDERING)
        registry = registry_of(world)
        [active] = world.operator.active
        assert value(registry, "pressroom_backlog_rows") == 100
        assert value(registry, "pressroom_active_jobs") == 1
        assert value(registry, "pressroom_workers") == 0
        assert value(registry, "pressroom_shards_in_flight") == len(active.progress.queued) > 0
        assert active.progress.pending
        later = now() + timedelta(hours=1)
        assert 3590 < oldest_wait([active], later) < 3610
        active.held = True
        assert oldest_wait([active], later) == 0


async def test_nothing_waits_once_every_shard_is_handed_out(world: World) -> None:
    async with world.running(work=False):
        await world.create(rows=[{"data": {"a": 1}}])
        await world.until(lambda job: job.status.reason() is Reason.RENDERING)
        assert value(registry_of(world), "pressroom_backlog_rows") == 1
        assert value(registry_of(world), "pressroom_oldest_wait_seconds") == 0


async def test_live_workers_are_counted_with_their_slots(world: World) -> None:
    for name in ("a", "b"):
        world.operator.workers.heard(WorkerBeat(worker=name, slots=3, busy=0, version="1"))
    world.operator.synced = True
    registry = registry_of(world)
    assert value(registry, "pressroom_workers") == 2
    assert value(registry, "pressroom_worker_slots") == 6


async def test_a_job_is_counted_once_by_the_reason_of_its_end(world: World) -> None:
    world.failing = {0}
    async with world.running():
        await world.create("fails", rows=[{"data": {"a": 1}}])
        await world.create("works", rows=[{"data": {"a": 1}}, {"data": {"a": 2}}])
        await world.create("rejected", tenant="nobody", rows=[{"data": {"a": 1}}])
        await world.until_reason(Reason.ALL_ROWS_FAILED, name="fails")
        await world.until_reason(Reason.PARTIALLY_FAILED, name="works")
        await world.until_reason(Reason.REJECTED, name="rejected")
        registry = registry_of(world)
    finished = {
        reason.value: value(registry, "pressroom_operator_jobs_finished_total", reason=reason.value)
        for reason in (
            Reason.ALL_ROWS_FAILED,
            Reason.PARTIALLY_FAILED,
            Reason.REJECTED,
            Reason.COMPLETED,
        )
    }
    assert finished == {"AllRowsFailed": 1, "PartiallyFailed": 1, "Rejected": 1, "Completed": 0}


async def test_failed_looks_are_counted_by_who_is_to_blame(world: World) -> None:
    counts = world.operator.counts
    counts.failed(UnavailableError("away"))
    counts.failed(UnavailableError("away"))
    counts.failed(ZeroDivisionError())
    name, registry = "pressroom_operator_reconcile_failures_total", registry_of(world)
    assert value(registry, name, cause="dependency") == 2
    assert value(registry, name, cause="fault") == 1


async def test_who_does_not_lead_says_nothing_of_the_farm(world: World) -> None:
    world.operator.synced = True
    registry = registry_of(world, held=False)
    assert value(registry, "pressroom_operator_leading") == 0
    assert math.isnan(value(registry, "pressroom_backlog_rows"))
    assert value(registry_of(world), "pressroom_backlog_rows") == 0
