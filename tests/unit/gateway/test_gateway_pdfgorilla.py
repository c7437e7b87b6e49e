"""PDFGorilla's addresses on a gateway over the twins, asked as its clients ask."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import KEY, NAMESPACE, OTHER_KEY, Client, Farm

from pressroom.dialects import ids
from pressroom.model.batchjob import Dialect
from pressroom.ports import BATCH_JOBS, SECRETS, TEMPLATES, TENANTS
from pressroom_gateway.app import make_app
from pressroom_gateway.dialects import pdfgorilla
from pressroom_gateway.dialects.pdfgorilla import ROUTES

GENERATE = "/api/v1/templates/TEMPLATE_ID/generate-async"
JOBS = "/api/v1/jobs"
BODY = {"data": {"orderId": "A-1"}}
HOOK = {"webhookUrl": "https://hooks.example.com/", "webhookSecret": "s" * 512}


@dataclass
class Api:
    """A client of these addresses alone, and the farm behind them."""

    farm: Farm
    client: Client

    async def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Status and body; as the tenant default unless ``headers`` say otherwise."""
        sent = {"x-api-key": KEY} if headers is None else headers
        async with self.client.request(method, path, headers=sent, **options) as answer:
            assert answer.content_type == "application/json"
            return answer.status, orjson.loads(await answer.read())

    async def submit(self, **body: Any) -> str:
        status, answer = await self.call("POST", GENERATE, json=body or BODY)
        assert status == 202, answer
        return str(answer["jobId"])

    async def word(self, job_id: str) -> str:
        _, answer = await self.call("GET", f"{JOBS}/{job_id}")
        return str(answer["status"])

    def name(self, job_id: str) -> str:
        name = ids.name_of(Dialect.PDF_GORILLA, job_id)
        assert name is not None
        return name

    async def jobs(self) -> list[Any]:
        return (await self.farm.jobs.list(BATCH_JOBS, NAMESPACE)).items

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
    await farm.template("TEMPLATE_ID", "<p>{{ orderId }}</p>")
    async with TestClient(TestServer(make_app(farm.services, ROUTES))) as client:
        yield Api(farm, client)


def failed(answer: Any, code: str) -> bool:
    """Whether it is an error of this code, with a text, and nothing else."""
    whole = answer.keys() == {"error", "code"} and answer["error"] != ""
    return whole and bool(answer["code"] == code)


async def test_the_documented_way_of_a_job(api: Api) -> None:
    status, answer = await api.call("POST", GENERATE, json=BODY)
    assert status == 202
    job_id = answer["jobId"]
    assert answer == {"jobId": job_id, "status": "queued", "deduplicated": False}
    name = api.name(job_id)
    await api.farm.set_status(name, "Rendering")
    assert await api.word(job_id) == "processing"
    await api.farm.finish(name)
    status, answer = await api.call("GET", f"{JOBS}/{job_id}")
    assert (status, answer["status"], answer["error"]) == (200, "completed", None)
    assert (answer["jobId"], answer["templateId"]) == (job_id, "TEMPLATE_ID")
    path = f"{JOBS}/{job_id}/download"
    async with api.client.get(path, headers={"x-api-key": KEY}, allow_redirects=False) as pdf:
        assert (pdf.status, pdf.content_type) == (200, "application/pdf")
        assert f'filename="{job_id}.pdf"' in pdf.headers["Content-Disposition"]
        assert await pdf.read() == b"%PDF row 0"


async def test_what_the_farm_is_asked_for(api: Api) -> None:
    job = await api.farm.job(api.name(await api.submit(**BODY, **HOOK)))
    spec = job["spec"]
    assert (spec["dialect"], spec["outputs"]) == ("PdfGorilla", ["Files"])
    assert (spec["missingValues"], spec["page"]) == ("Lenient", {"output": "Pdf"})
    assert spec["template"] == {"name": "TEMPLATE_ID"}
    (line,) = api.farm.store.objects[spec["manifest"]["key"]].data.splitlines()
    assert orjson.loads(line) == BODY
    assert spec["webhook"]["url"] == HOOK["webhookUrl"]
    kept = await api.farm.jobs.get(SECRETS, NAMESPACE, spec["webhook"]["secretRef"]["name"])
    secret = (kept.get("stringData") or {}).get("secret") or base64.b64decode(
        kept["data"]["secret"]
    ).decode()
    assert secret == HOOK["webhookSecret"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 400, "INVALID_REQUEST"),
        ({"data": []}, 400, "INVALID_REQUEST"),
        ({"jsonData": "<string>"}, 400, "INVALID_REQUEST"),
        ({"webhookUrl": "https://hooks.example.com/"}, 400, "INVALID_REQUEST"),
        ({**HOOK, "webhookUrl": "http://hooks.example.com/"}, 400, "INVALID_REQUEST"),
        ({**HOOK, "webhookUrl": "https://localhost/"}, 400, "INVALID_REQUEST"),
        ({**HOOK, "webhookSecret": "s" * 513}, 400, "INVALID_REQUEST"),
        ({"data": {"a": [0] * 100_001}}, 422, "TOO_COMPLEX"),
        ({"data": {"a": orjson.loads("[" * 64 + "]" * 64)}}, 422, "TOO_COMPLEX"),
    ],
)
async def test_what_is_refused(api: Api, body: Any, status: int, code: str) -> None:
    found, answer = await api.call("POST", GENERATE, json=body)
    assert (found, failed(answer, code)) == (status, True), answer
    assert await api.farm.nothing_stored()


