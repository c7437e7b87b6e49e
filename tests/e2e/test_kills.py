"""Pods that are deleted in the middle of a batch."""

from __future__ import annotations

import pytest
from farm import Farm
from farm_api import settled_once

pytestmark = pytest.mark.e2e
COUNT = 400


@pytest.mark.parametrize("part", ["worker", "operator", "finalizer"])
@pytest.mark.parametrize("how", ["--wait=false", "--force"])
def test_deleting_a_pod(farm: Farm, part: str, how: str) -> None:
    name = farm.in_the_middle(COUNT)
    farm.cluster.kubectl("delete", "pod", farm.cluster.ready(part)[0], how)
    settled_once(farm.api, farm.api.ended(name, 180), COUNT)


def test_deleting_nats(farm: Farm) -> None:
    name = farm.in_the_middle(COUNT)
    farm.cluster.kubectl("delete", "pod", farm.cluster.ready("nats")[0], "--force")
    settled_once(farm.api, farm.api.ended(name, 180), COUNT)
