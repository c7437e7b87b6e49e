"""Glyph over HTTP, with a stand-in for the operator and the workers."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import KEY, OTHER_KEY, Farm
from pydantic import ValidationError

from pressroom import names
from pressroom.adapters.chat import ChatModifier
from pressroom.errors import UnavailableError
from pressroom.modifiers.plain import PlainModifier
from pressroom.ports import Json
from pressroom_gateway.app import make_app
from pressroom_gateway.dialects import glyph
from pressroom_gateway.modifications import open_modifier
from pressroom_gateway.settings import GatewaySettings

PATH = "/v1/batch/generate"
DATA = {"client": {"name": "Acme Corp"}, "lineItems": [{"description": "Work", "total": 1500}]}


@pytest.fixture
async def glyphs(farm: Farm) -> AsyncIterator[Farm]:
    """The same farm, asked at Glyph's address."""
    async with TestClient(TestServer(make_app(farm.services, glyph.ROUTES))) as client:
        yield replace(farm, client=client)


@asynccontextmanager
async def rendering(farm: Farm, failing: Set[int] = frozenset()) -> AsyncIterator[None]:
    """Does what the other parts do for the one job that comes."""

    async def work() -> None:
        job = await farm.until(lambda found: "spec" in found)
        await farm.finish(job["metadata"]["name"], failing)

    task = asyncio.create_task(work())
    yield
    await task


async def generate(
    farm: Farm, *items: Any, failing: Set[int] = frozenset()
) -> tuple[int, Any, list[Json]]:
    """Status, answer, and the rows that were rendered."""
    async with rendering(farm, failing):
        status, body = await farm.call("POST", PATH, json={"items": list(items)})
    (key,) = farm.uploads()
    return status, body, [orjson.loads(row) for row in farm.store.objects[key].data.splitlines()]


async def job_of(farm: Farm) -> Json:
    return await farm.until(lambda found: "spec" in found)


# --- successes -----------------------------------------------------------------------------------
async def test_every_item_has_its_result_in_order(glyphs: Farm) -> None:
    status, body, rows = await generate(
        glyphs, {"data": DATA}, {"data": {}}, {"data": {"a": 1}, "format": "png"}, {"data": DATA}
    )
    assert (status, len(rows)) == (200, 3)
    assert list(body) == ["results", "totalTimeMs", "successCount", "failCount"]
    assert [one["index"] for one in body["results"]] == [0, 1, 2, 3]
    assert (body["successCount"], body["failCount"]) == (3, 1)
    first, empty, image, last = body["results"]
    file = base64.b64decode(first["url"].removeprefix("data:application/pdf;base64,"))
    assert (file, first["size"], first["format"]) == (b"%PDF row 0", 10, "pdf")
    kind, index, stamp = first["filename"].removesuffix(".pdf").split("-")
    assert (kind, index, len(stamp)) == ("invoice", "0", 13)
    assert empty["error"] == "Data object cannot be empty"
    assert empty["errorCode"] == "ITEM_GENERATION_FAILED"
    assert image["url"].startswith("data:image/png;base64,")
    assert image["filename"].startswith("document-2-")
    assert base64.b64decode(last["url"].split(",")[1]) == b"%PDF row 2"
    assert all(isinstance(one["processingTimeMs"], int) for one in body["results"])


async def test_items_are_one_job_of_the_fast_lane_one_after_another(glyphs: Farm) -> None:
    await generate(glyphs, *[{"data": DATA}] * 10)
    job = await job_of(glyphs)
    assert job["metadata"]["labels"][names.LABEL_LANE] == names.LANE_FAST
    spec = job["spec"]
    assert (spec["dialect"], spec["parallelism"], spec["outputs"]) == ("Glyph", 1, ["Files"])
    assert (spec["manifest"]["rows"], spec["ttlSecondsAfterFinished"]) == (10, 600)
    assert spec["missingValues"] == "Lenient"


async def test_a_failed_row_fails_its_item_alone(glyphs: Farm) -> None:
    _, body, _ = await generate(glyphs, {"data": {}}, {"data": DATA}, {"data": DATA}, failing={1})
    assert [one["status"] for one in body["results"]] == ["error", "success", "error"]
    assert body["results"][2]["error"] == "'n' is undefined"
    assert (body["successCount"], body["failCount"]) == (1, 2)


