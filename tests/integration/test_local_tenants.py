"""Tenants and keys of `pressroom local`, and keys that are made and revoked while it runs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import yaml

from pressroom_local.farm import LocalFarm, start_farm

pytestmark = pytest.mark.integration
#: Within so many seconds every gateway must know of a revoked key.
REVOKED_SECONDS = 5.0
TENANTS = """\
apiVersion: pressroom.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec:
  limits: {rowsPerBatch: 2}
---
apiVersion: v1
kind: Secret
metadata:
  name: key-acme
  labels: {pressroom.dev/api-key: "true"}
stringData: {key: plain-acme-key, tenant: acme}
---
apiVersion: v1
kind: Secret
metadata: {name: hooks}
stringData: {secret: whsec_b3Blbg==}
---
apiVersion: pressroom.dev/v1alpha1
kind: Tenant
metadata: {name: default}
spec:
  limits: {rowsPerBatch: 3}
  webhookSecretRef: {name: hooks}
"""


def _pressroom(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pressroom_cli.main", *map(str, words)]
    env = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def _until(holds: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _rows(url: str, key: str, count: int) -> int:
    """The status of a submission of so many rows."""
    body = {"html": "<p>{{ n }}</p>", "rows": [{"n": n} for n in range(count)]}
    headers = {"X-API-Key": key}
    return httpx.post(f"{url}/v1/batches", json=body, headers=headers, timeout=30).status_code


def _status(url: str, key: str) -> int:
    try:
        return httpx.get(f"{url}/v1/batches", headers={"X-API-Key": key}, timeout=5).status_code
    except httpx.TransportError:
        return 0


class Kube:
    """The farm's Kubernetes API, as kubectl has it."""

    def __init__(self, farm: LocalFarm) -> None:
        config = yaml.safe_load(farm.kubeconfig.read_text())
        self._url = config["clusters"][0]["cluster"]["server"]
        self._headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}

    def get(self, group: str, plural: str, name: str) -> Any:
        url = f"{self._url}/{group}/namespaces/pressroom/{plural}/{name}"
        return httpx.get(url, headers=self._headers).json()

    def versions(self) -> dict[str, str]:
        """What the file and the farm declare, and their versions: a write makes another one."""
        group = "apis/pressroom.dev/v1alpha1"
        found = {name: self.get(group, "tenants", name) for name in ("default", "acme")}
        for name in ("key-acme", "hooks", "api-key-local", "webhook-local"):
            found[name] = self.get("api/v1", "secrets", name)
        return {name: one["metadata"]["resourceVersion"] for name, one in found.items()}


def test_a_tenants_file_is_taken_in_and_again_at_the_next_start(tmp_path: Path) -> None:
    folder, tenants = tmp_path / "farm", tmp_path / "tenants.yaml"
    with start_farm(folder) as farm:
        assert _rows(farm.url, farm.api_key, 5) == 202
        own, first = farm.webhook_secret, farm.jwt
        assert own is not None
        assert own.startswith("whsec_")
    tenants.write_text(TENANTS)
    with start_farm(folder, tenants=tenants) as farm:
        assert [_rows(farm.url, "plain-acme-key", n) for n in (2, 3)] == [202, 422]
        assert [_rows(farm.url, farm.api_key, n) for n in (3, 4)] == [202, 422]
        assert farm.webhook_secret == "whsec_b3Blbg=="
        assert farm.jwt != first
        bearer = {"Authorization": f"Bearer {farm.jwt}"}
        assert httpx.get(f"{farm.url}/v1/batches", headers=bearer).status_code == 200
        claims = jwt.decode(farm.jwt, options={"verify_signature": False})
        assert (claims["tenant"], claims["exp"] - claims["iat"]) == ("default", 365 * 86_400)
        before = Kube(farm).versions()
        printed = (folder / "logs" / "farm.out").read_text()
        assert "tenant acme: rowsPerBatch 2; 1 key\n" in printed
        assert "plain-acme-key" not in printed
    tenants.write_text(TENANTS.replace("rowsPerBatch: 2", "rowsPerBatch: 1"))
    with start_farm(folder, tenants=tenants) as farm:
        after = Kube(farm).versions()
        changed = {name for name in before if after[name] != before[name]}
        assert changed <= {"acme", "default", "key-acme", "api-key-local"}
        assert {"hooks", "webhook-local"}.isdisjoint(changed)
        assert [_rows(farm.url, "plain-acme-key", n) for n in (1, 2)] == [202, 422]


def test_a_faulty_tenants_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text(TENANTS.replace("rowsPerBatch: 2", "rowsPerBatch: many"))
    folder = tmp_path / "farm"
    result = _pressroom("local", "--state-dir", folder, "--port", "0", "--tenants", tenants)
    assert result.returncode == 1
    assert f"{tenants}, document 1, spec.limits.rowsPerBatch: " in result.stdout
    assert not folder.exists()


@contextlib.contextmanager
def _second_gateway(farm: LocalFarm) -> Iterator[str]:
    """Another gateway process beside the farm's own; where it serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PRESSROOM_KUBE_CONFIG": str(farm.kubeconfig),
        "PRESSROOM_NATS_URL": farm.nats,
        "PRESSROOM_S3_ENDPOINT": farm.s3["endpoint"],
        "PRESSROOM_S3_ACCESS_KEY": farm.s3["accessKey"],
        "PRESSROOM_S3_SECRET_KEY": farm.s3["secretKey"],
        "PRESSROOM_S3_BUCKET": farm.s3["bucket"],
        "PRESSROOM_GATEWAY_HOST": "127.0.0.1",
        "PRESSROOM_GATEWAY_PORT": str(port),
    }
    with (farm.state_dir / "logs" / "second.out").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pressroom_gateway"], env=environment, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _status(url, farm.api_key) == 200, 60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_a_key_is_made_listed_and_revoked_on_every_gateway(tmp_path: Path) -> None:
    with start_farm(tmp_path) as farm, _second_gateway(farm) as second:
        gateways = (farm.url, second)
        where = ("--state-dir", tmp_path)
        words = ("--name", "ci", "--prefix", "lpdf_", "--scope", "batches:read")
        made = _pressroom("keys", "create", *words, "--expires", "90d", *where)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        _until(lambda: {_status(url, key) for url in gateways} == {200}, REVOKED_SECONDS)
        assert [_rows(url, key, 1) for url in gateways] == [403, 403]
        listed = _pressroom("keys", "list", *where)
        assert "key-ci" in listed.stdout
        assert "api-key-local" in listed.stdout
        assert all(len(line) <= 80 for line in listed.stdout.splitlines())
        revoked = _pressroom("keys", "revoke", key, *where)
        assert revoked.stdout == "key-ci is revoked\n"
        _until(lambda: {_status(url, key) for url in gateways} == {401}, REVOKED_SECONDS)
        assert {_status(url, farm.api_key) for url in gateways} == {200}
