"""Mail merge's addresses on a gateway over the twins, asked as its clients ask."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import jwt
import orjson
import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import KEY, NAMESPACE, OTHER_KEY, Client, Farm
from openpyxl import Workbook

from pressroom import names
from pressroom.dialects import ids
from pressroom.model.batchjob import Dialect
from pressroom.ports import BATCH_JOBS, TENANTS, Json
from pressroom_gateway.app import make_app
from pressroom_gateway.dialects.mailmerge import ROUTES
from pressroom_gateway.settings import GatewaySettings
from pressroom_gateway.tokens import Tokens

SECRET = "a secret of thirty-two characters"
BASE = "/api/templates/tpl_1/render-batch"
ROWS = [{"name": "Alice", "total": "$1,200"}, {"name": "Bob", "total": "$950"}]
UPLOAD = f"{BASE}/upload"


def token(tenant: str, secret: str = SECRET) -> str:
    return jwt.encode({"tenant": tenant, "exp": time.time() + 600}, secret, "HS256")


@dataclass
class Api:
    """A client of these addresses alone, with a token, and the farm behind them."""

    farm: Farm
    client: Client

    async def call(
        self, method: str, path: str, *, bearer: str | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Status and body; as the tenant default unless ``bearer`` says otherwise."""
        credential = token("default") if bearer is None else bearer
        headers = {"Authorization": f"Bearer {credential}", **options.pop("headers", {})}
        async with self.client.request(method, path, headers=headers, **options) as answer:
            assert answer.content_type == "application/json"
            return answer.status, orjson.loads(await answer.read())

    async def submit(self, base: str = BASE, **request: Any) -> str:
        status, answer = await self.call("POST", base, json={"rows": ROWS} | request)
        assert status == 200, answer
        assert answer.keys() == {"jobId"}
        return str(answer["jobId"])

    async def upload(self, data: bytes, name: str = "people.csv", **fields: str) -> tuple[int, Any]:
        form = FormData(fields)
        form.add_field("file", io.BytesIO(data), filename=name)
        return await self.call("POST", UPLOAD, data=form)

    async def uploaded(self, data: bytes, name: str = "people.csv", **fields: str) -> Json:
        """The BatchJob that an upload makes."""
        status, answer = await self.upload(data, name, **fields)
        assert status == 200, answer
        return await self.farm.job(self.name(answer["jobId"]))

    async def status(self, job_id: str) -> Json:
        status, found = await self.call("GET", f"{BASE}/jobs/{job_id}")
        assert status == 200, found
        shown: Json = found
        return shown

    async def result(self, job_id: str) -> tuple[int, bytes, dict[str, str]]:
        headers = {"Authorization": f"Bearer {token('default')}"}
        path = f"{BASE}/jobs/{job_id}/result"
        async with self.client.get(path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.read(), dict(answer.headers)

    def name(self, job_id: str) -> str:
        name = ids.name_of(Dialect.MAIL_MERGE, job_id)
        assert name is not None
        return name

    def rows(self, job: Json) -> list[Json]:
        """The data of a job's rows, as they were stored."""
        text = self.farm.store.objects[job["spec"]["manifest"]["key"]].data
        return [orjson.loads(line).get("data", {}) for line in text.splitlines()]


@pytest.fixture
async def api(farm: Farm) -> AsyncIterator[Api]:
    await farm.template("tpl_1", "<p>{{ name }}</p>")
    settings = GatewaySettings(namespace=NAMESPACE, gateway_jwt_secret=SECRET)
    doors = replace(farm.services.doors, tokens=Tokens(settings))
    services = replace(farm.services, doors=doors)
    async with TestClient(TestServer(make_app(services, ROUTES))) as client:
        yield Api(farm, client)


def is_error(answer: Any, code: str) -> bool:
    """Whether it is an error of this code, in the shape of this API, with a text."""
    return (
        answer.keys() == {"error", "code"} and answer["code"] == code and len(answer["error"]) > 5
    )


# --- create --------------------------------------------------------------------------------------
async def test_the_documented_way_of_a_batch(api: Api) -> None:
    job_id = await api.submit(output="zip", fileNamePattern="invoice-{{name}}")
    assert str(uuid.UUID(job_id)) == job_id
    job = await api.farm.job(api.name(job_id))
    assert job["spec"]["dialect"] == "MailMerge"
    assert job["spec"]["template"] == {"name": "tpl_1"}
    assert job["spec"]["outputs"] == ["Files", "Zip"]
    assert job["spec"]["fileNamePattern"] == "invoice-{{name}}"
    assert job["spec"]["missingValues"] == "Lenient"
    assert job["spec"]["page"] == {"output": "Pdf"}
    assert job["spec"].get("ttlSecondsAfterFinished", 86_400) == 86_400
    assert api.rows(job) == ROWS
    pending = {"jobId": job_id, "status": "pending", "total": 2, "completed": 0, "failed": 0}
    assert await api.status(job_id) == pending
    counts = {"total": 2, "succeeded": 1, "failed": 0, "settled": 1}
    await api.farm.set_status(api.name(job_id), "Rendering", rows=counts)
    assert await api.status(job_id) == pending | {"status": "processing", "completed": 1}
    await api.farm.finish(api.name(job_id))
    assert await api.status(job_id) == pending | {"status": "completed", "completed": 2}
    status, body, headers = await api.result(job_id)
    assert (status, body) == (200, b"the zip")
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"].startswith('attachment; filename="tpl_1.zip"')


async def test_a_merged_result_is_a_pdf(api: Api) -> None:
    job_id = await api.submit(output="merged")
    await api.farm.finish(api.name(job_id), failing={0})
    status, body, headers = await api.result(job_id)
    assert (status, body) == (200, b"the merged")
    assert headers["Content-Type"] == "application/pdf"
    assert 'filename="tpl_1.pdf"' in headers["Content-Disposition"]


async def test_a_missing_template_fails_the_job_and_not_the_request(api: Api) -> None:
    base = "/api/templates/no-such-template/render-batch"
    job_id = await api.submit(base)
    await api.farm.set_status(api.name(job_id), "Rejected")
    status, found = await api.call("GET", f"{base}/jobs/{job_id}")
    assert (status, found["status"], found["error"]) == (200, "failed", "It is Rejected.")
    status, answer = await api.call("GET", f"{base}/jobs/{job_id}/result")
    assert (status, is_error(answer, "CONFLICT")) == (409, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"rows": []}, "NO_ROWS"),
        ({}, "INVALID_REQUEST"),
        ([], "INVALID_REQUEST"),
        ({"rows": [1]}, "INVALID_REQUEST"),
        ({"rows": ROWS, "output": "pdf"}, "INVALID_OPTION"),
        ({"rows": ROWS, "fileNamePattern": "{{ name"}, "INVALID_OPTION"),
        ({"rows": [{}] * 501}, "TOO_MANY_ROWS"),
    ],
)
async def test_what_is_refused_leaves_nothing(api: Api, body: Any, code: str) -> None:
    status, answer = await api.call("POST", BASE, json=body)
    assert (status, is_error(answer, code)) == (400, True), answer
    assert await api.farm.nothing_stored()


