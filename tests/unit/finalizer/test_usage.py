"""What a job used is written once, from its row ledgers, whatever becomes of the job."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pikepdf
import pytest
from finalizer_support import UID, FinishedJob, task

from pressroom import names, usage
from pressroom.model.batchjob import Dialect
from pressroom.model.ledger import RowOutcome, RowState, ShardLedger, UsageRecord
from pressroom.model.plan import Plan
from pressroom.testing.memory_store import MemoryStore
from pressroom_finalizer.finalize import FinalizeOptions, finalize
from pressroom_finalizer.merging import MergeLimits
from pressroom_finalizer.purge import purge

OPTIONS = FinalizeOptions(MergeLimits(1024, 60), retry_seconds=(0.0, 0.0))
KEY = names.usage_key("acme", UID)


async def record_in(store: MemoryStore) -> UsageRecord:
    return UsageRecord.model_validate(orjson.loads(await store.get(KEY)))


async def job_in(store: MemoryStore, *rows: bytes | None, **plan: Any) -> None:
    job = FinishedJob(rows)
    await job.leave_in(store)
    changed = job.plan(job.shards()).evolve(**plan)
    await store.put(names.plan_key(UID), orjson.dumps(changed.wire()))


def blank_pdf() -> bytes:
    written = io.BytesIO()
    with pikepdf.Pdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(written)
    return written.getvalue()


async def cancel_row(store: MemoryStore, shard: int) -> None:
    """Make the first row of a shard one that was never tried."""
    key = names.shard_key(UID, shard)
    ledger = ShardLedger.model_validate(orjson.loads(await store.get(key)))
    first = ledger.rows[0]
    given_up = RowOutcome(index=first.index, id=first.id, state=RowState.CANCELLED, attempts=0)
    changed = ledger.evolve(rows=[given_up, *ledger.rows[1:]])
    await store.put(key, orjson.dumps(changed.wire()))


async def test_a_finalized_job_has_a_record_of_what_it_used() -> None:
    store = MemoryStore()
    await job_in(store, b"12345", None, b"1", b"22")
    await cancel_row(store, 1)
    await finalize(store, task("Files"), OPTIONS)
    record = await record_in(store)
    assert (record.uid, record.tenant, record.job) == (UID, "acme", "letters")
    assert (record.rows, record.succeeded, record.failed, record.cancelled) == (4, 2, 1, 1)
    assert (record.pages, record.bytes, record.credits, record.dialect) == (2, 7, 2, "Native")


async def test_a_dialect_that_charges_for_failed_rows_does_not_for_those_never_tried() -> None:
    store = MemoryStore()
    await job_in(store, b"0", None, b"2", None, dialect=Dialect.IMAGINE_PDF)
    await cancel_row(store, 1)
    await finalize(store, task("Files"), OPTIONS)
    assert (await record_in(store)).credits == 3


async def test_the_first_record_stands() -> None:
    store = MemoryStore()
    await job_in(store, b"0")
    first = usage.Subject(UID, "acme", "letters", Dialect.NATIVE).record(
        usage.Tally(rows=7), merged=False
    )
    await usage.write(store, first)
    before = await store.get(KEY)
    assert await finalize(store, task("Files"), OPTIONS)
    await purge(store, task())
    assert await store.get(KEY) == before


async def test_rows_that_came_out_are_charged_for_a_job_deleted_before_it_was_finalized() -> None:
    store = MemoryStore()
    await job_in(store, b"0", None, b"2", b"3", b"4")
    await store.delete([names.shard_key(UID, 2)])
    await purge(store, task())
    record = await record_in(store)
    assert (record.rows, record.succeeded, record.failed, record.credits) == (4, 3, 1, 3)
    assert [info.key async for info in store.list("")] == [KEY]


async def test_a_purge_that_knows_the_uid_alone_charges_the_right_tenant() -> None:
    store = MemoryStore()
    await job_in(store, b"0")
    await purge(store, task().evolve(tenant="", name="", namespace=""))
    assert (await record_in(store)).job == "letters"


async def test_a_job_that_rendered_nothing_leaves_no_record() -> None:
    store = MemoryStore()
    await job_in(store, b"0")
    await store.delete([names.shard_key(UID, 0)])
    await purge(store, task())
    assert [info.key async for info in store.list("")] == []


class DyingStore(MemoryStore):
    """A store whose user is killed at its n-th deletion."""

    deletions = 0

    async def delete(self, keys: Any) -> None:
        self.deletions += 1
        if self.deletions == 1:
            await super().delete([key for key in keys if key < names.shard_prefix(UID)])
            raise KeyboardInterrupt
        await super().delete(keys)


async def test_a_purge_killed_halfway_counts_no_row_twice_and_none_too_few() -> None:
    store = DyingStore()
    await job_in(store, b"0", b"1", b"2")
    with pytest.raises(KeyboardInterrupt):
        await purge(store, task())
    await purge(store, task())
    assert (await record_in(store)).credits == 3


@pytest.mark.parametrize("broken", [names.plan_key(UID), names.shard_key(UID, 0)])
async def test_of_a_broken_job_what_can_be_read_counts(broken: str) -> None:
    store = MemoryStore()
    await job_in(store, b"0", b"1", b"2")
    await store.put(broken, b"{")
    await finalize(store, task("Files", shards=2), OPTIONS)
    assert (await record_in(store)).succeeded == (1 if "shards" in broken else 3)


async def test_merging_costs_only_where_something_was_merged() -> None:
    for rows, cost in (([blank_pdf()], 2), ([b"no PDF"], 1), ([None], 0)):
        store = MemoryStore()
        await job_in(store, *rows, dialect=Dialect.LIGHTNING_PDF, merged=True)
        await finalize(store, task("Merged"), OPTIONS)
        assert (await record_in(store)).credits == cost


async def test_a_record_of_an_older_version_does_not_stop_a_settlement() -> None:
    store = MemoryStore()
    await job_in(store, b"0", b"1")
    await store.put(KEY, b'{"uid": "u", "tenant": "acme", "rows": 1}')
    plan = Plan.model_validate(orjson.loads(await store.get(names.plan_key(UID))))
    found = await usage.leave(store, usage.Subject.of_plan(plan))
    assert found is not None
    assert found.credits == 2
