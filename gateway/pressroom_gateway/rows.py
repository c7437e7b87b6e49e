"""``/v1/batches/{id}/rows``: what became of each row, a page at a time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pressroom.dialects import native_answers
from pressroom.errors import Code, NotFoundError, UserError
from pressroom.model.batchjob import BatchJob
from pressroom.model.plan import Plan
from pressroom.model.states import TERMINAL_STATES, state_of
from pressroom.ports import Store
from pressroom_gateway import ledgers
from pressroom_gateway.answers import (
    bad_cursor,
    cursor_of,
    json_answer,
    limit_of,
    make_cursor,
    refuse_unknown_parameters,
)
from pressroom_gateway.batches import job_from
from pressroom_gateway.services import SERVICES

STATES = frozenset({"pending", "succeeded", "failed", "cancelled"})
DEFAULT_ROWS = 100
#: Ledgers read at once, and at most for one page: a filter that matches little gives short pages.
FETCH = 8
MOST_SHARDS = 256

RowJson = dict[str, Any]


@dataclass(frozen=True)
class _Wanted:
    """Which rows are asked for: those of a state, those that a check found something in."""

    state: str | None
    flagged: bool

    def has(self, row: RowJson) -> bool:
        if self.flagged and not row["findings"]:
            return False
        return self.state is None or row["state"] == self.state


async def list_rows(request: web.Request) -> web.Response:
    """``GET …/rows``: in row order. A page may be short; ``nextCursor`` is null on the last."""
    store = request.app[SERVICES].store
    refuse_unknown_parameters(request, {"state", "flagged", "limit", "cursor"})
    wanted = _Wanted(_state(request), flagged=_flagged(request))
    limit, first = limit_of(request, DEFAULT_ROWS), _first(request)
    job = await job_from(request)
    ledgers.refuse_expired(job)
    plan = await ledgers.read_plan(store, job)
    if plan is None:
        rows, after = await _unplanned(store, job, first, limit, wanted)
    else:
        rows, after = await _planned(store, plan, first, limit, wanted)
    cursor = make_cursor(after) if after is not None else None
    return json_answer({"rows": rows, "nextCursor": cursor})


async def _planned(
    store: Store, plan: Plan, first: int, limit: int, wanted: _Wanted
) -> tuple[list[RowJson], int | None]:
    """A page, and the row to go on from."""
    if first >= plan.rows:
        return [], None
    page: list[RowJson] = []
    start = ledgers.shard_of(plan, first)
    end = min(start + MOST_SHARDS, len(plan.shards))
    for group in range(start, end, FETCH):
        numbers = range(group, min(group + FETCH, end))
        found = await asyncio.gather(*(_shard_rows(store, plan, number) for number in numbers))
        for row in (row for rows in found for row in rows):
            if row["row"] < first or not wanted.has(row):
                continue
            if len(page) == limit:
                return page, int(row["row"])
            page.append(row)
    return page, plan.shards[end].first if end < len(plan.shards) else None


async def _shard_rows(store: Store, plan: Plan, number: int) -> list[RowJson]:
    ledger = await ledgers.read_ledger(store, plan.uid, number)
    if ledger is not None:
        return [native_answers.row(outcome) for outcome in ledger.rows]
    try:
        ids = await ledgers.shard_ids(store, plan, number)
    except NotFoundError:
        raise ledgers.gone() from None
    first = plan.shards[number].first
    return [native_answers.open_row(first + n, row_id) for n, row_id in enumerate(ids)]


async def _unplanned(
    store: Store, job: BatchJob, first: int, limit: int, wanted: _Wanted
) -> tuple[list[RowJson], int | None]:
    """Rows of a batch that the operator has not accepted, or never will."""
    word = "cancelled" if state_of(job) in TERMINAL_STATES else "pending"
    if wanted.state not in (None, word) or wanted.flagged:
        return [], None
    ids = await _unplanned_ids(store, job, first, limit + 1)
    page = [
        native_answers.open_row(first + n, row_id, state=word)
        for n, row_id in enumerate(ids[:limit])
    ]
    return page, first + limit if len(ids) > limit else None


async def _unplanned_ids(store: Store, job: BatchJob, first: int, most: int) -> list[str]:
    if job.spec.rows is not None:
        ids = [row.id or str(index) for index, row in enumerate(job.spec.rows)]
        return ids[first : first + most]
    if job.spec.manifest is None:
        return []  # a ConfigMap's rows are not known before the operator has read them
    found: list[str] = []
    index = 0
    try:
        async with aclosing(ledgers.manifest_lines(store, job.spec.manifest.key)) as lines:
            async for line in lines:
                if index >= first:
                    found.append(ledgers.row_id(line, index))
                if len(found) == most:
                    break
                index += 1
    except NotFoundError:
        return []
    return found


def _state(request: web.Request) -> str | None:
    text = request.query.get("state")
    if text is not None and text not in STATES:
        words = ", ".join(sorted(STATES))
        raise UserError(
            Code.INVALID_OPTION, f"state must be one of {words}.", path="state", status=422
        )
    return text


def _flagged(request: web.Request) -> bool:
    text = request.query.get("flagged", "false")
    if text not in ("true", "false"):
        raise UserError(
            Code.INVALID_OPTION, "flagged must be true or false.", path="flagged", status=422
        )
    return text == "true"


def _first(request: web.Request) -> int:
    values = cursor_of(request)
    if values is None:
        return 0
    if len(values) != 1 or not isinstance(values[0], int) or values[0] < 0:
        raise bad_cursor()
    return values[0]
