"""The controller: looks after one job at a time, doing what ``reconcile.step`` says it needs.

Events, hints and timers only say which job to look at; what is done follows from the resource and
the store, read afresh. So it does not matter how often a job is looked at, or when.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from pressroom.errors import Code, ConflictError, NotFoundError, UnavailableError, UserError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob, job_of
from pressroom.model.conditions import TERMINAL, ConditionType, Reason, Status
from pressroom.model.ledger import Artifacts, ShardLedger
from pressroom.model.rows import brief
from pressroom.model.webhooks import webhook_open
from pressroom.names import (
    PURGE_FINALIZER,
    TASK_FINALIZE,
    artifacts_key,
    shard_key,
    shard_of_key,
    shard_prefix,
    stop_key,
)
from pressroom.ports import BATCH_JOBS, Jobs, Queue, Store
from pressroom_operator.accept import Acceptor
from pressroom_operator.accounts import Accounts
from pressroom_operator.active import ActiveJob, ActiveJobs, Key
from pressroom_operator.claims import Claims
from pressroom_operator.closing import Closer
from pressroom_operator.dispatch import Dispatcher
from pressroom_operator.outages import Outage, Outages
from pressroom_operator.patches import Patches
from pressroom_operator.progress import Progress
from pressroom_operator.rate import Rate
from pressroom_operator.reconcile import (
    UNDER_WAY,
    StatusWriter,
    Step,
    ending,
    step,
    wake_at,
)
from pressroom_operator.retention import Retention
from pressroom_operator.tasks import finalize_task
from pressroom_operator.webhook import Notifier
from pressroom_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)


class Controller:
    """Looks after jobs. One reconciliation of a job runs at a time; many jobs run beside."""

    def __init__(
        self,
        jobs: Jobs,
        queue: Queue,
        store: Store,
        active: ActiveJobs,
        keys: WorkQueue[Key],
        patches: Patches,
        outages: Outages,
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._store = store
        self._active = active
        self._keys = keys
        self._patches = patches
        self._outages = outages
        outages.on_change = self._look_again
        self._waiting: set[Key] = set()
        self._acceptor = Acceptor(jobs, store)
        self._closer = Closer(store)
        self.accounts = Accounts(jobs, store)
        self.rate = Rate()
        self.claims = Claims()
        self._retention = Retention(store, queue, self.claims)
        self._notifier = Notifier(jobs, queue, store)
        self.dispatcher: Dispatcher | None = None
        self.uids: dict[str, Key] = {}
        #: UIDs that the backlog cannot be known without; each goes when it was looked at.
        self.unknown: set[str] = set()
        self._steps: dict[Step, Callable[[Key, BatchJob], Awaitable[None]]] = {
            Step.ADOPT: self._adopt,
            Step.ACCEPT: self._accept,
            Step.RUN: self._under_way(self._run),
            Step.HOLD: self._under_way(self._hold),
            Step.CLOSE: self._under_way(self._close),
            Step.NOTIFY: self._notify,
            Step.KEEP: self._keep,
            Step.EXPIRE: self._expire,
            Step.FORGET: self._forget,
            Step.PURGE: self._purge,
        }

    async def reconcile(self, key: Key) -> None:
        """Do what the job needs now."""
        namespace, name = key
        try:
            body = await self._jobs.get(BATCH_JOBS, namespace, name)
        except NotFoundError:
            self._gone(key)
            return
        try:
            job = job_of(body)
            todo = step(job, now())
        except ValidationError as error:
            job = stand_in(body)
            todo = step(job, now())
            if todo in UNDER_WAY:
                await self._refuse_unreadable(key, job, error)
                return
        self.uids[job.uid] = key
        active = self._active.get(job.uid)
        if active is not None:
            active.job = job
        try:
            await self._do(todo, key, job)
        except ConflictError as error:
            # Another writer was first: look again at what it is now.
            log.debug("Reading again", extra={"job": name, "error": error.log})
            self._keys.add_after(key, 0.05)
        if self.dispatcher is not None:
            self.dispatcher.kick()

    async def _do(self, todo: Step, key: Key, job: BatchJob) -> None:
        outage = self._outages.now
        if outage is not None and todo in UNDER_WAY and self._active.get(job.uid) is None:
            # Trying would only take a reconciler's time, up to every call's deadline.
            await self._say_it_waits(key, job, outage)
            return
        try:
            if todo in self._steps:
                await self._steps[todo](key, job)
        except UnavailableError:
            await self._say_it_waits(key, job, await self._outages.found())
            raise
        self.unknown.discard(job.uid)

    def _gone(self, key: Key) -> None:
        self._keys.forget(key)
        self._patches.forget(key)
        self._waiting.discard(key)
        for uid in [uid for uid, known in self.uids.items() if known == key]:
            del self.uids[uid]
            self.unknown.discard(uid)
            self._active.drop(uid)

    # --- outages ---------------------------------------------------------------------------------
    async def _say_it_waits(self, key: Key, job: BatchJob, outage: Outage | None) -> None:
        """Say in an open job's conditions what is away, and look again when it is back."""
        if outage is None or job.metadata.deletion_timestamp or job.status.reason() in TERMINAL:
            return
        self._waiting.add(key)
        writer = StatusWriter(job, now())
        writer.waits(outage.reason, outage.message)
        await self._patches.now(key, job, writer.result())

    def _look_again(self) -> None:
        """What is away has changed."""
        for key in self._waiting | {active.key for active in self._active}:
            self._keys.add(key)
        self._waiting.clear()

    # --- the way in ------------------------------------------------------------------------------
    async def _adopt(self, key: Key, job: BatchJob) -> None:
        patch = {
            "metadata": {
                "resourceVersion": job.metadata.resource_version,
                "finalizers": [*job.metadata.finalizers, PURGE_FINALIZER],
            }
        }
        await self._jobs.patch(BATCH_JOBS, *key, patch)
        self._keys.add(key)

    async def _accept(self, key: Key, job: BatchJob) -> None:
        others = self._active.of_tenant(job.metadata.namespace, job.tenant)
        writer = StatusWriter(job, now())
        try:
            tenant = await self._acceptor.tenant(job.metadata.namespace, job.tenant)
            writer.tenant(tenant)
            self.rate.check(job, tenant)
            plan = await self._acceptor.accept(job, tenant, others, self.claims)
            await self.accounts.reserve(job, plan.rows)
        except UserError as error:
            log.info("Rejected", extra={"job": job.metadata.name, "code": error.code})
            await self._reject(key, job, writer, error)
            return
        active = await self._load(key, job, Progress.of(plan))
        writer.set(ConditionType.ACCEPTED, Status.TRUE, "Accepted", "The plan is written.")
        writer.counts(active.progress)
        writer.summary(Reason.QUEUED, "Waiting for workers.")
        await self._patches.now(key, job, writer.result())
        self.rate.note(job)
        active.held = False
        self._keys.add(key)

    async def _reject(
        self, key: Key, job: BatchJob, writer: StatusWriter, error: UserError
    ) -> None:
        where = f" ({error.path})" if error.path else ""
        writer.set(
            ConditionType.ACCEPTED, Status.FALSE, _camel(error.code), f"{error.message}{where}"
        )
        writer.rejected(f"{error.message}{where}")
        await self.accounts.settle(job)
        await self._patches.now(key, job, writer.result())
        self._keys.add(key)

    async def _refuse_unreadable(self, key: Key, job: BatchJob, error: ValidationError) -> None:
        """A resource that the API let in but that our model does not hold."""
        why = UserError(Code.INVALID_REQUEST, brief(error), path="spec")
        await self._reject(key, job, StatusWriter(job, now()), why)

    # --- under way -------------------------------------------------------------------------------
    def _under_way(
        self, work: Callable[[Key, BatchJob, ActiveJob], Awaitable[None]]
    ) -> Callable[[Key, BatchJob], Awaitable[None]]:
        """Whatever is wanted of a job under way: once every shard has a ledger, finalize it."""

        async def look(key: Key, job: BatchJob) -> None:
            active = await self._loaded(key, job)
            if active is None:
                return
            if active.broken is not None:
                await self._fail(key, job, active.broken)
            elif active.progress.complete:
                await self._finalize(key, job, active)
            else:
                await work(key, job, active)

        return look

    async def _run(self, key: Key, job: BatchJob, active: ActiveJob) -> None:
        writer = StatusWriter(job, now())
        if active.stopped:
            await self._retention.go_on(job.uid)
            active.progress.take_back(set(active.progress.queued))
            active.stopped = active.silenced = False
        active.held = False
        if active.progress.queued or active.progress.done:
            writer.started()
            writer.summary(Reason.RENDERING, "Workers are rendering.")
        else:
            writer.queued()
            writer.summary(Reason.QUEUED, "Waiting for workers.")
        if self._outages.now is not None:
            writer.waits(self._outages.now.reason, self._outages.now.message)
        writer.counts(active.progress)
        await self._patches.soon(key, job, writer.result())
        self._wake(key, job)

    async def _hold(self, key: Key, job: BatchJob, active: ActiveJob) -> None:
        active.held = True
        if not active.silenced:
            active.stopped = True
            await self._retention.stop(job.uid)
            active.progress.take_back(set(active.progress.queued))
            active.silenced = True
        writer = StatusWriter(job, now())
        writer.counts(active.progress)
        writer.set(ConditionType.DISPATCHED, Status.FALSE, "Suspended", "Suspended by its spec.")
        writer.summary(Reason.SUSPENDED, "Suspended; set spec.suspend to false to go on.")
        await self._patches.now(key, job, writer.result())
        self._wake(key, job)

    async def _close(self, key: Key, job: BatchJob, active: ActiveJob) -> None:
        active.held = True
        await self._retention.stop(job.uid)
        await self._closer.close(job, active.progress)
        await self._finalize(key, job, active)

    async def _finalize(self, key: Key, job: BatchJob, active: ActiveJob) -> None:
        artifacts = await self._artifacts(job.uid)
        writer = StatusWriter(job, now())
        writer.counts(active.progress)
        writer.set(ConditionType.RENDERED, Status.TRUE, "Rendered", "Every shard has a ledger.")
        if artifacts is None:
            await self._queue.put_task(
                TASK_FINALIZE, job.uid, orjson.dumps(finalize_task(job, active.progress.plan))
            )
            writer.summary(Reason.FINALIZING, "Writing the ledger, the ZIP and the merged PDF.")
            await self._patches.now(key, job, writer.result())
            return
        await self.accounts.settle(job, merged=artifacts.merged is not None)
        end = ending(job, active.progress, artifacts, now())
        made = Status.FALSE if artifacts.error else Status.TRUE
        writer.set(ConditionType.FINALIZED, made, "Finalized", "The artifacts are written.")
        writer.ended(end, artifacts)
        if webhook_open(job):
            writer.webhook(None)
        await self._patches.now(key, job, writer.result())
        self._active.drop(job.uid)
        log.info(
            "Finished",
            extra={
                "job": job.metadata.name,
                "reason": end.reason.value,
                "rows": active.progress.plan.rows,
                "failed": active.progress.failed,
            },
        )
        self._keys.add(key)

    async def _fail(self, key: Key, job: BatchJob, why: str) -> None:
        log.error("A job cannot go on", extra={"job": job.metadata.name, "error": why})
        writer = StatusWriter(job, now())
        writer.failed(why)
        await self.accounts.settle(job)
        await self._patches.now(key, job, writer.result())
        self._active.drop(job.uid)
        self._keys.add(key)

    # --- after the end ---------------------------------------------------------------------------
    async def _notify(self, key: Key, job: BatchJob) -> None:
        record, again = await self._notifier.notify(job)
        writer = StatusWriter(job, now())
        writer.webhook(record)
        await self._patches.now(key, job, writer.result())
        self._wake(key, job)
        if again is not None:
            self._keys.add_after(key, again)

    async def _keep(self, key: Key, job: BatchJob) -> None:
        self._active.drop(job.uid)
        writer = StatusWriter(job, now())
        writer.expiry()
        await self._patches.now(key, job, writer.result())
        self._wake(key, job)

    async def _expire(self, key: Key, job: BatchJob) -> None:
        self._active.drop(job.uid)
        if not await self._retention.purged(job):
            again = await self._retention.purge(job, finished=True)
            self._keys.add_after(key, again)
            return
        writer = StatusWriter(job, now())
        writer.purged()
        await self._patches.now(key, job, writer.result())
        self._keys.add(key)

    async def _forget(self, key: Key, job: BatchJob) -> None:
        await self._jobs.delete(BATCH_JOBS, *key, uid=job.uid)

    async def _purge(self, key: Key, job: BatchJob) -> None:
        self._active.drop(job.uid)
        if not await self._retention.purged(job):
            finished = job.status.completion_time is not None
            again = await self._retention.purge(job, finished=finished)
            self._keys.add_after(key, again)
            return
        await self.accounts.settle(job)
        left = [one for one in job.metadata.finalizers if one != PURGE_FINALIZER]
        version = job.metadata.resource_version
        patch = {"metadata": {"resourceVersion": version, "finalizers": left}}
        await self._jobs.patch(BATCH_JOBS, *key, patch)

    # --- memory ----------------------------------------------------------------------------------
    async def absorb(self, uid: str, shard: int) -> None:
        """A shard is said to be done: count its ledger."""
        active = self._active.get(uid)
        if active is None or shard in active.progress.done:
            return
        try:
            ledger = await self._store.get(shard_key(uid, shard))
        except NotFoundError:
            return
        try:
            active.progress.absorb(ShardLedger.model_validate(orjson.loads(ledger)))
        except ValueError as error:
            active.broken = f"The ledger of shard {shard} cannot be read: {brief(error)}"
        self._keys.add(active.key)
        if self.dispatcher is not None:
            self.dispatcher.kick()

    async def catch_up(self, active: ActiveJob, in_queue: set[tuple[str, int]]) -> None:
        """Count every ledger; owe again what is neither queued nor done.

        ``in_queue`` was read before: a shard leaves the queue only after its ledger is written.
        """
        uid = active.job.uid
        before = set(active.progress.queued)
        async for found in self._store.list(shard_prefix(uid)):
            await self.absorb(uid, shard_of_key(found.key))
        for shard in sorted(active.progress.pending):
            if (uid, shard) in in_queue and not active.held:
                active.progress.mark_queued(shard)
        lost = {shard for shard in before if (uid, shard) not in in_queue}
        active.progress.take_back(lost)
        self._keys.add(active.key)

    async def _loaded(self, key: Key, job: BatchJob) -> ActiveJob | None:
        """The job as remembered, or built anew from the store."""
        active = self._active.get(job.uid)
        if active is not None:
            return active
        plan = await self._acceptor.plan(job.uid)
        if plan is None:
            # Accepted, and its plan is gone: the store was lost. Say so rather than hang.
            await self._fail(key, job, "The job's plan is no longer in the object store.")
            return None
        return await self._load(key, job, Progress.of(plan))

    async def _load(self, key: Key, job: BatchJob, progress: Progress) -> ActiveJob:
        stopped = await self._store.stat(stop_key(job.uid)) is not None
        active = ActiveJob(key, job, progress, held=True, stopped=stopped)
        in_queue = await self._queue.queued_work(job.uid)
        self._active.add(active)
        for _, shard in in_queue:
            progress.mark_queued(shard)
        await self.catch_up(active, in_queue)
        return active

    async def _artifacts(self, uid: str) -> Artifacts | None:
        try:
            body = await self._store.get(artifacts_key(uid))
        except NotFoundError:
            return None
        return Artifacts.model_validate(orjson.loads(body))

    def _wake(self, key: Key, job: BatchJob) -> None:
        at: datetime | None = wake_at(job, now())
        if at is not None:
            self._keys.add_after(key, max(0.0, (at - now()).total_seconds()) + 0.05)


def stand_in(body: dict[str, Any]) -> BatchJob:
    """A job whose spec cannot be read, with one that can: it ends, is told of and goes like others.

    What its end is told by is kept where that can be read.
    """
    plain = {"html": "", "rows": [{}]}
    spec = body.get("spec") or {}
    kept = {name: spec[name] for name in ("tenant", "dialect", "webhook") if name in spec}
    for changes in ({"spec": plain | kept}, {"spec": plain}):
        try:
            return job_of({**body, **changes})
        except ValidationError:
            continue
    return job_of({**body, "spec": plain, "status": {}})


def _camel(code: Code) -> str:
    return "".join(word.capitalize() for word in code.split("_"))
