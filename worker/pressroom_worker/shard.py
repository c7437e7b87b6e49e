"""One taken shard from its message to its ledger.

A ledger is whole or absent. It is written with ``If-None-Match: *``, then the hint is sent, then
the message is acked, last. Whatever interrupts a shard before that leaves no ledger; once the
ledger is being written nothing interrupts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable
from datetime import datetime
from enum import StrEnum

import orjson
from pydantic import ValidationError

from pressroom import names
from pressroom.errors import ConflictError, NotFoundError, PressroomError, UnavailableError
from pressroom.lifecycle import backoff
from pressroom.model.base import now
from pressroom.model.ledger import ShardDone, ShardLedger, WorkItem
from pressroom.model.plan import Plan
from pressroom.ports import Delivery
from pressroom_worker.attempts import MAX_CRASHES, Attempts
from pressroom_worker.farm import Farm
from pressroom_worker.files import RowFiles, persistently
from pressroom_worker.hold import Hold
from pressroom_worker.rows import Entry, Prepared, digests, parse_rows, resolve, unreadable
from pressroom_worker.shardrows import Limits, ShardRows

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a taken shard, as the metrics name it."""

    DONE = "done"
    LOST_RACE = "lost_race"
    ALREADY_DONE = "already_done"
    STOPPED = "stopped"
    NO_PLAN = "no_plan"
    MALFORMED = "malformed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    DRAINED = "drained"
    HANDED_BACK = "handed_back"
    FAILED = "failed"


#: Outcomes after which a slot waits until its dependencies answer again.
TROUBLED = frozenset({Outcome.HANDED_BACK, Outcome.FAILED})


