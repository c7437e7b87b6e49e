"""What pods may do, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chart_support import PARTS, Json, Rendered, component_of, render
from pydantic_settings import BaseSettings

from pressroom.settings import KubeSettings, NatsSettings, S3Settings
from pressroom_finalizer.settings import FinalizerSettings
from pressroom_gateway.settings import GatewaySettings
from pressroom_operator.settings import OperatorSettings
from pressroom_worker.settings import WorkerSettings

SETTINGS: dict[str, tuple[type[BaseSettings], ...]] = {
    "gateway": (GatewaySettings, NatsSettings, S3Settings, KubeSettings),
    "operator": (OperatorSettings, NatsSettings, S3Settings, KubeSettings),
    "worker": (WorkerSettings, NatsSettings, S3Settings),
    "finalizer": (FinalizerSettings, NatsSettings, S3Settings, KubeSettings),
}
#: Where the chart knows better than the program, which does not know where it runs.
_DIFFERENT = {
    "PRESSROOM_LOG_FORMAT",
    "PRESSROOM_NATS_URL",
    "PRESSROOM_S3_ENDPOINT",
    "PRESSROOM_S3_CREATE_BUCKET",
    "PRESSROOM_SLOTS",
    "PRESSROOM_FINALIZE_SLOTS",
}


def _fields(part: str) -> Iterator[tuple[str, type[BaseSettings], str]]:
    """The names of all variables that a part reads."""
    for settings in SETTINGS[part]:
        prefix = settings.model_config["env_prefix"]
        for field in settings.model_fields:
            yield f"{prefix}{field}".upper(), settings, field


# --- security ------------------------------------------------------------------------------------
def test_pods_run_as_nobody_in_particular(chart: Rendered) -> None:
    for one, pod in chart.workloads():
        if component_of(one) == "sandbox-installer":
            continue
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_containers_may_nothing(chart: Rendered) -> None:
    for one, pod in chart.workloads():
        for container in pod["spec"]["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in security
            limits = container["resources"]
            assert limits["requests"].keys() == {"cpu", "memory"}, one["metadata"]["name"]
            assert "memory" in limits["limits"]


def test_pods_touch_nothing_of_their_node(chart: Rendered) -> None:
    for one, pod in chart.workloads():
        spec = pod["spec"]
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        # The variables of Services look like settings: PRESSROOM_GATEWAY_PORT=tcp://…
        assert spec["enableServiceLinks"] is False, one["metadata"]["name"]
        paths = [volume["hostPath"] for volume in spec.get("volumes", []) if "hostPath" in volume]
        if component_of(one) == "sandbox-installer":
            assert [path["path"] for path in paths] == ["/var/lib/kubelet/seccomp"]
        else:
            assert not paths


def test_only_parts_that_ask_the_api_have_a_token(chart: Rendered) -> None:
    with_token = {
        component_of(one)
        for one, pod in chart.workloads()
        if pod["spec"].get("automountServiceAccountToken") is not False
    }
    assert with_token == {"gateway", "operator", "finalizer"}
    for account in chart.of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_every_written_folder_is_a_volume(chart: Rendered) -> None:
    for part in PARTS:
        (container,) = chart.pod(part)["containers"]
        wanted = {"/tmp", "/dev/shm"} if part == "worker" else {"/tmp"}
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == wanted
        for volume in chart.pod(part)["volumes"]:
            assert "sizeLimit" in volume["emptyDir"]


# --- the sandbox ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "profile", "sandbox"),
    [
        ("Localhost", {"type": "Localhost", "localhostProfile": "pressroom/chromium.json"}, "true"),
        ("Unconfined", {"type": "Unconfined"}, "true"),
        ("None", {"type": "RuntimeDefault"}, "false"),
    ],
)
def test_the_sandbox_gets_its_system_calls(mode: str, profile: Json, sandbox: str) -> None:
    chart = render(f"worker.sandbox.mode={mode}")
    (container,) = chart.pod("worker")["containers"]
    assert container["securityContext"]["seccompProfile"] == profile
    assert chart.env("worker")["PRESSROOM_SANDBOX"]["value"] == sandbox
    assert chart.has("DaemonSet", "sandbox-installer") is (mode == "Localhost")


def test_the_installer_goes_where_workers_go(everything: Rendered) -> None:
    installer, worker = everything.pod("sandbox-installer"), everything.pod("worker")
    assert installer["nodeSelector"] == worker["nodeSelector"]
    assert installer["tolerations"] == worker["tolerations"]
    assert not render("worker.sandbox.installer.enabled=false").of("DaemonSet")


# --- life ----------------------------------------------------------------------------------------
def test_probes_ask_the_part(chart: Rendered) -> None:
    for part in PARTS:
        (container,) = chart.pod(part)["containers"]
        paths = {
            name: container[name]["httpGet"]["path"]
            for name in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        # A part without its dependencies is unready, not dead.
        assert paths == {
            "startupProbe": "/healthz",
            "livenessProbe": "/healthz",
            "readinessProbe": "/readyz",
        }
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == ({"http": 8080} if part == "gateway" else {"probes": 8081})


@pytest.mark.parametrize("part", ["worker", "finalizer"])
def test_the_grace_is_longer_than_the_drain(part: str) -> None:
    chart = render(f"{part}.drainSeconds=120")
    assert chart.env(part)["PRESSROOM_DRAIN_SECONDS"]["value"] == "120"
    assert chart.pod(part)["terminationGracePeriodSeconds"] > 120


@pytest.mark.parametrize("mode", ["operator", "keda", "none"])
def test_replicas_belong_to_who_scales(mode: str) -> None:
    chart = render(f"worker.autoscaling.mode={mode}", "worker.replicas=7")
    spec = chart.one("Deployment", "worker")["spec"]
    assert spec.get("replicas") == (7 if mode == "none" else None)
    assert chart.has("ScaledObject", "worker") is (mode == "keda")
    env = chart.env("operator")
    assert ("PRESSROOM_AUTOSCALE_DEPLOYMENT" in env) is (mode == "operator")
    if mode == "operator":
        name = chart.one("Deployment", "worker")["metadata"]["name"]
        assert env["PRESSROOM_AUTOSCALE_DEPLOYMENT"]["value"] == name


def test_gateways_scale_by_cpu_only_if_told(tryout: Rendered, everything: Rendered) -> None:
    assert tryout.one("Deployment", "gateway")["spec"]["replicas"] == 2
    assert "replicas" not in everything.one("Deployment", "gateway")["spec"]
    assert everything.one("HorizontalPodAutoscaler", "gateway")["spec"]["minReplicas"] == 3


def test_keda_asks_the_operator_for_rows_a_pod_is_meant_for() -> None:
    chart = render("worker.autoscaling.mode=keda", "worker.slots=3",
                   "worker.autoscaling.rowsPerSlot=40")  # fmt: skip
    (trigger,) = chart.one("ScaledObject", "worker")["spec"]["triggers"]
    service = chart.one("Service", "operator")
    (port,) = service["spec"]["ports"]
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert trigger["metadata"] == {
        "url": f"http://{host}:{port['port']}/backlog",
        "valueLocation": "rows",
        "targetValue": "120",
    }


def test_two_operators_never_overlap(chart: Rendered) -> None:
    spec = chart.one("Deployment", "operator")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


# --- settings ------------------------------------------------------------------------------------
@pytest.mark.parametrize("part", PARTS)
def test_every_variable_is_a_setting(part: str, chart: Rendered) -> None:
    unknown = chart.env(part).keys() - {name for name, _, _ in _fields(part)}
    assert not unknown, f"{part} does not read {unknown}"


@pytest.mark.parametrize("part", PARTS)
def test_every_value_is_one_that_the_part_takes(
    part: str, chart: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, one in chart.env(part).items():
        monkeypatch.setenv(name, one.get("value", "taken-from-elsewhere-and-long-enough"))
    for settings in SETTINGS[part]:
        settings()


@pytest.mark.parametrize("part", PARTS)
def test_defaults_of_the_chart_are_those_of_the_part(part: str, tryout: Rendered) -> None:
    said = {
        name: one["value"]
        for name, one in tryout.env(part).items()
        if "value" in one
        and name not in _DIFFERENT
        and not name.startswith("PRESSROOM_AUTOSCALE_")
        and (part, name) != ("worker", "PRESSROOM_DRAIN_SECONDS")
    }
    for name, settings, field in _fields(part):
        if name in said:
            default: Any = settings.model_fields[field].default
            given = {field: said[name]}
            assert getattr(settings(**given), field) == default, name


def test_credentials_come_from_secrets_only(chart: Rendered) -> None:
    for part in PARTS:
        for name, one in chart.env(part).items():
            if name.endswith(("_KEY", "_PASSWORD", "_USER", "_SECRET")):
                assert one["valueFrom"].keys() == {"secretKeyRef"}, name


def test_variables_given_by_hand_win(everything: Rendered) -> None:
    for part in PARTS:
        assert everything.env(part)["PRESSROOM_LOG_LEVEL"]["value"] == "WARNING"


def test_what_is_given_for_pods_is_in_pods(everything: Rendered) -> None:
    for part in PARTS:
        template = everything.one("Deployment", part)["spec"]["template"]
        assert template["metadata"]["labels"]["team"] == "print"
        assert template["metadata"]["annotations"]["example.com/team"] == "print"
        spec = template["spec"]
        assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
        assert spec["tolerations"][0]["key"] == "print"
        assert "nodeAffinity" in spec["affinity"]
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert spec["priorityClassName"].endswith("-worker" if part == "worker" else "-control")
        (container,) = spec["containers"]
        assert container["image"] == f"registry.example/print/pressroom/{part}:1.2.3"
        if part != "operator":
            assert spec["topologySpreadConstraints"][0]["topologyKey"] == "rack"