async def test_the_documents_ceiling_holds_below_the_tenants(api: Api) -> None:
    patch = {"spec": {"limits": {"rowsPerBatch": 5000}}}
    changed = await api.farm.jobs.patch(TENANTS, NAMESPACE, "default", patch)
    while api.farm.services.tenants.get(NAMESPACE, "default") != changed:
        await api.farm.call("GET", "/v1/templates")  # lets the watch go on
    await api.submit(rows=[{}] * 2000)
    status, answer = await api.call("POST", BASE, json={"rows": [{}] * 2001})
    assert (status, is_error(answer, "TOO_MANY_ROWS")) == (400, True)


async def test_malformed_json_wrong_types_and_large_bodies(api: Api) -> None:
    json = {"Content-Type": "application/json"}
    status, answer = await api.call("POST", BASE, data=b'{"rows": [', headers=json)
    assert (status, is_error(answer, "MALFORMED_JSON")) == (400, True)
    status, answer = await api.call("POST", BASE, data=b"a=1", headers={"Content-Type": "text/csv"})
    assert (status, is_error(answer, "UNSUPPORTED_MEDIA_TYPE")) == (415, True)
    large = b'{"rows": [{"a": "' + b"x" * (5 * 1024 * 1024) + b'"}]}'
    status, answer = await api.call("POST", BASE, data=io.BytesIO(large), headers=json)
    assert (status, is_error(answer, "REQUEST_TOO_LARGE")) == (413, True)
    status, answer = await api.call("POST", UPLOAD, json={"rows": ROWS})
    assert (status, is_error(answer, "UNSUPPORTED_MEDIA_TYPE")) == (415, True)


