"""A node is drained in the middle of a batch; a disruption budget stands between."""

from __future__ import annotations

import subprocess

import pytest
from farm import Farm
from farm_api import settled_once, until

pytestmark = pytest.mark.e2e
COUNT = 600


def test_draining_the_node_of_the_workers(farm: Farm) -> None:
    cluster = farm.cluster
    farm.upgrade("worker.autoscaling.minReplicas=2")
    until(lambda: cluster.ready("worker"), lambda names: len(names) >= 2, 60)
    before = set(cluster.ready("worker"))
    node = cluster.pods("worker")[0]["spec"]["nodeName"]
    name = farm.in_the_middle(COUNT)
    workers = "--pod-selector=app.kubernetes.io/component=worker"
    command = cluster.command("drain", node, workers, "--ignore-daemonsets")
    with subprocess.Popen(
        [*command, "--delete-emptydir-data"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as drain:
        try:
            # The budget lets one go at a time, and its replacement finds no node that takes pods.
            until(lambda: before - set(cluster.ready("worker")), bool, 60)
            assert drain.stdout is not None
            said = ""
            for line in drain.stdout:
                said += line
                if "violate the pod's disruption budget" in line:
                    break
            assert "violate the pod's disruption budget" in said, said
            assert before & set(cluster.ready("worker")), "the budget kept none"
        finally:
            cluster.kubectl("uncordon", node)
        drain.communicate(timeout=120)
    settled_once(farm.api, farm.api.ended(name, 180), COUNT)
    assert not before & set(cluster.ready("worker"))
    farm.upgrade()
