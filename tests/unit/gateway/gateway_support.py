"""Support: a gateway over the in-memory twins, and a stand-in for the operator and the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from pressroom import names
from pressroom.errors import Code
from pressroom.model.base import now, rfc3339
from pressroom.model.checks import Finding
from pressroom.model.ledger import RowFault, RowOutcome, RowState, ShardLedger
from pressroom.model.plan import Plan, cut
from pressroom.ports import BATCH_JOBS, SECRETS, Json
from pressroom.testing.memory_counters import MemoryCounters
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_queue import MemoryQueue
from pressroom.testing.memory_store import MemoryStore
from pressroom_gateway.services import Services

NAMESPACE = "farm"
KEY = "k-default"
OTHER_KEY = "k-other"
Client = TestClient[Request, Application]


@dataclass
class Farm:
    """The twins, a client with a key, and what the other parts would do."""

    client: Client
    services: Services
    jobs: MemoryJobs
    store: MemoryStore
    queue: MemoryQueue
    counters: MemoryCounters
    version: str
    headers: dict[str, str] = field(default_factory=lambda: {"X-API-Key": KEY})

    async def call(
        self, method: str, path: str, *, key: str = KEY, **options: Any
    ) -> tuple[int, Any]:
        """Status and parsed JSON body (None where there is none)."""
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        async with self.client.request(
            method, path, headers=headers, allow_redirects=False, **options
        ) as answer:
            body = await answer.read()
            return answer.status, orjson.loads(body) if body else None

    async def submit(self, **request: Any) -> Json:
        """The batch that a JSON request makes."""
        request = {"html": "<p>{{ n }}</p>"} | request
        status, batch = await self.call("POST", "/v1/batches", json=request)
        assert status == 202, batch
        found: Json = batch
        return found

    async def template(self, name: str = "invoice", html: str = "<p>{{ n }}</p>") -> None:
        status, body = await self.call("PUT", f"/v1/templates/{name}", json={"html": html})
        assert status in (200, 201), body

    async def job(self, name: str) -> Json:
        return await self.jobs.get(BATCH_JOBS, NAMESPACE, name)

    async def uid(self, name: str) -> str:
        return str((await self.job(name))["metadata"]["uid"])

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first BatchJob, since the start of the test, of which this was or becomes true."""
        async with asyncio.timeout(5):
            events = self.jobs.watch(BATCH_JOBS, NAMESPACE, self.version)
            async with aclosing(events) as changes:
                async for change in changes:
                    found: Json = change.object
                    if wanted(found):
                        return found
        raise AssertionError("the watch ended")

    async def set_status(self, name: str, reason: str, **status: Any) -> None:
        """What the operator writes; returns once the gateway has seen it."""
        condition = {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": reason,
            "message": f"It is {reason}.",
            "lastTransitionTime": rfc3339(now()),
        }
        patch = {"status": {"conditions": [condition], **status}}
        changed = await self.jobs.patch(BATCH_JOBS, NAMESPACE, name, patch, subresource="status")
        self.services.batches.put(changed)

    async def accept(self, name: str) -> None:
        """What the operator writes once a job is accepted."""
        await self._conditions(
            name, ("Accepted", "True", "Accepted"), ("Succeeded", "Unknown", "Queued")
        )

    async def reject(self, name: str, reason: str, message: str) -> None:
        """What the operator writes about a job that it refuses."""
        await self._conditions(
            name, ("Accepted", "False", reason), ("Succeeded", "False", "Rejected"), message
        )

    async def _conditions(
        self,
        name: str,
        accepted: tuple[str, str, str],
        summary: tuple[str, str, str],
        message: str = "",
    ) -> None:
        conditions = [
            {
                "type": type_,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": rfc3339(now()),
            }
            for type_, status, reason in (accepted, summary)
        ]
        patch = {"status": {"conditions": conditions}}
        await self.jobs.patch(BATCH_JOBS, NAMESPACE, name, patch, subresource="status")

    async def knows(self, key: str) -> None:
        """Until the gateway has seen a key."""
        async with asyncio.timeout(5):
            while self.services.doors.keys.identity_of(key) is None:
                await asyncio.sleep(0.01)

    def uploads(self) -> list[str]:
        """Everything that requests have left in the store."""
        return [key for key in self.store.objects if key.startswith("uploads/")]

    async def nothing_stored(self) -> bool:
        """No object but of templates, no upload under way, no batch, no webhook Secret."""
        objects = [key for key in self.store.objects if not key.startswith("template-versions/")]
        batches = (await self.jobs.list(BATCH_JOBS, NAMESPACE)).items
        hooks = (await self.jobs.list(SECRETS, NAMESPACE, label_selector=names.LABEL_WEBHOOK)).items
        return not (objects or self.store.uploads or batches or hooks)

    async def plan(self, name: str) -> Plan:
        """The operator's plan of a batch, written."""
        job = await self.job(name)
        uid, manifest = job["metadata"]["uid"], job["spec"].get("manifest")
        if manifest is None:
            lines = [orjson.dumps(row) + b"\n" for row in job["spec"]["rows"]]
            key = names.manifest_key(uid)
            await self.store.put(key, b"".join(lines))
        else:
            key = manifest["key"]
            lines = self.store.objects[key].data.splitlines(keepends=True)
        plan = Plan(
            uid=uid,
            name=name,
            namespace=NAMESPACE,
            tenant=job["spec"].get("tenant", "default"),
            manifest=key,
            rows=len(lines),
            shards=list(cut(map(len, lines), len(lines))),
            templates={"": "0" * 64},
        )
        await self.store.put(names.plan_key(uid), orjson.dumps(plan.wire()))
        return plan

    async def render_shard(
        self,
        plan: Plan,
        number: int,
        failing: Set[int] = frozenset(),
        cancelled: Set[int] = frozenset(),
        findings: Sequence[Finding] = (),
    ) -> None:
        """A worker's ledger and row files of one shard, and its hint.

        Every row that came out has these ``findings``.
        """
        shard = plan.shards[number]
        data = self.store.objects[plan.manifest].data[shard.offset : shard.offset + shard.bytes]
        rows = []
        for index, line in enumerate(data.splitlines(), shard.first):
            row_id = orjson.loads(line).get("id") or str(index)
            file = names.row_key(plan.uid, index, "a1")
            if index in cancelled:
                fault = RowFault(code=Code.CANCELLED, message="The batch was cancelled.")
                rows.append(
                    RowOutcome(index=index, id=row_id, state=RowState.CANCELLED, error=fault)
                )
                continue
            if index in failing:
                fault = RowFault(code=Code.TEMPLATE_UNDEFINED, message="'n' is undefined")
                rows.append(RowOutcome(index=index, id=row_id, state=RowState.FAILED, error=fault))
                continue
            await self.store.put(file, b"%PDF row " + row_id.encode())
            rows.append(
                RowOutcome(
                    index=index,
                    id=row_id,
                    state=RowState.SUCCEEDED,
                    file=file,
                    pages=1,
                    bytes=9,
                    findings=list(findings),
                )
            )
        ledger = ShardLedger(
            uid=plan.uid,
            shard=number,
            attempt=1,
            writer="w",
            started_at=now(),
            finished_at=now(),
            rows=rows,
        )
        await self.store.create(names.shard_key(plan.uid, number), orjson.dumps(ledger.wire()))
        await self.queue.hint(names.done_subject(plan.uid), b"")

    async def finish(
        self,
        name: str,
        failing: Set[int] = frozenset(),
        cancelled: Set[int] = frozenset(),
        made: Set[str] = frozenset({"zip", "merged"}),
    ) -> Plan:
        """The whole of a batch: plan, ledgers, files, artifacts, status."""
        plan = await self.plan(name)
        for number in range(len(plan.shards)):
            await self.render_shard(plan, number, failing, cancelled)
        artifacts: dict[str, Any] = {}
        for word, file in (("zip", "batch.zip"), ("merged", "merged.pdf")):
            if word in made and word.capitalize() in (
                (await self.job(name))["spec"].get("outputs") or ["Zip"]
            ):
                key = names.output_key(plan.uid, "a1", file)
                await self.store.put(key, f"the {word}".encode())
                artifacts[word] = {"key": key, "bytes": len(f"the {word}"), "sha256": "0" * 64}
        counts = {
            "total": plan.rows,
            "settled": plan.rows,
            "failed": len(failing),
            "succeeded": plan.rows - len(failing) - len(cancelled),
        }
        reason = "AllRowsFailed" if len(failing) == plan.rows else "Completed"
        reason = "PartiallyFailed" if 0 < len(failing) < plan.rows else reason
        reason = "Cancelled" if cancelled else reason
        await self.set_status(name, reason, rows=counts, artifacts=artifacts)
        return plan


async def add_key(jobs: MemoryJobs, key: str, tenant: str, name: str | None = None) -> None:
    await jobs.create(
        SECRETS,
        NAMESPACE,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name or f"key-{tenant}", "labels": {names.LABEL_API_KEY: "true"}},
            "stringData": {"hash": names.api_key_hash(key), "tenant": tenant},
        },
    )