async def test_a_wrong_method_is_told_in_the_same_words(api: Api) -> None:
    status, answer = await api.call("PUT", BASE, json={})
    assert (status, is_error(answer, "METHOD_NOT_ALLOWED")) == (405, True)


@pytest.mark.parametrize("bearer", ["", KEY, token("default", "another secret of 32 characters!")])
async def test_only_tokens_come_in(api: Api, bearer: str) -> None:
    for method, path in (("POST", BASE), ("POST", UPLOAD), ("GET", f"{BASE}/jobs")):
        headers = {"X-API-Key": KEY}
        status, answer = await api.call(method, path, bearer=bearer, headers=headers)
        assert (status, is_error(answer, "UNAUTHORIZED")) == (401, True)


# --- upload --------------------------------------------------------------------------------------
async def test_a_csv_becomes_rows_and_the_form_may_say_more(api: Api) -> None:
    text = "Customer Name;total\r\nJürgen;12,50 €\r\n\r\nZoë;3\r\n"
    pattern = "{{ name }}"
    job = await api.uploaded(
        text.encode("windows-1252"), output="merged", fileNamePattern="{{ total }}"
    )
    assert api.rows(job) == [
        {"Customer Name": "Jürgen", "total": "12,50 €"},
        {"Customer Name": "Zoë", "total": "3"},
    ]
    assert job["spec"]["outputs"] == ["Files", "Merged"]
    assert job["spec"]["fileNamePattern"] == "{{ total }}"
    assert job["spec"]["manifest"]["rows"] == 2
    # The fields may come after the file too, and be left empty.
    form = FormData()
    form.add_field("sheet", b"name\nBob\n", filename="x.csv")
    form.add_field("fileNamePattern", pattern)
    form.add_field("output", "")
    status, answer = await api.call("POST", UPLOAD, data=form)
    assert status == 200, answer
    job = await api.farm.job(api.name(answer["jobId"]))
    assert (api.rows(job), job["spec"]["fileNamePattern"]) == ([{"name": "Bob"}], pattern)
    assert job["spec"]["outputs"] == ["Files", "Zip"]


@pytest.mark.parametrize("name", ["people.xlsx", "misnamed.csv", "blob"])
async def test_a_workbook_is_told_by_its_content(api: Api, name: str) -> None:
    book, out = Workbook(), io.BytesIO()
    sheet = book.worksheets[0]
    for row in (["name", "Order-No."], ["Alice", 1001], ["Bob", 1002]):
        sheet.append(row)
    book.save(out)
    job = await api.uploaded(out.getvalue(), name)
    assert api.rows(job) == [
        {"name": "Alice", "Order-No.": "1001"},
        {"name": "Bob", "Order-No.": "1002"},
    ]


@pytest.mark.parametrize(
    ("data", "name", "status", "code"),
    [
        (b"name\n", "a.csv", 400, "NO_ROWS"),
        (b"", "a.csv", 400, "NO_ROWS"),
        (b"a,a\n1,2\n", "a.csv", 400, "MALFORMED_CSV"),
        (b"n\n" + b"1\n" * 501, "a.csv", 400, "TOO_MANY_ROWS"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "a.xls", 400, "INVALID_REQUEST"),
        (b"PK\x03\x04rest", "a.xlsx", 400, "INVALID_REQUEST"),
        (b"no workbook", "a.xlsx", 400, "INVALID_REQUEST"),
        (b"\x89PNG\r\n", "a.png", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"n\n" + b"x" * (5 * 1024 * 1024), "a.csv", 413, "REQUEST_TOO_LARGE"),
    ],
)
async def test_a_file_that_is_refused_leaves_nothing(
    api: Api, data: bytes, name: str, status: int, code: str
) -> None:
    found, answer = await api.upload(data, name)
    assert (found, is_error(answer, code)) == (status, True), answer
    assert await api.farm.nothing_stored()


