"""Finalizes a job: its ledger, ZIP and merged PDF, what it used, and the record that names them.

Outputs lie under keys that no other attempt writes; ``artifacts.json``, written once, says which
ones count. A row's file is fetched once and serves both the ZIP and the merge.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import ValidationError

from pressroom import names, usage
from pressroom.errors import Code, NotFoundError, UnavailableError
from pressroom.model.base import now
from pressroom.model.batchjob import Dialect, OutputKind
from pressroom.model.ledger import Artifact, Artifacts, RowFault, Task
from pressroom.model.plan import Plan
from pressroom.ports import Store, Stored
from pressroom_finalizer import archive
from pressroom_finalizer.faults import BrokenJobError
from pressroom_finalizer.ledger import JobLedger, gather
from pressroom_finalizer.merging import Merge, MergeLimits, merging
from pressroom_finalizer.rowfiles import RETRY_SECONDS, row_files

_log = logging.getLogger(__name__)
_NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class FinalizeOptions:
    """Limits and places. ``work_dir`` None is the system's temporary directory."""

    merge: MergeLimits
    work_dir: Path | None = None
    retry_seconds: Sequence[float] = RETRY_SECONDS


async def finalize(store: Store, task: Task, options: FinalizeOptions) -> bool:
    """Leave the job's outputs and records. False where the job's data is gone: nothing to say.

    Raises NotYetError where a shard has no ledger yet. A job that cannot be finalized gets a
    record with an error.
    """
    try:
        plan = await store.get(names.plan_key(task.uid))
    except NotFoundError:
        return False
    if await store.stat(names.artifacts_key(task.uid)) is not None:
        return True
    with tempfile.TemporaryDirectory(prefix="finalize-", dir=options.work_dir) as directory:
        job = _Job(store, task, plan, options, Path(directory))
        return await job.leave_outputs()


