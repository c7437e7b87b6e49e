"""What the quality gate costs: the same rows with every check off and with every check strict.

Rounds of both alternate in one browser, so that both meet the same machine. The renderer alone is
measured, without queue and store: there the checks weigh most.

    python -m bench.quality [DOCUMENTS] [ROUNDS]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence

from bench.documents import TEMPLATE, rows

from pressroom.model.checks import Checks, Policy
from pressroom.model.page import PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues, Snapshot
from pressroom_worker.browser import BrowserOptions
from pressroom_worker.render import Rendered
from pressroom_worker.supervisor import Supervisor
from pressroom_worker.typesetting import RowJob

_SECONDS = 60.0


def _page(policy: Policy) -> PageOptions:
    checks = Checks(
        blank_pages=policy,
        missing_glyphs=policy,
        cut_content=policy,
        failed_assets=policy,
        console_errors=policy,
        page_count=policy,
        max_pages=1,
    )
    return PageOptions(checks=checks)


def _jobs(count: int, policy: Policy) -> list[RowJob]:
    snapshot = Snapshot(html=TEMPLATE.read_text(encoding="utf-8"))
    page = _page(policy)
    return [
        RowJob(index, Row(data=data), snapshot, page, MissingValues.STRICT, None)
        for index, data in enumerate(rows(count))
    ]


async def _round(supervisor: Supervisor, jobs: Sequence[RowJob]) -> float:
    """Seconds for all of them, in two tabs."""
    started = time.perf_counter()
    await asyncio.gather(*(_tab(supervisor, jobs[at::2]) for at in range(2)))
    return time.perf_counter() - started


async def _tab(supervisor: Supervisor, jobs: Sequence[RowJob]) -> None:
    async for got in supervisor.renderer().render(jobs, row_timeout=_SECONDS, realm="bench"):
        if not isinstance(got, Rendered):
            raise SystemExit(f"row {got.index}: {got.error}")


async def _measure(count: int, rounds: int) -> None:
    supervisor = Supervisor(BrowserOptions(), slots=2)
    await supervisor.start()
    try:
        off, strict = _jobs(count, Policy.OFF), _jobs(count, Policy.FAIL)
        await _round(supervisor, off[:40])
        await _round(supervisor, strict[:40])
        ratios = []
        for number in range(rounds):
            order = (off, strict) if number % 2 == 0 else (strict, off)
            seconds = {id(jobs): await _round(supervisor, jobs) for jobs in order}
            without, with_checks = seconds[id(off)], seconds[id(strict)]
            ratios.append(with_checks / without)
            print(
                f"quality: round {number + 1}: off {count / without:.1f}/s, "
                f"strict {count / with_checks:.1f}/s, ratio {ratios[-1]:.3f}"
            )
        print(f"quality: a row with strict checks takes {statistics.median(ratios):.3f} of one "
              f"without (median of {rounds} rounds of {count})")  # fmt: skip
    finally:
        await supervisor.stop()


def main() -> None:
    """Measure, and print the ratio."""
    count, rounds = [*map(int, sys.argv[1:]), *(600, 7)[len(sys.argv) - 1 :]]
    asyncio.run(_measure(count, rounds))


if __name__ == "__main__":
    main()