async def test_a_stored_template_is_used_and_an_unknown_one_fails_its_item(
    farm: Farm, glyphs: Farm
) -> None:
    await farm.template("tpl_1")
    ways = ("tpl_1", "auto", "nope", "no id / at all")
    _, body, rows = await generate(glyphs, *[{"data": DATA, "template": way} for way in ways])
    assert [one["status"] for one in body["results"]] == ["success", "success", "error", "error"]
    assert "'nope'" in body["results"][2]["error"]
    assert [row.get("template") for row in rows] == ["tpl_1", None]
    assert (await job_of(glyphs))["spec"]["templates"] == ["tpl_1"]


async def test_modifications_are_made_and_what_fails_is_skipped_silently(
    farm: Farm, glyphs: Farm
) -> None:
    await farm.template("tpl_1")
    services = replace(farm.services, modifier=PlainModifier())
    asked = ["Add a DRAFT watermark", "make it sparkle", "use landscape orientation"]
    item = {"data": DATA, "template": "tpl_1", "modifications": asked}
    async with TestClient(TestServer(make_app(services, glyph.ROUTES))) as client:
        _, body, (row,) = await generate(replace(glyphs, client=client), item)
    assert "DRAFT" in row["edits"][0]["text"]
    assert row["page"]["landscape"] is True
    (result,) = body["results"]
    assert result["status"] == "success"
    assert "sparkle" not in str(body)


@pytest.mark.parametrize("missing", [{}, {"modifier_url": "https://x.test/v1"}])
def test_an_endpoint_needs_its_address_and_model(missing: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="PRESSROOM_MODIFIER_URL"):
        GatewaySettings.model_validate({"modifier": "openai", **missing})


async def test_the_settings_choose_the_modifier() -> None:
    found: list[object] = []
    given = {"modifier_url": "https://x.test/v1", "modifier_model": "m", "modifier_api_key": "k"}
    for kind in ("builtin", "none", "openai"):
        settings = GatewaySettings.model_validate({"modifier": kind, **given})
        async with open_modifier(settings) as modifier:
            found.append(type(modifier))
    assert found == [PlainModifier, type(None), ChatModifier]


async def test_a_template_of_another_tenant_is_unknown(farm: Farm, glyphs: Farm) -> None:
    status, _ = await farm.call(
        "PUT", "/v1/templates/theirs", key=OTHER_KEY, json={"html": "<p></p>"}
    )
    assert status == 201
    status, body = await glyphs.call(
        "POST", PATH, json={"items": [{"data": DATA, "template": "theirs"}]}
    )
    assert (status, body["failCount"]) == (200, 1)


async def test_where_no_item_can_be_rendered_there_is_no_job(glyphs: Farm) -> None:
    status, body = await glyphs.call("POST", PATH, json={"items": [{"data": {}}, {"data": {}}]})
    assert (status, body["successCount"], body["failCount"]) == (200, 0, 2)
    assert await glyphs.nothing_stored()