@pytest.mark.parametrize("template", ["unknown", "a%2Fb%20c", "d" * 200])
async def test_an_unknown_template(api: Api, template: str) -> None:
    path = f"/api/v1/templates/{template}/generate-async"
    status, answer = await api.call("POST", path, json=BODY)
    assert (status, failed(answer, "TEMPLATE_NOT_FOUND")) == (404, True)
    assert await api.farm.nothing_stored()


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b'{"data": ', "application/json", 400, "MALFORMED_JSON"),
        (b'{"data": "\xff"}', "application/json", 400, "BAD_ENCODING"),
        (b"{}", "text/plain", 400, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", None, 400, "UNSUPPORTED_MEDIA_TYPE"),
        (b"[" * 5000 + b"]" * 5000, "application/json", 422, "TOO_COMPLEX"),
    ],
)
async def test_bodies_that_cannot_be_read(
    api: Api, data: bytes, kind: str | None, status: int, code: str
) -> None:
    headers = {"x-api-key": KEY, **({"Content-Type": kind} if kind else {})}
    skip = ("Content-Type",) if kind is None else ()
    found, answer = await api.call(
        "POST", GENERATE, headers=headers, data=data, skip_auto_headers=skip
    )
    assert (found, failed(answer, code)) == (status, True), answer


async def test_a_body_of_10_mib_is_taken_and_one_byte_more_is_not(api: Api) -> None:
    await api.tenant(limits={"maxRequestBytes": 64 * 1024 * 1024})
    most = 10 * 1024 * 1024
    body = b'{"data": {"text": "' + b"x" * (most - 22) + b'"}}'
    assert len(body) == most
    headers = {"x-api-key": KEY, "Content-Type": "application/json; charset=utf-8"}
    status, _ = await api.call("POST", GENERATE, headers=headers, data=io.BytesIO(body))
    assert status == 202
    status, answer = await api.call("POST", GENERATE, headers=headers, data=io.BytesIO(body + b" "))
    assert (status, failed(answer, "REQUEST_TOO_LARGE")) == (413, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": KEY}, 202),
        ({"Authorization": f"Bearer {KEY}"}, 202),
        ({"x-api-key": KEY, "Authorization": "Bearer wrong"}, 202),
        ({"x-api-key": "wrong", "Authorization": f"Bearer {KEY}"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({}, 401),
    ],
)
async def test_x_api_key_wins_over_bearer(api: Api, headers: dict[str, str], status: int) -> None:
    found, answer = await api.call("POST", GENERATE, headers=headers, json=BODY)
    assert found == status
    assert status == 202 or failed(answer, "UNAUTHORIZED")


# --- idempotency ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        BODY,
        {"data": {"orderId": "B-2"}},
        {"data": "no object", "webhookUrl": "http://localhost/"},
    ],
)
async def test_a_key_leads_to_its_job_whatever_else_is_sent(api: Api, body: Any) -> None:
    job_id = await api.submit(**BODY, idempotencyKey="order-1")
    stored = set(api.farm.store.objects)
    status, answer = await api.call("POST", GENERATE, json={**body, "idempotencyKey": "order-1"})
    assert status == 202
    assert answer == {"jobId": job_id, "status": "queued", "deduplicated": True}
    assert (len(await api.jobs()), set(api.farm.store.objects)) == (1, stored)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("Rendering", "processing"),
        ("Completed", "completed"),
        ("AllRowsFailed", "failed"),
        ("Cancelled", "canceled"),
        ("Expired", "expired"),
    ],
)
async def test_the_job_of_a_key_may_have_any_status(api: Api, reason: str, word: str) -> None:
    job_id = await api.submit(idempotencyKey="order-1")
    await api.farm.set_status(api.name(job_id), reason)
    _, answer = await api.call("POST", GENERATE, json={"idempotencyKey": "order-1"})
    assert answer == {"jobId": job_id, "status": word, "deduplicated": True}


