"""ImaginePDF's addresses on a gateway over the twins, asked as its clients ask."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import KEY, NAMESPACE, OTHER_KEY, Client, Farm

from pressroom.dialects import ids
from pressroom.model.batchjob import Dialect
from pressroom.ports import BATCH_JOBS, TENANTS
from pressroom_gateway.app import make_app
from pressroom_gateway.dialects.imaginepdf import ROUTES

BASE = "/api/v1/batch"
JSON = {"Content-Type": "application/json"}
GENERATE = f"{BASE}/generate?design=design_abc123"
ROWS = {
    "rows": [
        {"invoice_number": "INV-001", "customer_name": "Acme Corp", "amount": "$100"},
        {"invoice_number": "INV-002", "customer_name": "Globex Inc", "amount": "$250"},
    ]
}


@dataclass
class Api:
    """A client of these addresses alone, and the farm behind them."""

    farm: Farm
    client: Client

    async def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Status and body; as the tenant default unless ``headers`` say otherwise."""
        sent = {"X-API-Key": KEY} if headers is None else headers
        async with self.client.request(method, path, headers=sent, **options) as answer:
            assert answer.content_type == "application/json"
            return answer.status, orjson.loads(await answer.read())

    async def submit(self, body: Any = ROWS) -> str:
        status, answer = await self.call("POST", GENERATE, json=body)
        assert status == 202, answer
        return str(answer["data"]["jobId"])

    def name(self, job_id: str) -> str:
        name = ids.name_of(Dialect.IMAGINE_PDF, job_id)
        assert name is not None
        return name

    async def tenant(self, **spec: Any) -> None:
        """Change the tenant default; returns once the gateway has seen it."""
        patch = {"spec": spec}
        changed = await self.farm.jobs.patch(TENANTS, NAMESPACE, "default", patch)
        async with asyncio.timeout(5):
            while True:
                if self.farm.services.tenants.get(NAMESPACE, "default") == changed:
                    return
                await asyncio.sleep(0)


@pytest.fixture
async def api(farm: Farm) -> AsyncIterator[Api]:
    await farm.template("design_abc123", "<p>{{ invoice_number }}</p>")
    async with TestClient(TestServer(make_app(farm.services, ROUTES))) as client:
        yield Api(farm, client)


def failed(answer: Any, code: str) -> bool:
    """Whether it is the documented envelope of an error of this code, with a text."""
    error = answer["error"]
    return (
        answer.keys() == {"status", "data", "error"}
        and (answer["status"], answer["data"]) == ("error", None)
        and error.keys() == {"code", "message"}
        and error["code"] == code
        and len(error["message"]) > 5
    )


async def test_the_documented_way_of_a_batch(api: Api) -> None:
    status, answer = await api.call("POST", GENERATE, json=ROWS)
    assert status == 202
    job_id = answer["data"]["jobId"]
    assert answer == {
        "status": "success",
        "data": {"jobId": job_id, "status": "queued", "total": 2, "designId": "design_abc123"},
        "error": None,
    }
    name = api.name(job_id)
    await api.farm.set_status(name, "Rendering", rows={"total": 2, "succeeded": 1, "settled": 1})
    status, answer = await api.call("GET", f"{BASE}/{job_id}/status")
    data = answer["data"]
    assert status == 200
    times = {key: data[key] for key in ("createdAt", "updatedAt")}
    assert all(len(at) == len("2026-06-08T12:00:00Z") and at[-1] == "Z" for at in times.values())
    assert answer == {
        "status": "success",
        "data": {
            "jobId": job_id,
            "status": "processing",
            "total": 2,
            "completed": 1,
            "failed": 0,
            **times,
        },
        "error": None,
    }
    await api.farm.finish(name)
    status, answer = await api.call("GET", f"{BASE}/{job_id}/download")
    url = urlsplit(answer["data"]["url"])
    assert status == 200
    assert answer == {
        "status": "success",
        "data": {"url": url.geturl(), "expiresIn": 3600},
        "error": None,
    }
    assert parse_qs(url.query) == {"expires": ["3600"], "name": [f"{job_id}.zip"]}
    assert api.farm.store.objects[url.path[1:]].data == b"the zip"


