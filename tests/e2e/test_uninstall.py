"""`helm uninstall` takes the farm and leaves what was entrusted to it."""

from __future__ import annotations

import pytest
from farm import CRDS, RELEASE, Farm, batch_job
from farm_api import until

pytestmark = pytest.mark.e2e
ROWS = [{"data": {"number": "1", "name": "Ada"}}]


def test_uninstall_keeps_definitions_and_jobs(farm: Farm) -> None:
    cluster = farm.cluster
    cluster.apply(batch_job("kept", rows=ROWS, outputs=["Zip"]))
    farm.kubectl_wait("kept")
    cluster.helm("uninstall", RELEASE, "--wait", "--timeout=120s")
    until(
        lambda: cluster.items("pods", "-l", "app.kubernetes.io/part-of=pressroom"),
        lambda pods: not pods,
        90,
    )
    assert {one["metadata"]["name"] for one in cluster.items("crd")} >= set(CRDS)
    assert farm.reason("kept") == "Completed"

    # What was applied while nobody looked is done once somebody does.
    cluster.apply(batch_job("meanwhile", rows=ROWS))
    farm.upgrade()
    farm.kubectl_wait("meanwhile")
    cluster.kubectl("delete", "bj", "--all", "--timeout=90s", seconds=100)
