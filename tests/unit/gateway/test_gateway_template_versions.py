"""Templates with assets, their versions, going back, and previews."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import aiohttp
import orjson
import pytest
from gateway_support import KEY, OTHER_KEY, Farm

from pressroom.ports import BATCH_JOBS

PNG = b"\x89PNG\r\n\x1a\n..."
SHA = hashlib.sha256(PNG).hexdigest()
PATH = "/v1/templates/invoice"


def form(spec: Any, **files: bytes) -> aiohttp.FormData:
    made = aiohttp.FormData()
    made.add_field("template", orjson.dumps(spec).decode(), content_type="application/json")
    for name, data in files.items():
        made.add_field("assets", data, filename=name.replace("_", "."))
    return made


async def test_assets_come_with_the_template_and_can_be_had_again(farm: Farm) -> None:
    status, body = await farm.call("PUT", PATH, data=form({"html": "x"}, logo_png=PNG))
    assert status == 201, body
    assert body["assets"] == [{"name": "logo.png", "sha256": SHA, "bytes": len(PNG)}]
    headers = {"Authorization": f"Bearer {KEY}"}
    async with farm.client.get(f"{PATH}/assets/logo.png", headers=headers) as answer:
        assert (await answer.read(), answer.content_type) == (PNG, "image/png")
    status, problem = await farm.call("GET", f"{PATH}/assets/other.png")
    assert (status, problem["code"]) == (404, "asset_not_found")
    # Named by its digest, it need not be sent again; another tenant has not uploaded it.
    spec = {"html": "y", "assets": [{"name": "again.png", "sha256": SHA}]}
    assert (await farm.call("PUT", PATH, json=spec))[0] == 200
    status, problem = await farm.call("PUT", PATH, json=spec, key=OTHER_KEY)
    assert (status, problem["code"], problem["path"]) == (422, "asset_not_found", "assets[0]")


@pytest.mark.parametrize(
    ("spec", "files", "code", "path"),
    [
        ({"html": "x"}, {"logo_png": b"<svg>"}, "asset_invalid", "assets.logo.png"),
        ({"html": "x"}, {"-bad": PNG}, "asset_invalid", "assets"),
        (
            {"html": "x", "assets": [{"name": "a", "configMap": {"name": "c", "key": "k"}}]},
            {},
            "invalid_option",
            "assets[0].configMap",
        ),
        ({"html": "x", "dataSchema": {"type": 1}}, {}, "invalid_option", "dataSchema.type"),
        (
            {"html": "x", "dataSchema": {"properties": {"a": {"$ref": "http://h/s"}}}},
            {},
            "invalid_option",
            "dataSchema.properties.a.$ref",
        ),
    ],
)
async def test_what_cannot_be_is_refused(
    farm: Farm, spec: Any, files: dict[str, bytes], code: str, path: str
) -> None:
    status, problem = await farm.call("PUT", PATH, data=form(spec, **files))
    assert (status, problem["code"], problem["path"]) == (422, code, path)
    assert (await farm.call("GET", PATH))[0] == 404


async def test_versions_and_the_way_back(farm: Farm) -> None:
    for html in ("one", "two", "two"):
        await farm.call("PUT", PATH, json={"html": html})
    _, listing = await farm.call("GET", f"{PATH}/versions")
    assert [(one["version"], one["current"]) for one in listing["versions"]] == [
        (2, True),
        (1, False),
    ]
    _, first = await farm.call("GET", f"{PATH}/versions/1")
    assert (first["html"], first["version"], first["current"]) == ("one", 1, False)
    status, back = await farm.call("POST", f"{PATH}/rollback", json={"version": 1})
    assert (status, back["html"], back["version"]) == (200, "one", 3)
    for method, path, request in (
        ("GET", f"{PATH}/versions/9", None),
        ("GET", f"{PATH}/versions/newest", None),
        ("POST", "/v1/batches", {"template": "invoice@9", "rows": [{}]}),
        ("POST", f"{PATH}/rollback", {"version": 9}),
        ("POST", "/v1/batches", {"template": "invoice", "templateVersion": 9, "rows": [{}]}),
    ):
        status, problem = await farm.call(method, path, json=request)
        assert (status, problem["code"]) == (404, "template_not_found"), path
    assert (await farm.call("GET", f"{PATH}/versions/newest"))[1]["detail"] == (
        "The template 'invoice' has no version 'newest'."
    )


async def test_a_batch_names_the_version(farm: Farm) -> None:
    for html in ("one", "two"):
        await farm.call("PUT", PATH, json={"html": html})
    request = {"template": "invoice", "templateVersion": 1, "rows": [{}]}
    status, batch = await farm.call("POST", "/v1/batches", json=request)
    assert status == 202, batch
    job = await farm.job(batch["id"])
    assert job["spec"]["template"] == {"name": "invoice", "version": 1}
    stray = {"html": "x", "templateVersion": 1, "rows": [{}]}
    status, problem = await farm.call("POST", "/v1/batches", json=stray)
    assert (status, problem["path"]) == (400, "templateVersion")


async def test_a_version_is_named_as_ledgers_name_it(farm: Farm) -> None:
    for html in ("one", "two"):
        await farm.call("PUT", PATH, json={"html": html})
    for more in ({}, {"templateVersion": 1}, {"templateVersion": None}):
        request = {"template": "invoice@1", "rows": [{}], **more}
        status, batch = await farm.call("POST", "/v1/batches", json=request)
        assert status == 202, batch
        job = await farm.job(batch["id"])
        assert job["spec"]["template"] == {"name": "invoice", "version": 1}
    two = {"template": "invoice@1", "templateVersion": 2, "rows": [{}]}
    status, problem = await farm.call("POST", "/v1/batches", json=two)
    assert (status, problem["path"]) == (400, "templateVersion")
    one = {"template": "invoice@9", "data": {}}
    status, problem = await farm.call("POST", "/v1/render", json=one)
    assert (status, problem["path"]) == (404, "templateVersion")


@pytest.mark.parametrize(
    ("spec", "detail"),
    [
        ({"aliases": ["a b"]}, "aliases[0] must be 1 to 128 letters, digits, dots, colons, dashes"),
        ({"page": {"margin": {"top": "1 mile"}}}, "page.margin.top must be a length such as 20mm"),
        ({"page": {"pageRanges": "last"}}, "page.pageRanges must be pages from 1, such as 1-3, 5."),
        ({"page": {"watermark": {"text": "x", "colour": "red"}}}, "must be a colour such as #1a2b"),
        ({"page": {"watermark": {"image": "a/b"}}}, "must be a name of 1 to 128 letters, digits,"),
    ],
)
async def test_what_a_text_must_look_like_is_told_in_words(
    farm: Farm, spec: Any, detail: str
) -> None:
    status, problem = await farm.call("PUT", PATH, json={"html": "x", **spec})
    assert (status, problem["code"]) == (422, "invalid_option")
    assert detail in problem["detail"]


async def test_a_preview_takes_the_sample_data(farm: Farm) -> None:
    await farm.call("PUT", PATH, json={"html": "{{ n }}", "sampleData": {"n": 7}})
    asking = asyncio.create_task(farm.call("POST", f"{PATH}/preview?timeout=2", json={}))
    job = await farm.until(lambda found: found["kind"] == BATCH_JOBS.kind)
    asking.cancel()
    assert job["spec"]["rows"][0]["data"] == {"n": 7}
    await farm.call("PUT", PATH, json={"html": "{{ n }}"})
    status, problem = await farm.call("POST", f"{PATH}/preview", json={})
    assert (status, problem["path"]) == (422, "data")


@pytest.mark.parametrize(
    ("method", "below", "request_"),
    [
        ("GET", "", None),
        ("GET", "/versions", None),
        ("GET", "/versions/1", None),
        ("GET", "/assets/logo.png", None),
        ("POST", "/rollback", {"version": 1}),
        ("POST", "/preview", {"data": {}}),
        ("DELETE", "", None),
    ],
)
async def test_another_tenants_template_is_as_none(
    farm: Farm, method: str, below: str, request_: Any
) -> None:
    async def seen() -> tuple[int, Any]:
        status, problem = await farm.call(method, PATH + below, key=OTHER_KEY, json=request_)
        return status, {key: one for key, one in problem.items() if "request" not in key.lower()}

    before = await seen()
    assert before[0] == 404
    await farm.call("PUT", PATH, data=form({"html": "x"}, logo_png=PNG))
    assert await seen() == before
