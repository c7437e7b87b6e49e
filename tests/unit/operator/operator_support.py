"""A whole operator over the in-memory twins, with a worker and a finalizer that only keep books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson

from pressroom import names, usage
from pressroom.errors import Code, NotFoundError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob, job_of
from pressroom.model.conditions import Reason
from pressroom.model.ledger import (
    Artifact,
    Artifacts,
    RowFault,
    RowOutcome,
    RowState,
    ShardDone,
    ShardLedger,
    Task,
    WorkItem,
)
from pressroom.model.plan import Plan
from pressroom.ports import BATCH_JOBS, Delivery, Json
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_queue import MemoryQueue
from pressroom.testing.memory_store import MemoryStore
from pressroom_operator.farm import Operator
from pressroom_operator.settings import OperatorSettings

NAMESPACE = "pressroom"


class World:
    """The twins, and a running operator over them."""

    def __init__(self, jobs: MemoryJobs | None = None) -> None:
        self.jobs = jobs or MemoryJobs()
        self.queue = MemoryQueue()
        self.store = MemoryStore()
        self.failing: set[int] = set()
        self.rendered: list[tuple[str, int]] = []
        self.operator = self._operator()

    def _operator(self) -> Operator:
        settings = OperatorSettings(resync_seconds=0.2, check_seconds=0.05)
        return Operator(settings, self.jobs, self.queue, self.store)

    @asynccontextmanager
    async def running(self, *, work: bool = True, finalize: bool = True) -> AsyncIterator[None]:
        """The operator runs, restarted from nothing, while the context is open."""
        self.operator = self._operator()
        await self.operator.prepare()
        tasks = [asyncio.create_task(self.operator.run()), asyncio.create_task(self._watch())]
        if work:
            tasks.append(asyncio.create_task(self.work()))
        if finalize:
            tasks.append(asyncio.create_task(self.finalize()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        listing = await self.jobs.list(BATCH_JOBS, NAMESPACE)
        for body in listing.items:
            self.operator.seen("LISTED", body)
        async for event in self.jobs.watch(BATCH_JOBS, NAMESPACE, listing.resource_version):
            if event.type != "BOOKMARK":
                self.operator.seen(event.type, event.object)

    # --- what a user does ------------------------------------------------------------------------
    async def create(
        self, name: str = "job", metadata: Json | None = None, **spec: Any
    ) -> BatchJob:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "BatchJob",
            "metadata": {"name": name, "namespace": NAMESPACE, **(metadata or {})},
            "spec": {"html": "<p>{{ a }}", **spec},
        }
        return job_of(await self.jobs.create(BATCH_JOBS, NAMESPACE, body))

    async def edit(self, name: str = "job", **spec: Any) -> None:
        await self.jobs.patch(BATCH_JOBS, NAMESPACE, name, {"spec": spec})

    async def job(self, name: str = "job") -> BatchJob:
        return job_of(await self.jobs.get(BATCH_JOBS, NAMESPACE, name))

    async def until(
        self, holds: Callable[[BatchJob], bool], name: str = "job", seconds: float = 5
    ) -> BatchJob:
        """Watch the job until it holds."""
        async with asyncio.timeout(seconds):
            listing = await self.jobs.list(BATCH_JOBS, NAMESPACE)
            for body in listing.items:
                if body["metadata"]["name"] == name and holds(job_of(body)):
                    return job_of(body)
            async for event in self.jobs.watch(BATCH_JOBS, NAMESPACE, listing.resource_version):
                if event.type == "BOOKMARK" or event.object["metadata"]["name"] != name:
                    continue
                if holds(job_of(event.object)):
                    return job_of(event.object)
        raise AssertionError("the watch ended")

    async def until_reason(self, *reasons: Reason, name: str = "job") -> BatchJob:
        return await self.until(lambda job: job.status.reason() in reasons, name)

    async def until_synced(self, seconds: float = 5) -> None:
        """The operator has looked at everything that was there when it started."""
        async with asyncio.timeout(seconds):
            while not self.operator.synced:
                await asyncio.sleep(0.01)

    async def until_gone(self, name: str = "job", seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            listing = await self.jobs.list(BATCH_JOBS, NAMESPACE)
            async for event in self.jobs.watch(BATCH_JOBS, NAMESPACE, listing.resource_version):
                if event.type == "DELETED" and event.object["metadata"]["name"] == name:
                    return

    # --- what the other parts do -----------------------------------------------------------------
    async def work(self) -> None:
        while True:
            delivery = await self.queue.take_work(names.LANE_BULK, 1)
            if delivery is not None:
                await self.render(delivery)

    async def render(self, delivery: Delivery, *, hint: bool = True) -> None:
        item = WorkItem.model_validate(orjson.loads(delivery.data))
        if await self.store.stat(names.stop_key(item.uid)) is None:
            await self._write_ledger(item)
            if hint:
                done = ShardDone(uid=item.uid, shard=item.shard)
                await self.queue.hint(names.done_subject(item.uid), orjson.dumps(done.wire()))
        await delivery.ack()

    async def _write_ledger(self, item: WorkItem) -> None:
        try:
            body = await self.store.get(names.plan_key(item.uid))
        except NotFoundError:
            return
        plan = Plan.model_validate(orjson.loads(body))
        shard = plan.shards[item.shard]
        rows = [self._outcome(index) for index in range(shard.first, shard.first + shard.rows)]
        ledger = ShardLedger(
            uid=item.uid,
            shard=item.shard,
            attempt=1,
            writer="w",
            started_at=now(),
            finished_at=now(),
            rows=rows,
        )
        key = names.shard_key(item.uid, item.shard)
        if await self.store.create(key, orjson.dumps(ledger.wire())):
            self.rendered.append((item.uid, item.shard))

    def _outcome(self, index: int) -> RowOutcome:
        if index in self.failing:
            fault = RowFault(code=Code.TEMPLATE_UNDEFINED, message="no such name")
            return RowOutcome(index=index, id=str(index), state=RowState.FAILED, error=fault)
        return RowOutcome(index=index, id=str(index), state=RowState.SUCCEEDED, pages=1, bytes=10)

    async def finalize(self) -> None:
        async def each(kind: str) -> None:
            while True:
                delivery = await self.queue.take_task(kind, 1)
                if delivery is not None:
                    await self._do(kind, Task.model_validate(orjson.loads(delivery.data)))
                    await delivery.ack()

        async with asyncio.TaskGroup() as group:
            for kind in (names.TASK_FINALIZE, names.TASK_PURGE):
                group.create_task(each(kind))

    async def _do(self, kind: str, task: Task) -> None:
        if kind == names.TASK_PURGE:
            await self._leave_usage(task.uid)
            prefix = names.job_prefix(task.uid)
            await self.store.delete([one.key async for one in self.store.list(prefix)])
            if task.upload:
                await self.store.delete([task.upload])
        else:
            ledger = Artifact(key="k", bytes=1, sha256="0" * 64)
            made = Artifacts(attempt="a", ledger=ledger, finished_at=now())
            key = names.artifacts_key(task.uid)
            await self.store.create(key, orjson.dumps(made.wire()))
        await self.queue.hint(names.report_subject(kind, task.uid))

    async def _leave_usage(self, uid: str) -> None:
        if await self.store.stat(names.plan_key(uid)) is not None:
            plan = Plan.model_validate(orjson.loads(await self.store.get(names.plan_key(uid))))
            await usage.leave(self.store, usage.Subject.of_plan(plan))

    async def age(self, name: str, by: timedelta) -> None:
        """Move a finished job's end into the past."""
        body = await self.jobs.get(BATCH_JOBS, NAMESPACE, name)
        ended = (now() - by).isoformat()
        patch = {
            "metadata": {"resourceVersion": body["metadata"]["resourceVersion"]},
            "status": {"completionTime": ended},
        }
        await self.jobs.patch(BATCH_JOBS, NAMESPACE, name, patch, subresource="status")
