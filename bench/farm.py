"""The farm's rate: from sending a batch until its ZIP is ready, through the HTTP API.

It uses a farm as any client does, and reads the CPU time of the farm's processes from outside.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from bench import documents, processes

from pressroom_local.farm import LocalFarm

#: Seconds between two looks at the batch: well below what is measured.
POLL = 0.05
#: Seconds for the whole batch.
PATIENCE = 600.0
_ENDED = {"completed", "partiallyFailed", "failed", "cancelled", "rejected", "expired"}

Json = dict[str, Any]


class FarmBenchError(RuntimeError):
    """The batch did not end as it should."""


@dataclass(frozen=True)
class Result:
    """One measurement: seconds from submit to the 202, and to the ZIP; CPU ms a document."""

    documents: int
    accepted_seconds: float
    seconds: float
    cpu_ms: Mapping[str, float]

    @property
    def per_second(self) -> float:
        """Documents per second."""
        return self.documents / self.seconds


def measure(farm: LocalFarm, count: int) -> Result:
    """Print ``count`` documents on a running farm, then delete the batch."""
    request = {
        "html": documents.TEMPLATE.read_text(encoding="utf-8"),
        "rows": documents.rows(count),
        "outputs": ["zip"],
    }
    headers = {"Authorization": f"Bearer {farm.api_key}"}
    with httpx.Client(base_url=farm.url, headers=headers, timeout=30) as http:
        before = cpu_of(farm.pids)
        start = time.perf_counter()
        answer = http.post("/v1/batches", json=request)
        accepted = time.perf_counter() - start
        answer.raise_for_status()
        path = f"/v1/batches/{answer.json()['id']}"
        batch = _ended(http, path)
        seconds = time.perf_counter() - start
        after = cpu_of(farm.pids)
        http.delete(path).raise_for_status()
    if batch["state"] != "completed" or batch["rows"]["succeeded"] != count:
        raise FarmBenchError(f"the batch ended as {batch['state']}: {batch['rows']}")
    cpu_ms = {name: (after[name] - before.get(name, 0)) / count for name in after}
    return Result(count, accepted, seconds, cpu_ms)


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU milliseconds by part; all workers as one, their browsers as ``chromium``."""
    found: dict[str, float] = defaultdict(float)
    for part, pid in pids.items():
        used = processes.usage(pid)
        name = "worker" if part.startswith("worker") else part
        found[name] += used.own_ms
        if name == "worker":
            found["chromium"] += used.browser_ms
    return dict(found)


def _ended(http: httpx.Client, path: str) -> Json:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        batch: Json = http.get(path).raise_for_status().json()
        if batch["state"] in _ENDED:
            return batch
        time.sleep(POLL)
    raise FarmBenchError(f"the batch did not end within {PATIENCE:g} s")
