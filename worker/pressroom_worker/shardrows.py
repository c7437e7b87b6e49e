"""Renders the rows of one shard and puts their files into the store, until each has an outcome.

Tries of a row: a fault of its own (data, template, size) fails it at once, and so does a timeout,
for the row has had its whole time by then. A failed print is tried again, alone, as often as the
job's ``rowRetries`` says; a crash blames the row, and the second blame fails it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pressroom.errors import Code, RowError, UnavailableError
from pressroom.model.checks import Finding
from pressroom.model.ledger import RowFault, RowOutcome, RowState
from pressroom_worker.attempts import MAX_BLAMES, Attempts, History
from pressroom_worker.farm import Farm
from pressroom_worker.files import PUTS, RowFiles
from pressroom_worker.render import BrowserCrashed, Failed, Rendered, RowJob
from pressroom_worker.rows import Prepared

_log = logging.getLogger(__name__)
#: Crashes that no row is to blame for, after which an attempt is handed back.
_MAX_BLAMELESS = 3
_CRASHED = RowError(
    Code.RENDER_CRASHED, "The browser crashed each time it rendered this row.", log="blamed twice"
)

_GAVE_UP = RowError(
    Code.SHARD_GAVE_UP, "Rendering this row's shard kept failing; retry the row, or tell us."
)


@dataclass(frozen=True)
class Crash:
    """The browser died; ``index`` is the row in the crashed tab, where that is known."""

    index: int | None


@dataclass(frozen=True)
class Limits:
    """How long a row may take, in seconds, and how often it is tried again."""

    row_timeout: float
    retries: int


class ShardRows:
    """The rows of one shard on their way to their outcomes."""

    def __init__(
        self, prepared: Sequence[Prepared], farm: Farm, files: RowFiles, limits: Limits
    ) -> None:
        self.outcomes: dict[int, RowOutcome] = {}
        self._ids = {row.index: row.id for row in prepared}
        self._jobs = {row.index: row.job for row in prepared if isinstance(row.job, RowJob)}
        self._renderer = farm.renderer()
        self._metrics = farm.metrics
        self._files = files
        self._limits = limits
        self._silence = 2 * limits.row_timeout + farm.timing.slack
        self._tries: Counter[int] = Counter()
        for row in prepared:
            if isinstance(row.job, RowError):
                self._fail(row.index, row.job, millis=0)

    def keep(self, settled: Mapping[int, RowOutcome]) -> None:
        """Take over outcomes that an earlier attempt left."""
        self.outcomes.update(settled)

    async def together(self, token: str) -> Crash | None:
        """Render all rows at once, then one by one those that deserve another try."""
        crash = await self._pass(self._open(), token)
        while crash is None and (left := self._open()):
            for job in left:
                crash = await self._pass([job], token, alone=True)
                if crash is not None:
                    break
        return crash

    async def one_by_one(self, token: str, attempts: Attempts, history: History) -> None:
        """Render each row between two marks, in a browser of our own; suspects come last.

        Should a suspect take the whole worker down, then its neighbours are settled by then.
        UnavailableError: browsers keep dying, and no row is to blame.
        """
        blames = Counter(history.blames)
        for index, count in blames.items():
            self._tries[index] = max(self._tries[index], count)
        blameless = 0
        while left := sorted(self._open(), key=lambda job: (blames[job.index], job.index)):
            marks = _Marks(attempts)
            if blames[left[-1].index] >= MAX_BLAMES:
                self._fail(left[-1].index, _CRASHED, millis=0)
                await marks.settled(self.outcomes[left[-1].index])
                continue
            crash = await self._pass(left, token, alone=True, marks=marks)
            if crash is not None and crash.index is not None:
                blames[crash.index] += 1
                self._tries[crash.index] += 1
            elif crash is not None:
                blameless += 1
                if blameless >= _MAX_BLAMELESS:
                    raise UnavailableError("Browsers keep dying before a row enters them.")

    def give_up(self) -> None:
        """Fail what is open: the shard has had its chances."""
        for job in self._open():
            self._fail(job.index, _GAVE_UP, millis=0)

    def _open(self) -> list[RowJob]:
        return [job for index, job in self._jobs.items() if index not in self.outcomes]

    async def _pass(
        self,
        jobs: Sequence[RowJob],
        token: str,
        *,
        alone: bool = False,
        marks: _Marks | None = None,
    ) -> Crash | None:
        """Render these rows. Uploads run beside the rendering, and are done when this returns."""
        left = {job.index: job for job in jobs}
        room = asyncio.Semaphore(PUTS if marks is None else 1)
        crash = None
        try:
            async with (
                asyncio.TaskGroup() as puts,
                _closing(self._results(jobs, alone, marks)) as results,
            ):
                async for result in results:
                    if isinstance(result, Crash):
                        crash = result
                        break
                    job = left.pop(result.index)
                    self._tries[result.index] += 1
                    await room.acquire()
                    puts.create_task(self._settle(result, job, token, room, marks))
        except ExceptionGroup as group:
            # Uploads fail together; one of them tells the story.
            raise group.exceptions[0] from None
        if crash is None:
            self._forgotten(left)
        return crash

    async def _results(
        self, jobs: Sequence[RowJob], alone: bool, marks: _Marks | None
    ) -> AsyncIterator[Rendered | Failed | Crash]:
        """The renderer's results; a crash comes as the last of them, and so does its silence."""
        rendering = self._renderer.render(
            jobs,
            row_timeout=self._limits.row_timeout,
            alone=alone,
            realm=self._files.uid,
            on_start=marks.started if marks else None,
        )
        async with _closing(rendering) as results:
            while True:
                try:
                    async with asyncio.timeout(self._silence):
                        result = await anext(results)
                except StopAsyncIteration:
                    return
                except BrowserCrashed as error:
                    _log.warning("%s", error.log, extra={"action": "browser_crashed"})
                    self._metrics.crashes.inc()
                    yield Crash(error.index)
                    return
                except TimeoutError:
                    _log.error("the renderer is silent", extra={"action": "renderer_silent"})
                    yield Crash(marks.within if marks else None)
                    return
                yield result

    async def _settle(
        self,
        result: Rendered | Failed,
        job: RowJob,
        token: str,
        room: asyncio.Semaphore,
        marks: _Marks | None,
    ) -> None:
        index = result.index
        try:
            if isinstance(result, Failed):
                self._failed(result)
            else:
                outcome = await self._files.put(
                    result, row_id=self._ids[index], kind=job.page.kind, token=token
                )
                self.outcomes[index] = outcome.evolve(
                    attempts=self._tries[index],
                    template=job.template,
                    findings=list(result.findings),
                )
            if marks is not None:
                # Named by a mark, the file may end up in somebody else's ledger.
                settled = self.outcomes.get(index)
                self._files.let_go(settled.file if settled else None)
                await marks.settled(settled)
        finally:
            room.release()

    def _forgotten(self, left: Mapping[int, RowJob]) -> None:
        """A renderer that ends without a result for a row has failed that row."""
        error = RowError(Code.RENDER_FAILED, "The row was not rendered.", log="no result")
        for index in left:
            self._tries[index] += 1
            self._failed(Failed(index=index, error=error, millis=0))

    def _failed(self, failed: Failed) -> None:
        most = 1
        if failed.error.code is Code.RENDER_CRASHED:
            most = MAX_BLAMES
        elif failed.error.code is Code.RENDER_FAILED:  # may be nobody's fault
            most = 1 + self._limits.retries
        if self._tries[failed.index] >= most:
            self._fail(failed.index, failed.error, millis=failed.millis, findings=failed.findings)

    def _fail(
        self, index: int, error: RowError, *, millis: int, findings: Sequence[Finding] = ()
    ) -> None:
        job = self._jobs.get(index)
        self.outcomes[index] = RowOutcome(
            index=index,
            id=self._ids[index],
            state=RowState.FAILED,
            attempts=max(1, self._tries[index]),
            millis=millis,
            error=RowFault(code=error.code, message=error.message),
            template=job.template if job is not None else None,
            findings=list(findings),
        )


class _Marks:
    """The marks of a careful pass: no row starts before the one before it is settled."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._settled = asyncio.Event()
        self._settled.set()
        #: The row that was started last.
        self.within: int | None = None

    async def started(self, index: int) -> None:
        await self._settled.wait()
        self._settled.clear()
        self.within = index
        await self._attempts.started(index)

    async def settled(self, outcome: RowOutcome | None) -> None:
        """None: the row has failed, and is tried again."""
        if outcome is not None:
            await self._attempts.settled(outcome)
        self._settled.set()


@asynccontextmanager
async def _closing(
    results: AsyncIterator[Rendered | Failed | Crash],
) -> AsyncIterator[AsyncIterator[Rendered | Failed | Crash]]:
    """Close a generator that is left early, so that its tabs are free at once."""
    try:
        yield results
    finally:
        aclose = getattr(results, "aclose", None)
        if aclose is not None:
            await aclose()
