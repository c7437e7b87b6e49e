"""`make bench-intake`: what the gateway takes in, and what asking who it is costs.

    python -m bench.intake [--jobs N] [--requests N]

Jobs are batches of one item, sent as LightningPDF's clients send them, by several at once; what
counts is the gateway's own CPU time, since on a small machine it shares the cores with all else.
Requests are timed one after another and in turns: an open one, one with a key, one with a key
whose tenant has rate limits, one with a token.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from bench import processes

from pressroom_local.farm import LocalFarm, start_farm

OUT = Path(__file__).resolve().parents[1] / "out" / "bench-intake.json"
SENDERS = 8
#: A tenant under every limit there is, each far away.
TENANTS = """
apiVersion: pressroom.dev/v1alpha1
kind: Tenant
metadata: {name: limited}
spec:
  limits: {requestsPerMinute: 10000000, newJobsPerMinute: 10000000, activeJobs: 1000}
  credits: {mode: Metered, granted: 1000000000}
---
apiVersion: v1
kind: Secret
metadata: {name: key-limited, labels: {pressroom.dev/api-key: "true"}}
stringData: {key: limited-key, tenant: limited}
"""

Json = dict[str, Any]


def jobs(farm: LocalFarm, count: int) -> Json:
    """Create ``count`` jobs of one item; what each took of the gateway's CPU, and the rate."""
    item = {"items": [{"id": "a", "html": "<p>1</p>"}]}

    def send(_: int) -> None:
        http.post("/v1/pdf/batch", json=item).raise_for_status()

    headers = {"Authorization": f"Bearer {farm.api_key}"}
    with (
        httpx.Client(base_url=farm.url, headers=headers, timeout=30) as http,
        ThreadPoolExecutor(SENDERS) as pool,
    ):
        send(0)
        pid = farm.pids["gateway"]
        before, start = processes.usage(pid), time.perf_counter()
        list(pool.map(send, range(count)))
        seconds = time.perf_counter() - start
        cpu_ms = processes.usage(pid).since(before).own_ms / count
    return {
        "jobs": count,
        "jobsPerMinute": round(count / seconds * 60),
        "gatewayCpuMsPerJob": round(cpu_ms, 2),
        "jobsPerMinutePerGatewayCore": round(60_000 / cpu_ms),
    }


def requests(farm: LocalFarm, count: int) -> Json:
    """Median milliseconds of a small request, by who asks."""
    asked = {
        "open": ("/healthz", {}),
        "key": ("/v1/templates", {"Authorization": f"Bearer {farm.api_key}"}),
        "keyWithLimits": ("/v1/templates", {"Authorization": "Bearer limited-key"}),
        "token": ("/v1/templates", {"Authorization": f"Bearer {farm.jwt}"}),
    }
    times: dict[str, list[float]] = {name: [] for name in asked}
    with httpx.Client(base_url=farm.url, timeout=30) as http:
        for turn in range(count + 20):
            for name, (path, headers) in asked.items():
                start = time.perf_counter()
                http.get(path, headers=headers).raise_for_status()
                if turn >= 20:
                    times[name].append((time.perf_counter() - start) * 1000)
    return {name: round(median(each), 2) for name, each in times.items()}


def main() -> int:
    """Run the benchmark; the exit code."""
    options = argparse.ArgumentParser(description="Measure what the gateway takes in.")
    options.add_argument("--jobs", type=int, default=600)
    options.add_argument("--requests", type=int, default=500)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="pressroom-bench-") as name:
        tenants = Path(name) / "tenants.yaml"
        tenants.write_text(TENANTS)
        with start_farm(Path(name) / "farm", tenants=tenants) as farm:
            found = {
                "medianMs": requests(farm, chosen.requests),
                "intake": jobs(farm, chosen.jobs),
            }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    times, intake = found["medianMs"], found["intake"]
    print("median of a small request, ms")
    for who, ms in times.items():
        print(f"  {who:<16} {ms:7.2f}   {ms - times['open']:+.2f} to an open one")
    print("jobs of one item")
    for what, value in intake.items():
        print(f"  {what:<30} {value:>10}")
    print(f"\nwritten to {os.path.relpath(OUT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