async def test_what_the_farm_is_asked_for(api: Api) -> None:
    job = await api.farm.job(api.name(await api.submit()))
    assert job["spec"]["dialect"] == "ImaginePdf"
    assert job["spec"]["outputs"] == ["Files", "Zip"]
    assert job["spec"]["missingValues"] == "Lenient"
    assert job["spec"]["page"] == {"output": "Pdf"}
    lines = api.farm.store.objects[job["spec"]["manifest"]["key"]].data.splitlines()
    assert [orjson.loads(line)["data"] for line in lines] == ROWS["rows"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/generate", ROWS, 400, "INVALID_REQUEST"),
        ("/generate?design=", ROWS, 400, "INVALID_REQUEST"),
        ("/generate?design=unknown", ROWS, 404, "DESIGN_NOT_FOUND"),
        ("/generate?design=a%2Fb%20c", ROWS, 404, "DESIGN_NOT_FOUND"),
        ("/generate?design=" + "d" * 200, ROWS, 404, "DESIGN_NOT_FOUND"),
        ("/generate?design=design_abc123", {}, 400, "INVALID_REQUEST"),
        ("/generate?design=design_abc123", {"rows": []}, 400, "NO_ROWS"),
        ("/generate?design=design_abc123", {"rows": [{}, 1]}, 400, "INVALID_REQUEST"),
        ("/generate?design=design_abc123", {"rows": [{}] * 501}, 400, "TOO_MANY_ROWS"),
        ("/generate?design=design_abc123", [], 400, "INVALID_REQUEST"),
    ],
)
async def test_what_is_refused(api: Api, path: str, body: Any, status: int, code: str) -> None:
    found, answer = await api.call("POST", f"{BASE}{path}", json=body)
    assert (found, failed(answer, code)) == (status, True), answer
    assert await api.farm.nothing_stored()


async def test_as_many_rows_as_the_plan_allows(api: Api) -> None:
    await api.submit({"rows": [{}] * 500})


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"data": b'{"rows": [', "headers": JSON}, 400, "MALFORMED_JSON"),
        ({"data": b"a=b", "headers": {"Content-Type": "text/csv"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"data": b'{"rows": "' + b"x" * 5_000_000, "headers": JSON}, 413, "REQUEST_TOO_LARGE"),
    ],
)
async def test_bodies_that_cannot_be_read(
    api: Api, options: dict[str, Any], status: int, code: str
) -> None:
    headers = {"X-API-Key": KEY, **options["headers"]}
    data = io.BytesIO(options["data"])
    found, answer = await api.call("POST", GENERATE, headers=headers, data=data)
    assert (found, failed(answer, code)) == (status, True), answer


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "wrong"}, {"Authorization": f"Bearer {KEY}"}],
)
async def test_only_the_key_in_its_own_header_is_read(api: Api, headers: dict[str, str]) -> None:
    job_id = await api.submit()
    for method, path in (
        ("POST", GENERATE),
        ("GET", f"{BASE}/{job_id}/status"),
        ("GET", f"{BASE}/{job_id}/download"),
    ):
        status, answer = await api.call(method, path, headers=headers)
        assert (status, failed(answer, "UNAUTHORIZED")) == (401, True)


async def test_a_plan_without_the_feature_is_refused_everywhere(api: Api) -> None:
    job_id = await api.submit()
    await api.tenant(features=["other"])
    for method, path in (
        ("POST", GENERATE),
        ("POST", f"{BASE}/generate"),
        ("GET", f"{BASE}/{job_id}/status"),
        ("GET", f"{BASE}/{job_id}/download"),
        ("GET", f"{BASE}/job_unknown/status"),
    ):
        status, answer = await api.call(method, path, json=ROWS if method == "POST" else None)
        assert (status, failed(answer, "INSUFFICIENT_PERMISSIONS")) == (403, True)


