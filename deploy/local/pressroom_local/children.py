"""What Linux offers to leave no process behind: a parent-death signal and marks in environments.

Every process of a farm carries the farm's id in its environment, and every part its own name;
whatever a part starts (a browser, above all) inherits both, even in a session of its own. It may
not touch a process without such a mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from pathlib import Path

FARM_MARK = "PRESSROOM_FARM"
PART_MARK = "PRESSROOM_PART"
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Ask the kernel to kill this process once its parent is gone; for ``preexec_fn``."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def marked(farm: str, part: str | None = None) -> set[int]:
    """Living processes of the farm, or of one part of it; never this process itself."""
    wanted = {f"{FARM_MARK}={farm}".encode()}
    if part is not None:
        wanted.add(f"{PART_MARK}={part}".encode())
    return {
        pid
        for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        if pid != os.getpid() and wanted <= _environment(pid) and alive(pid)
    }


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


async def end_marked(farm: str, part: str | None = None, *, within: float = 5.0) -> int:
    """Kill what :func:`marked` finds until nothing is left; how many that were.

    After ``within`` seconds it gives up: such a process hangs in the kernel.
    """
    ended: set[int] = set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while found := marked(farm, part):
                for pid in found - ended:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                ended |= found
                await asyncio.sleep(_POLL_SECONDS)
    return len(ended)


def _environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:  # it has ended, or it is another user's
        return set()
