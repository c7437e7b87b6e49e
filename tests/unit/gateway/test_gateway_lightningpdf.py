"""The LightningPDF routes over the twins: what a client of that API sees."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import NAMESPACE, OTHER_KEY, Farm

from pressroom import names
from pressroom.dialects import ids
from pressroom.errors import Code, NotFoundError, UnavailableError
from pressroom.model.batchjob import Dialect
from pressroom.model.ledger import ShardLedger
from pressroom.model.tenant import DEFAULT_TTL_SECONDS
from pressroom.ports import BATCH_JOBS, TENANTS
from pressroom_gateway.app import make_app
from pressroom_gateway.dialects.lightningpdf import ROUTES
from pressroom_gateway.routes import NATIVE

ITEMS = [{"id": f"i{n}", "html": f"<p>{n}</p>"} for n in range(3)]


@dataclass
class Api:
    """The dialect, as a client calls it, and the farm behind it."""

    farm: Farm

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        return await self.farm.call(method, f"/api/v1/pdf{path}", **options)

    async def make(self, **request: Any) -> str:
        """The id of a new job."""
        status, answer = await self.call("POST", "/batch", json={"items": ITEMS} | request)
        assert (status, answer["success"]) == (200, True), answer
        return str(answer["data"]["job_id"])

    async def job(self, job_id: str) -> Any:
        status, answer = await self.call("GET", f"/jobs/{job_id}")
        assert (status, answer["success"]) == (200, True), answer
        return answer["data"]

    async def refused(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Status and code of an error, which must be in the documented envelope."""
        status, answer = await self.call(method, path, **options)
        assert set(answer) == {"success", "error"}
        assert answer["success"] is False
        assert set(answer["error"]) == {"code", "message"}
        assert answer["error"]["message"]
        return status, answer["error"]["code"]


def name_of(job_id: str) -> str:
    name = ids.name_of(Dialect.LIGHTNING_PDF, job_id)
    assert name is not None
    return name


@pytest.fixture
async def api(farm: Farm) -> AsyncIterator[Api]:
    app = make_app(farm.services, [*NATIVE, *ROUTES])
    async with TestClient(TestServer(app)) as client:
        yield Api(replace(farm, client=client))


