"""The worker's metrics: rows by code, seconds, crashes, starts of browsers and their memory."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry
from worker_support import CRASH, FakeRenderer, World, data_error, rows, until

from pressroom.model.checks import Check, Finding
from pressroom.model.ledger import RowOutcome, RowState
from pressroom_worker.browser import BrowserOptions
from pressroom_worker.metrics import WorkerMetrics
from pressroom_worker.shard import ShardRun
from pressroom_worker.supervisor import Supervisor


async def test_the_rows_of_a_ledger_are_counted_by_state_and_code() -> None:
    world = World()
    await world.job(rows(3))
    registry = CollectorRegistry()
    farm = world.farm(FakeRenderer(_1=[data_error()]), metrics=WorkerMetrics(registry))
    await ShardRun(farm, await world.taken()).run()

    def count(state: str, code: str) -> float | None:
        labels = {"state": state, "code": code}
        return registry.get_sample_value("pressroom_worker_rows_total", labels)

    assert count("Succeeded", "") == 2
    assert count("Failed", "template_undefined") == 1
    assert registry.get_sample_value("pressroom_worker_row_seconds_count") == 3
    done = registry.get_sample_value("pressroom_worker_shards_total", {"outcome": "done"})
    assert done == 1


def test_rows_with_findings_are_counted_once_for_each_check() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    found = [Finding(check=check, message="") for check in (Check.CUT_CONTENT,) * 2]
    metrics.row(RowOutcome(index=0, id="0", state=RowState.SUCCEEDED, findings=found))

    def count(check: Check) -> float | None:
        labels = {"check": check.value}
        return registry.get_sample_value("pressroom_worker_findings_total", labels)

    assert (count(Check.CUT_CONTENT), count(Check.BLANK_PAGES)) == (1, 0)


async def test_a_browser_that_dies_is_counted() -> None:
    world = World()
    await world.job(rows(1))
    registry = CollectorRegistry()
    farm = world.farm(FakeRenderer(_0=[CRASH]), metrics=WorkerMetrics(registry))
    await ShardRun(farm, await world.taken()).run()
    assert registry.get_sample_value("pressroom_worker_browser_crashes_total") == 1


async def test_browsers_that_do_not_start_are_counted() -> None:
    registry = CollectorRegistry()
    options = BrowserOptions(executable=Path("/no/such/browser"))
    supervisor = Supervisor(options, 1, WorkerMetrics(registry))

    def starts(outcome: str) -> float:
        labels = {"outcome": outcome}
        return registry.get_sample_value("pressroom_worker_browser_starts_total", labels) or 0

    async def failed() -> bool:
        return starts("failed") >= 1

    await supervisor.start()
    try:
        await until(failed, seconds=20)
    finally:
        await supervisor.stop()
    assert starts("started") == 0
    assert registry.get_sample_value("pressroom_worker_browser_memory_bytes") == 0