async def test_a_form_without_a_file_or_broken_off(api: Api) -> None:
    status, answer = await api.call(
        "POST", UPLOAD, data=FormData({"output": "zip"}, default_to_multipart=True)
    )
    assert (status, is_error(answer, "INVALID_REQUEST")) == (400, True)
    assert "file" in answer["error"]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nn\n1\n'
    for data in (b"", b"nothing", part):
        status, answer = await api.call("POST", UPLOAD, data=data, headers=headers)
        assert (status, is_error(answer, "INVALID_REQUEST")) == (400, True)
    headers = {"Content-Type": "multipart/form-data"}
    status, answer = await api.call("POST", UPLOAD, data=part, headers=headers)
    assert (status, is_error(answer, "INVALID_REQUEST")) == (400, True)
    assert await api.farm.nothing_stored()


# --- show ----------------------------------------------------------------------------------------
async def test_every_failed_row_is_told(api: Api) -> None:
    job_id = await api.submit(rows=[{"name": str(n)} for n in range(60)])
    name = api.name(job_id)
    plan = await api.farm.plan(name)
    await api.farm.render_shard(plan, 0, failing={0, 2})
    counts = {"total": 60, "succeeded": 6, "failed": 2, "settled": 8}
    await api.farm.set_status(name, "Rendering", rows=counts)  # the record lags behind
    shown = await api.status(job_id)
    assert shown["status"] == "processing"
    assert [one["row"] for one in shown["failures"]] == [1, 3]
    failing = set(range(30))
    for number in range(1, len(plan.shards)):
        await api.farm.render_shard(plan, number, failing=failing)
    first = [
        {"row": n, "id": str(n), "code": "template_undefined", "message": "bad"} for n in range(20)
    ]
    counts = {"total": 60, "succeeded": 32, "failed": 28, "settled": 60}
    await api.farm.set_status(name, "PartiallyFailed", rows=counts, failures=first)
    shown = await api.status(job_id)
    assert (shown["status"], shown["completed"], shown["failed"]) == ("completed", 32, 28)
    rows = [one["row"] for one in shown["failures"]]
    assert rows[:4] == [1, 3, 9, 10]
    assert rows[-1] == 30
    assert shown["failures"][0] == {"row": 1, "error": "'n' is undefined"}
    # An ended job has all of it in one ledger.
    ledger = [
        {"index": n, "id": str(n), "state": "Failed", "error": {"code": "internal", "message": "x"}}
        for n in range(28)
    ] + [{"index": 28, "id": "28", "state": "Succeeded"}]
    key = names.output_key(plan.uid, "a1", "ledger.ndjson")
    await api.farm.store.put(key, b"".join(orjson.dumps(row) + b"\n" for row in ledger))
    artifact = {"key": key, "bytes": 1, "sha256": "0" * 64}
    await api.farm.set_status(
        name, "PartiallyFailed", rows=counts, failures=first, artifacts={"ledger": artifact}
    )
    shown = await api.status(job_id)
    assert [one["row"] for one in shown["failures"]] == list(range(1, 29))
    assert (await api.call("GET", f"{BASE}/jobs"))[1] == [shown]


async def test_a_job_whose_rows_all_failed_is_completed(api: Api) -> None:
    zipped, merged = await api.submit(), await api.submit(output="merged")
    await api.farm.finish(api.name(zipped), failing={0, 1})
    await api.farm.finish(api.name(merged), failing={0, 1}, made=set())
    for job_id in (zipped, merged):
        shown = await api.status(job_id)
        assert (shown["status"], shown["completed"], shown["failed"]) == ("completed", 0, 2)
    assert (await api.result(zipped))[0] == 200
    status, answer = await api.call("GET", f"{BASE}/jobs/{merged}/result")
    assert (status, is_error(answer, "CONFLICT")) == (409, True)


