"""Workers come with work, and go when it is quiet."""

from __future__ import annotations

import sys
import time

import pytest
from farm import RELEASE, Farm
from farm_api import Json, settled_once, until

pytestmark = pytest.mark.e2e


def test_zero_to_three_to_zero(farm: Farm) -> None:
    cluster = farm.cluster
    farm.upgrade("worker.autoscaling.minReplicas=0")
    until(lambda: cluster.pods("worker"), lambda pods: not pods, 120)

    start = time.monotonic()
    batch = farm.api.submit(
        rows=[{"number": f"N-{index}", "name": f"Customer {index}"} for index in range(600)],
        outputs=["zip"],
    )
    until(lambda: _replicas(farm), lambda count: count == 3, 20)
    scaled = time.monotonic() - start
    farm.api.until(batch["id"], lambda seen: seen["rows"]["succeeded"] > 0, 120)
    first = time.monotonic() - start
    busiest = 0
    while farm.api.batch(batch["id"])["state"] in {"queued", "rendering"}:
        busiest = max(busiest, len(cluster.ready("worker")))
        time.sleep(0.2)
    settled_once(farm.api, farm.api.ended(batch["id"], 120), 600)
    assert busiest >= 2, "the workers came too late to be of use"

    quiet = time.monotonic()
    until(lambda: _replicas(farm), lambda count: count == 0, 60)
    until(lambda: cluster.pods("worker"), lambda pods: not pods, 60)
    sys.stdout.write(
        f"\nscale: asked for 3 after {scaled:.1f} s, first row from nothing after {first:.1f} s, "
        f"none left {time.monotonic() - quiet:.1f} s after the end\n"
    )


def test_a_synchronous_call_waits_for_the_first_worker(farm: Farm) -> None:
    workers = ("pods", "-l", "app.kubernetes.io/component=worker")
    until(lambda: farm.cluster.items(*workers), lambda pods: not pods, 60)
    start = time.monotonic()
    answer = farm.api.http.post("/v1/render", json={"html": "<h1>Cold</h1>", "data": {}})
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    sys.stdout.write(f"\nscale: a document from nothing in {time.monotonic() - start:.1f} s\n")


def test_busy_pods_stay(farm: Farm) -> None:
    """A long row outlives the scaling down of the workers around it."""
    farm.upgrade("worker.autoscaling.minReplicas=0", "worker.autoscaling.quietSeconds=3")
    slow = "<script>const t = Date.now(); while (Date.now() - t < 12000);</script><p>late</p>"
    slow_batch = farm.api.submit(html=slow, rows=[{}], page={"scripts": True})
    farm.api.submit(rows=[{"number": "1", "name": "x"}] * 200)
    ended = farm.api.ended(slow_batch["id"], 120)
    assert ended["rows"]["succeeded"] == 1, ended
    farm.upgrade()


def _replicas(farm: Farm) -> int:
    found: Json = farm.cluster.get("deployment", f"{RELEASE}-worker")
    return int(found["spec"].get("replicas", 0))