class TestCreate:
    async def test_the_job_is_processing_at_once(self, api: Api) -> None:
        status, answer = await api.call("POST", "/batch", json={"items": ITEMS})
        assert status == 200
        data = answer["data"]
        assert data["job_id"].startswith("job_")
        assert (data["status"], data["total_items"]) == ("processing", 3)
        assert data["created_at"] < data["estimated_completion"]
        assert data["created_at"].endswith("Z")

    async def test_both_addresses_are_the_same(self, api: Api) -> None:
        _, answer = await api.farm.call("POST", "/v1/pdf/batch", json={"items": ITEMS})
        found = await api.job(answer["data"]["job_id"])
        _, other = await api.farm.call("GET", f"/v1/pdf/jobs/{found['job_id']}")
        assert other["data"] == found

    async def test_what_the_farm_is_asked_for(self, api: Api) -> None:
        job_id = await api.make(merge_output=True, callback_url="https://hooks.example.com/x")
        spec = (await api.farm.job(name_of(job_id)))["spec"]
        assert spec["dialect"] == "LightningPdf"
        assert set(spec["outputs"]) == {"Files", "Merged"}
        assert spec["webhook"]["url"] == "https://hooks.example.com/x"
        assert spec["missingValues"] == "Lenient"
        assert spec.get("ttlSecondsAfterFinished", DEFAULT_TTL_SECONDS) == 24 * 3600
        lines = api.farm.store.objects[spec["manifest"]["key"]].data.splitlines()
        assert [orjson.loads(line)["raw"] for line in lines] == [True] * 3

    @pytest.mark.parametrize(
        "request_body",
        [
            {},
            {"items": []},
            {"items": [*ITEMS, ITEMS[0]]},
            {"items": [{"id": "a", "html": "x", "template_id": "t"}]},
            {"items": ITEMS, "options": {"scale": 7}},
            {"items": ITEMS, "callback_url": "http://127.0.0.1/hook"},
            {"items": ITEMS, "callback_url": "http://localhost/hook"},
            {"items": ITEMS, "callback_url": "nowhere"},
            {"items": [{"id": "a", "template_id": "t", "options": {"header_html": "{{ x"}}]},
            {"items": [{"id": str(n), "html": "x"} for n in range(101)]},
        ],
    )
    async def test_a_bad_request_is_400_and_stores_nothing(
        self, api: Api, request_body: Any
    ) -> None:
        status, _ = await api.refused("POST", "/batch", json=request_body)
        assert status == 400
        assert await api.farm.nothing_stored()

    async def test_a_tenant_may_have_a_lower_ceiling(self, api: Api) -> None:
        patch = {"spec": {"limits": {"rowsPerBatch": 2}}}
        await api.farm.jobs.patch(TENANTS, NAMESPACE, "default", patch)
        async with asyncio.timeout(5):  # until the watch has brought it
            while (await api.call("POST", "/batch", json={"items": ITEMS}))[0] == 200:
                pass
        assert await api.refused("POST", "/batch", json={"items": ITEMS}) == (400, "too_many_rows")

    async def test_what_arises_before_the_handler_is_in_the_same_envelope(self, api: Api) -> None:
        json = {"headers": {"Content-Type": "application/json"}}
        assert await api.refused("POST", "/batch", data=b"{", **json) == (400, "malformed_json")
        assert await api.refused("POST", "/batch", data=b"[]", **json) == (400, "invalid_request")
        status, code = await api.refused(
            "POST", "/batch", data=io.BytesIO(b" " * 5_000_000), **json
        )
        assert (status, code) == (413, "request_too_large")
        assert await api.refused("POST", "/batch", key="nobody's") == (401, "unauthenticated")
        assert await api.refused("PUT", "/batch") == (405, "method_not_allowed")

    async def test_a_key_is_a_bearer_key(self, api: Api) -> None:
        for path in ("/v1/pdf/jobs", "/api/v1/pdf/jobs"):
            async with api.farm.client.get(path, headers={"X-API-Key": "k-default"}) as answer:
                assert answer.status == 401
                assert (await answer.json())["error"]["code"] == "unauthenticated"


