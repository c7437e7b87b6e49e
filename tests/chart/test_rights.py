"""What a part may ask of the Kubernetes API, and whom pods may talk to."""

from __future__ import annotations

from typing import Any

import pytest
from chart_support import PARTS, Json, Rendered, component_of, render

Rights = dict[str, set[str]]


def _rights(chart: Rendered, part: str) -> Rights:
    """The verbs of a part by ``group/resource``."""
    found: Rights = {}
    for rule in chart.one("Role", part)["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault(f"{group}/{resource}", set()).update(rule["verbs"])
    return found


# --- RBAC ----------------------------------------------------------------------------------------
def test_no_wildcards_and_nothing_of_the_whole_cluster(chart: Rendered) -> None:
    assert not chart.of("ClusterRole")
    assert not chart.of("ClusterRoleBinding")
    for role in chart.of("Role"):
        for rule in role["rules"]:
            for words in (rule["apiGroups"], rule["resources"], rule["verbs"]):
                assert words
                assert "*" not in words, role["metadata"]["name"]


def test_the_worker_may_nothing(chart: Rendered) -> None:
    assert {component_of(one) for one in chart.of("Role")} == {"gateway", "operator", "finalizer"}
    accounts = {one["subjects"][0]["name"] for one in chart.of("RoleBinding")}
    assert chart.pod("worker")["serviceAccountName"] not in accounts


def test_the_operator_alone_writes_status(tryout: Rendered) -> None:
    for part in ("gateway", "finalizer"):
        assert not any(name.endswith("/status") for name in _rights(tryout, part))
    rights = _rights(tryout, "operator")
    assert rights["pressroom.dev/batchjobs/status"] == {"patch"}
    assert "create" not in rights["pressroom.dev/batchjobs"]


def test_secrets_are_read_by_who_needs_them(tryout: Rendered) -> None:
    assert _rights(tryout, "finalizer") == {"/secrets": {"get"}}
    assert "create" not in _rights(tryout, "operator")["/secrets"]


def test_the_operator_scales_one_deployment_and_only_if_it_is_to() -> None:
    chart = render()
    (rule,) = [
        rule for rule in chart.one("Role", "operator")["rules"] if rule["apiGroups"] == ["apps"]
    ]
    assert rule["resources"] == ["deployments/scale"]
    assert rule["resourceNames"] == [chart.one("Deployment", "worker")["metadata"]["name"]]
    for mode in ("keda", "none"):
        rights = _rights(render(f"worker.autoscaling.mode={mode}"), "operator")
        assert "apps/deployments/scale" not in rights
        assert "/pods" not in rights


# --- networks ------------------------------------------------------------------------------------
def test_every_pod_is_denied_all_first(chart: Rendered) -> None:
    spec = chart.one("NetworkPolicy", "default-deny")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert not spec.keys() & {"ingress", "egress"}
    for _, pod in chart.workloads():
        assert spec["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_policies_can_be_off() -> None:
    assert not render("networkPolicy.enabled=false").of("NetworkPolicy")


def _ports(rules: list[Json]) -> set[Any]:
    return {port["port"] for rule in rules for port in rule.get("ports", [])}


def _egress(chart: Rendered, part: str) -> list[Json]:
    rules: list[Json] = chart.one("NetworkPolicy", part)["spec"]["egress"]
    return rules


def test_workers_reach_nats_and_the_store_and_nothing_else(
    tryout: Rendered, everything: Rendered
) -> None:
    rules = _egress(tryout, "worker")
    assert _ports(rules) == {53, 4222, 8333}
    for rule in rules:
        if _ports([rule]) != {53}:
            (peer,) = rule["to"]
            component = peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            assert component in ("nats", "store")
    # The ports of the URLs, and what was opened by hand.
    rules = _egress(everything, "worker")
    assert _ports(rules) == {53, 4333, 443, 80}
    assert rules[-1]["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://minio", 80),
        ("https://s3.example", 443),
        ("http://minio:9000", 9000),
        ("http://[fd00::1]:9000", 9000),
        ("http://[fd00::1]", 80),
    ],
)
def test_the_port_of_the_store_is_that_of_its_url(url: str, port: int) -> None:
    sets = ("store.bundled.enabled=false", f"store.endpoint={url}", "store.existingSecret=keys")
    assert _ports(_egress(render(*sets), "worker")) == {53, 4222, port}


def test_only_parts_with_a_token_reach_the_api(tryout: Rendered) -> None:
    for part in PARTS:
        assert (6443 in _ports(_egress(tryout, part))) is (part != "worker")


def test_webhooks_leave_to_the_public_and_to_what_was_admitted(
    tryout: Rendered, everything: Rendered
) -> None:
    public = [rule for rule in _egress(tryout, "finalizer") if _ports([rule]) == {80, 443}]
    (rule,) = public
    assert "10.0.0.0/8" in rule["to"][0]["ipBlock"]["except"]
    assert _egress(everything, "finalizer")[-1] == {
        "to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}, {"ipBlock": {"cidr": "fd00::/8"}}]
    }


def test_the_gateway_reaches_where_keys_of_tokens_are(everything: Rendered) -> None:
    assert 8443 in _ports(_egress(everything, "gateway"))


def test_the_gateway_reaches_the_endpoint_of_modifications(
    tryout: Rendered, everything: Rendered
) -> None:
    assert 9443 in _ports(_egress(everything, "gateway"))
    assert 9443 not in _ports(_egress(tryout, "gateway"))


def test_metrics_are_open_to_who_reads_them(tryout: Rendered) -> None:
    parts = ("operator", "worker", "finalizer")
    for part in parts:
        assert "ingress" not in tryout.one("NetworkPolicy", part)["spec"]
    for how in ("worker.autoscaling.mode=keda", "monitoring.serviceMonitor.enabled=true"):
        chart = render(how)
        for part in parts:
            (rule,) = chart.one("NetworkPolicy", part)["spec"]["ingress"]
            assert rule == {
                "ports": [{"port": "probes", "protocol": "TCP"}],
                "from": [{"namespaceSelector": {}}],
            }


def test_the_gateway_is_open_to_whom_it_is_told(tryout: Rendered, everything: Rendered) -> None:
    assert tryout.one("NetworkPolicy", "gateway")["spec"]["ingress"] == [
        {"ports": [{"port": "http", "protocol": "TCP"}]}
    ]
    peers = everything.one("NetworkPolicy", "gateway")["spec"]["ingress"][0]["from"]
    assert peers[0] == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}
    }
    # `helm test` still gets in.
    test = everything.one("Pod", "test")["metadata"]["labels"]
    assert peers[1]["podSelector"]["matchLabels"].items() <= test.items()


def test_bundled_servers_hear_the_parts(tryout: Rendered) -> None:
    (rule,) = tryout.one("NetworkPolicy", "nats")["spec"]["ingress"]
    (peer,) = rule["from"]
    (expression,) = peer["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == set(PARTS)
