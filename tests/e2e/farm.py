"""The release under test: installed once, reached by its Services, changed by `helm upgrade`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm_api import PAGE, TERMINAL, Api, Json, until
from forward import Forward, patient_client
from tools import CHART, Cluster, ToolError

HERE = Path(__file__).resolve().parent
RELEASE = "pressroom"
#: Annotated or labelled with what makes them outlive a release.
CRDS = ("batchjobs.pressroom.dev", "templates.pressroom.dev", "tenants.pressroom.dev")
PARTS = ("gateway", "operator", "worker", "finalizer")


@dataclass(frozen=True)
class Farm:
    """A farm on a cluster: kubectl and helm on one side, the HTTP API on the other."""

    cluster: Cluster
    api: Api
    api_key: str
    url: str
    store_url: str

    # --- helm ------------------------------------------------------------------------------------
    def upgrade(self, *values: str, wait: bool = True) -> str:
        """`helm upgrade --install` with the tests' values and these over them."""
        return upgrade(self.cluster, self.store_url, values, wait=wait)

    # --- batches by kubectl ----------------------------------------------------------------------
    def reason(self, name: str) -> str:
        """The reason of a BatchJob's summary; empty before there is one."""
        job = self.cluster.get("batchjob", name)
        conditions = job.get("status", {}).get("conditions", [])
        return next((one["reason"] for one in conditions if one["type"] == "Succeeded"), "")

    def condition(self, name: str, type_: str) -> Json:
        """One of its conditions; empty where it is absent."""
        job = self.cluster.get("batchjob", name)
        conditions: list[Json] = job.get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == type_), {})

    def kubectl_wait(self, name: str, seconds: int = 120) -> str:
        """`kubectl wait --for=condition=Succeeded`."""
        return self.cluster.kubectl(
            "wait",
            f"batchjob/{name}",
            "--for=condition=Succeeded",
            f"--timeout={seconds}s",
            seconds=seconds + 10,
        )

    # --- batches by HTTP -------------------------------------------------------------------------
    def in_the_middle(self, count: int) -> str:
        """The id of a batch some of whose rows have come out, and some not."""
        page = PAGE + "<p>{{ 'lorem ipsum ' * 200 }}</p>" * 10
        rows = [{"number": f"N-{index:05d}", "name": f"Customer {index}"} for index in range(count)]
        batch = self.api.submit(html=page, rows=rows, outputs=["zip", "merged"])
        found = self.api.until(
            batch["id"],
            lambda seen: seen["rows"]["succeeded"] > 0 or seen["state"] in TERMINAL,
            120,
        )
        assert found["state"] not in TERMINAL, "the batch was over before anything could happen"
        name: str = batch["id"]
        return name


def batch_job(name: str, **spec: object) -> Json:
    """A BatchJob as a kubectl user writes it."""
    return {
        "apiVersion": "pressroom.dev/v1alpha1",
        "kind": "BatchJob",
        "metadata": {"name": name},
        "spec": {"html": PAGE, **spec},
    }


def upgrade(
    cluster: Cluster, store_url: str, values: Sequence[str] = (), *, wait: bool = True
) -> str:
    """Install or change the release; with ``wait`` until its pods are ready."""
    given = (
        f"store.publicEndpoint={store_url}",
        f"worker.sandbox.installer.kubeletRoot={cluster.kubelet_root}",
        *values,
    )
    sets = [word for value in given for word in ("--set", value)]
    return cluster.helm(
        "upgrade",
        "--install",
        RELEASE,
        str(CHART),
        f"--values={HERE / 'values.yaml'}",
        *sets,
        *(["--wait", "--timeout=240s"] if wait else []),
    )


def put_store(cluster: Cluster, folder: Path) -> None:
    """Start MinIO, with its data in ``folder`` of the node."""
    text = (HERE / "minio.yaml").read_text().replace("HOST_PATH", json.dumps(str(folder)))
    cluster.kubectl("apply", "-f", "-", stdin=text)
    cluster.kubectl("rollout", "status", "deployment/minio", "--timeout=120s", seconds=130)


def clear(cluster: Cluster) -> None:
    """Take away what an earlier run may have left: the farm, its namespace, the CRDs."""
    with contextlib.suppress(ToolError):
        cluster.helm("uninstall", RELEASE, "--wait")
    for plural in CRDS:
        with contextlib.suppress(ToolError):
            for job in cluster.items(plural):
                release_job = '{"metadata":{"finalizers":null}}'
                name = job["metadata"]["name"]
                cluster.kubectl("patch", plural, name, "--type=merge", "-p", release_job)
    cluster.kubectl("delete", "namespace", cluster.namespace, "--ignore-not-found", seconds=180)
    cluster.kubectl("delete", "crd", *CRDS, "--ignore-not-found", seconds=60)


@contextlib.contextmanager
def reached(cluster: Cluster, local: int, store_local: int, api_key: str) -> Iterator[Farm]:
    """The farm through its Services, for as long as the context is open."""
    with (
        Forward(cluster, f"{RELEASE}-gateway", 80, local) as gateway,
        Forward(cluster, "minio", 9000, store_local) as store,
    ):
        headers = {"Authorization": f"Bearer {api_key}"}
        with patient_client(gateway.url, headers=headers) as http:
            until(lambda: http.get("/readyz").status_code, lambda code: code == 200, 60)
            yield Farm(cluster, Api(http), api_key, gateway.url, store.url)