async def test_a_file_that_cannot_be_read_fails_its_item(
    glyphs: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = glyphs.store.get

    async def failing(key: str, **options: Any) -> bytes:
        if "/rows/000000" in key:
            raise UnavailableError("the store is away")
        return await get(key, **options)

    monkeypatch.setattr(glyphs.store, "get", failing)
    _, body, _ = await generate(glyphs, {"data": DATA}, {"data": DATA})
    assert [one["status"] for one in body["results"]] == ["error", "success"]
    assert (body["successCount"], body["failCount"]) == (1, 1)


# --- an end before the end -----------------------------------------------------------------------
async def test_what_is_left_when_the_time_is_over_fails_and_the_job_is_cancelled(
    glyphs: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glyph, "MOST_SECONDS", 0.6)

    async def work() -> None:
        job = await job_of(glyphs)
        plan = await glyphs.plan(job["metadata"]["name"])
        await glyphs.render_shard(plan, 0)

    task = asyncio.create_task(work())
    status, body = await glyphs.call("POST", PATH, json={"items": [{"data": DATA}] * 3})
    await task
    assert status == 200
    assert [one["status"] for one in body["results"]] == ["success", "error", "error"]
    assert "seconds were over" in body["results"][1]["error"]
    assert body["totalTimeMs"] >= 600
    await glyphs.until(lambda job: job["spec"].get("cancel") is True)


async def test_a_caller_that_hangs_up_cancels_the_job(glyphs: Farm) -> None:
    call = asyncio.create_task(glyphs.call("POST", PATH, json={"items": [{"data": DATA}]}))
    await job_of(glyphs)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await glyphs.until(lambda job: job["spec"].get("cancel") is True)


async def test_a_job_that_ends_without_rendering_fails_its_items(glyphs: Farm) -> None:
    async def work() -> None:
        job = await job_of(glyphs)
        await glyphs.set_status(job["metadata"]["name"], "Rejected")

    task = asyncio.create_task(work())
    status, body = await glyphs.call("POST", PATH, json={"items": [{"data": DATA}]})
    await task
    assert (status, body["results"][0]["error"]) == (200, "It is Rejected.")


# --- errors --------------------------------------------------------------------------------------
async def test_every_violation_is_answered_at_once(glyphs: Farm) -> None:
    status, body = await glyphs.call(
        "POST", PATH, json={"items": [{"data": DATA, "format": "gif"}, {}]}
    )
    assert (status, body["error"], body["code"]) == (400, "Validation failed", "VALIDATION_ERROR")
    assert [one["path"] for one in body["details"]] == [
        ["items", 0, "format"],
        ["items", 1, "data"],
    ]
    assert await glyphs.nothing_stored()


async def test_no_items(glyphs: Farm) -> None:
    status, body = await glyphs.call("POST", PATH, json={"items": []})
    assert (status, body) == (
        400,
        {
            "error": "Validation failed",
            "code": "VALIDATION_ERROR",
            "details": [{"path": ["items"], "message": "At least one item is required"}],
        },
    )


@pytest.mark.parametrize("text", ['{"items": [', "", "\xff", "[]", "null"])
async def test_what_is_no_json_object_is_a_validation_error(glyphs: Farm, text: str) -> None:
    status, body = await glyphs.call(
        "POST", PATH, data=text.encode("latin-1"), headers={"Content-Type": "application/json"}
    )
    assert (status, body["code"], body["error"]) == (400, "VALIDATION_ERROR", "Validation failed")
    assert body["details"][0]["path"] == []


async def test_another_content_type_is_refused(glyphs: Farm) -> None:
    status, body = await glyphs.call(
        "POST", PATH, data=b"{}", headers={"Content-Type": "text/plain"}
    )
    assert (status, body["details"][0]["path"]) == (400, ["Content-Type"])


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": KEY}, {"Authorization": "Bearer gk_no"}])
async def test_only_a_known_bearer_key_comes_in(glyphs: Farm, headers: dict[str, str]) -> None:
    async with glyphs.client.post(PATH, json={"items": []}, headers=headers) as answer:
        body = await answer.json()
    assert (answer.status, body["code"]) == (401, "UNAUTHORIZED")
    assert set(body) == {"error", "code"}


async def test_too_many_active_jobs_are_429(farm: Farm, glyphs: Farm) -> None:
    for _ in range(20):
        await farm.submit(rows=[{"n": 1}])
    status, body = await glyphs.call("POST", PATH, json={"items": [{"data": DATA}]})
    assert (status, body["code"], set(body)) == (429, "RATE_LIMITED", {"error", "code"})


async def test_a_body_beyond_the_limit(glyphs: Farm) -> None:
    big = io.BytesIO(orjson.dumps({"items": [{"data": {"text": "x" * 5_000_000}}]}))
    headers = {"Content-Type": "application/json"}
    status, body = await glyphs.call("POST", PATH, data=big, headers=headers)
    assert (status, set(body)) == (413, {"error", "code"})


async def test_another_method(glyphs: Farm) -> None:
    status, body = await glyphs.call("GET", PATH)
    assert (status, body["code"]) == (405, "METHOD_NOT_ALLOWED")


async def test_an_unexpected_error_is_a_batch_error(
    glyphs: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("what nobody foresaw")

    monkeypatch.setattr(glyphs.jobs, "create", broken)
    status, body = await glyphs.call("POST", PATH, json={"items": [{"data": DATA}]})
    assert (status, body["code"], set(body)) == (500, "BATCH_ERROR", {"error", "code"})
