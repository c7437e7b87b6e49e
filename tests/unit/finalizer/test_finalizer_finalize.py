"""What a finalized job leaves in the store."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import orjson
import pikepdf
import pytest
from finalizer_support import UID, FinishedJob, task

from pressroom import names
from pressroom.errors import Code, UnavailableError
from pressroom.model.ledger import Artifact, Artifacts
from pressroom.testing.memory_store import MemoryStore
from pressroom_finalizer.faults import NotYetError
from pressroom_finalizer.finalize import FinalizeOptions, finalize
from pressroom_finalizer.merging import MergeLimits
from pressroom_finalizer.purge import purge

OPTIONS = FinalizeOptions(MergeLimits(1024, 60), retry_seconds=(0.0, 0.0))


async def artifacts_in(store: MemoryStore) -> Artifacts:
    return Artifacts.model_validate(orjson.loads(await store.get(names.artifacts_key(UID))))


async def content(store: MemoryStore, artifact: Artifact | None) -> bytes:
    """An output's bytes, checked against its record."""
    assert artifact is not None
    data = await store.get(artifact.key)
    assert len(data) == artifact.bytes
    assert hashlib.sha256(data).hexdigest() == artifact.sha256
    return data


def blank_pdf(pages: int) -> bytes:
    written = io.BytesIO()
    with pikepdf.Pdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page()
        pdf.save(written)
    return written.getvalue()


async def outputs_of(store: MemoryStore) -> list[str]:
    return [info.key async for info in store.list(f"jobs/{UID}/out/")]


async def test_the_zip_has_the_succeeded_rows_in_order_and_the_ledger_has_all() -> None:
    store = MemoryStore()
    await FinishedJob([b"zero", None, b"two", b"three", None]).leave_in(store)
    assert await finalize(store, task("Files", "Zip"), OPTIONS)
    artifacts = await artifacts_in(store)
    with zipfile.ZipFile(io.BytesIO(await content(store, artifacts.zip))) as archive:
        read = {info.filename: archive.read(info) for info in archive.infolist()}
        assert archive.infolist()[0].date_time == (2026, 3, 4, 5, 6, 8)
    assert list(read.items()) == [
        ("letter-0.pdf", b"zero"),
        ("letter-2.pdf", b"two"),
        ("letter-3.pdf", b"three"),
    ]
    assert artifacts.zip is not None
    assert artifacts.zip.files == 3
    assert artifacts.merged is None
    lines = [orjson.loads(one) for one in (await content(store, artifacts.ledger)).splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2, 3, 4]
    assert [line["state"] == "Succeeded" for line in lines] == [True, False, True, True, False]


async def test_rows_of_one_name_get_names_of_their_own_in_zip_and_ledger() -> None:
    store = MemoryStore()
    job = FinishedJob([b"0", b"1", b"2"], names=["bill.pdf"] * 3)
    await job.leave_in(store)
    await finalize(store, task("Zip"), OPTIONS)
    artifacts = await artifacts_in(store)
    with zipfile.ZipFile(io.BytesIO(await content(store, artifacts.zip))) as archive:
        entries = archive.namelist()
    assert len(set(entries)) == 3
    lines = (await content(store, artifacts.ledger)).splitlines()
    assert [orjson.loads(line)["name"] for line in lines] == entries


async def test_where_no_row_succeeded_the_zip_is_empty_and_nothing_is_merged() -> None:
    store = MemoryStore()
    await FinishedJob([None, None, None]).leave_in(store)
    await finalize(store, task("Zip", "Merged"), OPTIONS)
    artifacts = await artifacts_in(store)
    with zipfile.ZipFile(io.BytesIO(await content(store, artifacts.zip))) as archive:
        assert archive.namelist() == []
    assert artifacts.merged is None
    assert artifacts.error is None


async def test_images_are_zipped_and_not_merged() -> None:
    store = MemoryStore()
    await FinishedJob([b"png"], extension="png").leave_in(store)
    await finalize(store, task("Zip", "Merged"), OPTIONS)
    artifacts = await artifacts_in(store)
    assert artifacts.merged is None
    assert artifacts.zip is not None
    assert artifacts.zip.files == 1


