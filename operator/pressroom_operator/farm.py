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
from pressroom.model.batchjob import BatchJob, job_of
from pressroom.model.conditions import TERMINAL
from pressroom.model.ledger import ShardDone, WorkerBeat
from pressroom.model.rows import brief
from pressroom.model.tenant import DEFAULT_WEIGHT, TenantSpec
from pressroom.names import API_VERSION, DEFAULT_TENANT, beat_subject, done_subject
from pressroom.ports import BATCH_JOBS, TENANTS, Jobs, Message, Queue, Store
from pressroom_operator.active import ActiveJobs, Key
from pressroom_operator.controller import Controller, stand_in
from pressroom_operator.counts import Counts
from pressroom_operator.dispatch import Dispatcher, Workers
from pressroom_operator.patches import Patches
from pressroom_operator.retention import Sweeper
from pressroom_operator.schedule import Share
from pressroom_operator.settings import OperatorSettings
from pressroom_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)


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
        patches = Patches(jobs, self.keys, settings.patches_per_second, wrote=self.counts.wrote)
        self.controller = Controller(jobs, queue, store, self.active, self.keys, patches)
        self.dispatcher = Dispatcher(queue, self.active, self.workers, started=self.keys.add)
        self.controller.dispatcher = self.dispatcher
        self._sweeper = Sweeper(jobs, store, queue, settings.upload_grace_seconds)
        self.synced = False

    async def prepare(self, *, create_bucket: bool = False) -> None:
        """What must stand before jobs are looked at: the streams, the tenant ``default``."""
        for delay in backoff():
            try:
                await self._queue.ensure()
                if create_bucket:
                    await self._store.ensure()
                await self._ensure_default_tenant()
                await self.resync()
            except (UnavailableError, NotFoundError) as error:
                log.warning("Waiting for what the farm stands on", extra={"error": error.log})
                await asyncio.sleep(delay)
            else:
                self.synced = True
                return

    async def run(self) -> None:
        """Work until cancelled; a loop that fails takes the operator down."""
        async with asyncio.TaskGroup() as group:
            for loop in self._loops():
                group.create_task(loop)

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        return [
            *(
                self.keys.run(self.controller.reconcile, self._failed)
                for _ in range(self._settings.reconcilers)
            ),
            self.dispatcher.run(),
            self._hear(done_subject("*"), self._done),
            self._hear(beat_subject("*"), self._beat),
            self._hear("report.>", self._report),
            self._resync_for_ever(),
            self._sweep_for_ever(),
        ]

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

    # --- hints -----------------------------------------------------------------------------------
    async def _hear(self, subject: str, follow: Callable[[Message], Awaitable[None]]) -> None:
        """Follow hints for ever. What cannot be followed is left to the resync."""
        for delay in backoff():
            try:
                async with self._queue.listen(subject) as messages:
                    async for message in messages:
                        await self._try_to(follow, message)
            except UnavailableError as error:
                log.warning("Not listening", extra={"subject": subject, "error": error.log})
            await asyncio.sleep(delay)

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
        """Every so often, and whenever the queue was connected anew."""
        loop = asyncio.get_running_loop()
        due, seen = loop.time() + self._settings.resync_seconds, self._queue.connections
        while True:
            await asyncio.sleep(0.5)
            if loop.time() < due and self._queue.connections == seen:
                continue
            connections = self._queue.connections
            try:
                await self.resync()
            except PressroomError as error:
                log.warning("The resync failed; again soon", extra={"error": error.log})
                due = loop.time() + 2
                continue
            seen = connections
            due = loop.time() + self._settings.resync_seconds

    async def resync(self) -> None:
        """Look at every job, every queued shard and every ledger, in the order that is safe."""
        await self._queue.ensure()
        tenants = await self._refresh_shares()
        before = [active.job.uid for active in self.active]
        listing = await self._jobs.list(BATCH_JOBS, self._settings.namespace)
        jobs = _readable(listing.items)
        self.controller.claims.renew(jobs)
        self.controller.rate.renew(jobs)
        for body in listing.items:
            self.seen("LISTED", body)
        present = {job.uid for job in jobs}
        for uid in before:
            if uid not in present:
                self.active.drop(uid)
        in_queue = await self._queue.queued_work()
        for active in self.active:
            await self.controller.catch_up(active, in_queue)
        await self._trim(jobs)
        await self.controller.accounts.look_over(tenants, present)
        self.dispatcher.kick()

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


def _readable(items: list[dict[str, Any]]) -> list[BatchJob]:
    jobs = []
    for body in items:
        try:
            jobs.append(job_of(body))
        except ValidationError:
            jobs.append(stand_in(body))
    return jobs
