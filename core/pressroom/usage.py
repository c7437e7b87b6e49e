"""Usage records: what an ended job used, counted from its row ledgers and written once.

The first record of a job stands, whoever wrote it: the finalizer as it finalizes or purges, or the
operator for a job that cannot be finalized. Nothing here touches a tenant's account.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import orjson
from pydantic import ValidationError

from pressroom import names
from pressroom.errors import NotFoundError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob, Dialect
from pressroom.model.ledger import RowOutcome, RowState, ShardLedger, UsageRecord
from pressroom.model.plan import Plan
from pressroom.ports import Store
from pressroom.pricing import Attempts, cost

_log = logging.getLogger(__name__)


@dataclass
class Tally:
    """What rows come to, counted as they pass."""

    rows: int = 0
    succeeded: int = 0
    failed: int = 0
    pages: int = 0
    bytes: int = 0

    def add(self, row: RowOutcome) -> None:
        """Count one row."""
        self.rows += 1
        self.succeeded += row.state is RowState.SUCCEEDED
        self.failed += row.state is RowState.FAILED
        self.pages += row.pages
        self.bytes += row.bytes


@dataclass(frozen=True)
class Subject:
    """Whose usage it is, and by which API's rules it costs."""

    uid: str
    tenant: str
    job: str
    dialect: Dialect

    @classmethod
    def of_job(cls, job: BatchJob) -> Subject:
        """As the resource says."""
        dialect = job.spec.dialect or Dialect.NATIVE
        return cls(job.uid, job.tenant, job.metadata.name, dialect)

    @classmethod
    def of_plan(cls, plan: Plan) -> Subject:
        """As the plan says, where there is no resource any more, or none that one may read."""
        return cls(plan.uid, plan.tenant, plan.name, plan.dialect)

    def record(self, tally: Tally, *, merged: bool) -> UsageRecord:
        """The record of these rows; ``merged``: their files were made into one."""
        attempts = Attempts(tally.succeeded, tally.failed)
        return UsageRecord(
            uid=self.uid,
            tenant=self.tenant,
            job=self.job,
            dialect=self.dialect.value,
            rows=tally.rows,
            succeeded=tally.succeeded,
            failed=tally.failed,
            cancelled=tally.rows - tally.succeeded - tally.failed,
            pages=tally.pages,
            bytes=tally.bytes,
            credits=cost(self.dialect, attempts, merged=merged),
            ended_at=now(),
        )


async def read(store: Store, tenant: str, uid: str) -> UsageRecord | None:
    """The record of a job, if it has one that can be read."""
    try:
        body = await store.get(names.usage_key(tenant, uid))
    except NotFoundError:
        return None
    try:
        return UsageRecord.model_validate(orjson.loads(body))
    except (orjson.JSONDecodeError, ValidationError) as error:
        _log.error("A usage record cannot be read", extra={"uid": uid, "error": str(error)})
        return None


async def write(store: Store, record: UsageRecord) -> UsageRecord:
    """Write a record, unless the job has one. The one that stands."""
    key = names.usage_key(record.tenant, record.uid)
    if await store.create(key, orjson.dumps(record.wire())):
        return record
    return await read(store, record.tenant, record.uid) or record


async def tally(store: Store, uid: str) -> Tally:
    """All rows of all shard ledgers that lie in the store and can be read."""
    counted = Tally()
    async for found in store.list(names.shard_prefix(uid)):
        try:
            ledger = ShardLedger.model_validate(orjson.loads(await store.get(found.key)))
        except NotFoundError:
            continue
        except (orjson.JSONDecodeError, ValidationError) as error:
            _log.error("A ledger cannot be read", extra={"key": found.key, "error": str(error)})
            continue
        for row in ledger.rows:
            counted.add(row)
    return counted


async def leave(store: Store, subject: Subject, *, merged: bool = False) -> UsageRecord | None:
    """The job's record, written from its shard ledgers where it has none.

    None, and nothing written, where no row of it was ever settled.
    """
    found = await read(store, subject.tenant, subject.uid)
    if found is not None:
        return found
    counted = await tally(store, subject.uid)
    if not counted.rows:
        return None
    return await write(store, subject.record(counted, merged=merged))
