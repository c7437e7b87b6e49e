"""What the tests of a whole farm share: a client, and how a finished batch must look."""

from __future__ import annotations

import io
import os
import signal
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pressroom_local.farm import LocalFarm

TERMINAL = {"completed", "partiallyFailed", "failed", "cancelled", "rejected", "expired"}
PAGE = "<h1>Invoice {{ number }}</h1><p>for {{ name }}</p>"
Json = dict[str, Any]


def rows(count: int) -> list[Json]:
    return [{"number": f"N-{index:05d}", "name": f"Customer {index}"} for index in range(count)]


@dataclass(frozen=True)
class Client:
    """The HTTP API and the Kubernetes API of a farm, as a test needs them."""

    farm: LocalFarm
    http: httpx.Client
    kube: httpx.Client

    def submit(self, **request: Any) -> Json:
        answer = self.http.post("/v1/batches", json={"html": PAGE, **request})
        assert answer.status_code == 202, answer.text
        batch: Json = answer.json()
        assert answer.headers["Location"] == f"/v1/batches/{batch['id']}"
        return batch

    def batch(self, batch_id: str) -> Json:
        answer = self.http.get(f"/v1/batches/{batch_id}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def until(self, batch_id: str, holds: Callable[[Json], bool], seconds: float = 90) -> Json:
        return until(lambda: self.batch(batch_id), holds, seconds)

    def ended(self, batch_id: str, seconds: float = 90) -> Json:
        return self.until(batch_id, lambda batch: batch["state"] in TERMINAL, seconds)

    def rows(self, batch_id: str, **query: Any) -> list[Json]:
        found: list[Json] = []
        cursor: str | None = None
        while True:
            page = {"cursor": cursor} if cursor else {}
            answer = self.http.get(f"/v1/batches/{batch_id}/rows", params={**query, **page})
            assert answer.status_code == 200, answer.text
            found += answer.json()["rows"]
            cursor = answer.json().get("nextCursor")
            if not cursor:
                return found

    def archive(self, batch_id: str) -> zipfile.ZipFile:
        answer = self.http.get(f"/v1/batches/{batch_id}/zip", follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return zipfile.ZipFile(io.BytesIO(answer.content))

    def kill(self, part: str) -> int:
        """kill -9 a part; the pid it had."""
        pid = self.farm.pids[part]
        os.kill(pid, signal.SIGKILL)
        return pid


def until(look: Callable[[], Any], holds: Callable[[Any], bool], seconds: float) -> Any:
    """Look until it holds. An outside state can only be polled."""
    deadline = time.monotonic() + seconds
    while not holds(found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {found}"
        time.sleep(0.05)
    return found


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
        self.client = Client(farm, http, kube)

    def __enter__(self) -> Client:
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.http.close()
        self.client.kube.close()


def kube_access(kubeconfig: Path) -> tuple[str, str]:
    import yaml

    config = yaml.safe_load(kubeconfig.read_text())
    return config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]


def settled_once(client: Client, batch: Json, count: int) -> None:
    """Every row has one outcome and one file, and the files are the rows' own."""
    assert batch["state"] == "completed", batch
    assert batch["rows"]["total"] == batch["rows"]["succeeded"] == count
    listed = client.rows(batch["id"])
    assert [row["row"] for row in listed] == list(range(count))
    assert {row["state"] for row in listed} == {"succeeded"}
    with client.archive(batch["id"]) as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == count