async def test_the_merged_pdf_tells_how_many_rows_it_has() -> None:
    store = MemoryStore()
    await FinishedJob([blank_pdf(2), None, blank_pdf(3)]).leave_in(store)
    await finalize(store, task("Merged"), OPTIONS)
    merged = (await artifacts_in(store)).merged
    assert merged is not None
    assert (merged.rows, merged.pages) == (2, 5)


async def test_a_large_row_file_comes_out_whole() -> None:
    store = MemoryStore()
    large = bytes(range(256)) * 12_000
    await FinishedJob([large]).leave_in(store)
    await finalize(store, task("Zip"), OPTIONS)
    data = await content(store, (await artifacts_in(store)).zip)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("letter-0.pdf") == large


async def test_a_second_finalizer_changes_nothing() -> None:
    store = MemoryStore()
    await FinishedJob([b"0"]).leave_in(store)
    await finalize(store, task("Zip"), OPTIONS)
    before = await artifacts_in(store), await outputs_of(store)
    assert await finalize(store, task("Zip"), OPTIONS)
    assert (await artifacts_in(store), await outputs_of(store)) == before


class LateStore(MemoryStore):
    """A store in which another finalizer is always a moment faster."""

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        if key == names.artifacts_key(UID):
            await super().create(key, b'{"winner": "another"}')
        return await super().create(key, data, content_type=content_type)


async def test_the_loser_of_a_race_takes_its_outputs_away() -> None:
    store = LateStore()
    await FinishedJob([b"0"]).leave_in(store)
    assert await finalize(store, task("Zip"), OPTIONS)
    assert await outputs_of(store) == []
    assert await store.get(names.artifacts_key(UID)) == b'{"winner": "another"}'


class LostAnswerStore(MemoryStore):
    """A store that writes the record and whose answer is lost; or whose client sends it again."""

    def __init__(self, *, resent: bool = False, away_after: bool = False) -> None:
        super().__init__()
        self.resent = resent
        self.away_after = away_after

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        written = await super().create(key, data, content_type=content_type)
        if key != names.artifacts_key(UID):
            return written
        self.away = self.away_after
        if self.resent:
            return False
        raise UnavailableError("The answer is lost.")


@pytest.mark.parametrize("resent", [False, True])
async def test_outputs_stay_where_the_answer_to_their_record_was_lost(resent: bool) -> None:
    store = LostAnswerStore(resent=resent)
    await FinishedJob([b"0"]).leave_in(store)
    assert await finalize(store, task("Zip"), OPTIONS)
    artifacts = await artifacts_in(store)
    await content(store, artifacts.zip)
    await content(store, artifacts.ledger)


@pytest.mark.parametrize("resent", [False, True])
async def test_outputs_stay_where_the_store_goes_away_with_the_answer(resent: bool) -> None:
    store = LostAnswerStore(resent=resent, away_after=True)
    await FinishedJob([b"0"]).leave_in(store)
    with pytest.raises(UnavailableError):
        await finalize(store, task("Zip"), OPTIONS)
    store.away = False
    assert await finalize(store, task("Zip"), OPTIONS)
    await content(store, (await artifacts_in(store)).zip)


