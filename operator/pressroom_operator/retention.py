"""Retention: what is purged, when it is safe to, and the sweeps for what nobody owns."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import orjson

from pressroom.errors import ConflictError, NotFoundError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob
from pressroom.model.ledger import Task
from pressroom.model.plan import Plan
from pressroom.names import (
    LABEL_WEBHOOK,
    TASK_PURGE,
    control_subject,
    job_prefix,
    plan_key,
    stop_key,
)
from pressroom.ports import ACK_WAIT, SECRETS, TEMPLATES, Jobs, Queue, Store
from pressroom_operator.claims import Claims, upload_of

log = logging.getLogger(__name__)

#: How long usage records are kept. They are looked through once a day: there may be millions.
USAGE_KEPT = timedelta(days=400)
_USAGE_SWEEP = timedelta(days=1)
_BATCH = 500


class Retention:
    """Stops jobs, asks for purges, and knows from the store when one is done."""

    def __init__(self, store: Store, queue: Queue, claims: Claims) -> None:
        self._store = store
        self._queue = queue
        self._claims = claims

    async def stop(self, uid: str) -> None:
        """No worker starts, and those at it give up, the job's shards."""
        await self._store.put(stop_key(uid), b"{}", content_type="application/json")
        await self._queue.purge_work(uid)
        await self._queue.hint(control_subject(uid))

    async def go_on(self, uid: str) -> None:
        """Workers may take the job's shards again."""
        await self._store.delete([stop_key(uid)])

    async def purged(self, job: BatchJob) -> bool:
        """Whether nothing of the job is left in the store: the evidence of a purge."""
        async for _ in self._store.list(job_prefix(job.uid)):
            return False
        upload = self._claims.own(job)
        return upload is None or await self._store.stat(upload) is None

    async def purge(self, job: BatchJob, *, finished: bool) -> float:
        """Ask for a purge once no worker can write any more. Seconds until to look again."""
        stopped = await self._store.stat(stop_key(job.uid))
        if stopped is None and not finished and await self._store.stat(plan_key(job.uid)):
            await self.stop(job.uid)
            return ACK_WAIT
        if stopped is not None:
            # A worker looks for the stop object at every heartbeat, three times an ack wait.
            left = stopped.modified + timedelta(seconds=ACK_WAIT) - now()
            if left > timedelta(0):
                # Again: what was said once may have been lost.
                await self._queue.purge_work(job.uid)
                await self._queue.hint(control_subject(job.uid))
                return left.total_seconds()
        task = Task(
            uid=job.uid,
            namespace=job.metadata.namespace,
            name=job.metadata.name,
            tenant=job.tenant,
            upload=self._claims.own(job),
        )
        await self._queue.put_task(TASK_PURGE, job.uid, orjson.dumps(task.wire()))
        return 10.0


