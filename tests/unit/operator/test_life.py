"""The life of a job under the operator, over the in-memory twins."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import orjson
import pytest
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType, Reason, find
from pressroom.model.ledger import ShardLedger
from pressroom.model.plan import Plan
from pressroom.ports import BATCH_JOBS, CONFIG_MAPS, TEMPLATES, TENANTS


def rows(count: int) -> list[dict[str, object]]:
    return [{"data": {"a": index}} for index in range(count)]


async def test_a_job_goes_from_rows_to_completed(world: World) -> None:
    async with world.running():
        await world.create(rows=rows(30))
        job = await world.until_reason(Reason.COMPLETED)
    assert job.status.rows is not None
    assert (job.status.rows.total, job.status.rows.succeeded) == (30, 30)
    assert names.PURGE_FINALIZER in job.metadata.finalizers
    assert job.status.expiry_time is not None
    assert len(world.rendered) == len(set(world.rendered))


async def test_failed_rows_are_counted_and_shown(world: World) -> None:
    world.failing = set(range(0, 100, 4))
    async with world.running():
        await world.create(rows=rows(100))
        job = await world.until_reason(Reason.PARTIALLY_FAILED)
    assert job.status.rows is not None
    assert job.status.rows.failed == 25
    assert [failure.row for failure in job.status.failures] == list(range(0, 80, 4))


async def test_all_rows_failing_is_no_fault_of_the_batch(world: World) -> None:
    world.failing = {0, 1}
    async with world.running():
        await world.create(rows=rows(2))
        await world.until_reason(Reason.ALL_ROWS_FAILED)


async def test_a_restarted_operator_goes_on_from_the_store_alone(world: World) -> None:
    async with world.running(work=False):
        await world.create(rows=rows(80))
        await world.until_reason(Reason.RENDERING)
        for _ in range(2):
            delivery = await world.queue.take_work(names.LANE_BULK, 1)
            assert delivery is not None
            await world.render(delivery, hint=False)
    world.queue.lose_everything()
    async with world.running():
        job = await world.until_reason(Reason.COMPLETED)
    assert job.status.rows is not None
    assert job.status.rows.succeeded == 80
    assert len(world.rendered) == len(set(world.rendered))


async def test_losing_the_queue_under_a_running_operator_loses_no_shard(world: World) -> None:
    async with world.running(work=False):
        await world.create(rows=rows(80))
        await world.until_reason(Reason.RENDERING)
        world.queue.lose_everything()
        async with world.running():
            await world.until_reason(Reason.COMPLETED)


async def test_a_lost_hint_delays_and_loses_nothing(world: World) -> None:
    async with world.running(work=False):
        await world.create(rows=rows(3))
        while (delivery := await world.queue.take_work(names.LANE_BULK, 1)) is not None:
            await world.render(delivery, hint=False)
            if len(world.rendered) == 3:
                break
        await world.until_reason(Reason.COMPLETED)


async def test_suspend_empties_the_queue_and_resume_goes_on(world: World) -> None:
    async with world.running(work=False):
        job = await world.create(rows=rows(100))
        await world.until_reason(Reason.RENDERING)
        await world.edit(suspend=True)
        await world.until_reason(Reason.SUSPENDED)
        assert await world.queue.queued_work(job.uid) == set()
        assert await world.store.stat(names.stop_key(job.uid)) is not None
        assert world.operator.dispatcher.backlog() == 0
        await world.edit(suspend=False)
        async with world.running():
            done = await world.until_reason(Reason.COMPLETED)
    assert done.status.rows is not None
    assert done.status.rows.succeeded == 100


async def test_cancel_closes_what_is_open_and_keeps_what_is_done(world: World) -> None:
    async with world.running(work=False):
        job = await world.create(rows=rows(100))
        await world.until_reason(Reason.RENDERING)
        delivery = await world.queue.take_work(names.LANE_BULK, 1)
        assert delivery is not None
        await world.render(delivery)
        await world.edit(cancel=True)
        done = await world.until_reason(Reason.CANCELLED)
    assert done.status.rows is not None
    assert (done.status.rows.succeeded, done.status.rows.settled) == (13, 100)
    ledgers = [
        ShardLedger.model_validate(orjson.loads(await world.store.get(found.key)))
        async for found in world.store.list(names.shard_prefix(job.uid))
    ]
    assert sum(len(ledger.rows) for ledger in ledgers) == 100


async def test_the_active_deadline_ends_a_job(world: World) -> None:
    async with world.running(work=False):
        await world.create(rows=rows(5), activeDeadlineSeconds=1)
        done = await world.until_reason(Reason.DEADLINE_EXCEEDED)
    assert done.status.completion_time is not None


async def test_expiry_purges_the_data_then_the_record_goes(world: World) -> None:
    async with world.running():
        other = await world.create("other", rows=rows(1))
        await world.until_reason(Reason.COMPLETED, name="other")
        job = await world.create(rows=rows(1), historySeconds=3600)
        await world.until_reason(Reason.COMPLETED)
        await world.age("job", timedelta(days=1, minutes=1))
        expired = await world.until_reason(Reason.EXPIRED)
        assert expired.status.artifacts is None
        assert [one async for one in world.store.list(names.job_prefix(job.uid))] == []
        assert [one async for one in world.store.list(names.job_prefix(other.uid))] != []
        await world.age("job", timedelta(days=2))
        await world.until_gone()


async def test_a_deleted_job_is_purged_before_its_resource_goes(world: World) -> None:
    async with world.running():
        job = await world.create(rows=rows(3))
        await world.until_reason(Reason.COMPLETED)
        await world.jobs.delete(BATCH_JOBS, NAMESPACE, "job")
        await world.until_gone()
        assert [one async for one in world.store.list(names.job_prefix(job.uid))] == []


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"rows": [{"id": "x"}, {"id": "x"}]}, "DuplicateRowId"),
        ({"rows": [{}], "tenant": "nobody"}, "TenantNotFound"),
        ({"configMap": {"name": "none", "key": "rows.csv"}}, "ManifestInvalid"),
        (
            {
                "manifest": {
                    "key": "uploads/other/x.ndjson",
                    "rows": 1,
                    "bytes": 3,
                    "sha256": "0" * 64,
                }
            },
            "ManifestInvalid",
        ),
        (
            {"rows": [{}], "ttlSecondsAfterFinished": 31_000_000},
            "LimitExceeded",
        ),
        (
            {"rows": [{}], "outputs": ["Merged"], "html": None, "template": {"name": "card"}},
            "InvalidOption",
        ),
    ],
)
async def test_a_job_that_cannot_be_is_rejected_with_the_reason(
    world: World, spec: dict[str, object], code: str
) -> None:
    card = {"metadata": {"name": "card"}, "spec": {"html": "x", "page": {"output": "Png"}}}
    await world.jobs.create(TEMPLATES, NAMESPACE, card)
    async with world.running():
        await world.create(**spec)
        job = await world.until_reason(Reason.REJECTED)
    accepted = find(job.status.conditions, ConditionType.ACCEPTED)
    assert accepted is not None
    assert accepted.reason == code


def _is_seen(job: BatchJob) -> bool:
    return job.status.observed_generation == job.metadata.generation


@pytest.mark.parametrize("edited", [None, 3600])
async def test_no_data_is_kept_longer_than_the_tenant_may(world: World, edited: int | None) -> None:
    tenant = {"metadata": {"name": "brief"}, "spec": {"limits": {"maxTtlSeconds": 60}}}
    await world.jobs.create(TENANTS, NAMESPACE, tenant)
    async with world.running():
        await world.create(rows=rows(1), tenant="brief")
        await world.until_reason(Reason.COMPLETED)
        if edited is not None:
            await world.edit(ttlSecondsAfterFinished=edited)
        job = await world.until(
            lambda job: job.status.observed_generation == job.metadata.generation
        )
    ended, expiry = job.status.completion_time, job.status.expiry_time
    assert ended is not None
    assert expiry == ended + timedelta(seconds=60)


async def test_a_rejected_job_keeps_its_upload_no_longer_either(world: World) -> None:
    tenant = {"metadata": {"name": "brief"}, "spec": {"limits": {"maxTtlSeconds": 60}}}
    await world.jobs.create(TENANTS, NAMESPACE, tenant)
    async with world.running():
        await world.create(rows=rows(1), tenant="brief", ttlSecondsAfterFinished=61)
        job = await world.until_reason(Reason.REJECTED)
    ended, expiry = job.status.completion_time, job.status.expiry_time
    assert ended is not None
    assert expiry == ended + timedelta(seconds=60)


async def test_an_upload_that_is_not_the_one_described_is_rejected(world: World) -> None:
    key = names.upload_key("default", "u")
    await world.store.put(key, b"{}\n{}\n")
    described = {"key": key, "rows": 2, "bytes": 6, "sha256": hashlib.sha256(b"x").hexdigest()}
    async with world.running():
        await world.create(manifest=described)
        await world.until_reason(Reason.REJECTED)


async def test_rows_from_a_config_map(world: World) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "people", "namespace": NAMESPACE},
        "data": {"rows.csv": "a,b\n1,2\n3,4\n"},
    }
    await world.jobs.create(CONFIG_MAPS, NAMESPACE, body)
    async with world.running():
        job = await world.create(configMap={"name": "people", "key": "rows.csv"})
        await world.until_reason(Reason.COMPLETED)
    manifest = await world.store.get(names.manifest_key(job.uid))
    assert [orjson.loads(line)["data"] for line in manifest.splitlines()] == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
    ]


async def test_a_template_of_that_name_stands_before_one_that_has_it_as_an_alias(
    world: World,
) -> None:
    for name, html in (("a-letter", "<p>alias"), ("letter", "<p>name")):
        aliases = [] if name == "letter" else ["letter"]
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "Template",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"html": html, "aliases": aliases},
        }
        await world.jobs.create(TEMPLATES, NAMESPACE, body)
    async with world.running():
        job = await world.create(html=None, template={"name": "letter"}, rows=[{}])
        await world.until_reason(Reason.COMPLETED)
    plan = Plan.model_validate(orjson.loads(await world.store.get(names.plan_key(job.uid))))
    digest = plan.templates[""]
    assert digest is not None
    assert b"<p>name" in await world.store.get(names.template_key(digest))


async def test_a_template_is_pinned_at_acceptance_by_name_or_alias(world: World) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Template",
        "metadata": {"name": "letter", "namespace": NAMESPACE},
        "spec": {"html": "<p>one", "aliases": ["tpl_abc"]},
    }
    await world.jobs.create(TEMPLATES, NAMESPACE, body)
    async with world.running():
        spec = {"html": None, "template": {"name": "tpl_abc"}, "rows": [{"template": "none"}]}
        job = await world.create(**spec)
        await world.until_reason(Reason.COMPLETED)
    plan = Plan.model_validate(orjson.loads(await world.store.get(names.plan_key(job.uid))))
    assert plan.templates["none"] is None
    digest = plan.templates[""]
    assert digest is not None
    assert b"<p>one" in await world.store.get(names.template_key(digest))
