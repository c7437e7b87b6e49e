"""What a job pins of its templates: assets by digest, and the version it was accepted with."""

from __future__ import annotations

import base64
import hashlib

import orjson
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import Reason
from pressroom.model.plan import Plan
from pressroom.model.template import Snapshot, TemplateSpec
from pressroom.ports import CONFIG_MAPS, TEMPLATES, Json
from pressroom.templatestore import record_version

PNG = b"\x89PNG\r\n\x1a\n..."
SHA = hashlib.sha256(PNG).hexdigest()


async def put(
    world: World, name: str = "invoice", tenant: str | None = None, **spec: object
) -> Json:
    labels = {names.LABEL_TENANT: tenant} if tenant else {}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Template",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"html": "<p>one", **spec},
    }
    return await world.jobs.create(TEMPLATES, NAMESPACE, body)


async def run(world: World, **template: object) -> BatchJob:
    async with world.running():
        await world.create(html=None, template={"name": "invoice", **template}, rows=[{}])
        return await world.until_reason(Reason.COMPLETED, Reason.REJECTED)


async def pinned(world: World, job: BatchJob) -> tuple[Plan, Snapshot]:
    plan = Plan.model_validate(orjson.loads(await world.store.get(names.plan_key(job.uid))))
    digest = plan.templates[""]
    assert digest is not None
    body = await world.store.get(names.template_key(digest))
    return plan, Snapshot.model_validate(orjson.loads(body))


async def test_an_uploaded_asset_is_pinned_with_its_type(world: World) -> None:
    key = names.asset_key("default", SHA)
    await world.store.put(key, PNG)
    assets = [{"name": "logo.png", "sha256": SHA}, {"name": "unnamed", "sha256": SHA}]
    await put(world, tenant="default", assets=assets)
    plan, snapshot = await pinned(world, await run(world))
    for name in ("logo.png", "unnamed"):
        asset = snapshot.assets[name]
        assert (asset.key, asset.bytes, asset.content_type) == (key, len(PNG), "image/png")
    assert plan.versions == {"": "invoice@1", "invoice": "invoice@1"}


async def test_assets_of_config_maps_are_copied(world: World) -> None:
    files = {
        "metadata": {"name": "files", "namespace": NAMESPACE},
        "data": {"style": "p{}"},
        "binaryData": {"logo": base64.b64encode(PNG).decode()},
    }
    await world.jobs.create(CONFIG_MAPS, NAMESPACE, files)
    assets = [
        {"name": "style.css", "configMap": {"name": "files", "key": "style"}},
        {"name": "logo.png", "configMap": {"name": "files", "key": "logo"}},
    ]
    await put(world, assets=assets)
    _, snapshot = await pinned(world, await run(world))
    read = {name: await world.store.get(one.key) for name, one in snapshot.assets.items()}
    assert read == {"style.css": b"p{}", "logo.png": PNG}
    assert snapshot.assets["style.css"].content_type == "text/css"


async def test_a_missing_asset_rejects_the_batch(world: World) -> None:
    # Another tenant's upload of the same bytes is no upload of this one.
    await world.store.put(names.asset_key("other", SHA), PNG)
    await put(world, assets=[{"name": "logo.png", "sha256": SHA}])
    job = await run(world)
    assert job.status.reason() is Reason.REJECTED
    assert any("'logo.png' is missing" in one.message for one in job.status.conditions)


async def test_a_batch_may_ask_for_an_earlier_version(world: World) -> None:
    body = await put(world)
    await record_version(world.store, body, TemplateSpec.model_validate(body["spec"]), {})
    await world.jobs.patch(TEMPLATES, NAMESPACE, "invoice", {"spec": {"html": "<p>two"}})
    plan, snapshot = await pinned(world, await run(world, version=1))
    assert (snapshot.html, plan.versions["invoice"]) == ("<p>one", "invoice@1")


async def test_a_version_that_never_was_rejects_the_batch(world: World) -> None:
    await put(world)
    job = await run(world, version=7)
    assert job.status.reason() is Reason.REJECTED
    assert any("no version 7" in one.message for one in job.status.conditions)