class TestStatus:
    async def test_from_pending_to_processing(self, api: Api) -> None:
        job_id = await api.make()
        assert (await api.job(job_id))["status"] == "pending"
        for reason in ("Rendering", "Finalizing"):
            await api.farm.set_status(
                name_of(job_id), reason, rows={"total": 3, "succeeded": 1, "settled": 1}
            )
            shown = await api.job(job_id)
            assert shown["status"] == "processing"
            assert shown["progress"] == {
                "completed": 1,
                "failed": 0,
                "total": 3,
                "percentage": 33,
            }
            assert "results" not in shown

    async def test_results_in_order_with_their_files(self, api: Api) -> None:
        items = [{"id": f"{n} “ü”/\\\n", "html": "x"} for n in range(100)]
        job_id = await api.make(items=items)
        await api.farm.finish(name_of(job_id))
        shown = await api.job(job_id)
        assert shown["status"] == "completed"
        assert shown["progress"]["percentage"] == 100
        assert [one["id"] for one in shown["results"]] == [one["id"] for one in items]
        for one in shown["results"]:
            assert one["status"] == "success"
            assert base64.b64decode(one["pdf"], validate=True) == b"%PDF row " + one["id"].encode()
            assert one["generation_time_ms"] >= 0

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 1024 * 1024, 3 * 1024 * 1024 + 1])
    async def test_files_of_any_size(self, api: Api, size: int) -> None:
        job_id = await api.make()
        plan = await api.farm.finish(name_of(job_id))
        data = bytes(range(256)) * (size // 256 + 1)
        await api.farm.store.put(names.row_key(plan.uid, 1, "a1"), data[:size])
        shown = await api.job(job_id)
        assert base64.b64decode(shown["results"][1]["pdf"], validate=True) == data[:size]
        assert shown["results"][2]["id"] == "i2"

    async def test_a_template_that_is_not_there_fails_its_item(self, api: Api) -> None:
        items = [ITEMS[0], {"id": "b", "template_id": "tpl_invalid", "variables": {"items": [1]}}]
        job_id = await api.make(items=items)
        assert (await api.farm.job(name_of(job_id)))["spec"]["templates"] == ["tpl_invalid"]
        plan = await api.farm.finish(name_of(job_id), failing={1})
        await fail_with(api, plan.uid, 1, Code.TEMPLATE_NOT_FOUND)
        shown = await api.job(job_id)
        assert shown["status"] == "partial"
        assert shown["results"][0]["status"] == "success"
        assert shown["results"][1] == {
            "id": "b",
            "status": "failed",
            "error": {
                "code": "template_not_found",
                "message": "Template tpl_invalid does not exist",
            },
        }

    async def test_merged(self, api: Api) -> None:
        job_id = await api.make(merge_output=True)
        await api.farm.finish(name_of(job_id))
        shown = await api.job(job_id)
        assert base64.b64decode(shown["merged_pdf"]) == b"the merged"
        assert {"total_pages", "generation_time_ms", "progress"} <= set(shown)
        assert "results" not in shown

    async def test_merged_with_failures(self, api: Api) -> None:
        job_id = await api.make(merge_output=True)
        await api.farm.finish(name_of(job_id), failing={0})
        shown = await api.job(job_id)
        assert shown["status"] == "partial"
        assert base64.b64decode(shown["merged_pdf"]) == b"the merged"
        assert [one["status"] for one in shown["results"]] == ["failed", "success", "success"]
        assert not any("pdf" in one for one in shown["results"])

    async def test_after_expiry_the_status_keeps_its_last_word(self, api: Api) -> None:
        job_id = await api.make()
        await api.farm.finish(name_of(job_id))
        api.farm.store.objects.clear()
        await api.farm.set_status(name_of(job_id), "Expired", endedAs="Completed")
        shown = await api.job(job_id)
        assert shown["status"] == "completed"
        assert shown["progress"]["completed"] == 3
        assert shown["results"] == [{"id": one["id"], "status": "success"} for one in ITEMS]

    async def test_files_that_go_while_they_are_asked_for(self, api: Api) -> None:
        job_id = await api.make()
        plan = await api.farm.finish(name_of(job_id))
        await api.farm.store.delete([names.row_key(plan.uid, 0, "a1")])
        shown = await api.job(job_id)
        assert not any("pdf" in one for one in shown["results"])

    async def test_a_store_that_is_away_is_told_before_anything_is_sent(self, api: Api) -> None:
        job_id = await api.make()
        await api.farm.finish(name_of(job_id))
        api.farm.store.away = True
        assert await api.refused("GET", f"/jobs/{job_id}") == (503, "unavailable")

    @pytest.mark.parametrize("error", [NotFoundError, UnavailableError])
    async def test_a_file_that_fails_on_the_way_breaks_the_answer_off(
        self, api: Api, error: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await api.make()
        plan = await api.farm.finish(name_of(job_id))
        for index in (0, 1):
            await api.farm.store.put(names.row_key(plan.uid, index, "a1"), bytes(2_000_000))
        whole = api.farm.store.stream

        async def stream(key: str) -> AsyncIterator[bytes]:
            if key == names.row_key(plan.uid, 2, "a1"):
                raise error("it is away")
            async for piece in whole(key):
                yield piece

        monkeypatch.setattr(api.farm.store, "stream", stream)
        with pytest.raises(aiohttp.ClientError):
            await api.job(job_id)

    async def test_only_ones_own_jobs_of_this_api(self, api: Api) -> None:
        job_id = await api.make()
        native = await api.farm.submit(rows=[{}])
        foreign = ids.public_id(Dialect.LIGHTNING_PDF, native["id"])
        for method in ("GET", "DELETE"):
            assert await api.refused(method, f"/jobs/{foreign}") == (404, "not_found")
            assert await api.refused(method, "/jobs/job_xyz789") == (404, "not_found")
            found = await api.refused(method, f"/jobs/{job_id}", key=OTHER_KEY)
            assert found == (404, "not_found")


async def fail_with(api: Api, uid: str, index: int, code: Code) -> None:
    """Change the code of a failed row in its shard's ledger."""
    store = api.farm.store
    for key in [key for key in store.objects if key.startswith(names.shard_prefix(uid))]:
        ledger = ShardLedger.model_validate_json(store.objects[key].data)
        rows = [
            row.evolve(error=row.error.evolve(code=code))
            if row.index == index and row.error is not None
            else row
            for row in ledger.rows
        ]
        await store.put(key, orjson.dumps(ledger.evolve(rows=rows).wire()))


class TestList:
    async def test_pages_and_statuses(self, api: Api) -> None:
        made = [await api.make() for _ in range(3)]
        await api.farm.submit(rows=[{}])  # of another API
        await api.farm.finish(name_of(made[1]))
        _, answer = await api.call("GET", "/jobs")
        assert [one["job_id"] for one in answer["data"]["jobs"]] == made[::-1]
        assert answer["data"]["pagination"] == {
            "page": 1,
            "limit": 20,
            "total": 3,
            "total_pages": 1,
        }
        _, answer = await api.call("GET", "/jobs?status=completed&page=1&limit=10")
        (one,) = answer["data"]["jobs"]
        assert (one["job_id"], one["status"], one["total_items"]) == (made[1], "completed", 3)
        _, answer = await api.call("GET", "/jobs?page=2&limit=2")
        assert [one["job_id"] for one in answer["data"]["jobs"]] == made[:1]
        assert answer["data"]["pagination"]["total_pages"] == 2
        _, answer = await api.call("GET", "/jobs?limit=101")
        assert answer["data"]["pagination"]["limit"] == 100
        assert (await api.call("GET", "/jobs", key=OTHER_KEY))[1]["data"]["jobs"] == []

    @pytest.mark.parametrize("query", ["status=done", "page=0", "page=x", "limit=0", "limit=-1"])
    async def test_bad_queries(self, api: Api, query: str) -> None:
        assert (await api.refused("GET", f"/jobs?{query}"))[0] == 400


class TestDelete:
    async def test_an_active_job_is_cancelled(self, api: Api) -> None:
        job_id = await api.make()
        for _ in range(2):
            status, answer = await api.call("DELETE", f"/jobs/{job_id}")
            assert (status, answer) == (
                200,
                {"success": True, "message": "Job cancelled successfully"},
            )
        assert (await api.farm.job(name_of(job_id)))["spec"]["cancel"] is True
        await api.farm.finish(name_of(job_id), cancelled={1, 2})
        shown = await api.job(job_id)
        assert shown["status"] == "cancelled"
        assert [one["status"] for one in shown["results"]] == ["success", "failed", "failed"]

    async def test_an_ended_job_is_removed(self, api: Api) -> None:
        job_id = await api.make()
        await api.farm.finish(name_of(job_id))
        status, answer = await api.call("DELETE", f"/jobs/{job_id}")
        assert (status, answer["success"]) == (200, True)
        assert answer["message"] != "Job cancelled successfully"
        for method in ("GET", "DELETE"):
            assert await api.refused(method, f"/jobs/{job_id}") == (404, "not_found")
        assert (await api.call("GET", "/jobs"))[1]["data"]["jobs"] == []

    async def test_a_job_that_ended_unnoticed_is_removed(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await api.make()
        active = await api.farm.job(name_of(job_id))
        await api.farm.finish(name_of(job_id))

        async def stale(name: str) -> Any:
            return active

        with monkeypatch.context() as patched:
            patched.setattr(api.farm.services.batches, "get", stale)
            _, answer = await api.call("DELETE", f"/jobs/{job_id}")
        assert answer["message"] == "Job deleted successfully"
        found = (await api.farm.jobs.list(BATCH_JOBS, NAMESPACE)).items
        assert all("deletionTimestamp" in one["metadata"] for one in found)

    async def test_what_was_removed_is_gone_before_the_watch_says_so(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await api.make()
        await api.farm.finish(name_of(job_id))

        async def unheard_of(*_: Any, **__: Any) -> None:
            pass

        monkeypatch.setattr(api.farm.jobs, "delete", unheard_of)
        assert (await api.call("DELETE", f"/jobs/{job_id}"))[0] == 200
        assert await api.refused("GET", f"/jobs/{job_id}") == (404, "not_found")
