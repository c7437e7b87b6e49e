"""What a platform team does first: install, and ask the release whether it works."""

from __future__ import annotations

import pytest
from farm import HERE, PARTS, RELEASE, Farm
from tools import CHART, ToolError

pytestmark = pytest.mark.e2e


def test_every_part_is_ready(farm: Farm) -> None:
    for part in PARTS:
        assert farm.cluster.ready(part), part


def test_helm_test_renders_a_document(farm: Farm) -> None:
    said = farm.cluster.helm("test", RELEASE, "--timeout=120s")
    assert "Phase:          Succeeded" in said


def test_the_worker_has_no_token(farm: Farm) -> None:
    pod = farm.cluster.ready("worker")[0]
    with pytest.raises(ToolError, match="No such file"):
        farm.cluster.kubectl("exec", pod, "--", "ls", "/var/run/secrets/kubernetes.io")


@pytest.mark.parametrize(
    ("account", "verb", "what"),
    [
        ("gateway", "update", "batchjobs/status"),
        ("gateway", "patch", "deployments"),
        ("finalizer", "create", "batchjobs"),
        ("finalizer", "patch", "batchjobs/status"),
        ("operator", "get", "pods/exec"),
        ("operator", "patch", "deployments"),
        ("operator", "create", "secrets"),
    ],
)
def test_a_part_may_not_do_what_it_need_not(farm: Farm, account: str, verb: str, what: str) -> None:
    who = f"system:serviceaccount:{farm.cluster.namespace}:{RELEASE}-{account}"
    with pytest.raises(ToolError, match="no"):
        farm.cluster.kubectl("auth", "can-i", verb, what, f"--as={who}")


def test_a_wrong_value_is_refused_with_its_name(farm: Farm) -> None:
    command = ("install", "other", str(CHART), f"--values={HERE / 'values.yaml'}", "--dry-run")
    with pytest.raises(ToolError, match="maxReplica"):
        farm.cluster.helm(*command, "--set", "worker.autoscaling.maxReplica=3")


def test_the_service_account_of_each_part_is_its_own(farm: Farm) -> None:
    accounts = {part: farm.cluster.pods(part)[0]["spec"]["serviceAccountName"] for part in PARTS}
    assert len(set(accounts.values())) == len(PARTS), accounts
