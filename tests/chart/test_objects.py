"""What a release is made of: names, labels, and who finds whom by them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from chart_support import CHART, NAMESPACE, PARTS, Json, Rendered, component_of, helm, render

from pressroom.crds import all_crds

_CLUSTER_WIDE = {"CustomResourceDefinition", "PriorityClass"}
_LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}


def test_lint_has_nothing_to_say(values: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), f"--values={values}")


def test_everything_is_named_labelled_and_in_the_namespace(chart: Rendered) -> None:
    for one in chart.objects:
        if one["kind"] == "CustomResourceDefinition":
            continue
        meta = one["metadata"]
        assert meta["labels"].keys() >= _LABELS, meta
        assert "pressroom-" in meta["name"], meta
        if one["kind"] not in _CLUSTER_WIDE:
            assert meta["namespace"] == NAMESPACE, meta


@pytest.mark.parametrize(
    "release",
    ["pressroom", "r", "a-release-with-the-longest-name-that-helm-allows-53ch", "x" * 53],
)
def test_names_are_unique_and_short_enough(release: str, values: Path) -> None:
    chart = render(release=release, values=values)
    names = Counter((one["kind"], one["metadata"]["name"]) for one in chart.objects)
    assert max(names.values()) == 1, names.most_common(2)
    for kind, name in names:
        # A StatefulSet's pods are labelled with its name and a hash.
        assert len(name) <= (52 if kind == "StatefulSet" else 63), name
    for one in chart.objects:
        for key, value in one["metadata"].get("labels", {}).items():
            assert len(value) <= 63, (key, value)


def test_two_long_names_do_not_become_one() -> None:
    first, second = ({one["metadata"]["name"] for one in render(release=name).of("Deployment")}
                     for name in ("n" * 52 + "1", "n" * 52 + "2"))  # fmt: skip
    assert not first & second


def test_selectors_find_their_own_pods_only(chart: Rendered) -> None:
    pods = [(component_of(one), pod["metadata"]["labels"]) for one, pod in chart.workloads()]
    for one in chart.objects:
        selector = _selector(one)
        if selector is None:
            continue
        found = {name for name, labels in pods if selector.items() <= labels.items()}
        assert found == {component_of(one)}, (one["kind"], one["metadata"]["name"])


def _selector(one: Json) -> dict[str, str] | None:
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        found: dict[str, str] = spec["selector"]
    elif one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "PodDisruptionBudget"):
        found = spec["selector"]["matchLabels"]
    elif one["kind"] == "NetworkPolicy" and component_of(one) != "default-deny":
        found = spec["podSelector"]["matchLabels"]
    else:
        return None
    return found


def test_services_lead_to_ports_that_exist(chart: Rendered) -> None:
    for service in chart.of("Service"):
        (container,) = chart.pod(component_of(service))["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_what_is_referred_to_exists(chart: Rendered) -> None:
    """Accounts, the chart's own ConfigMaps, the targets of scaling, the roles of bindings."""
    names = {(one["kind"], one["metadata"]["name"]) for one in chart.objects}
    for binding in chart.of("RoleBinding"):
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in names
        (subject,) = binding["subjects"]
        assert ("ServiceAccount", subject["name"]) in names
    for part in PARTS:
        assert ("ServiceAccount", chart.pod(part)["serviceAccountName"]) in names
    for scaler in (*chart.of("HorizontalPodAutoscaler"), *chart.of("ScaledObject")):
        assert ("Deployment", scaler["spec"]["scaleTargetRef"]["name"]) in names
    for _, pod in chart.workloads():
        for volume in pod["spec"].get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
        if "priorityClassName" in pod["spec"]:
            assert ("PriorityClass", pod["spec"]["priorityClassName"]) in names


def test_definitions_are_those_of_the_models_and_kept(tryout: Rendered) -> None:
    found = {one["metadata"]["name"]: one for one in tryout.of("CustomResourceDefinition")}
    assert len(found) == 3
    for wanted in all_crds():
        crd = found[wanted["metadata"]["name"]]
        assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert crd["spec"] == yaml.safe_load(yaml.safe_dump(wanted["spec"]))
    # As numbers are written in the file: 1e+06 is no length to an API server.
    assert "e+" not in tryout.text


def test_definitions_can_be_left_to_others() -> None:
    assert not render("crds.install=false").of("CustomResourceDefinition")


def test_no_hook_but_the_test(chart: Rendered) -> None:
    hooks = {
        one["metadata"]["annotations"]["helm.sh/hook"]
        for one in chart.objects
        if "helm.sh/hook" in one["metadata"].get("annotations", {})
    }
    assert hooks == {"test"}


def test_optional_objects_are_off_by_default(tryout: Rendered) -> None:
    kinds = {one["kind"] for one in tryout.objects}
    assert not kinds & {
        "Ingress", "HTTPRoute", "HorizontalPodAutoscaler", "ScaledObject", "PriorityClass",
        "ServiceMonitor", "PodMonitor", "PrometheusRule", "ClusterRole", "ClusterRoleBinding",
    }  # fmt: skip


def test_everything_has_every_kind(everything: Rendered) -> None:
    kinds = {one["kind"] for one in everything.objects}
    assert kinds >= {
        "Ingress", "HTTPRoute", "HorizontalPodAutoscaler", "ScaledObject", "PriorityClass",
        "ServiceMonitor", "PrometheusRule", "PodDisruptionBudget", "NetworkPolicy",
    }  # fmt: skip


def test_a_release_with_another_name_reaches_its_own_servers() -> None:
    chart = render(release="blue")
    names = {one["metadata"]["name"] for one in chart.of("Service")}
    assert names == {f"blue-pressroom-{name}" for name in ("gateway", "operator", "nats", "store")}
    env = chart.env("worker")
    assert env["PRESSROOM_NATS_URL"]["value"] == "nats://blue-pressroom-nats:4222"
    assert env["PRESSROOM_S3_ENDPOINT"]["value"] == "http://blue-pressroom-store:8333"


@pytest.fixture
def notes(tmp_path: Path) -> Callable[..., str]:
    """Renders the notes, which `helm template` leaves out, as if they were an object's text."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates/NOTES.txt").read_text()
    (chart / "templates/_said.tpl").write_text(f'{{{{ define "said" }}}}{text}{{{{ end }}}}')
    (chart / "templates/said.yaml").write_text(
        'apiVersion: v1\nkind: Said\nmetadata: {name: x}\ntext: {{ include "said" . | quote }}\n'
    )

    def said(*sets: str) -> str:
        (found,) = render(*sets, release="print", chart=chart).of("Said")
        text: str = found["text"]
        return text

    return said


def test_the_notes_say_what_next_and_what_is_open(notes: Callable[..., str]) -> None:
    said = notes()
    assert f"helm test print --namespace {NAMESPACE}" in said
    assert "pressroom keys create" in said
    assert "port-forward service/print-pressroom-gateway 8080:80" in said
    assert "one NATS and one SeaweedFS" in said
    assert "identity provider" in said
    assert "identity provider" not in notes("gateway.jwt.jwksUrl=https://login.example/keys")


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("None", "without its own sandbox"),
        ("Unconfined", "no seccomp"),
        ("Localhost", "hostPath"),
    ],
)
def test_the_notes_say_what_the_sandbox_means(
    mode: str, words: str, notes: Callable[..., str]
) -> None:
    assert words in " ".join(notes(f"worker.sandbox.mode={mode}").split())
