"""`make bench`: the farm against the ceiling, in turns, so that a busy machine slows both.

    python -m bench.run [--documents N] [--rounds N]

Prints a table and writes ``out/bench.json``. Read the ratio rather than the rates: these differ
between machines, and between runs on one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import ceiling, farm

from pressroom_local.farm import start_farm

OUT = Path(__file__).resolve().parents[1] / "out" / "bench.json"
WARM_UP = 60
#: The order in which parts are shown: along the way of a batch.
PARTS = ("gateway", "operator", "worker", "chromium", "finalizer", "nats", "s3", "kubeapi")


def run(count: int, rounds: int) -> tuple[list[ceiling.Result], list[farm.Result]]:
    """Measure both in turns on one farm that is warm."""
    ceilings: list[ceiling.Result] = []
    farms: list[farm.Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="pressroom-bench-") as state,
        start_farm(Path(state)) as local,
    ):
        farm.measure(local, WARM_UP)
        for number in range(1, rounds + 1):
            ceilings.append(ceiling.measure(count))
            farms.append(farm.measure(local, count))
            print(
                f"round {number} of {rounds}: ceiling {ceilings[-1].per_second:.1f}/s, "
                f"farm {farms[-1].per_second:.1f}/s",
                flush=True,
            )
    return ceilings, farms


def summary(
    ceilings: Sequence[ceiling.Result], farms: Sequence[farm.Result], cores: int
) -> dict[str, Any]:
    """Medians over the rounds. Rates are documents a second, CPU is milliseconds a document."""
    ceiling_rate = median(each.per_second for each in ceilings)
    farm_rate = median(each.per_second for each in farms)
    names = sorted({name for each in farms for name in each.cpu_ms}, key=_place)
    return {
        "cores": cores,
        "documents": farms[0].documents,
        "rounds": len(farms),
        "ceilingPerSecond": round(ceiling_rate, 1),
        "farmPerSecond": round(farm_rate, 1),
        "ratio": round(farm_rate / ceiling_rate, 3),
        "acceptedSeconds": round(median(each.accepted_seconds for each in farms), 3),
        "ceilingCpuMs": {
            "driver": round(median(each.driver_ms for each in ceilings), 2),
            "chromium": round(median(each.chromium_ms for each in ceilings), 2),
        },
        "farmCpuMs": {
            name: round(median(each.cpu_ms.get(name, 0.0) for each in farms), 2) for name in names
        },
    }


def table(found: Mapping[str, Any]) -> str:
    """The summary for people, at most 80 columns wide."""
    lines = [
        f"{found['documents']} one-page invoices, {found['cores']} cores, "
        f"medians of {found['rounds']} rounds",
        "",
        f"  ceiling (printing alone)   {found['ceilingPerSecond']:8.1f} documents/s",
        f"  farm (submit to ZIP)       {found['farmPerSecond']:8.1f} documents/s",
        f"  ratio                      {found['ratio']:8.3f}",
        f"  submit to 202              {found['acceptedSeconds'] * 1000:8.0f} ms",
        "",
        "CPU milliseconds a document        ceiling      farm",
    ]
    alone, together = found["ceilingCpuMs"], found["farmCpuMs"]
    lines.append(f"  {'driver':<30} {alone['driver']:9.2f}         -")
    for name, ms in together.items():
        beside = f"{alone[name]:9.2f}" if name in alone else f"{'-':>9}"
        lines.append(f"  {name:<30} {beside} {ms:9.2f}")
    lines.append(f"  {'sum':<30} {sum(alone.values()):9.2f} {sum(together.values()):9.2f}")
    return "\n".join(lines)


def _place(name: str) -> tuple[int, str]:
    return (PARTS.index(name) if name in PARTS else len(PARTS), name)


def main() -> int:
    """Run the benchmark; the exit code."""
    options = argparse.ArgumentParser(description="Measure the farm against the ceiling.")
    options.add_argument("--documents", type=int, default=600, help="documents a round")
    options.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the farm is stopped, too
    ceilings, farms = run(chosen.documents, chosen.rounds)
    found = summary(ceilings, farms, os.cpu_count() or 1)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(f"\n{table(found)}\n\nwritten to {os.path.relpath(OUT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
