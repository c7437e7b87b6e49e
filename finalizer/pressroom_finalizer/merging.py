"""The finalizer's side of a merge: starts the binder's process and tells it what to merge.

It reads no PDF itself: that happens in the process alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from pressroom.model.finish import MergeOptions
from pressroom_finalizer.faults import BrokenJobError

_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
_ERRORS = "errors.txt"


@dataclass(frozen=True)
class MergeLimits:
    """What a merge may use: address space in MiB, and seconds after the last file.

    ``fonts`` are TrueType files for what the built-in font cannot write.
    """

    memory_mib: int
    seconds: float
    fonts: tuple[Path, ...] = ()


class Merge:
    """A merge under way. Files are linked, so the caller's own stay the caller's."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path, seconds: float):
        self._process = process
        self._directory = directory
        self._seconds = seconds
        self._files = 0

    @property
    def files(self) -> int:
        """How many files have been added."""
        return self._files

    @property
    def out(self) -> Path:
        """Where the merged file lies, once finished."""
        return self._directory / "merged.pdf"

    async def begin(self, options: MergeOptions, fonts: Sequence[Path]) -> None:
        """Say what is to become of the merged file; before all else."""
        await self._tell({"options": options.wire(), "fonts": [str(path) for path in fonts]})

    async def add(self, path: Path, name: str) -> None:
        """Append a file's pages, ``name`` being what readers know it by.

        Waits while the process is behind.
        """
        link = self._directory / path.name
        link.hardlink_to(path)
        await self._tell([str(link), name])
        self._files += 1

    async def _tell(self, line: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(orjson.dumps(line) + b"\n")
            async with asyncio.timeout(self._seconds):
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            await self.finish()  # it has ended early and says why
        except TimeoutError as error:
            raise BrokenJobError("Merging took too long.") from error

    async def finish(self) -> int:
        """How many pages the merged file at ``out`` has. BrokenJobError says what went wrong."""
        try:
            async with asyncio.timeout(self._seconds):
                printed, _ = await self._process.communicate(b"")
        except TimeoutError as error:
            raise BrokenJobError("Merging took too long.") from error
        try:
            answer = orjson.loads(printed)
        except orjson.JSONDecodeError as error:
            raise BrokenJobError(
                "Merging failed.",
                log=f"status {self._process.returncode}: {_end_of(self._directory / _ERRORS)}",
            ) from error
        if "error" in answer:
            raise BrokenJobError(f"Merging failed: {answer['error']}.")
        return int(answer["pages"])


@asynccontextmanager
async def merging(
    directory: Path, limits: MergeLimits, options: MergeOptions | None = None
) -> AsyncIterator[Merge]:
    """A merge in ``directory``, which is empty. Its process ends with the context."""
    with (directory / _ERRORS).open("wb") as errors:
        process = await _start(directory, limits, errors)
    try:
        merge = Merge(process, directory, limits.seconds)
        await merge.begin(options or MergeOptions(), limits.fonts)
        yield merge
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _start(
    directory: Path, limits: MergeLimits, errors: BinaryIO
) -> asyncio.subprocess.Process:
    # Its errors go to a file: nobody reads a pipe while files are added.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pressroom_finalizer.binder",
        str(directory / "merged.pdf"),
        str(limits.memory_mib),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )


def _end_of(path: Path) -> str:
    return path.read_bytes()[-2000:].decode(errors="replace")
