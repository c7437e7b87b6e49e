"""The contract suites of the Kubernetes API and of the store, on this cluster and on MinIO."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from farm import Farm
from tools import ROOT

pytestmark = pytest.mark.e2e
ADMIN = "contract-admin"


def suites(*args: str, **env: str) -> str:
    """Run tests of the contract suites; their last line."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--timeout=150", *args],
        env={**os.environ, **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:]
    return done.stdout.strip().splitlines()[-1]


def test_minio_stores_as_seaweedfs_does() -> None:
    last = suites("tests/contract/test_ports_store.py", "-k", "minio")
    assert "skipped" not in last, last
    sys.stdout.write(f"\nstore contract on MinIO: {last}\n")


def test_the_real_api_server_answers_as_the_embedded_one(farm: Farm) -> None:
    cluster = farm.cluster
    config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    cluster.kubectl("create", "serviceaccount", ADMIN)
    who = f"--serviceaccount={cluster.namespace}:{ADMIN}"
    cluster.kubectl("delete", "clusterrolebinding", ADMIN, "--ignore-not-found")
    cluster.kubectl("create", "clusterrolebinding", ADMIN, "--clusterrole=cluster-admin", who)
    try:
        last = suites(
            # aiohttp ends its TLS connections a moment after the session that had them.
            "-W=ignore::ResourceWarning",
            "-W=ignore::pytest.PytestUnraisableExceptionWarning",
            *(str(path) for path in sorted((ROOT / "tests/contract").glob("test_kubeapi_*.py"))),
            "tests/contract/test_ports_jobs.py",
            "tests/contract/test_informer.py",
            PRESSROOM_TEST_KUBE_URL=config["clusters"][0]["cluster"]["server"],
            PRESSROOM_TEST_KUBE_TOKEN=cluster.kubectl("create", "token", ADMIN).strip(),
        )
    finally:
        cluster.kubectl("delete", "clusterrolebinding", ADMIN)
    sys.stdout.write(f"\nKubernetes contract on the cluster: {last}\n")
