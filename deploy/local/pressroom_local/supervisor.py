"""Keeps the processes of a local farm running: starts them, starts them again, stops them.

It knows nothing of what a part does: only how to start it and how long it may take to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pressroom_local.children import PART_MARK, die_with_parent, end_marked

Say = Callable[[str], None]


@dataclass(frozen=True)
class Backoff:
    """Seconds before a part that died is started again: doubling, reset by a long life."""

    first: float = 0.5
    most: float = 10.0
    reset_after: float = 30.0

    def after(self, previous: float, lived: float) -> float:
        """The next delay, given the previous one (0: none yet) and how long the part lived."""
        if previous == 0 or lived >= self.reset_after:
            return self.first
        return min(previous * 2, self.most)


@dataclass(frozen=True)
class Part:
    """A process of the farm. ``grace``: seconds from SIGTERM to SIGKILL of its whole group."""

    name: str
    start: Callable[[], Awaitable[Process]]
    log: Path
    grace: float = 5.0


class StartFailed(Exception):  # noqa: N818 - what happened, not a fault of the caller's
    """A part could not be started, or died again and again before the farm was ready."""


async def spawn(
    name: str, argv: Sequence[str], environment: Mapping[str, str], log: Path
) -> Process:
    """A process in its own session that dies with this one; its output goes to ``log``."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment, PART_MARK: name},
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


class Supervised:
    """One part, kept running from :meth:`run` until :meth:`stop`."""

    def __init__(
        self,
        part: Part,
        farm: str,
        *,
        say: Say,
        changed: Callable[[], None],
        backoff: Backoff | None = None,
    ) -> None:
        self.part = part
        self.deaths = 0
        self.pid: int | None = None
        self._farm = farm
        self._say = say
        self._changed = changed
        self._backoff = backoff or Backoff()
        self._process: Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start the part, and again whenever it dies, until :meth:`stop`."""
        delay = 0.0
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            since = clock()
            ending = await self._live()
            if self._stopping.is_set():
                return
            self.deaths += 1
            # A browser outlives its worker: it has a group, even a session, of its own.
            await end_marked(self._farm, self.part.name)
            delay = self._backoff.after(delay, clock() - since)
            self._say(f"{self.part.name} {ending}; starting it again in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    async def _live(self) -> str:
        """One life of the process. How it ended, in words."""
        try:
            process = await self.part.start()
        except (OSError, RuntimeError) as error:
            return f"did not start ({error})"
        self._process, self.pid = process, process.pid
        self._changed()
        if self._stopping.is_set():  # stop() came while it was starting
            await self._end(0)
        code = await process.wait()
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    async def stop(self, *, at_once: bool = False) -> None:
        """SIGTERM, after the grace SIGKILL, and nothing that it started is left."""
        self._stopping.set()
        await self._end(0 if at_once else self.part.grace)
        await end_marked(self._farm, self.part.name)

    async def _end(self, grace: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        if grace > 0:
            _signal(process, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
        if process.returncode is None:
            _signal(process, signal.SIGKILL)
            await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """To the process for SIGTERM, so that it stops its own children in order; else to its group."""
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def last_lines(log: Path, count: int = 5, most: int = 4000) -> str:
    """The end of a log file, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - most))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-count:])
