"""Workers come at once and go late; busy pods stay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from operator_support import NAMESPACE, World
from pydantic import ValidationError

from pressroom.errors import UnavailableError
from pressroom.model.conditions import Reason
from pressroom.model.ledger import WorkerBeat
from pressroom.names import host_token
from pressroom.ports import DEPLOYMENTS, PODS
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_queue import MemoryQueue
from pressroom_operator.autoscale import DELETION_COST, Autoscaler, Backlog, Policy
from pressroom_operator.dispatch import Workers
from pressroom_operator.settings import OperatorSettings

POLICY = Policy(least=1, most=10, slots=2, rows_per_slot=20)
NAME = "pressroom-worker"
#: Seconds after which every live worker must have been heard of.
HEARD = 11


@pytest.mark.parametrize(
    ("rows", "shards", "least", "needed"),
    [
        (0, 0, 1, 1),
        (0, 0, 0, 0),
        (1, 1, 0, 1),
        (40, 10, 0, 1),
        (41, 10, 0, 2),
        (4_000, 400, 0, 10),
        (4_000, 3, 0, 2),
        (5, 1, 3, 3),
    ],
)
def test_what_a_backlog_needs(rows: int, shards: int, least: int, needed: int) -> None:
    policy = Policy(least=least, most=10, slots=2, rows_per_slot=20)
    assert policy.needed(Backlog(rows, shards)) == needed


def test_the_slots_of_live_workers_count_more_than_the_assumed_ones() -> None:
    assert POLICY.needed(Backlog(200, 100), slots=10) == 1


def test_a_minimum_above_the_maximum_is_refused_by_both_names() -> None:
    with pytest.raises(ValidationError, match=r"(?s)AUTOSCALE_MIN.*AUTOSCALE_MAX"):
        OperatorSettings(autoscale_min=4, autoscale_max=3)


class Deployment:
    """A Deployment of workers in the twin, and an autoscaler with a clock of its own."""

    def __init__(self, replicas: int, **settings: Any) -> None:
        self.jobs = MemoryJobs()
        self.queue = MemoryQueue()
        self.replicas = replicas
        self.now = 1_000.0
        self.backlog: Backlog | None = Backlog(0, 0)
        self.workers = Workers(lambda: self.now)
        given = {
            "autoscale_deployment": NAME,
            "autoscale_min": 0,
            "autoscale_quiet_seconds": 60,
            **settings,
        }
        self.scaler = Autoscaler(
            OperatorSettings(namespace=NAMESPACE, **given),
            self.jobs,
            self.queue,
            self.workers,
            lambda: self.backlog,
            lambda: self.now,
        )

    async def start(self) -> Deployment:
        labels = {"component": "worker"}
        spec = {"replicas": self.replicas, "selector": {"matchLabels": labels}}
        body = {"metadata": {"name": NAME}, "spec": spec}
        await self.jobs.create(DEPLOYMENTS, NAMESPACE, body)
        for number in range(self.replicas):
            pod = {"metadata": {"name": self.pod(number), "labels": labels}}
            await self.jobs.create(PODS, NAMESPACE, pod)
        await self.jobs.create(PODS, NAMESPACE, {"metadata": {"name": "other"}})
        return self

    def pod(self, number: int) -> str:
        return f"worker-{number}"

    def beat(self, number: int, busy: int) -> None:
        name = f"{host_token(self.pod(number))}-a1b2c3"
        self.workers.heard(WorkerBeat(worker=name, slots=2, busy=busy, version="0"))

    async def look(self, seconds: float = 0) -> int:
        self.now += seconds
        await self.scaler.look()
        found = await self.jobs.get(DEPLOYMENTS, NAMESPACE, NAME)
        return int(found["spec"]["replicas"])

    async def costs(self) -> dict[str, str | None]:
        listing = await self.jobs.list(PODS, NAMESPACE)
        return {
            pod["metadata"]["name"]: pod["metadata"].get("annotations", {}).get(DELETION_COST)
            for pod in listing.items
        }


async def test_up_at_once() -> None:
    farm = await Deployment(0).start()
    assert await farm.look() == 0
    farm.backlog = Backlog(100, 20)
    assert await farm.look() == 3


async def test_down_only_after_a_quiet_period() -> None:
    farm = await Deployment(0).start()
    farm.backlog = Backlog(100, 20)
    await farm.look()
    farm.backlog = Backlog(0, 0)
    assert await farm.look(59) == 3
    assert await farm.look(2) == 0


async def test_a_moment_of_work_begins_the_quiet_anew() -> None:
    farm = await Deployment(0).start()
    farm.backlog = Backlog(100, 20)
    await farm.look()
    farm.backlog = Backlog(0, 0)
    await farm.look(30)
    farm.backlog = Backlog(60, 20)
    await farm.look(10)
    farm.backlog = Backlog(0, 0)
    assert await farm.look(40) == 2, "as many as the second load needed"
    assert await farm.look(30) == 0


async def test_an_operator_that_has_just_started_takes_nobody_away() -> None:
    farm = await Deployment(5).start()
    assert await farm.look() == 5
    assert await farm.look(59) == 5
    assert await farm.look(2) == 0


async def test_busy_pods_stay_and_cost_more() -> None:
    farm = await Deployment(4, autoscale_quiet_seconds=0).start()
    await farm.look()
    farm.now += HEARD
    farm.beat(1, busy=1)
    farm.beat(2, busy=0)
    farm.beat(3, busy=2)
    assert await farm.look() == 2
    assert await farm.costs() == {
        "worker-0": "-100",
        "worker-1": "100",
        "worker-2": "-100",
        "worker-3": "100",
        "other": None,
    }


async def test_what_somebody_else_set_is_seen() -> None:
    farm = await Deployment(2, autoscale_min=2).start()
    await farm.look()
    patch = {"spec": {"replicas": 0}}
    await farm.jobs.patch(DEPLOYMENTS, NAMESPACE, NAME, patch)
    await farm.look(11)
    assert await farm.look() == 2


async def test_nobody_goes_while_the_backlog_is_not_known() -> None:
    farm = await Deployment(3, autoscale_quiet_seconds=0).start()
    farm.backlog = None
    await farm.look()
    assert await farm.look(600) == 3
    farm.backlog = Backlog(0, 0)
    await farm.look(1)
    assert await farm.look(HEARD) == 0


async def test_nobody_goes_while_heartbeats_may_be_lost() -> None:
    farm = await Deployment(3, autoscale_quiet_seconds=0).start()
    await farm.look()
    farm.queue.away = True
    with pytest.raises(UnavailableError):
        await farm.look(60)
    farm.queue.reconnect()
    assert await farm.look(3) == 3
    farm.beat(2, busy=1)
    assert await farm.look(5) == 3
    farm.now += 6
    farm.beat(2, busy=1)
    assert await farm.look() == 1


async def test_a_pod_is_known_by_its_host_however_long_its_name_is() -> None:
    class LongNames(Deployment):
        def pod(self, number: int) -> str:
            return f"{'a.b-' * 15}x-{number}{'c' * 20}"

    farm = await LongNames(1, autoscale_quiet_seconds=0).start()
    await farm.look()
    farm.now += HEARD
    farm.beat(0, busy=1)
    assert await farm.look() == 1


async def test_a_deployment_that_is_not_there_is_named_in_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    farm = Deployment(1)
    running = asyncio.create_task(farm.scaler.run())
    async with asyncio.timeout(5):
        while not caplog.records:
            await asyncio.sleep(0.01)
    running.cancel()
    assert "PRESSROOM_AUTOSCALE_DEPLOYMENT" in caplog.text
    assert vars(caplog.records[0])["deployment"] == NAME


async def test_without_a_deployment_nothing_is_asked() -> None:
    farm = Deployment(1, autoscale_deployment="")
    farm.jobs.away = True
    await farm.scaler.run()
    assert farm.scaler.current == -1


async def test_a_job_is_worth_no_more_workers_than_it_lets_run_at_once(world: World) -> None:
    rows = [{"data": {"a": index}} for index in range(100)]
    async with world.running(work=False):
        await world.create("narrow", rows=rows, parallelism=1)
        await world.until_reason(Reason.RENDERING, name="narrow")
        assert world.operator.autoscaler.needed() == 1
        await world.create("wide", rows=rows)
        await world.until_reason(Reason.RENDERING, name="wide")
        await world.until_synced()
        assert world.operator.autoscaler.needed() > 2