async def test_a_key_leads_to_its_job_when_the_template_is_gone(api: Api) -> None:
    job_id = await api.submit(idempotencyKey="order-1")
    await api.farm.call("DELETE", "/v1/templates/TEMPLATE_ID")
    assert (await api.farm.jobs.list(TEMPLATES, NAMESPACE)).items == []
    _, answer = await api.call("POST", GENERATE, json={"idempotencyKey": "order-1"})
    assert (answer["jobId"], answer["deduplicated"]) == (job_id, True)


async def test_requests_of_one_key_at_once_make_one_job(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, everybody = api.farm.store, asyncio.Barrier(5)
    upload = store.upload

    async def together(*arguments: Any, **options: Any) -> Any:
        stored = await upload(*arguments, **options)
        await everybody.wait()  # no request is through before all have begun
        return stored

    monkeypatch.setattr(store, "upload", together)
    body = {**BODY, "idempotencyKey": "order-1"}
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(api.call("POST", GENERATE, json=body) for _ in range(5)))
    assert len({answer["jobId"] for _, answer in answers}) == 1
    assert sorted(answer["deduplicated"] for _, answer in answers) == [False] + [True] * 4
    assert len(await api.jobs()) == 1
    assert len(api.farm.uploads()) == 1


async def test_other_keys_other_tenants_and_no_key_make_other_jobs(api: Api) -> None:
    await api.farm.jobs.patch(
        TEMPLATES,
        NAMESPACE,
        (await api.farm.jobs.list(TEMPLATES, NAMESPACE)).items[0]["metadata"]["name"],
        {"metadata": {"labels": None}},
    )
    made = [await api.submit(idempotencyKey=key) for key in ("a", "b", "A")]
    made += [await api.submit(), await api.submit()]
    assert len(set(made)) == 5
    async with asyncio.timeout(5):
        while True:  # the gateway sees the template that is everybody's a moment later
            status, answer = await api.call(
                "POST", GENERATE, headers={"x-api-key": OTHER_KEY}, json={"idempotencyKey": "a"}
            )
            if status == 202:
                break
    assert answer["deduplicated"] is False and answer["jobId"] not in made


# --- limits --------------------------------------------------------------------------------------
async def test_ten_jobs_may_be_active(api: Api) -> None:
    made = [await api.submit(idempotencyKey=str(number)) for number in range(10)]
    status, answer = await api.call("POST", GENERATE, json=BODY)
    assert (status, failed(answer, "TOO_MANY_ACTIVE_JOBS")) == (429, True)
    status, answer = await api.call("POST", GENERATE, json={"idempotencyKey": "3"})
    assert (status, answer["jobId"]) == (202, made[3])
    await api.farm.set_status(api.name(made[0]), "Completed")
    await api.submit()


async def test_twenty_jobs_a_minute_may_be_new(api: Api) -> None:
    for number in range(20):
        job_id = await api.submit(idempotencyKey=str(number))
        await api.farm.set_status(api.name(job_id), "Completed")
    async with api.client.post(GENERATE, json=BODY, headers={"x-api-key": KEY}) as answer:
        assert (answer.status, failed(await answer.json(), "RATE_LIMITED")) == (429, True)
        assert int(answer.headers["Retry-After"]) > 0
    # What makes no new job is answered all the same.
    _, again = await api.call("POST", GENERATE, json={"idempotencyKey": "3"})
    assert again["deduplicated"] is True
    assert await api.word(job_id) == "completed"


async def test_sixty_generate_calls_a_minute_may_come_with_a_key(api: Api) -> None:
    for _ in range(60):
        status, _ = await api.call("POST", GENERATE, json=[])
        assert status == 400
    status, answer = await api.call("POST", GENERATE, json=[])
    assert (status, failed(answer, "RATE_LIMITED")) == (429, True)
    status, _ = await api.call("GET", f"{JOBS}/x")
    assert status == 404
    status, _ = await api.call("POST", GENERATE, json=[], headers={"x-api-key": OTHER_KEY})
    assert status == 400


# --- jobs ----------------------------------------------------------------------------------------
async def test_a_failed_job_says_why(api: Api) -> None:
    job_id = await api.submit()
    row = {"row": 0, "id": "0", "code": "template_failed", "message": "Line 1: division by zero"}
    await api.farm.set_status(api.name(job_id), "AllRowsFailed", failures=[row])
    _, answer = await api.call("GET", f"{JOBS}/{job_id}")
    assert (answer["status"], answer["error"]) == ("failed", "Line 1: division by zero")
    status, answer = await api.call("GET", f"{JOBS}/{job_id}/download")
    assert status == 409 and "division by zero" in answer["error"]


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("Queued", 409),
        ("Rendering", 409),
        ("Finalizing", 409),
        ("Cancelled", 409),
        ("Expired", 410),
    ],
)
async def test_nothing_to_download(api: Api, reason: str, status: int) -> None:
    job_id = await api.submit()
    await api.farm.set_status(api.name(job_id), reason)
    found, answer = await api.call("GET", f"{JOBS}/{job_id}/download")
    assert found == status and failed(answer, answer["code"])


