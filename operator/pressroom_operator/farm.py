"""The operator as a whole: what it listens to, and what it does by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson
from pydantic import ValidationError

from pressroom.errors import ConflictError, NotFoundError, PressroomError, UnavailableError
from pressroom.lifecycle import backoff
from pressroom.model.batchjob import BatchJob, BatchJobStatus, job_of
from pressroom.model.conditions import TERMINAL, ConditionType
from pressroom.model.ledger import ShardDone, WorkerBeat
from pressroom.model.rows import brief
from pressroom.model.tenant import DEFAULT_WEIGHT, TenantSpec
from pressroom.names import API_VERSION, DEFAULT_TENANT, beat_subject, done_subject
from pressroom.ports import BATCH_JOBS, TEMPLATES, TENANTS, Jobs, Message, Queue, Store
from pressroom_operator.active import ActiveJobs, Key
from pressroom_operator.autoscale import Autoscaler, Backlog
from pressroom_operator.controller import Controller, stand_in
from pressroom_operator.counts import Counts
from pressroom_operator.dispatch import Dispatcher, Workers
from pressroom_operator.events import Recorder
from pressroom_operator.outages import Outages
from pressroom_operator.patches import Patches
from pressroom_operator.reconcile import is_true
from pressroom_operator.retention import Sweeper
from pressroom_operator.schedule import Share
from pressroom_operator.settings import OperatorSettings
from pressroom_operator.templates import Templates
from pressroom_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

_GET_TO_KNOW_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class Operator:
    """Everything that runs while the Lease is held."""

    def __init__(self, settings: OperatorSettings, jobs: Jobs, queue: Queue, store: Store) -> None:
        self._settings = settings
        self._jobs = jobs
        self._queue = queue
        self._store = store
        self.active = ActiveJobs()
        self.keys: WorkQueue[Key] = WorkQueue()
        self.workers = Workers()
        self.counts = Counts()
        self._recorder = Recorder(jobs)
        patches = Patches(jobs, self.keys, settings.patches_per_second, wrote=self._wrote)
        self._outages = Outages(store, queue, settings.check_seconds)
        self.controller = Controller(
            jobs, queue, store, self.active, self.keys, patches, self._outages
        )
        self.dispatcher = Dispatcher(queue, self.active, self.workers, started=self.keys.add)
        self.controller.dispatcher = self.dispatcher
        self.autoscaler = Autoscaler(settings, jobs, queue, self.workers, self._backlog)
        self._sweeper = Sweeper(jobs, store, queue, settings.upload_grace_seconds)
        self.templates = Templates(jobs, store)
        self._create_bucket = False
        self._resynced = asyncio.Event()
        self._missed_hints = False
        self.synced = False

    async def prepare(self) -> None:
        """What Kubernetes must have shown before jobs are looked at; store and queue may be away.

        The tenant ``default`` is made, all jobs are known, and so is whose each upload is.
        """
        for delay in backoff():
            try:
                await self._ensure_default_tenant()
                jobs, _ = await self._list()
            except (UnavailableError, NotFoundError) as error:
                log.warning("Waiting for the Kubernetes API", extra={"error": error.log})
                await asyncio.sleep(delay)
            else:
                self.controller.unknown = {job.uid for job in jobs if _has_rows(job)}
                return

    async def run(self, *, create_bucket: bool = False) -> None:
        """Work until cancelled; a loop that fails takes the operator down."""
        self._create_bucket = create_bucket
        async with asyncio.TaskGroup() as group:
            for loop in self._loops():
                group.create_task(loop)

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        return [
            *(
                self.keys.run(self.controller.reconcile, self._failed)
                for _ in range(self._settings.reconcilers)
            ),
            self.templates.keys.run(self.templates.look, self._template_failed),
            self.dispatcher.run(),
            self._hear(done_subject("*"), self._done),
            self._hear(beat_subject("*"), self._beat),
            self._hear("report.>", self._report),
            self.autoscaler.run(),
            self._recorder.run(),
            self._outages.run(),
            self._get_to_know(),
            self._resync_for_ever(),
            self._sweep_for_ever(),
        ]

    def _template_failed(self, key: Key, error: Exception) -> None:
        known = isinstance(error, PressroomError)
        log.warning(
            "A template will be looked at again",
            extra={"template": key[1], "error": str(error)},
            exc_info=None if known else error,
        )

    def _failed(self, key: Key, error: Exception) -> None:
        self.counts.failed(error)
        known = isinstance(error, PressroomError)
        text = error.log if isinstance(error, PressroomError) else repr(error)
        log.warning(
            "A job will be looked at again",
            extra={"job": key[1], "error": text},
            exc_info=None if known else error,
        )

    def seen(self, type_: str, body: dict[str, Any]) -> None:
        """kopf saw a BatchJob."""
        metadata = body["metadata"]
        self.keys.add((metadata["namespace"], metadata["name"]))

    def _wrote(self, job: BatchJob, status: BatchJobStatus) -> None:
        self.counts.wrote(job.status.reason(), status.reason())
        self._recorder.wrote(job, status)

    def _backlog(self) -> Backlog | None:
        if not self.synced:
            return None
        return Backlog(self.dispatcher.backlog(), self.dispatcher.shards())

    # --- hints -----------------------------------------------------------------------------------
    async def _hear(self, subject: str, follow: Callable[[Message], Awaitable[None]]) -> None:
        """Follow hints for ever. What cannot be followed is left to the resync."""
        delays, deaf = backoff(most=2.0), False
        while True:
            try:
                async with self._queue.listen(subject) as messages:
                    delays = backoff(most=2.0)
                    self._missed_hints |= deaf
                    deaf = False
                    async for message in messages:
                        await self._try_to(follow, message)
            except UnavailableError as error:
                log.debug("Not listening", extra={"subject": subject, "error": error.log})
                deaf = True
            await asyncio.sleep(next(delays))

    async def _try_to(self, follow: Callable[[Message], Awaitable[None]], message: Message) -> None:
        try:
            await follow(message)
        except (ValueError, UnavailableError) as error:
            log.warning("A hint was not followed", extra={"error": str(error)})

    async def _done(self, message: Message) -> None:
        done = ShardDone.model_validate(orjson.loads(message.data))
        await self.controller.absorb(done.uid, done.shard)

    async def _beat(self, message: Message) -> None:
        self.workers.heard(WorkerBeat.model_validate(orjson.loads(message.data)))

    async def _report(self, message: Message) -> None:
        key = self.controller.uids.get(message.subject.rsplit(".", 1)[1])
        if key is not None:
            self.keys.add(key)

    # --- by the clock ----------------------------------------------------------------------------
    async def _resync_for_ever(self) -> None:
        """At once, every so often, and whenever the queue was connected or listened to anew."""
        loop = asyncio.get_running_loop()
        due, seen = loop.time(), self._queue.connections
        delays = backoff(0.5, 5.0)
        while True:
            anew = self._queue.connections != seen or self._missed_hints
            if anew or loop.time() >= due:
                seen, self._missed_hints = self._queue.connections, False
                try:
                    await self.resync()
                except PressroomError as error:
                    log.warning("The resync failed; again soon", extra={"error": error.log})
                    due = loop.time() + next(delays)
                else:
                    delays = backoff(0.5, 5.0)
                    due = loop.time() + self._settings.resync_seconds
                    self._resynced.set()
            await asyncio.sleep(min(0.5, max(0.0, due - loop.time())))

    async def _get_to_know(self) -> None:
        """The backlog is known once each job that has rows was looked at.

        One that cannot be looked at, though nothing is away, is not waited for longer than a while.
        """
        await self._resynced.wait()
        left = _GET_TO_KNOW_SECONDS
        while self.controller.unknown and left > 0:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._outages.now is None:
                left -= _LOOK_SECONDS
        self.synced = True
        log.info("Synced", extra={"action": "synced"})

    async def resync(self) -> None:
        """Look at every job, every queued shard and every ledger, in the order that is safe."""
        if self._create_bucket:
            await self._store.ensure()
            self._create_bucket = False
        await self._queue.ensure()
        before = [active.job.uid for active in self.active]
        jobs, tenants = await self._list()
        present = {job.uid for job in jobs}
        for uid in before:
            if uid not in present:
                self.active.drop(uid)
        in_queue = await self._queue.queued_work()
        for active in self.active:
            await self.controller.catch_up(active, in_queue)
        templates = await self._jobs.list(TEMPLATES, self._settings.namespace)
        self.templates.look_over(templates.items)
        await self._trim(jobs)
        await self.controller.accounts.look_over(tenants, present)
        self.dispatcher.kick()

    async def _list(self) -> tuple[list[BatchJob], list[dict[str, Any]]]:
        """All jobs, each of which is looked at then, and all Tenants, as Kubernetes has them."""
        tenants = await self._refresh_shares()
        listing = await self._jobs.list(BATCH_JOBS, self._settings.namespace)
        jobs = _readable(listing.items)
        self.controller.claims.renew(jobs)
        self.controller.rate.renew(jobs)
        for body in listing.items:
            self.seen("LISTED", body)
        return jobs, tenants

    async def _trim(self, jobs: list[BatchJob]) -> None:
        """Keep at most so many finished jobs, the youngest."""
        ended = [job for job in jobs if job.status.reason() in TERMINAL]
        ended.sort(key=lambda job: job.status.completion_time or job.metadata.creation_timestamp)
        for job in ended[: max(0, len(ended) - self._settings.max_retained_jobs)]:
            try:
                await self._jobs.delete(
                    BATCH_JOBS, job.metadata.namespace, job.metadata.name, uid=job.uid
                )
            except (ConflictError, NotFoundError):
                continue

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_seconds)
            try:
                namespace = self._settings.namespace
                listing = await self._jobs.list(BATCH_JOBS, namespace)
                await self._sweeper.sweep(namespace, _readable(listing.items))
            except PressroomError as error:
                log.warning("The sweep failed; at the next again", extra={"error": error.log})

    # --- tenants ---------------------------------------------------------------------------------
    async def _refresh_shares(self) -> list[dict[str, Any]]:
        """Take over the weights of all Tenants, which are returned as listed."""
        listing = await self._jobs.list(TENANTS, self._settings.namespace)
        shares = {}
        for body in listing.items:
            try:
                spec = TenantSpec.model_validate(body.get("spec") or {})
            except ValidationError as error:
                name = body["metadata"]["name"]
                log.warning("A Tenant is not valid", extra={"tenant": name, "error": brief(error)})
                continue
            shares[body["metadata"]["name"]] = Share(
                weight=spec.weight or DEFAULT_WEIGHT,
                rows_in_flight=spec.limits.rows_in_flight if spec.limits else None,
            )
        self.dispatcher.shares = shares
        return listing.items

    async def _ensure_default_tenant(self) -> None:
        body = {
            "apiVersion": API_VERSION,
            "kind": TENANTS.kind,
            "metadata": {"name": DEFAULT_TENANT, "namespace": self._settings.namespace},
            "spec": {},
        }
        try:
            await self._jobs.create(TENANTS, self._settings.namespace, body)
        except ConflictError:
            return


def _has_rows(job: BatchJob) -> bool:
    """It may be part of the backlog."""
    return is_true(job, ConditionType.ACCEPTED) and job.status.reason() not in TERMINAL


def _readable(items: list[dict[str, Any]]) -> list[BatchJob]:
    jobs = []
    for body in items:
        try:
            jobs.append(job_of(body))
        except ValidationError:
            jobs.append(stand_in(body))
    return jobs
