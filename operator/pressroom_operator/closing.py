"""Closing: gives every shard that is still open a ledger, so that every job ends.

What row markers of earlier attempts say is kept. The write is the same conditional one that a
worker makes, so whoever is first counts.
"""

from __future__ import annotations

import orjson

from pressroom.errors import Code, NotFoundError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob
from pressroom.model.ledger import RowFault, RowMark, RowOutcome, RowState, ShardLedger
from pressroom.model.plan import Plan, Shard
from pressroom.names import marks_prefix, shard_key
from pressroom.ports import Store
from pressroom_operator.accept import row_ids
from pressroom_operator.progress import Progress

WRITER = "operator"


class Closer:
    """Closes what is open of a job."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def close(self, job: BatchJob, progress: Progress) -> None:
        """Every shard of the job has a ledger afterwards, and ``progress`` has counted it."""
        if job.spec.cancel:
            fault = RowFault(code=Code.CANCELLED, message="The batch was cancelled.")
        else:
            fault = RowFault(
                code=Code.DEADLINE_EXCEEDED, message="The batch's active deadline passed."
            )
        for shard in list(progress.missing()):
            progress.absorb(await self._close_shard(progress.plan, shard, fault))

    async def _close_shard(self, plan: Plan, shard: int, fault: RowFault) -> ShardLedger:
        settled = await self._settled(plan.uid, shard)
        at = now()
        part = plan.shards[shard]
        names = await self._row_ids(plan, part)
        rows = [
            settled.get(index)
            or RowOutcome(
                index=index,
                id=names.get(index, str(index)),
                state=RowState.CANCELLED,
                attempts=0,
                error=fault,
            )
            for index in range(part.first, part.first + part.rows)
        ]
        ledger = ShardLedger(
            uid=plan.uid,
            shard=shard,
            attempt=0,
            writer=WRITER,
            started_at=at,
            finished_at=at,
            rows=rows,
        )
        key = shard_key(plan.uid, shard)
        if await self._store.create(key, orjson.dumps(ledger.wire())):
            return ledger
        return ShardLedger.model_validate(orjson.loads(await self._store.get(key)))

    async def _row_ids(self, plan: Plan, part: Shard) -> dict[int, str]:
        """By index. Empty where the rows are gone: the job must end all the same."""
        try:
            lines = await self._store.get(plan.manifest, offset=part.offset, length=part.bytes)
        except NotFoundError:
            return {}
        return dict(enumerate(row_ids(lines, part.first), start=part.first))

    async def _settled(self, uid: str, shard: int) -> dict[int, RowOutcome]:
        """What the markers say: rows that an unfinished attempt had settled."""
        settled: dict[int, RowOutcome] = {}
        async for marker in self._store.list(marks_prefix(uid, shard)):
            if not marker.key.endswith(".end.json"):
                continue
            try:
                mark = RowMark.model_validate(orjson.loads(await self._store.get(marker.key)))
            except NotFoundError:
                continue
            if mark.outcome is not None:
                settled[mark.index] = mark.outcome
        return settled
