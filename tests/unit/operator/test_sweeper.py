"""What nobody owns goes; what somebody owns, or is young, stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.model.base import now
from pressroom.model.conditions import Reason
from pressroom.model.ledger import Task
from pressroom.model.template import Asset, AssetRef, Snapshot, TemplateSpec
from pressroom.ports import SECRETS, TEMPLATES
from pressroom.templatestore import record_version
from pressroom_operator.retention import Sweeper


def sweeper(world: World) -> Sweeper:
    return Sweeper(world.jobs, world.store, world.queue, upload_grace_seconds=60)


def make_old(world: World, *keys: str) -> None:
    for key in keys:
        found = world.store.objects[key]
        world.store.objects[key] = replace(found, modified=now() - timedelta(hours=1))


async def test_unused_uploads_and_snapshots_go_once_they_are_old(world: World) -> None:
    keep = names.upload_key("default", "young")
    drop = names.upload_key("default", "old")
    snapshot = names.template_key("0" * 64)
    for key in (keep, drop, snapshot):
        await world.store.put(key, b"{}\n")
    async with world.running():
        job = await world.create(rows=[{}])
        await world.until_reason(Reason.COMPLETED)
    used = [one.key async for one in world.store.list("templates/") if one.key != snapshot]
    make_old(world, drop, snapshot, *used)
    await sweeper(world).sweep(NAMESPACE, [job])
    left = [one.key async for one in world.store.list("")]
    assert keep in left
    assert used
    assert set(used) <= set(left)
    assert not {drop, snapshot} & set(left)


async def test_a_prefix_goes_only_when_two_sweeps_found_no_job(world: World) -> None:
    await world.store.put(names.plan_key("gone"), b"{}")
    sweep = sweeper(world)
    await sweep.sweep(NAMESPACE, [])
    assert await world.queue.take_task(names.TASK_PURGE, 0) is None
    await sweep.sweep(NAMESPACE, [])
    delivery = await world.queue.take_task(names.TASK_PURGE, 0)
    assert delivery is not None
    assert Task.model_validate(orjson.loads(delivery.data)).uid == "gone"


async def test_a_webhook_secret_without_its_job_goes(world: World) -> None:
    for name, owners in (("orphan", []), ("owned", [{"uid": "u", "name": "j"}])):
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "labels": {names.LABEL_WEBHOOK: "true"},
                "ownerReferences": owners,
            },
        }
        await world.jobs.create(SECRETS, NAMESPACE, body)
    await Sweeper(world.jobs, world.store, world.queue, -60).sweep(NAMESPACE, [])
    left = (await world.jobs.list(SECRETS, NAMESPACE)).items
    assert [body["metadata"]["name"] for body in left] == ["owned"]


async def test_usage_records_go_after_more_than_a_year(world: World) -> None:
    old, young = names.usage_key("acme", "old"), names.usage_key("acme", "young")
    for key, days in ((old, 401), (young, 399)):
        await world.store.put(key, b"{}")
        found = world.store.objects[key]
        world.store.objects[key] = replace(found, modified=now() - timedelta(days=days))
    await sweeper(world).sweep(NAMESPACE, [])
    assert [one.key async for one in world.store.list("usage/")] == [young]


async def test_assets_and_versions_go_with_what_names_them(world: World) -> None:
    of_spec, of_version, of_snapshot, unused, young = (letter * 64 for letter in "abcde")
    for digest in (of_spec, of_version, of_snapshot, unused, young):
        await world.store.put(names.asset_key("acme", digest), b"x")

    def spec(digest: str) -> TemplateSpec:
        return TemplateSpec(html="x", assets=[AssetRef(name="a.css", sha256=digest)])

    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Template",
        "metadata": {"name": "t", "namespace": NAMESPACE, "labels": {names.LABEL_TENANT: "acme"}},
        "spec": spec(of_spec).wire(),
    }
    made = await world.jobs.create(TEMPLATES, NAMESPACE, body)
    await record_version(world.store, made, spec(of_version), {})
    gone = names.template_version_key("gone", 1)
    await world.store.put(gone, b"{}")
    asset = Asset(key="k", sha256=of_snapshot, bytes=1, content_type="text/css")
    snapshot = Snapshot(html="x", assets={"a.css": asset})
    await world.store.put(names.template_key(snapshot.digest()), snapshot.body())
    make_old(world, gone, names.template_version_key(made["metadata"]["uid"], 1))
    old = (of_spec, of_version, of_snapshot, unused)
    make_old(world, *(names.asset_key("acme", digest) for digest in old))
    await sweeper(world).sweep(NAMESPACE, [])
    left = {one.key.rsplit("/", 1)[1] async for one in world.store.list("assets/")}
    assert left == {of_spec, of_version, of_snapshot, young}
    kept = [one.key async for one in world.store.list("template-versions/")]
    assert kept == [names.template_version_key(made["metadata"]["uid"], 1)]
