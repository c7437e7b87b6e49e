"""Collects the shard ledgers of a job into one ledger on disk, rows in order of their index."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import orjson
from pydantic import ValidationError

from pressroom import names
from pressroom.errors import NotFoundError
from pressroom.model.filenames import safe_name, unique
from pressroom.model.ledger import RowOutcome, RowState, ShardLedger
from pressroom.ports import Store
from pressroom.usage import Tally
from pressroom_finalizer.ahead import ahead
from pressroom_finalizer.faults import BrokenJobError, NotYetError

#: Shard ledgers read at once.
_AHEAD = 8
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass
class Totals(Tally):
    """What the rows of a job come to. ``finished_at`` is when the last shard was done."""

    finished_at: datetime = _EPOCH


@dataclass
class JobLedger:
    """A job's ledger: NDJSON of RowOutcome at ``path``, and its totals.

    The names of succeeded rows are unique: they are the names of the entries in the ZIP.
    """

    path: Path
    totals: Totals = field(default_factory=Totals)

    def succeeded(self) -> Iterator[RowOutcome]:
        """The rows that came out, in order, read from disk as one goes."""
        with self.path.open("rb") as lines:
            for line in lines:
                row = RowOutcome.model_validate(orjson.loads(line))
                if row.state is RowState.SUCCEEDED:
                    yield row


async def gather(store: Store, uid: str, shards: int, directory: Path) -> JobLedger:
    """The job's ledger in ``directory``, from its ``shards`` shard ledgers.

    NotYetError where a shard ledger is missing; BrokenJobError where they are not what they say.
    """
    ledger = JobLedger(directory / "ledger.ndjson")
    entry_names = _EntryNames()

    async def read(shard: int) -> ShardLedger:
        return await _read(store, uid, shard)

    with ledger.path.open("wb") as lines:
        async with aclosing(ahead(range(shards), read, _AHEAD)) as ledgers:
            async for one in ledgers:
                _add(one, ledger.totals, lines, entry_names)
    return ledger


async def _read(store: Store, uid: str, shard: int) -> ShardLedger:
    key = names.shard_key(uid, shard)
    try:
        return ShardLedger.model_validate(orjson.loads(await store.get(key)))
    except NotFoundError as error:
        raise NotYetError(f"shard {shard} of job {uid} has no ledger") from error
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise BrokenJobError(
            f"The ledger of shard {shard} cannot be read.", log=f"{key}: {error}"
        ) from error


def _add(one: ShardLedger, totals: Totals, lines: BinaryIO, entry_names: _EntryNames) -> None:
    """Append one shard's rows. Their indexes must go on where the last shard's ended."""
    totals.finished_at = max(totals.finished_at, one.finished_at)
    for row in one.rows:
        if row.index != totals.rows:
            raise BrokenJobError(
                f"The ledger of shard {one.shard} has row {row.index} where row {totals.rows} "
                "belongs."
            )
        totals.add(row)
        if row.state is RowState.SUCCEEDED:
            name = row.name or safe_name(f"{row.id}{extension(row)}")
            row = row.evolve(name=entry_names.next(name))
        lines.write(orjson.dumps(row.wire(), option=orjson.OPT_APPEND_NEWLINE))


class _EntryNames:
    """Makes names unique as they come, one at a time."""

    def __init__(self) -> None:
        self._given: deque[str] = deque()
        self._chosen = unique(iter(self._given.popleft, None))

    def next(self, name: str) -> str:
        """``name``, or what it is called beside those given before."""
        self._given.append(name)
        return next(self._chosen)


def extension(row: RowOutcome) -> str:
    """The extension of a row's file, with the dot; empty where it has none."""
    return PurePosixPath(row.file or "").suffix
