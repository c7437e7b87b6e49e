"""What the tests of a whole local farm share: its client, and how a part of it is killed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx
from farm_api import Api

from pressroom_local.farm import LocalFarm


@dataclass(frozen=True)
class Client(Api):
    """The HTTP API and the Kubernetes API of a farm, as a test needs them."""

    farm: LocalFarm
    kube: httpx.Client

    def kill(self, part: str) -> int:
        """kill -9 a part; the pid it had."""
        pid = self.farm.pids[part]
        os.kill(pid, signal.SIGKILL)
        return pid


class connect:  # noqa: N801 - reads as a call
    """A client of a farm, closed at the end."""

    def __init__(self, farm: LocalFarm) -> None:
        key = {"Authorization": f"Bearer {farm.api_key}"}
        transport = httpx.HTTPTransport(retries=3)
        http = httpx.Client(base_url=farm.url, headers=key, timeout=60, transport=transport)
        server, token = kube_access(farm.kubeconfig)
        kube = httpx.Client(
            base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        self.client = Client(http, farm, kube)

    def __enter__(self) -> Client:
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.http.close()
        self.client.kube.close()


def kube_access(kubeconfig: Path) -> tuple[str, str]:
    import yaml

    config = yaml.safe_load(kubeconfig.read_text())
    return config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
