"""Parts that die are started again; parts that are stopped leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pressroom_local.children import FARM_MARK, alive, marked
from pressroom_local.supervisor import Backoff, Part, Supervised, last_lines, spawn

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); {SLEEP}"
)
# As a worker does with its browser: a session of its own, output elsewhere.
WITH_BROWSER = (
    "import subprocess, sys; "
    f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); {SLEEP}"
)
FAST = Backoff(first=0.02, most=0.08)


@dataclass
class Stage:
    """A supervised stub part, what it said, and an event per change of its pid."""

    tmp_path: Path
    farm: str
    said: list[str] = field(default_factory=list)
    changes: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    def part(self, code: str, grace: float = 5) -> Supervised:
        log = self.tmp_path / "part.log"
        environment = {**os.environ, FARM_MARK: self.farm}
        argv = [sys.executable, "-c", code]
        part = Part("part", functools.partial(spawn, "part", argv, environment, log), log, grace)
        return self.supervised(part)

    def supervised(self, part: Part) -> Supervised:
        return Supervised(
            part,
            self.farm,
            say=self.said.append,
            changed=lambda: self.changes.put_nowait(None),
            backoff=FAST,
        )

    @contextlib.asynccontextmanager
    async def running(self, part: Supervised) -> AsyncIterator[int]:
        """Yields the first pid; stops the part at the end."""
        task = asyncio.create_task(part.run())
        try:
            yield await self.next_pid(part)
        finally:
            await part.stop()
            await asyncio.wait_for(task, 5)

    async def next_pid(self, part: Supervised) -> int:
        await asyncio.wait_for(self.changes.get(), 10)
        assert part.pid is not None
        return part.pid


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, f"test-{os.urandom(6).hex()}")


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_part_that_is_killed_runs_again_under_another_pid(stage: Stage) -> None:
    part = stage.part(SLEEP)
    async with stage.running(part) as first:
        os.kill(first, signal.SIGKILL)
        second = await stage.next_pid(part)
        assert second != first
        assert alive(second)
        assert stage.said == ["part was ended by SIGKILL; starting it again in 0.02 s"]
    assert not alive(second)


async def test_what_a_killed_part_had_started_is_gone_before_it_runs_again(stage: Stage) -> None:
    part = stage.part(WITH_BROWSER)
    async with stage.running(part) as first:
        await _until(lambda: len(marked(stage.farm)) == 2)
        browsers = marked(stage.farm) - {first}
        os.kill(first, signal.SIGKILL)
        await stage.next_pid(part)
        assert not any(alive(pid) for pid in browsers)
    assert marked(stage.farm) == set()


async def test_a_part_that_ignores_sigterm_is_killed_after_its_grace(stage: Stage) -> None:
    part = stage.part(STUBBORN, grace=0.2)
    async with stage.running(part) as pid:
        await _until(lambda: part.part.log.read_text() == "1\n")
    assert not alive(pid)
    assert stage.said == []


async def test_a_part_that_keeps_dying_is_tried_ever_less_often(stage: Stage) -> None:
    part = stage.part("raise SystemExit('no such module')")
    async with stage.running(part):
        await _until(lambda: part.deaths >= 4)
    delays = [line.rsplit(" in ", 1)[1] for line in stage.said[:4]]
    assert delays == ["0.02 s", "0.04 s", "0.08 s", "0.08 s"]
    assert last_lines(part.part.log, 1) == "no such module"


async def test_a_part_that_cannot_be_started_is_tried_again(stage: Stage) -> None:
    attempts = 0
    log = stage.tmp_path / "part.log"

    async def start() -> Process:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError("no such program")
        return await spawn("part", [sys.executable, "-c", SLEEP], os.environ, log)

    part = stage.supervised(Part("part", start, log))
    async with stage.running(part):
        assert stage.said == ["part did not start (no such program); starting it again in 0.02 s"]


async def test_stopping_a_part_that_waits_to_be_started_again_is_quick(stage: Stage) -> None:
    part = Supervised(
        stage.part("raise SystemExit(3)").part,
        stage.farm,
        say=stage.said.append,
        changed=lambda: None,
        backoff=Backoff(first=600),
    )
    task = asyncio.create_task(part.run())
    await _until(lambda: stage.said)
    await part.stop()
    await asyncio.wait_for(task, 1)
    assert part.deaths == 1


async def test_parts_die_with_the_farm(stage: Stage) -> None:
    """Though nobody gets to say a word: the farm itself is killed."""
    farm = f"""
import asyncio, os, sys
from pathlib import Path
from pressroom_local.supervisor import spawn
async def main():
    child = await spawn("part", [sys.executable, "-c", {SLEEP!r}], os.environ, Path(os.devnull))
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", farm, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    child = int(await asyncio.wait_for(process.stdout.readline(), 10))
    assert alive(child)
    process.kill()
    await process.wait()
    await _until(lambda: not alive(child))


def test_backoff_doubles_to_its_most_and_forgets_after_a_long_life() -> None:
    backoff = Backoff()
    delays = [0.0]
    for _ in range(6):
        delays.append(backoff.after(delays[-1], lived=1))
    assert delays[1:] == [0.5, 1, 2, 4, 8, 10]
    assert backoff.after(10, lived=30) == 0.5


def test_only_the_farms_own_processes_are_found() -> None:
    assert marked("no-such-farm") == set()