class UnansweredStore(MemoryStore):
    """A store that goes away as the record is to be written; the write may still arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.late: bytes | None = None

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        if key == names.artifacts_key(UID) and self.late is None:
            self.late = data
            raise UnavailableError("No answer in time.")
        return await super().create(key, data, content_type=content_type)


async def test_outputs_are_there_for_a_record_that_arrives_late() -> None:
    store = UnansweredStore()
    await FinishedJob([b"0"]).leave_in(store)
    with pytest.raises(UnavailableError):
        await finalize(store, task("Zip"), OPTIONS)
    assert store.late is not None
    await store.put(names.artifacts_key(UID), store.late)
    assert await finalize(store, task("Zip"), OPTIONS)
    await content(store, (await artifacts_in(store)).zip)


class LostRaceStore(LateStore):
    """Another finalizer is faster, and the answer that says so is lost."""

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        if not await super().create(key, data, content_type=content_type):
            raise UnavailableError("The answer is lost.")
        return True


async def test_the_loser_finds_out_even_if_it_is_not_told() -> None:
    store = LostRaceStore()
    await FinishedJob([b"0"]).leave_in(store)
    assert await finalize(store, task("Zip"), OPTIONS)
    assert await outputs_of(store) == []


class PurgedStore(MemoryStore):
    """A store in which a purge runs through just before one object is written."""

    def __init__(self, before: str) -> None:
        super().__init__()
        self.before = before

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        await self._purge_before(key)
        return await super().create(key, data, content_type=content_type)

    async def put(
        self, key: str, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> None:
        await self._purge_before(key)
        await super().put(key, data, content_type=content_type)

    async def _purge_before(self, key: str) -> None:
        if self.before and key.endswith(self.before):
            self.before = ""
            await purge(self, task())


@pytest.mark.parametrize("before", ["/batch.zip", f"usage/acme/{UID}.json", "/artifacts.json"])
async def test_nothing_comes_back_after_a_purge(before: str) -> None:
    store = PurgedStore(before)
    await FinishedJob([b"0"]).leave_in(store)
    assert not await finalize(store, task("Zip"), OPTIONS)
    assert [info.key async for info in store.list(names.job_prefix(UID))] == []


async def test_a_job_that_loses_its_files_to_a_purge_gets_no_record_of_a_failure() -> None:
    # The purge comes between the ledger and the row files.
    store = PurgedStore("/ledger.ndjson")
    await FinishedJob([b"0"]).leave_in(store)
    assert not await finalize(store, task("Zip"), OPTIONS)
    assert [info.key async for info in store.list(names.job_prefix(UID))] == []


async def test_a_plan_that_cannot_be_read_fails_the_job() -> None:
    store = MemoryStore()
    await FinishedJob([b"0"]).leave_in(store)
    await store.put(names.plan_key(UID), b"{")
    assert await finalize(store, task("Zip"), OPTIONS)
    assert await failed_with(store) == "The job's plan cannot be read."


async def test_a_job_whose_data_is_gone_is_left_alone() -> None:
    store = MemoryStore()
    assert not await finalize(store, task("Zip"), OPTIONS)
    assert [info.key async for info in store.list("")] == []


async def test_a_missing_shard_ledger_is_waited_for() -> None:
    store = MemoryStore()
    await FinishedJob([b"0", b"1", b"2"]).leave_in(store)
    await store.delete([names.shard_key(UID, 1)])
    with pytest.raises(NotYetError):
        await finalize(store, task("Zip"), OPTIONS)
    assert await store.stat(names.artifacts_key(UID)) is None


async def failed_with(store: MemoryStore) -> str:
    """The message of a job that could not be finalized, and still has a ledger."""
    artifacts = await artifacts_in(store)
    assert artifacts.error is not None
    assert artifacts.error.code is Code.INTERNAL
    assert artifacts.zip is None
    await content(store, artifacts.ledger)
    return artifacts.error.message


async def test_a_missing_row_file_fails_the_job_and_says_which() -> None:
    store = MemoryStore()
    await FinishedJob([b"0", b"1"]).leave_in(store)
    await store.delete([names.row_key(UID, 1, "a1")])
    assert await finalize(store, task("Zip"), OPTIONS)
    assert await failed_with(store) == "The file of row 1 is missing."


async def test_a_damaged_row_file_fails_the_job() -> None:
    store = MemoryStore()
    await FinishedJob([b"0", b"1"]).leave_in(store)
    await store.put(names.row_key(UID, 0, "a1"), b"x")
    await finalize(store, task("Zip"), OPTIONS)
    assert await failed_with(store) == "The file of row 0 is damaged."


async def test_a_row_file_that_is_no_pdf_fails_a_merge() -> None:
    store = MemoryStore()
    await FinishedJob([b"not a pdf"]).leave_in(store)
    await finalize(store, task("Zip", "Merged"), OPTIONS)
    assert "000000.pdf cannot be merged" in await failed_with(store)


async def test_a_row_missing_from_the_ledgers_fails_the_job() -> None:
    store = MemoryStore()
    job = FinishedJob([b"0", b"1"])
    await job.leave_in(store)
    plan = job.plan(job.shards()).evolve(rows=3)
    await store.put(names.plan_key(UID), orjson.dumps(plan.wire()))
    await finalize(store, task("Zip"), OPTIONS)
    assert "the job has 3" in await failed_with(store)


async def test_nothing_stays_on_disk(tmp_path: Path) -> None:
    store = MemoryStore()
    await FinishedJob([b"0", b"not a pdf"]).leave_in(store)
    options = FinalizeOptions(OPTIONS.merge, tmp_path, retry_seconds=())
    await finalize(store, task("Zip", "Merged"), options)
    assert os.listdir(tmp_path) == []
