"""What the status of a Template says, and the record of its versions."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from operator_support import NAMESPACE, World

from pressroom import names
from pressroom.ports import TEMPLATES, Json
from pressroom.templatestore import read_version
from pressroom_operator.samplecheck import sample_fault

NUMBER = {"type": "object", "properties": {"n": {"type": "number"}}}


async def put(world: World, **spec: Any) -> Json:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "Template",
        "metadata": {"name": "invoice", "namespace": NAMESPACE},
        "spec": {"html": "<p>{{ n }}", **spec},
    }
    return await world.jobs.create(TEMPLATES, NAMESPACE, body)


async def until_ready_is(world: World, status: str, version: int = 1) -> tuple[Json, Json]:
    """The status, and its condition Ready."""

    def ready(body: Json) -> tuple[Json, Json] | None:
        found = body.get("status") or {}
        for one in found.get("conditions", ()):
            if one["status"] == status and found["observedGeneration"] == version:
                return found, one
        return None

    async with asyncio.timeout(5):
        listing = await world.jobs.list(TEMPLATES, NAMESPACE)
        if (found := ready(listing.items[0])) is not None:
            return found
        async for event in world.jobs.watch(TEMPLATES, NAMESPACE, listing.resource_version):
            if event.type != "BOOKMARK" and (found := ready(event.object)) is not None:
                return found
    raise AssertionError("the watch ended")


async def test_a_sound_template_is_ready_and_its_version_kept(world: World) -> None:
    made = await put(world, dataSchema=NUMBER, sampleData={"n": 1})
    async with world.running():
        status, _ = await until_ready_is(world, "True")
        assert status["version"] == 1
        await world.jobs.patch(TEMPLATES, NAMESPACE, "invoice", {"spec": {"html": "two"}})
        status, _ = await until_ready_is(world, "True", version=2)
    kept = [await read_version(world.store, made["metadata"]["uid"], one) for one in (1, 2)]
    assert [one.spec.html for one in kept if one] == ["<p>{{ n }}", "two"]
    assert kept[1] is not None
    assert status["digest"] == kept[1].digest


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({"html": "a\n{% if %}"}, "SyntaxError", "Line 2 of html"),
        ({"page": {"headerHtml": "{{ x | no }}"}}, "SyntaxError", "Line 1 of page.headerHtml"),
        ({"page": {"firstHeaderHtml": "\n{% x %}"}}, "SyntaxError", "Line 2 of page.firstHeader"),
        ({"dataSchema": {"type": 1}}, "SchemaInvalid", "$.type"),
        ({"dataSchema": NUMBER, "sampleData": {"n": "x"}}, "SampleDataInvalid", "$.n"),
        (
            {"assets": [{"name": "a.css", "configMap": {"name": "c", "key": "k"}}]},
            "AssetMissing",
            "no ConfigMap c",
        ),
    ],
)
async def test_what_is_amiss_is_said(world: World, spec: Json, reason: str, words: str) -> None:
    await put(world, **spec)
    async with world.running():
        _, ready = await until_ready_is(world, "False")
    assert ready["reason"] == reason
    assert words in ready["message"]


async def test_a_missing_upload_may_still_come(world: World) -> None:
    sha256 = hashlib.sha256(b"p{}").hexdigest()
    await put(world, assets=[{"name": "a.css", "sha256": sha256}])
    async with world.running():
        await until_ready_is(world, "False")
        await world.store.put(names.asset_key("default", sha256), b"p{}")
        await until_ready_is(world, "True")


async def test_a_pattern_without_end_is_given_up() -> None:
    schema = {"properties": {"n": {"pattern": "^(a+)+$"}}}
    fault = await sample_fault(schema, {"n": "a" * 60 + "b"}, seconds=1.5)
    assert fault is not None
    assert "simplify" in fault
