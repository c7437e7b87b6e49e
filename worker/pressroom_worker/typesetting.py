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
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from pressroom.errors import Code, RowError, UnavailableError
from pressroom.model.page import PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues, Snapshot
from pressroom.pagetexts import is_template, texts, with_texts
from pressroom_worker.account import Account

#: Seconds that a row's template may take at most, however long the row may.
TEMPLATE_SECONDS = 5.0
_START_SECONDS = 20.0
_HEAD = struct.Struct(">I")


@dataclass(frozen=True)
class RowJob:
    """One row to render, everything resolved.

    ``snapshot`` is None only where the row has HTML or a URL; ``page`` is the effective one.
    """

    index: int
    row: Row
    snapshot: Snapshot | None
    page: PageOptions
    missing_values: MissingValues
    file_name_pattern: str | None
    #: The job's URL source, where the row has none of its own.
    url: str | None = None
    #: Where the page may fetch from (a tenant's ``egress.pages``).
    egress: tuple[str, ...] = ()
    #: What the ledger calls the template: ``invoice@3``.
    template: str | None = None

    @property
    def id(self) -> str:
        """The row's own id, or its position."""
        return self.row.id or str(self.index)


@dataclass(frozen=True)
class Typeset:
    """A row as HTML, or why it has none. ``seconds`` is what the template took.

    ``page`` is the job's with every template text in it rendered.
    """

    job: RowJob
    page: PageOptions
    html: str
    name: str
    seconds: float
    error: RowError | None = None
    #: The page to fetch instead of ``html``.
    url: str | None = None


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


class _Shared:
    """Texts that many rows have in common, each listed once; a row names it by its place."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._places: dict[int, tuple[int | None, object]] = {}

    def place(self, owner: object, item: Callable[[], Any]) -> int | None:
        """Where ``item()``, which belongs to ``owner``, is listed; None where it is empty."""
        known = self._places.get(id(owner))
        if known is None:
            made = item()
            place = len(self.items) if made else None
            if made:
                self.items.append(made)
            # The owner is kept, so that its id stays its own.
            known = self._places[id(owner)] = (place, owner)
        return known[0]


def _request(jobs: Sequence[RowJob]) -> bytes:
    """The rows and, each once, the texts that they are made from."""
    sources: dict[tuple[str, str | None], int] = {}
    pages, schemas, assets = _Shared(), _Shared(), _Shared()
    rows = []
    for job in jobs:
        source, snapshot, raw = _source(job), job.snapshot, _is_raw(job.row)
        row: dict[str, Any] = {
            "source": None if source is None else sources.setdefault(source, len(sources)),
            "lenient": job.missing_values is MissingValues.LENIENT,
            "data": _data(job.row),
            "index": job.index,
            "id": job.id,
            "pattern": job.file_name_pattern,
            "extension": job.page.kind.extension,
            "page": None if raw else pages.place(job.page, partial(texts, job.page)),
        }
        if snapshot is not None:
            row["assets"] = assets.place(snapshot, partial(list, snapshot.assets))
            if source is not None and job.row.html is None:
                row["schema"] = schemas.place(snapshot, partial(_schema, snapshot))
        url = _url(job)
        if url is not None and is_template(url):
            row["url"] = url
        if job.row.edits and url is None:
            row["edits"] = [edit.model_dump(mode="json") for edit in job.row.edits]
            row["html"] = job.row.html if source is None else None
        rows.append(row)
    return orjson.dumps(
        {
            "sources": list(sources),
            "pages": pages.items,
            "schemas": schemas.items,
            "assets": assets.items,
            "rows": rows,
        }
    )


def _data(row: Row) -> object:
    """The row's data as JSON, on its own: it is as deep as its own line may be, and no deeper.

    None where it is deeper than that.
    """
    try:
        return orjson.Fragment(orjson.dumps(row.data))
    except orjson.JSONEncodeError:
        return None


def _is_raw(row: Row) -> bool:
    """Printed as it stands, page options too."""
    return row.html is not None and row.raw


def _schema(snapshot: Snapshot) -> str:
    return orjson.dumps(snapshot.data_schema).decode() if snapshot.data_schema else ""


def _url(job: RowJob) -> str | None:
    """The page to fetch. HTML of the row's own comes first."""
    return None if job.row.html is not None else job.url or job.row.url


def _source(job: RowJob) -> tuple[str, str | None] | None:
    """The template's text and style sheet; None where no template makes the row's page."""
    if job.row.html is not None:
        return None if job.row.raw else (job.row.html, None)
    if _url(job) is not None:
        return None
    return (job.snapshot.html, job.snapshot.css) if job.snapshot is not None else ("", None)


def _typeset(job: RowJob, answer: dict[str, Any]) -> Typeset:
    if "code" in answer:
        error = RowError(Code(answer["code"]), answer["message"], line=answer.get("line"))
        return Typeset(job, job.page, "", "", answer["seconds"], error)
    html = answer.get("html")
    return Typeset(
        job,
        with_texts(job.page, answer.get("texts", {})),
        html if html is not None else job.row.html or "",
        answer["name"],
        answer["seconds"],
        url=answer.get("url", _url(job)),
    )