class ShardRun:
    """One taken shard. ``run`` settles its message, whatever happens, and never raises."""

    def __init__(self, farm: Farm, delivery: Delivery) -> None:
        self._farm = farm
        self._delivery = delivery
        self._timing = farm.timing
        self._hold = Hold(delivery, farm.timing.ack_wait)
        self._interrupted: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._committing = False
        self._owes_mark = False
        self._item = _parse(delivery.data)
        self._attempts: Attempts | None = None
        self._files: RowFiles | None = None

    @property
    def uid(self) -> str | None:
        """The job it belongs to; None for a message that cannot be read."""
        return self._item.uid if self._item else None

    def cancel(self) -> None:
        """The job was stopped: give up, and settle the message."""
        self._interrupt(Outcome.CANCELLED)

    def drain(self) -> None:
        """The worker stops: hand the shard back."""
        self._interrupt(Outcome.DRAINED)

    def _interrupt(self, why: Outcome) -> None:
        if not self._committing and not self._interrupted.done():
            self._interrupted.set_result(why)

    async def run(self) -> Outcome:
        """Render the shard, or give it up; what became of it."""
        work = asyncio.create_task(self._work())
        keeper = asyncio.create_task(self._hold.keep())
        keeper.add_done_callback(
            lambda task: None if task.cancelled() else self._interrupt(Outcome.ABANDONED)
        )
        watcher = asyncio.create_task(self._watch_stop())
        try:
            await asyncio.wait({work, self._interrupted}, return_when=asyncio.FIRST_COMPLETED)
            outcome = work.result() if work.done() else await self._give_up(work)
        finally:
            for task in (work, keeper, watcher):
                task.cancel()
            await asyncio.wait({work, keeper, watcher}, timeout=self._timing.tidy)
        self._farm.metrics.shard(outcome)
        return outcome

    async def _watch_stop(self) -> None:
        """Look for the stop object as often as heartbeats go: the broadcast may have been lost."""
        while self._item is not None:
            await asyncio.sleep(self._timing.ack_wait / 3)
            with contextlib.suppress(UnavailableError):
                if await self._farm.store.stat(names.stop_key(self._item.uid)) is not None:
                    self.cancel()
                    return

    async def _give_up(self, work: asyncio.Task[Outcome]) -> Outcome:
        why = self._interrupted.result()
        work.cancel()
        await asyncio.wait({work}, timeout=self._timing.tidy)
        _log.info("shard given up", extra={"action": "shard_given_up", "why": why, **self._where()})
        # The mark comes first: whoever takes the message next reads it.
        await self._quietly(self._mark_handed_back())
        if why is Outcome.CANCELLED:
            await self._quietly(self._delivery.ack())
        elif why is Outcome.DRAINED:
            await self._quietly(self._delivery.nak())
        if self._files is not None:
            await self._quietly(self._files.discard())
        return why

    # --- the way of a shard ----------------------------------------------------------------------
    async def _work(self) -> Outcome:
        try:
            return await self._take()
        except UnavailableError as error:
            _log.warning("%s", error.log, extra={"action": "shard_handed_back", **self._where()})
            await self._hand_back()
            outcome = Outcome.HANDED_BACK
        except Exception:  # noqa: BLE001 - logged, and counted as an attempt
            # An error of ours counts as an attempt, so that a shard we cannot do ends some day.
            _log.exception("shard failed", extra={"action": "shard_failed", **self._where()})
            outcome = Outcome.FAILED
        await self._quietly(self._delivery.nak(self._timing.redeliver))
        return outcome

    async def _take(self) -> Outcome:
        item, store = self._item, self._farm.store
        if item is None:
            _log.error("not a work item", extra={"action": "malformed", **self._where()})
            return await self._settle(Outcome.MALFORMED)
        stopped, done = await asyncio.gather(
            store.stat(names.stop_key(item.uid)),
            store.stat(names.shard_key(item.uid, item.shard)),
        )
        if stopped:
            return await self._settle(Outcome.STOPPED)
        if done:
            return await self._settle(Outcome.ALREADY_DONE, hint=item)
        try:
            plan = await self._farm.catalog.plan(item.uid)
        except NotFoundError:
            _log.warning("there is no plan", extra={"action": "no_plan", **self._where()})
            return await self._settle(Outcome.NO_PLAN)
        return await self._render(item, plan)

    async def _render(self, item: WorkItem, plan: Plan) -> Outcome:
        self._files = RowFiles(self._farm.store, item.uid)
        self._attempts = Attempts(self._farm.store, item.uid, item.shard, self._farm.worker)
        started_at = now()
        try:
            history = await self._attempts.begin()
        except ConflictError as error:
            raise UnavailableError(error.message) from error
        prepared = await self._prepare(plan, item.shard)
        limits = Limits(row_timeout=plan.row_timeout_seconds, retries=plan.row_retries)
        rows = ShardRows(prepared, self._farm, self._files, limits)
        if not history.careful:
            crash = await rows.together(_token(history.number))
            if crash is None:
                return await self._commit(item, history.number, started_at, rows)
            # No row fails by this crash: it may have met bystanders. The next attempt finds out.
            if crash.index is not None:
                await self._attempts.started(crash.index)
            history = await self._attempts.begin()
        rows.keep(history.settled)
        if history.crashes >= MAX_CRASHES:
            _log.error("shard given up", extra={"action": "shard_gave_up", **self._where()})
            rows.give_up()
        else:
            await rows.one_by_one(_token(history.number), self._attempts, history)
        return await self._commit(item, history.number, started_at, rows)

    async def _prepare(self, plan: Plan, number: int) -> list[Prepared]:
        entries = await self._entries(plan, number)
        snapshots = {}
        for digest in digests(entries, plan):
            try:
                snapshots[digest] = await self._farm.catalog.snapshot(digest)
            except NotFoundError:
                _log.error("a snapshot is gone", extra={"action": "no_snapshot", "digest": digest})
        return await asyncio.to_thread(resolve, entries, plan, snapshots)

    async def _entries(self, plan: Plan, number: int) -> list[Entry]:
        shard = plan.shards[number]
        try:
            data = await self._farm.store.get(
                plan.manifest, offset=shard.offset, length=shard.bytes
            )
        except NotFoundError:
            return unreadable(shard, "The batch's rows are no longer in the object store.")
        return await asyncio.to_thread(parse_rows, data, shard)

    def _ledger(
        self, item: WorkItem, attempt: int, started_at: datetime, rows: ShardRows
    ) -> ShardLedger:
        return ShardLedger(
            uid=item.uid,
            shard=item.shard,
            attempt=attempt,
            writer=self._farm.worker,
            started_at=started_at,
            finished_at=now(),
            rows=[rows.outcomes[index] for index in sorted(rows.outcomes)],
        )

    async def _commit(
        self, item: WorkItem, attempt: int, started_at: datetime, rows: ShardRows
    ) -> Outcome:
        ledger = self._ledger(item, attempt, started_at, rows)
        if self._hold.lost:
            self._interrupt(Outcome.ABANDONED)
        elif await self._farm.store.stat(names.stop_key(item.uid)) is not None:
            self._interrupt(Outcome.CANCELLED)
        if self._interrupted.done():
            # Who interrupted us cancels this task at once; it must not get as far as the ledger.
            await asyncio.Event().wait()
        self._committing = True
        key = names.shard_key(item.uid, item.shard)
        body = orjson.dumps(ledger.wire())
        outcome = Outcome.DONE
        if await persistently(lambda: self._farm.store.create(key, body)):
            self._count(ledger)
        elif not await self._is_ours(key, ledger):
            outcome = Outcome.LOST_RACE
        return await self._settle(outcome, hint=item)

    async def _is_ours(self, key: str, ledger: ShardLedger) -> bool:
        """Whether the ledger that is there is ours (an answer was lost); else drop our files."""
        there = ShardLedger.model_validate_json(await self._farm.store.get(key))
        if there.rows == ledger.rows:
            self._count(ledger)
            return True
        if self._files is not None:
            await self._quietly(self._files.discard(keep={row.file for row in there.rows}))
        return False

    def _count(self, ledger: ShardLedger) -> None:
        for row in ledger.rows:
            self._farm.metrics.row(row)

    # --- settling --------------------------------------------------------------------------------
    async def _settle(self, outcome: Outcome, *, hint: WorkItem | None = None) -> Outcome:
        if hint is not None:
            done = ShardDone(uid=hint.uid, shard=hint.shard)
            await self._quietly(
                self._farm.queue.hint(names.done_subject(hint.uid), orjson.dumps(done.wire()))
            )
        await self._quietly(self._delivery.ack())
        return outcome

    async def _hand_back(self) -> None:
        """Mark the attempt as handed back; while the store is away, wait for it a little."""
        delays = backoff(0.2, 2.0)
        try:
            async with asyncio.timeout(self._timing.patience):
                while True:
                    try:
                        return await self._mark_handed_back()
                    except UnavailableError:
                        await asyncio.sleep(next(delays))
        except TimeoutError:
            self._owes_mark = True
            _log.warning("attempt not handed back yet", extra={"action": "not_handed_back"})

    async def make_good(self) -> None:
        """Mark the attempt as handed back after all, now that the store is there again."""
        if self._owes_mark:
            await self._quietly(self._mark_handed_back())

    async def _mark_handed_back(self) -> None:
        if self._attempts is not None:
            await self._attempts.hand_back()

    async def _quietly(self, call: Awaitable[None]) -> None:
        """Await what the farm can do without: it repairs itself if this fails."""
        try:
            async with asyncio.timeout(self._timing.tidy):
                await call
        except (PressroomError, TimeoutError) as error:
            _log.warning("%s", error, extra={"action": "settling_failed", **self._where()})

    def _where(self) -> dict[str, object]:
        return {"subject": self._delivery.subject}


def _token(attempt: int) -> str:
    """Names an attempt's files; two workers that took the same number still differ."""
    return f"{attempt}-{secrets.token_hex(3)}"


def _parse(data: bytes) -> WorkItem | None:
    try:
        return WorkItem.model_validate_json(data)
    except ValidationError:
        return None