@pytest.mark.parametrize("left", ["plan.json", "shards/000000.json", ""])
async def test_a_file_that_is_being_purged_is_gone(api: Api, left: str) -> None:
    job_id = await api.submit()
    plan = await api.farm.finish(api.name(job_id))
    for key in list(api.farm.store.objects):
        if not (left and key.endswith(("plan.json", left))) and key.startswith(f"jobs/{plan.uid}"):
            del api.farm.store.objects[key]
    status, answer = await api.call("GET", f"{JOBS}/{job_id}/download")
    assert (status, failed(answer, "GONE")) == (410, True)


CANCEL = [("POST", "/cancel"), ("DELETE", "")]


@pytest.mark.parametrize(("method", "suffix"), CANCEL)
async def test_canceling_tells_that_it_is_canceled(api: Api, method: str, suffix: str) -> None:
    job_id = await api.submit()
    name = api.name(job_id)
    asked = asyncio.create_task(api.call(method, f"{JOBS}/{job_id}{suffix}"))
    await api.farm.until(lambda job: bool(job["spec"].get("cancel")))
    await api.farm.set_status(name, "Cancelled")
    status, answer = await asked
    assert (status, answer["status"], answer["jobId"]) == (200, "canceled", job_id)
    status, answer = await api.call(method, f"{JOBS}/{job_id}{suffix}")
    assert (status, answer["status"]) == (200, "canceled")
    assert await api.word(job_id) == "canceled"


async def test_canceling_does_not_wait_for_a_farm_that_is_slow(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdfgorilla, "_CANCEL_SECONDS", 0.0)
    job_id = await api.submit()
    status, answer = await api.call("POST", f"{JOBS}/{job_id}/cancel")
    assert (status, answer["status"]) == (200, "queued")
    assert (await api.farm.job(api.name(job_id)))["spec"]["cancel"] is True


@pytest.mark.parametrize(("method", "suffix"), CANCEL)
@pytest.mark.parametrize("reason", ["Completed", "AllRowsFailed", "Expired"])
async def test_what_has_ended_cannot_be_canceled(
    api: Api, reason: str, method: str, suffix: str
) -> None:
    job_id = await api.submit()
    await api.farm.set_status(api.name(job_id), reason)
    status, answer = await api.call(method, f"{JOBS}/{job_id}{suffix}")
    assert (status, failed(answer, "BATCH_ENDED")) == (409, True)
    assert "cancel" not in (await api.farm.job(api.name(job_id)))["spec"]


@pytest.mark.parametrize(("method", "suffix"), [*CANCEL, ("GET", ""), ("GET", "/download")])
async def test_only_jobs_of_the_tenant_and_of_this_api_are_found(
    api: Api, method: str, suffix: str
) -> None:
    job_id = await api.submit()
    native = (await api.farm.submit(rows=[{}]))["id"]
    others = (
        ("cma1b2c3d4e5f6g7h8i9j0k", KEY),
        (job_id, OTHER_KEY),
        (api.name(job_id), KEY),
        (ids.public_id(Dialect.PDF_GORILLA, native), KEY),
    )
    for unknown, key in others:
        status, answer = await api.call(
            method, f"{JOBS}/{unknown}{suffix}", headers={"x-api-key": key}
        )
        assert (status, failed(answer, "NOT_FOUND")) == (404, True)


async def test_another_method_is_refused_in_the_same_words(api: Api) -> None:
    for method, path in (("GET", GENERATE), ("PUT", f"{JOBS}/x"), ("GET", f"{JOBS}/x/cancel")):
        status, answer = await api.call(method, path)
        assert (status, failed(answer, "METHOD_NOT_ALLOWED")) == (405, True)


async def test_a_receiver_that_the_tenant_may_reach(api: Api) -> None:
    hook = {"webhookUrl": "http://127.0.0.1:9999/hook", "webhookSecret": "s"}
    status, _ = await api.call("POST", GENERATE, json=hook)
    assert status == 400
    await api.tenant(egress={"allow": ["127.0.0.1"]})
    await api.submit(**hook)


async def test_a_dependency_that_is_away_is_told_in_the_envelope(api: Api) -> None:
    api.farm.store.away = True
    status, answer = await api.call("POST", GENERATE, json=BODY)
    assert (status, failed(answer, "UNAVAILABLE")) == (503, True)
    assert await api.jobs() == []
