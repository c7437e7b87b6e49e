"""One release on one cluster for all of these tests.

The cluster is the one that KUBECONFIG names, otherwise the one of `make cluster`. The tests run in
the order below: the last of them takes the release away.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from farm import Farm, clear, put_store, reached, upgrade
from tools import ROOT, Cluster, ToolError

from pressroom_local.servers import free_ports

NAMESPACE = "pressroom-e2e"
ORDER = (
    "test_install",
    "test_demo",
    "test_kubectl",
    "test_contract",
    "test_kills",
    "test_drain",
    "test_scale",
    "test_upgrade",
    "test_dependencies",
    "test_uninstall",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What changes the release comes after what uses it."""
    items.sort(key=lambda item: _place(item.path.stem))


def _place(module: str) -> int:
    return ORDER.index(module) if module in ORDER else -1


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The namespace of these tests, on a cluster that answers."""
    own = Path(os.environ.get("PRESSROOM_CLUSTER_DIR", ROOT / ".cluster"))
    named = os.environ.get("KUBECONFIG")
    path = Path(named) if named else own / "kubeconfig"
    if not path.exists():
        pytest.fail(f"no cluster: {path} does not exist; run `make cluster` or set KUBECONFIG")
    return Cluster(path, NAMESPACE, "/var/lib/kubelet" if named else str(own / "kubelet"))


@pytest.fixture(scope="session")
def farm(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """The release, installed, with a key of the tenant ``default``."""
    clear(cluster)
    cluster.kubectl("create", "namespace", cluster.namespace)
    put_store(cluster, Path("/var/tmp") / tmp_path_factory.mktemp("minio").name)
    local, store_local = free_ports(2)
    try:
        upgrade(cluster, f"http://127.0.0.1:{store_local}")
        with reached(cluster, local, store_local, _key(cluster)) as found:
            yield found
    except ToolError:
        tell(cluster)
        raise
    clear(cluster)


def _key(cluster: Cluster) -> str:
    """`pressroom keys create`, as an administrator runs it."""
    done = subprocess.run(
        [
            Path(sys.executable).parent / "pressroom",
            "keys",
            "create",
            "--name=e2e",
            f"--kubeconfig={cluster.kubeconfig}",
            f"--namespace={cluster.namespace}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With what failed, what the cluster has to say of it."""
    report = yield
    farm = item.funcargs.get("farm") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and isinstance(farm, Farm):
        report.sections.append(("the cluster", tell(farm.cluster)))
    return report


def tell(cluster: Cluster) -> str:
    """Pods, events and the last lines of each part, as text."""
    said = []
    for command in (
        ("get", "pods,bj", "-o", "wide"),
        ("get", "events", "--sort-by=.lastTimestamp"),
        *(
            ("logs", "-l", f"app.kubernetes.io/component={part}", "--tail=30", "--prefix")
            for part in ("gateway", "operator", "worker", "finalizer")
        ),
    ):
        try:
            said.append(cluster.kubectl(*command))
        except ToolError as error:
            said.append(str(error))
    text = "\n".join(said)
    sys.stderr.write(text)
    return text