async def test_a_plan_with_the_feature_is_not(api: Api) -> None:
    await api.tenant(features=["batchGenerate", "other"])
    await api.submit()


async def test_a_batch_beyond_the_credits_is_refused_whole(api: Api) -> None:
    await api.tenant(credits={"mode": "Metered", "granted": 1})
    status, answer = await api.call("POST", GENERATE, json=ROWS)
    assert (status, failed(answer, "INSUFFICIENT_CREDITS")) == (402, True)
    assert await api.farm.nothing_stored()


@pytest.mark.parametrize("word", ["status", "download"])
async def test_only_jobs_of_the_tenant_and_of_this_api_are_found(api: Api, word: str) -> None:
    job_id = await api.submit()
    native = (await api.farm.submit(rows=[{}]))["id"]
    others = (
        ("job_abc123xyz", KEY),
        (job_id, OTHER_KEY),
        (api.name(job_id), KEY),
        (ids.public_id(Dialect.IMAGINE_PDF, native), KEY),
    )
    for unknown, key in others:
        status, answer = await api.call(
            "GET", f"{BASE}/{unknown}/{word}", headers={"X-API-Key": key}
        )
        assert (status, failed(answer, "NOT_FOUND")) == (404, True)


async def test_another_method_is_refused_in_the_same_words(api: Api) -> None:
    for method, path in (("GET", GENERATE), ("POST", f"{BASE}/job_x/status")):
        status, answer = await api.call(method, path)
        assert (status, failed(answer, "METHOD_NOT_ALLOWED")) == (405, True)


@pytest.mark.parametrize(
    ("failing", "word", "counts"),
    [({1}, "completed", (1, 1)), ({0, 1}, "failed", (0, 2))],
)
async def test_failed_rows_are_counted(
    api: Api, failing: set[int], word: str, counts: tuple[int, int]
) -> None:
    job_id = await api.submit()
    await api.farm.finish(api.name(job_id), failing=failing)
    _, answer = await api.call("GET", f"{BASE}/{job_id}/status")
    data = answer["data"]
    assert (data["status"], (data["completed"], data["failed"])) == (word, counts)
    status, _ = await api.call("GET", f"{BASE}/{job_id}/download")
    assert status == (200 if word == "completed" else 409)


@pytest.mark.parametrize("reason", ["Queued", "Rendering", "Finalizing", "Cancelled", "Rejected"])
async def test_nothing_to_download(api: Api, reason: str) -> None:
    job_id = await api.submit()
    await api.farm.set_status(api.name(job_id), reason)
    status, answer = await api.call("GET", f"{BASE}/{job_id}/download")
    assert status == 409 and failed(answer, answer["error"]["code"])


async def test_an_expired_job_keeps_its_word_but_not_its_files(api: Api) -> None:
    job_id = await api.submit()
    counts = {"total": 2, "succeeded": 2, "settled": 2}
    await api.farm.set_status(api.name(job_id), "Expired", endedAs="Completed", rows=counts)
    _, answer = await api.call("GET", f"{BASE}/{job_id}/status")
    assert (answer["data"]["status"], answer["data"]["completed"]) == ("completed", 2)
    status, answer = await api.call("GET", f"{BASE}/{job_id}/download")
    assert (status, failed(answer, "GONE")) == (410, True)


async def test_files_that_are_being_purged_are_gone(api: Api) -> None:
    job_id = await api.submit()
    await api.farm.finish(api.name(job_id))
    api.farm.store.objects.clear()
    status, answer = await api.call("GET", f"{BASE}/{job_id}/download")
    assert (status, failed(answer, "GONE")) == (410, True)


async def test_a_dependency_that_is_away_is_told_in_the_envelope(api: Api) -> None:
    api.farm.store.away = True
    status, answer = await api.call("POST", GENERATE, json=ROWS)
    assert (status, failed(answer, "UNAVAILABLE")) == (503, True)
    assert (await api.farm.jobs.list(BATCH_JOBS, NAMESPACE)).items == []
