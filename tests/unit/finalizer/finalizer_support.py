"""A finished job in a store, as the worker leaves it, for the finalizer's tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from pressroom import names
from pressroom.errors import Code
from pressroom.model.ledger import RowFault, RowOutcome, RowState, ShardLedger, Task
from pressroom.model.plan import Plan, Shard
from pressroom.ports import Store

UID = "0b5c1d6e-1111-4222-8333-444455556666"
FINISHED = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)


def task(*outputs: str, uid: str = UID, shards: int = 1) -> Task:
    """A task as the operator queues it."""
    return Task(
        uid=uid, namespace="farm", name="letters", tenant="acme", outputs=[*outputs], shards=shards
    )


@dataclass
class FinishedJob:
    """Rows that succeed (bytes) or fail (None), in shards of ``shard_rows``."""

    rows: Sequence[bytes | None]
    shard_rows: int = 2
    extension: str = "pdf"
    names: Sequence[str] = field(default_factory=list)

    def shards(self) -> list[Shard]:
        """The plan's shards."""
        count = len(self.rows)
        return [
            Shard(first=first, rows=min(self.shard_rows, count - first), offset=first, bytes=1)
            for first in range(0, count, self.shard_rows)
        ]

    async def leave_in(self, store: Store) -> None:
        """Write the plan, the row files and the shard ledgers."""
        shards = self.shards()
        await store.create(names.plan_key(UID), orjson.dumps(self.plan(shards).wire()))
        for number, shard in enumerate(shards):
            outcomes = []
            for index in range(shard.first, shard.first + shard.rows):
                outcomes.append(await self._leave_row(store, index))
            ledger = ShardLedger(
                uid=UID,
                shard=number,
                attempt=1,
                writer="worker-1",
                started_at=FINISHED,
                finished_at=FINISHED,
                rows=outcomes,
            )
            await store.create(names.shard_key(UID, number), orjson.dumps(ledger.wire()))

    def plan(self, shards: list[Shard]) -> Plan:
        """The job's plan."""
        return Plan(
            uid=UID,
            name="letters",
            namespace="farm",
            tenant="acme",
            manifest=names.manifest_key(UID),
            rows=len(self.rows),
            shards=shards,
            templates={"": None},
        )

    async def _leave_row(self, store: Store, index: int) -> RowOutcome:
        content = self.rows[index]
        if content is None:
            fault = RowFault(code=Code.RENDER_FAILED, message="The page did not load.")
            return RowOutcome(index=index, id=str(index), state=RowState.FAILED, error=fault)
        key = names.row_key(UID, index, "a1", self.extension)
        await store.put(key, content)
        name = self.names[index] if self.names else f"letter-{index}.{self.extension}"
        return RowOutcome(
            index=index,
            id=str(index),
            state=RowState.SUCCEEDED,
            file=key,
            name=name,
            bytes=len(content),
            pages=1,
            sha256=hashlib.sha256(content).hexdigest(),
        )