class _Job:
    """One attempt at finalizing one job."""

    def __init__(
        self, store: Store, task: Task, plan: bytes, options: FinalizeOptions, directory: Path
    ) -> None:
        self._store = store
        self._task = task
        self._plan = plan
        self._options = options
        self._directory = directory
        self._attempt = secrets.token_hex(6)
        self._kept: list[str] = []

    async def leave_outputs(self) -> bool:
        """Outputs, then usage, then the record. False where the job's data went meanwhile.

        Own outputs go where they cannot count: another attempt has won, or the job is gone.
        """
        try:
            tally, artifacts = await self._artifacts()
            # Also what looks like a broken job may be one that is being purged.
            if await self._is_gone():
                await self._store.delete(self._kept)
                return False
            await usage.write(
                self._store, self._subject().record(tally, merged=artifacts.merged is not None)
            )
        except Exception:
            await self._store.delete(self._kept)
            raise
        return await self._record(artifacts)

    async def _record(self, artifacts: Artifacts) -> bool:
        """Write the record. From here on, outputs are deleted only where it is not ours."""
        key = names.artifacts_key(self._task.uid)
        data = orjson.dumps(artifacts.wire())
        if not await self._wins(key, data):
            await self._store.delete(self._kept)
            return True
        # A purge may have seen its last, empty listing just before the record was written.
        if await self._is_gone():
            await self._store.delete([*self._kept, key])
            return False
        return True

    async def _wins(self, key: str, data: bytes) -> bool:
        """Whether the record that counts is ours. Raises where that cannot be known now.

        An answer may be lost on the way, or be "it exists" to a write that was sent twice, so only
        the record itself tells. Nobody rewrites it, and it carries the attempt: equal means ours.
        """
        try:
            if await self._store.create(key, data):
                return True
        except UnavailableError as error:
            try:
                return await self._store.get(key) == data
            except NotFoundError:
                raise error from None  # it may still arrive: the outputs stay
        return await self._store.get(key) == data

    async def _is_gone(self) -> bool:
        return await self._store.stat(names.plan_key(self._task.uid)) is None

    async def _artifacts(self) -> tuple[usage.Tally, Artifacts]:
        path = self._directory / "ledger.ndjson"
        try:
            ledger = await self._gather()
        except BrokenJobError as error:
            path.write_bytes(b"")
            failed = self._failed(error, await self._upload_ledger(JobLedger(path)))
            # What can be read counts all the same.
            return await usage.tally(self._store, self._task.uid), failed
        artifact = await self._upload_ledger(ledger)
        try:
            return ledger.totals, await self._outputs(ledger, artifact)
        except BrokenJobError as error:
            return ledger.totals, self._failed(error, artifact)

    async def _gather(self) -> JobLedger:
        plan = self._read_plan()
        ledger = await gather(self._store, self._task.uid, len(plan.shards), self._directory)
        if ledger.totals.rows != plan.rows:
            raise BrokenJobError(
                f"The ledgers have {ledger.totals.rows} rows; the job has {plan.rows}."
            )
        return ledger

    def _read_plan(self) -> Plan:
        try:
            return Plan.model_validate(orjson.loads(self._plan))
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise BrokenJobError("The job's plan cannot be read.", log=f"plan: {error}") from error

    def _subject(self) -> usage.Subject:
        try:
            return usage.Subject.of_plan(self._read_plan())
        except BrokenJobError:
            task = self._task
            return usage.Subject(task.uid, task.tenant, task.name, Dialect.NATIVE)

    def _failed(self, error: BrokenJobError, ledger: Artifact) -> Artifacts:
        _log.error(
            "cannot finalize: %s",
            error.log,
            extra={"action": "finalize_failed", "uid": self._task.uid},
        )
        fault = RowFault(code=Code.INTERNAL, message=error.message)
        return Artifacts(attempt=self._attempt, ledger=ledger, finished_at=now(), error=fault)

    async def _outputs(self, ledger: JobLedger, artifact: Artifact) -> Artifacts:
        """The ZIP and the merged PDF, made side by side from one pass over the row files."""
        zipped = OutputKind.ZIP in self._task.outputs
        merged = OutputKind.MERGED in self._task.outputs and ledger.totals.succeeded > 0
        zip_artifact = merged_artifact = None
        async with AsyncExitStack() as opened:
            merge = None
            if merged:
                directory = _folder(self._directory / "merge")
                asked = self._read_plan().merge
                merge = await opened.enter_async_context(
                    merging(directory, self._options.merge, asked)
                )
            if zipped:
                zip_artifact = await self._upload_zip(ledger, merge)
            elif merge is not None:
                async with aclosing(self._entries(ledger, merge)) as entries:
                    async for entry in entries:
                        entry.path.unlink()
            if merge is not None and merge.files:
                merged_artifact = await self._upload_merged(merge, splits=asked.splits)
        return Artifacts(
            attempt=self._attempt,
            ledger=artifact,
            zip=zip_artifact,
            merged=merged_artifact,
            finished_at=now(),
        )

    async def _entries(
        self, ledger: JobLedger, merge: Merge | None
    ) -> AsyncGenerator[archive.Entry, None]:
        """The row files for the ZIP, handed to the merge on the way."""
        directory = _folder(self._directory / "rows")
        files = row_files(
            self._store,
            ledger.succeeded(),
            directory,
            retry_seconds=self._options.retry_seconds,
        )
        async with aclosing(files):
            async for file in files:
                if merge is not None and file.is_pdf:
                    await merge.add(file.entry.path, file.entry.name)
                yield file.entry

    def _key(self, name: str) -> str:
        key = names.output_key(self._task.uid, self._attempt, name)
        self._kept.append(key)
        return key

    async def _upload_ledger(self, ledger: JobLedger) -> Artifact:
        key = self._key("ledger.ndjson")
        stored = await self._store.upload_file(key, ledger.path, content_type=_NDJSON)
        return _artifact(key, stored)

    async def _upload_zip(self, ledger: JobLedger, merge: Merge | None) -> Artifact:
        key = self._key("batch.zip")
        async with aclosing(self._entries(ledger, merge)) as entries:
            chunks = archive.chunks(entries, ledger.totals.finished_at)
            stored = await self._store.upload(key, chunks, content_type="application/zip")
        return _artifact(key, stored, files=ledger.totals.succeeded)

    async def _upload_merged(self, merge: Merge, *, splits: bool) -> Artifact:
        pages = await merge.finish()
        kind = "zip" if splits else "pdf"
        key = self._key(f"merged.{kind}")
        content_type = f"application/{kind}"
        stored = await self._store.upload_file(key, merge.out, content_type=content_type)
        made = _artifact(key, stored, files=merge.files, pages=pages)
        return made.evolve(rows=merge.files)  # a file is a row's


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _artifact(
    key: str, stored: Stored, *, files: int | None = None, pages: int | None = None
) -> Artifact:
    return Artifact(key=key, bytes=stored.size, sha256=stored.sha256, files=files, pages=pages)
