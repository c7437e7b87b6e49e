"""What the store says about a batch's rows: its plan, its shard ledgers, its manifest."""

from __future__ import annotations

import bisect
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from pressroom import names
from pressroom.errors import Code, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob
from pressroom.model.ledger import RowOutcome, ShardLedger
from pressroom.model.plan import Plan
from pressroom.model.states import State, state_of
from pressroom.ports import Store


def refuse_expired(job: BatchJob) -> None:
    """410 where the batch's data was purged."""
    if state_of(job) is State.EXPIRED:
        raise gone()


def gone() -> UserError:
    """410: it was there, and its time is over."""
    return UserError(Code.GONE, "The batch's files have expired.", status=410)


async def read_plan(store: Store, job: BatchJob) -> Plan | None:
    """The plan; None before the operator has accepted the batch."""
    try:
        return Plan.model_validate_json(await store.get(names.plan_key(job.uid)))
    except NotFoundError:
        return None


async def read_ledger(store: Store, uid: str, shard: int) -> ShardLedger | None:
    """A shard's ledger; None while the shard is open."""
    try:
        return ShardLedger.model_validate_json(await store.get(names.shard_key(uid, shard)))
    except NotFoundError:
        return None


def shard_of(plan: Plan, index: int) -> int:
    """The number of the shard that holds a row."""
    return bisect.bisect_right(plan.shards, index, key=lambda shard: shard.first) - 1


async def read_outcome(store: Store, plan: Plan, index: int) -> RowOutcome | None:
    """What became of a row; None while its shard is open."""
    number = shard_of(plan, index)
    ledger = await read_ledger(store, plan.uid, number)
    return ledger.rows[index - plan.shards[number].first] if ledger is not None else None


async def shard_ids(store: Store, plan: Plan, number: int) -> list[str]:
    """The ids of a shard's rows, from the manifest."""
    shard = plan.shards[number]
    text = await store.get(plan.manifest, offset=shard.offset, length=shard.bytes)
    lines = text.split(b"\n")[: shard.rows]
    return [row_id(line, shard.first + n) for n, line in enumerate(lines)]


def row_id(line: bytes, index: int) -> str:
    """The id of a manifest line, by default its position."""
    return str(orjson.loads(line).get("id") or index)


async def manifest_lines(store: Store, key: str) -> AsyncGenerator[bytes, None]:
    """The lines of a manifest without their newlines, streamed."""
    tail = b""
    async for chunk in store.stream(key):
        lines = (tail + chunk).split(b"\n")
        tail = lines.pop()
        for line in lines:
            yield line
    if tail:
        yield tail


async def find_row(store: Store, plan: Plan, text: str) -> int | None:
    """The index of the row with this id, else of this position."""
    number = _position(text)
    if number is not None and number >= plan.rows:
        number = None
    if number is not None and await _id_of(store, plan, number) == text:
        return number
    needle = orjson.dumps(text)
    index = 0
    async with aclosing(manifest_lines(store, plan.manifest)) as lines:
        async for line in lines:
            if needle in line and row_id(line, index) == text:
                return index
            index += 1
    return number


def _position(text: str) -> int | None:
    plain = text.isascii() and text.isdecimal() and len(text) <= 9
    return int(text) if plain and text == str(int(text)) else None


async def _id_of(store: Store, plan: Plan, index: int) -> str:
    number = shard_of(plan, index)
    return (await shard_ids(store, plan, number))[index - plan.shards[number].first]