async def test_no_result_before_the_end(api: Api) -> None:
    job_id = await api.submit()
    for reason in (None, "Rendering", "Finalizing", "Cancelled"):
        if reason is not None:
            await api.farm.set_status(api.name(job_id), reason)
        status, answer = await api.call("GET", f"{BASE}/jobs/{job_id}/result")
        assert (status, answer.keys()) == (409, {"error", "code"})


async def test_after_its_time_a_job_keeps_its_last_word(api: Api) -> None:
    job_id = await api.submit()
    name = api.name(job_id)
    await api.farm.finish(name, failing={1})
    counts = {"total": 2, "succeeded": 1, "failed": 1, "settled": 2}
    api.farm.store.objects.clear()
    status, answer = await api.call("GET", f"{BASE}/jobs/{job_id}/result")
    assert (status, is_error(answer, "GONE")) == (410, True)
    await api.farm.set_status(
        name, "Expired", endedAs="PartiallyFailed", rows=counts, artifacts=None
    )
    shown = await api.status(job_id)
    assert (shown["status"], shown["completed"], shown["failed"]) == ("completed", 1, 1)
    status, answer = await api.call("GET", f"{BASE}/jobs/{job_id}/result")
    assert (status, is_error(answer, "GONE")) == (410, True)


async def test_the_list_is_the_templates_newest_first(api: Api) -> None:
    first, second = await api.submit(), await api.submit()
    await api.submit("/api/templates/other/render-batch")
    await api.farm.submit(rows=[{"n": 1}])
    status, found = await api.call("GET", f"{BASE}/jobs")
    assert status == 200
    assert [job["jobId"] for job in found] == [second, first]
    assert found[0] == await api.status(second)
    assert (await api.call("GET", f"{BASE}/jobs", bearer=token("other"))) == (200, [])


async def test_jobs_of_others_are_not_there(api: Api) -> None:
    job_id = await api.submit()
    native = await api.farm.submit(rows=[{"n": 1}])
    foreign = ids.public_id(Dialect.MAIL_MERGE, native["id"])
    asked = [
        (f"/api/templates/other/render-batch/jobs/{job_id}", "default"),
        (f"{BASE}/jobs/{job_id}", "other"),
        (f"{BASE}/jobs/{uuid.uuid4()}", "default"),
        (f"{BASE}/jobs/nonsense", "default"),
        (f"{BASE}/jobs/{foreign}", "default"),
    ]
    for path, tenant in asked:
        for end in ("", "/result"):
            status, answer = await api.call("GET", path + end, bearer=token(tenant))
            assert (status, is_error(answer, "NOT_FOUND")) == (404, True)


async def test_jobs_draw_on_the_same_rate_as_the_tenants_other_work(api: Api) -> None:
    patch = {"spec": {"limits": {"newJobsPerMinute": 2}}}
    changed = await api.farm.jobs.patch(TENANTS, NAMESPACE, "default", patch)
    while api.farm.services.tenants.get(NAMESPACE, "default") != changed:
        await api.farm.call("GET", "/v1/templates")  # lets the watch go on
    await api.farm.submit(rows=[{"n": 1}])
    job_id = await api.submit()
    status, answer = await api.upload(b"name\nBob\n")
    assert (status, is_error(answer, "RATE_LIMITED")) == (429, True)
    for _ in range(5):
        await api.status(job_id)  # looking is free


async def test_jobs_count_among_the_tenants_active_ones(api: Api) -> None:
    listed = await api.farm.jobs.list(BATCH_JOBS, NAMESPACE)
    assert not listed.items
    for _ in range(20):
        await api.submit()
    status, answer = await api.call("POST", BASE, json={"rows": ROWS})
    assert (status, is_error(answer, "TOO_MANY_ACTIVE_JOBS")) == (429, True)
    status, _ = await api.call("POST", BASE, json={"rows": ROWS}, bearer=token("other"))
    assert status == 200
    assert (await api.farm.call("GET", "/v1/batches", key=OTHER_KEY))[0] == 200
