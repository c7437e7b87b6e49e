"""A real API server takes all that the chart makes: by a dry run, so nothing of it stays.

Where PRESSROOM_TEST_KUBECONFIG names a kubeconfig of an administrator. Kinds of KEDA, the
Prometheus operator and the Gateway API are held against their own definitions, which come with
their Go modules; where those cannot be had, and the server does not know the kinds, they are left
out.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from chart_support import EVERYTHING, TRYOUT, Json, Rendered, render

_KUBECONFIG = os.environ.get("PRESSROOM_TEST_KUBECONFIG", "")
pytestmark = pytest.mark.skipif(
    not _KUBECONFIG, reason="PRESSROOM_TEST_KUBECONFIG names no API server"
)
#: Where definitions of others are: by kind the module, and the file in it.
_MONITORING = "example/prometheus-operator-crd/monitoring.coreos.com"
_DEFINITIONS = {
    "ScaledObject": (
        "github.com/kedacore/keda/v2@v2.21.0",
        "config/crd/bases/keda.sh_scaledobjects.yaml",
    ),
    "ServiceMonitor": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        f"{_MONITORING}_servicemonitors.yaml",
    ),
    "PodMonitor": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        f"{_MONITORING}_podmonitors.yaml",
    ),
    "PrometheusRule": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        f"{_MONITORING}_prometheusrules.yaml",
    ),
    "HTTPRoute": (
        "sigs.k8s.io/gateway-api@v1.4.1",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
}


def _kubectl(*arguments: str, stdin: str | None = None) -> str:
    cache = Path(os.environ.get("PRESSROOM_CACHE") or Path.home() / ".cache" / "pressroom")
    program = shutil.which("kubectl") or shutil.which("kubectl", path=cache / "bin")
    assert program is not None, "kubectl is neither in the PATH nor where `make cluster` puts it"
    done = subprocess.run(
        [program, f"--kubeconfig={_KUBECONFIG}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _definition(kind: str) -> Path | None:
    """The file with another project's definition; None where it cannot be had."""
    module, file = _DEFINITIONS[kind]
    go = shutil.which("go")
    if go is None:
        return None
    done = subprocess.run(
        [go, "mod", "download", "-json", module],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd="/",
        env={**os.environ, "GOFLAGS": "-mod=mod"},
    )
    folder = json.loads(done.stdout or "{}").get("Dir")
    return Path(folder) / file if folder else None


@pytest.fixture(scope="module")
def known() -> Iterator[set[str]]:
    """The kinds of others that the server knows, or was told for the time of these tests."""
    found, told = set(), []
    for kind in _DEFINITIONS:
        if _serves(kind):
            found.add(kind)
            continue
        path = _definition(kind)
        if path is None:
            continue
        _kubectl("create", "-f", str(path))
        told.append(path)
        name = yaml.safe_load(path.read_text())["metadata"]["name"]
        _kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=60s")
        found.add(kind)
    yield found
    for path in told:
        _kubectl("delete", "--wait=false", "-f", str(path))


def _serves(kind: str) -> bool:
    return any(line.split()[-1:] == [kind] for line in _kubectl("api-resources").splitlines())


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"chart-{uuid.uuid4().hex[:8]}"
    _kubectl("create", "namespace", name)
    # The cluster makes it too, in its own time; without it no pod is let in.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    _kubectl("apply", "--server-side", "-n", name, "-f", "-", stdin=json.dumps(account))
    yield name
    with contextlib.suppress(AssertionError):
        _kubectl("delete", "namespace", name, "--wait=false")


_CASES = {
    "try-out": (TRYOUT, ()),
    "everything": (EVERYTHING, ()),
    "everything, operator": (EVERYTHING, ("worker.autoscaling.mode=operator",)),
    "persistence": (
        TRYOUT,
        (
            "nats.bundled.persistence.enabled=true",
            "store.bundled.persistence.enabled=true",
            "store.bundled.persistence.storageClass=fast",
            "worker.autoscaling.mode=none",
            "worker.sandbox.mode=Unconfined",
        ),
    ),
}


@pytest.mark.parametrize("case", list(_CASES))
def test_the_api_server_takes_it(case: str, namespace: str, known: set[str]) -> None:
    values, sets = _CASES[case]
    chart = render(*sets, values=values, namespace=namespace)
    left_out = _DEFINITIONS.keys() - known
    taken = [one for one in chart.objects if one["kind"] not in left_out]
    said = _dry_run(taken)
    assert len(said.splitlines()) == len(taken)


def _dry_run(objects: list[Json]) -> str:
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    options = ("--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts")
    return _kubectl("apply", *options, "-f", "-", stdin=json.dumps(listed))


def test_pods_but_those_of_the_sandbox_are_of_the_restricted_level(namespace: str) -> None:
    """The pod security level `restricted`, as the server itself judges it."""
    chart = render("worker.sandbox.mode=None", namespace=namespace)
    label = "pod-security.kubernetes.io/enforce=restricted"
    _kubectl("label", "--overwrite", "namespace", namespace, label)
    try:
        pods = list(_pods(chart))
        assert len(pods) == 7
        _dry_run(pods)
    finally:
        _kubectl("label", "namespace", namespace, label.split("=")[0] + "-")


def _pods(chart: Rendered) -> Iterator[Json]:
    """What the controllers would make."""
    for one, pod in chart.workloads():
        if one["kind"] == "Pod":
            yield one
            continue
        meta = {**pod["metadata"], "name": one["metadata"]["name"]}
        spec = {**pod["spec"], "serviceAccountName": "default"}
        namespace = one["metadata"]["namespace"]
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**meta, "namespace": namespace},
            "spec": spec,
        }
