"""A release is changed, and changed back, in the middle of a batch."""

from __future__ import annotations

import pytest
from farm import RELEASE, Farm
from farm_api import settled_once

pytestmark = pytest.mark.e2e
COUNT = 600


def test_upgrade_and_rollback_in_the_middle(farm: Farm) -> None:
    cluster = farm.cluster
    name = farm.in_the_middle(COUNT)
    farm.upgrade("log.level=DEBUG")
    settled_once(farm.api, farm.api.ended(name, 180), COUNT)
    assert _log_level(farm) == "DEBUG"

    name = farm.in_the_middle(COUNT)
    cluster.helm("rollback", RELEASE, "--wait", "--timeout=240s")
    settled_once(farm.api, farm.api.ended(name, 180), COUNT)
    assert _log_level(farm) != "DEBUG"


def _log_level(farm: Farm) -> str:
    pod = farm.cluster.pods("operator")[0]
    env = {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0]["env"]}
    return env.get("PRESSROOM_LOG_LEVEL", "")
