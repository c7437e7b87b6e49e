"""Who goes next: tenants share by weight, urgent and old jobs go first, small ones do not wait."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from pressroom.model.plan import Plan, Shard
from pressroom_operator.progress import Progress
from pressroom_operator.schedule import Candidate, Schedule, Share

START = datetime(2026, 1, 1, tzinfo=UTC)


def candidate(
    uid: str,
    *,
    tenant: str = "default",
    shards: int = 100,
    rows: int = 10,
    priority: int = 5,
    age: int = 0,
    parallelism: int | None = None,
) -> Candidate:
    plan = Plan(
        uid=uid,
        name=uid,
        namespace="n",
        tenant=tenant,
        manifest="m",
        rows=shards * rows,
        shards=[Shard(first=i * rows, rows=rows, offset=0, bytes=1) for i in range(shards)],
        templates={},
    )
    return Candidate(
        uid,
        tenant,
        "bulk",
        priority,
        START - timedelta(seconds=age),
        parallelism,
        Progress.of(plan),
    )


def send(
    schedule: Schedule, jobs: list[Candidate], count: int, shares: dict[str, Share] | None = None
) -> list[str]:
    sent = []
    for _ in range(count):
        choice = schedule.pick(jobs, shares or {})
        if choice is None:
            break
        job, shard = choice
        job.progress.mark_queued(shard)
        sent.append(job.uid)
    return sent


def test_tenants_of_equal_weight_share_equally_whatever_they_have_waiting() -> None:
    jobs = [candidate("big", tenant="a", shards=1000), candidate("small", tenant="b", shards=20)]
    sent = Counter(send(Schedule(), jobs, 40))
    assert sent == {"big": 20, "small": 20}


def test_a_tenant_of_three_times_the_weight_gets_three_times_the_rows() -> None:
    jobs = [candidate("heavy", tenant="a"), candidate("light", tenant="b")]
    shares = {"a": Share(weight=300), "b": Share(weight=100)}
    sent = Counter(send(Schedule(), jobs, 80, shares))
    assert sent == {"heavy": 60, "light": 20}


def test_within_a_tenant_the_urgent_goes_first_then_the_old() -> None:
    jobs = [
        candidate("young", shards=1),
        candidate("old", shards=1, age=60),
        candidate("urgent", shards=1, priority=9),
    ]
    assert send(Schedule(), jobs, 3) == ["urgent", "old", "young"]


def test_shards_go_in_row_order() -> None:
    job = candidate("job", shards=3)
    schedule = Schedule()
    order = []
    while (choice := schedule.pick([job], {})) is not None:
        order.append(choice[1])
        job.progress.mark_queued(choice[1])
    assert order == [0, 1, 2]


def test_parallelism_bounds_the_shards_of_one_job_in_work() -> None:
    jobs = [candidate("narrow", parallelism=2)]
    assert send(Schedule(), jobs, 10) == ["narrow", "narrow"]


def test_rows_in_flight_bounds_a_tenant() -> None:
    jobs = [candidate("one", tenant="a"), candidate("other", tenant="a")]
    assert len(send(Schedule(), jobs, 10, {"a": Share(rows_in_flight=30)})) == 3


def test_a_tenant_that_had_nothing_to_send_saved_no_credit() -> None:
    schedule = Schedule()
    busy = candidate("busy", tenant="a", shards=1000)
    send(schedule, [busy], 200)
    late = candidate("late", tenant="b")
    assert Counter(send(schedule, [busy, late], 40)) == {"busy": 20, "late": 20}