class Sweeper:
    """Deletes what nobody owns: uploads and snapshots that no job names, versions and assets that
    no template has any more, webhook Secrets whose BatchJob never came, prefixes whose job has
    been gone for two sweeps, and old usage records."""

    def __init__(self, jobs: Jobs, store: Store, queue: Queue, upload_grace_seconds: float) -> None:
        self._jobs = jobs
        self._store = store
        self._queue = queue
        self._grace = timedelta(seconds=upload_grace_seconds)
        self._orphans: frozenset[str] = frozenset()
        self._usage_due: datetime | None = None

    async def sweep(self, namespace: str, jobs: Iterable[BatchJob]) -> None:
        """One sweep, with a fresh list of all jobs of the namespace."""
        jobs = list(jobs)
        uids = {job.uid for job in jobs}
        prefixes = [prefix async for prefix in self._store.prefixes("jobs/")]
        gone = frozenset(prefix.split("/")[1] for prefix in prefixes) - uids
        for uid in gone & self._orphans:
            log.warning("Purging what a job that is gone left behind", extra={"uid": uid})
            task = Task(uid=uid, namespace="", name="", tenant="")
            await self._queue.put_task(TASK_PURGE, uid, orjson.dumps(task.wire()))
        self._orphans = gone
        await self._sweep_uploads({upload for job in jobs if (upload := upload_of(job))})
        await self._sweep_templates(uids)
        await self._sweep_versions(namespace)
        await self._sweep_assets(namespace)
        await self._sweep_secrets(namespace)
        await self._sweep_usage()

    async def _sweep_uploads(self, named: set[str]) -> None:
        old = now() - self._grace
        unused = [
            found.key
            async for found in self._store.list("uploads/")
            if found.key not in named and found.modified < old
        ]
        await self._store.delete(unused)

    async def _sweep_usage(self) -> None:
        at = now()
        if self._usage_due is not None and at < self._usage_due:
            return
        self._usage_due = at + _USAGE_SWEEP
        old: list[str] = []
        async for found in self._store.list("usage/"):
            if found.modified < at - USAGE_KEPT:
                old.append(found.key)
            if len(old) == _BATCH:
                await self._store.delete(old)
                old.clear()
        await self._store.delete(old)

    async def _sweep_secrets(self, namespace: str) -> None:
        old = now() - self._grace
        selector = f"{LABEL_WEBHOOK}=true"
        for body in (await self._jobs.list(SECRETS, namespace, label_selector=selector)).items:
            metadata = body["metadata"]
            created = datetime.fromisoformat(metadata["creationTimestamp"])
            if not metadata.get("ownerReferences") and created < old:
                with contextlib.suppress(NotFoundError, ConflictError):
                    name, uid = metadata["name"], metadata["uid"]
                    await self._jobs.delete(SECRETS, namespace, name, uid=uid)

    async def _sweep_templates(self, uids: set[str]) -> None:
        """Snapshots that no plan names; young ones may belong to a plan not written yet."""
        old: datetime = now() - self._grace
        aged = {found.key async for found in self._store.list("templates/") if found.modified < old}
        if not aged:
            return
        for uid in uids:
            try:
                plan = Plan.model_validate(orjson.loads(await self._store.get(plan_key(uid))))
            except NotFoundError:
                continue
            aged -= {f"templates/{digest}.json" for digest in plan.templates.values()}
        await self._store.delete(sorted(aged))

    async def _sweep_versions(self, namespace: str) -> None:
        """Versions of templates that are gone."""
        old = now() - self._grace
        aged = [
            found.key
            async for found in self._store.list("template-versions/")
            if found.modified < old
        ]
        if not aged:
            return
        bodies = (await self._jobs.list(TEMPLATES, namespace)).items
        uids = {body["metadata"]["uid"] for body in bodies}
        await self._store.delete([key for key in aged if key.split("/")[1] not in uids])

    async def _sweep_assets(self, namespace: str) -> None:
        """Assets that no template, version or snapshot names, whoever's they are.

        Snapshots that no job needs have been swept before; the others are looked through only
        where something is left to decide.
        """
        old = now() - self._grace
        aged = [found.key async for found in self._store.list("assets/") if found.modified < old]
        for named in (self._in_templates(namespace), self._in_versions(), self._in_snapshots()):
            if aged:
                digests = {digest async for digest in named}
                aged = [key for key in aged if key.rsplit("/", 1)[1] not in digests]
        await self._store.delete(aged)

    async def _in_templates(self, namespace: str) -> AsyncIterator[str]:
        for body in (await self._jobs.list(TEMPLATES, namespace)).items:
            for asset in body["spec"].get("assets") or ():
                if "sha256" in asset:
                    yield asset["sha256"]

    async def _in_versions(self) -> AsyncIterator[str]:
        async for found in self._store.list("template-versions/"):
            with contextlib.suppress(NotFoundError):
                # As JSON: one that a newer release has written counts as well.
                kept = orjson.loads(await self._store.get(found.key))
                for asset in (kept.get("spec") or {}).get("assets") or ():
                    if "sha256" in asset:
                        yield asset["sha256"]

    async def _in_snapshots(self) -> AsyncIterator[str]:
        async for found in self._store.list("templates/"):
            with contextlib.suppress(NotFoundError):
                kept = orjson.loads(await self._store.get(found.key))
                for asset in (kept.get("assets") or {}).values():
                    yield asset["sha256"]
