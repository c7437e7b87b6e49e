"""Attempts at a shard, kept in the store: who began one, how it ended, and which row is to blame.

Attempt ``n`` is written before it starts. One that ended without a ledger and was not handed back
is taken for a crash; from then on the shard's rows are rendered one by one, each between a start
and an end mark. A start without an end blames that row, once an attempt. Handed-back attempts blame
nobody and do not slow down the next one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from pressroom import names
from pressroom.errors import ConflictError
from pressroom.model.base import Record, now
from pressroom.model.ledger import RowMark, RowOutcome, ShardAttempt
from pressroom.ports import Store

#: A row that so many attempts crashed on is failed, and never rendered again.
MAX_BLAMES = 2
#: A shard that so many attempts crashed on, with no row to blame for all of it, is given up. Each
#: poisoned row costs two attempts, so a few of them in one shard are still told from the others.
MAX_CRASHES = 10
_READS = 8
_TRIES = 5
_JSON = "application/json"


@dataclass(frozen=True)
class History:
    """What the attempt that starts now has to know of earlier ones."""

    #: The attempt that starts now, from 1.
    number: int
    #: How many earlier attempts ended without a ledger and were not handed back.
    crashes: int
    #: How many attempts crashed on a row, by its index.
    blames: Mapping[int, int]
    #: Outcomes that earlier attempts left, by row index; their files are in the store.
    settled: Mapping[int, RowOutcome]

    @property
    def careful(self) -> bool:
        """Render row by row: an earlier attempt was not handed back."""
        return self.crashes > 0


class Attempts:
    """The attempts at one shard, and the current one."""

    def __init__(self, store: Store, uid: str, shard: int, worker: str) -> None:
        self._store = store
        self._uid = uid
        self._shard = shard
        self._worker = worker
        self._current: ShardAttempt | None = None

    async def begin(self) -> History:
        """Write the next attempt. ConflictError if other workers keep being first."""
        for _ in range(_TRIES):
            earlier = await self._earlier()
            attempt = ShardAttempt(
                attempt=max((a.attempt for a in earlier), default=0) + 1,
                worker=self._worker,
                started_at=now(),
            )
            key = names.attempt_key(self._uid, self._shard, attempt.attempt)
            if await self._store.create(key, _body(attempt)):
                self._current = attempt
                return await self._history(attempt.attempt, earlier)
        raise ConflictError(f"shard {self._shard} of {self._uid}: others keep starting attempts")

    async def hand_back(self) -> None:
        """Mark the current attempt, if there is one, as blaming nobody."""
        if self._current is not None:
            attempt = self._current.evolve(handed_back=True)
            key = names.attempt_key(self._uid, self._shard, attempt.attempt)
            await self._store.put(key, _body(attempt), content_type=_JSON)

    async def started(self, index: int) -> None:
        """Mark that the current attempt starts (or was in) this row."""
        await self._mark(index, "start", None)

    async def settled(self, outcome: RowOutcome) -> None:
        """Mark what became of a row; later attempts keep it as it is."""
        await self._mark(outcome.index, "end", outcome)

    async def _mark(self, index: int, what: str, outcome: RowOutcome | None) -> None:
        number = self._current.attempt if self._current else 0
        mark = RowMark(index=index, attempt=number, outcome=outcome)
        key = names.mark_key(self._uid, self._shard, index, number, what)
        await self._store.put(key, _body(mark), content_type=_JSON)

    async def _earlier(self) -> list[ShardAttempt]:
        prefix = names.attempts_prefix(self._uid, self._shard)
        bodies = await self._read([info.key async for info in self._store.list(prefix)])
        return [ShardAttempt.model_validate_json(body) for body in bodies]

    async def _history(self, number: int, earlier: list[ShardAttempt]) -> History:
        crashed = {attempt.attempt for attempt in earlier if not attempt.handed_back}
        if not crashed:
            return History(number, crashes=0, blames={}, settled={})
        prefix = names.marks_prefix(self._uid, self._shard)
        keys = [info.key async for info in self._store.list(prefix)]
        starts = {_place(key) for key in keys if key.endswith(".start.json")}
        ends = {_place(key): key for key in keys if key.endswith(".end.json")}
        marks = [RowMark.model_validate_json(body) for body in await self._read([*ends.values()])]
        settled = {mark.index: mark.outcome for mark in marks if mark.outcome is not None}
        blames = Counter(
            index
            for index, attempt in starts - ends.keys()
            if attempt in crashed and index not in settled
        )
        return History(number, crashes=len(crashed), blames=blames, settled=settled)

    async def _read(self, keys: list[str]) -> list[bytes]:
        room = asyncio.Semaphore(_READS)

        async def read(key: str) -> bytes:
            async with room:
                return await self._store.get(key)

        return await asyncio.gather(*(read(key) for key in keys))


def _place(mark_key: str) -> tuple[int, int]:
    """Row index and attempt of a mark's key."""
    index, attempt, _ = mark_key.rsplit("/", 1)[1].split(".", 2)
    return int(index), int(attempt)


def _body(record: Record) -> bytes:
    return orjson.dumps(record.wire())
