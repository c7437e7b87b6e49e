"""From rows to HTML and file names, in a process that can be killed when a template runs away.

The rows of a shard go over in one message and come back one by one, while the browser prints the
earlier ones; the pipes bound how far ahead it gets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pressroom.errors import Code, RowError, UnavailableError
from pressroom.model.page import PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues, Snapshot
from pressroom_worker.account import Account

#: Seconds that a row's template may take at most, however long the row may.
TEMPLATE_SECONDS = 5.0
_START_SECONDS = 20.0
_HEAD = struct.Struct(">I")


@dataclass(frozen=True)
class RowJob:
    """One row to render, everything resolved.

    ``snapshot`` is None only where the row has HTML of its own; ``page`` is the effective one.
    """

    index: int
    row: Row
    snapshot: Snapshot | None
    page: PageOptions
    missing_values: MissingValues
    file_name_pattern: str | None

    @property
    def id(self) -> str:
        """The row's own id, or its position."""
        return self.row.id or str(self.index)


@dataclass(frozen=True)
class Typeset:
    """A row as HTML, or why it has none. ``seconds`` is what the template took."""

    job: RowJob
    page: PageOptions
    html: str
    name: str
    seconds: float
    error: RowError | None = None


class Typesetter:
    """One template process, started when needed and replaced when it had to be killed."""

    def __init__(self, account: Account | None) -> None:
        self._account = account
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process unless it runs. UnavailableError if it cannot be started."""
        if self._process is not None and self._process.returncode is None:
            return
        account = self._account or Account(-1, -1)
        kept = (
            "PATH",
            "LANG",
            "LC_ALL",
            "PYTHONPATH",
            "VIRTUAL_ENV",
            "PRESSROOM_FARM",
            "PRESSROOM_PART",
        )
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "pressroom_worker.typesetting_child",
                str(account.uid),
                str(account.gid),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd="/",
                env={name: os.environ[name] for name in kept if name in os.environ},
                start_new_session=True,
            )
            if self._process.stdout is not None:
                async with asyncio.timeout(_START_SECONDS):
                    await self._process.stdout.readexactly(_HEAD.size)  # ready
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            await self.stop()
            raise UnavailableError(
                "The template process did not start.", log=repr(error)
            ) from error

    async def stop(self) -> None:
        """Kill the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def typeset(
        self, jobs: Sequence[RowJob], row_seconds: float
    ) -> AsyncGenerator[Typeset, None]:
        """The rows in order. A runaway row comes back as ``template_timeout``; the rest go on."""
        at = 0
        most = min(TEMPLATE_SECONDS, row_seconds)
        clean = False
        try:
            while at < len(jobs):
                await self.start()
                await self._ask(jobs[at:])
                while at < len(jobs):
                    answer = await self._answer(most)
                    yield _typeset(jobs[at], answer)
                    at += 1
                    if "fatal" in answer:
                        await self.stop()
                        break
            clean = True
        finally:
            if not clean:
                await self.stop()

    async def _ask(self, jobs: Sequence[RowJob]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise UnavailableError("The template process is not there.")
        body = _request(jobs)
        try:
            process.stdin.write(_HEAD.pack(len(body)) + body)
            async with asyncio.timeout(_START_SECONDS):
                await process.stdin.drain()
        except (OSError, TimeoutError) as error:
            raise UnavailableError(
                "The template process does not take rows.", log=repr(error)
            ) from error

    async def _answer(self, seconds: float) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:
            raise UnavailableError("The template process is not there.")
        try:
            async with asyncio.timeout(seconds):
                head = await process.stdout.readexactly(_HEAD.size)
                body = await process.stdout.readexactly(_HEAD.unpack(head)[0])
        except TimeoutError:
            return {
                "fatal": True,
                "code": Code.TEMPLATE_TIMEOUT,
                "message": f"The template did not finish within {seconds:g} s.",
                "seconds": seconds,
            }
        except asyncio.IncompleteReadError:
            return {
                "fatal": True,
                "code": Code.TEMPLATE_FAILED,
                "message": "The template broke off: it asks for too much.",
                "seconds": 0.0,
            }
        answer: dict[str, Any] = orjson.loads(body)
        return answer


def _request(jobs: Sequence[RowJob]) -> bytes:
    """The rows and, each once, the texts that they are made from."""
    sources: dict[tuple[str, str | None], int] = {}
    rows = []
    for job in jobs:
        source = _source(job)
        rows.append(
            {
                "source": None if source is None else sources.setdefault(source, len(sources)),
                "lenient": job.missing_values is MissingValues.LENIENT,
                "data": job.row.data,
                "index": job.index,
                "id": job.id,
                "pattern": job.file_name_pattern,
                "extension": job.page.kind.extension,
                "header": job.page.header_html,
                "footer": job.page.footer_html,
            }
        )
    return orjson.dumps({"sources": list(sources), "rows": rows})


def _source(job: RowJob) -> tuple[str, str | None] | None:
    """The template's text and style sheet; None where the row is printed as it stands."""
    if job.row.html is not None:
        return None if job.row.raw else (job.row.html, None)
    return (job.snapshot.html, job.snapshot.css) if job.snapshot is not None else ("", None)


def _typeset(job: RowJob, answer: dict[str, Any]) -> Typeset:
    if "code" in answer:
        error = RowError(Code(answer["code"]), answer["message"], line=answer.get("line"))
        return Typeset(job, job.page, "", "", answer["seconds"], error)
    html = answer.get("html")
    page = job.page
    if "header" in answer or "footer" in answer:
        page = page.evolve(
            header_html=answer.get("header", page.header_html),
            footer_html=answer.get("footer", page.footer_html),
        )
    return Typeset(
        job,
        page,
        html if html is not None else job.row.html or "",
        answer["name"],
        answer["seconds"],
    )
