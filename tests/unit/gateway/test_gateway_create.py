"""Creating batches: what is stored and created, and what a repeat does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import pytest
from gateway_support import NAMESPACE, OTHER_KEY, Farm

from pressroom import names
from pressroom.dialects import native, native_rows
from pressroom.errors import Code, UnavailableError, UserError
from pressroom.model.batchjob import job_of
from pressroom.ports import BATCH_JOBS, SECRETS

NDJSON = {"Content-Type": "application/x-ndjson"}


async def stored_rows(farm: Farm, batch: str) -> list[Any]:
    manifest = (await farm.job(batch))["spec"]["manifest"]
    data = farm.store.objects[manifest["key"]].data
    assert len(data) == manifest["bytes"]
    lines = data.splitlines()
    assert len(lines) == manifest["rows"]
    return [orjson.loads(line) for line in lines]


async def test_json_rows(farm: Farm) -> None:
    await farm.template()
    async with farm.client.post(
        "/v1/batches",
        headers=farm.headers,
        json={
            "template": "invoice",
            "rows": [{"n": 1}, {"n": 2}],
            "page": {"format": "letter", "margin": {"top": "1cm"}, "output": "pdf"},
            "outputs": ["merged"],
            "priority": 7,
            "labels": {"team": "billing"},
            "missingValues": "lenient",
            "ttlSeconds": 60,
        },
    ) as answer:
        batch = await answer.json()
        assert answer.status == 202
        assert answer.headers["Location"] == f"/v1/batches/{batch['id']}"
    assert batch["state"] == "queued"
    assert batch["rows"]["total"] == 2
    assert batch["progress"] == 0
    assert batch["labels"] == {"team": "billing"}
    assert set(batch["links"]) == {"self", "rows", "cancel", "suspend"}
    job = job_of(await farm.job(batch["id"]))
    assert job.metadata.finalizers == [names.PURGE_FINALIZER]
    assert job.spec.outputs_or_default() == {"Files", "Merged"}
    assert job.spec.page is not None
    assert job.spec.page.wire() == {"format": "Letter", "margin": {"top": "1cm"}, "output": "Pdf"}
    assert (job.spec.priority, job.spec.missing_values) == (7, "Lenient")
    assert await stored_rows(farm, batch["id"]) == [{"data": {"n": 1}}, {"data": {"n": 2}}]


async def test_what_becomes_of_the_merged_file(farm: Farm) -> None:
    merge = {"contents": {}, "pageNumbers": {"place": "topRight"}, "maxMegabytes": 20}
    batch = await farm.submit(rows=[{}], outputs=["merged"], merge=merge)
    asked = job_of(await farm.job(batch["id"])).spec.merge
    assert asked is not None
    assert asked.wire() == {
        "contents": {},
        "pageNumbers": {"place": "TopRight"},
        "maxMegabytes": 20,
    }


@pytest.mark.parametrize(
    ("outputs", "merge", "path"),
    [
        (["zip"], {"contents": {}}, "merge"),
        (["merged"], {"pdfStandard": "pdfA2b", "encryption": {}}, "merge"),
        (["merged"], {"maxPages": 0}, "merge.maxPages"),
        (["merged"], {"pageNumbers": {"place": "middle"}}, "merge.pageNumbers.place"),
        (["merged"], {"watermark": {"image": "logo.png"}}, "merge"),
        (["merged"], {"watermark": {}}, "merge.watermark"),
    ],
)
async def test_merge_options_that_cannot_be_are_refused(
    farm: Farm, outputs: list[str], merge: dict[str, object], path: str
) -> None:
    status, answer = await farm.call(
        "POST",
        "/v1/batches",
        json={"html": "x", "rows": [{}], "outputs": outputs, "merge": merge},
    )
    assert (status, answer["code"]) == (422, "invalid_option")
    assert answer["path"] == path


async def test_a_built_in_document_instead_of_a_template(farm: Farm) -> None:
    document = {"kind": "invoice", "style": "stripe-clean"}
    batch = await farm.submit(html=None, document=document, rows=[{}])
    asked = job_of(await farm.job(batch["id"])).spec.document
    assert asked is not None
    assert asked.wire() == {"kind": "Invoice", "style": "StripeClean"}
    body = {"document": {}, "html": "x", "rows": [{}]}
    status, answer = await farm.call("POST", "/v1/batches", json=body)
    assert (status, answer["path"]) == (400, "document")


async def test_what_a_pdf_cannot_carry_together_is_refused(farm: Farm) -> None:
    page = {"pdfStandard": "pdfa2b"}
    item = {"page": {"encryption": {"userPassword": "x"}}}
    body = {"html": "x", "items": [{}, item], "page": page}
    status, answer = await farm.call("POST", "/v1/batches", json=body)
    assert (status, answer["code"]) == (422, "invalid_option")
    assert answer["path"] == "items[1].page"
    assert "cannot be encrypted" in answer["detail"]


@pytest.mark.parametrize("name", ["factur-x.xml", "xrechnung.xml", "a.txt"])
async def test_no_attachment_takes_the_place_of_another_file(farm: Farm, name: str) -> None:
    attachments = [{"name": one, "text": "x"} for one in (name, "a.txt")]
    page = {"facturX": {"xml": "<x/>"}, "attachments": attachments}
    body = {"html": "x", "rows": [{}], "page": page}
    status, answer = await farm.call("POST", "/v1/batches", json=body)
    assert (status, answer["code"], answer["path"]) == (422, "invalid_option", "page")


async def test_items_keep_what_is_their_own(farm: Farm) -> None:
    await farm.template("other")
    batch = await farm.submit(
        rows=None,
        items=[
            {"id": "a", "data": {"n": 1}},
            {"html": "<b>", "page": {"landscape": True}},
            {"template": "other"},
        ],
    )
    assert await stored_rows(farm, batch["id"]) == [
        {"id": "a", "data": {"n": 1}},
        {"data": {}, "html": "<b>", "page": {"landscape": True}},
        {"data": {}, "template": "other"},
    ]
    assert (await farm.job(batch["id"]))["spec"]["templates"] == ["other"]


@pytest.mark.parametrize(
    ("content_type", "body", "rows"),
    [
        ("application/x-ndjson", b'\xef\xbb\xbf{"n": 1}\r\n\r\n{"n": "\xc3\xa9"}', [1, "é"]),
        ("text/csv; charset=utf-8", b'\xef\xbb\xbfn\r\n"a ""b"""\r\n\r\n"c\nd"', ['a "b"', "c\nd"]),
        ("text/csv", "n\né\n".encode("utf-16"), ["é"]),
    ],
)
async def test_streamed_rows(farm: Farm, content_type: str, body: bytes, rows: list[Any]) -> None:
    await farm.template()
    status, batch = await farm.call(
        "POST",
        "/v1/batches",
        params={"template": "invoice", "outputs": "zip,merged", "priority": "3"},
        data=body,
        headers={"Content-Type": content_type},
    )
    assert status == 202, batch
    assert await stored_rows(farm, batch["id"]) == [{"data": {"n": row}} for row in rows]
    spec = (await farm.job(batch["id"]))["spec"]
    assert (spec["priority"], spec["outputs"]) == (3, ["Files", "Zip", "Merged"])


@pytest.mark.parametrize(
    ("file_name", "content_type", "body"),
    [("r.csv", "application/octet-stream", b"n\n1\n"), ("r", "application/x-ndjson", b'{"n":"1"}')],
)
async def test_a_form_of_request_and_rows(
    farm: Farm, file_name: str, content_type: str, body: bytes
) -> None:
    form = aiohttp.FormData()
    form.add_field("request", '{"html": "{{ n }}"}', content_type="application/json")
    form.add_field("rows", body, content_type=content_type, filename=file_name)
    status, batch = await farm.call("POST", "/v1/batches", data=form)
    assert status == 202, batch
    assert await stored_rows(farm, batch["id"]) == [{"data": {"n": "1"}}]


async def test_a_batch_can_be_read_at_once(farm: Farm) -> None:
    batch = await farm.submit(rows=[{"n": 1}])
    assert (await farm.call("GET", f"/v1/batches/{batch['id']}"))[0] == 200
    _, listing = await farm.call("GET", "/v1/batches")
    assert [one["id"] for one in listing["batches"]] == [batch["id"]]


def test_2000_rows_cost_little_cpu() -> None:
    """The whole answer has 300 ms; checking the rows may take a fraction of that."""
    rows = [{"n": n, "lines": [{"what": "thing", "price": 9.5}] * 12} for n in range(2000)]
    options = native.parse_options({"html": "x"})
    began = time.process_time()
    assert len(native_rows.parse_rows(options, rows, None, most=2000).lines) == 2000
    assert time.process_time() - began < 0.1


class TestIdempotency:
    async def send(self, farm: Farm, rows: list[Any], **options: Any) -> tuple[int, Any, bool]:
        async with farm.client.post(
            "/v1/batches",
            headers={**farm.headers, "Idempotency-Key": "order-7"},
            json={"html": "x", "rows": rows, **options},
        ) as answer:
            return answer.status, await answer.json(), "Idempotent-Replayed" in answer.headers

    async def test_the_same_request_is_the_same_batch(self, farm: Farm) -> None:
        status, first, replayed = await self.send(farm, [{"n": 1}], priority=3)
        assert (status, replayed) == (202, False)
        status, second, replayed = await self.send(farm, [{"n": 1}], priority=3)
        assert (status, replayed) == (202, True)
        assert second["id"] == first["id"]
        assert len(farm.uploads()) == 1

    async def test_many_at_once_make_one_batch(self, farm: Farm) -> None:
        answers = await asyncio.gather(*(self.send(farm, [{"n": 1}]) for _ in range(8)))
        assert {status for status, _, _ in answers} == {202}
        assert len({batch["id"] for _, batch, _ in answers}) == 1
        assert sum(not replayed for _, _, replayed in answers) == 1
        assert len(farm.uploads()) == 1

    @pytest.mark.parametrize("changed", [{"rows": [{"n": 2}]}, {"rows": [{"n": 1}], "priority": 1}])
    async def test_another_request_with_the_key_is_refused(self, farm: Farm, changed: Any) -> None:
        await self.send(farm, [{"n": 1}])
        hook = {"url": "https://hooks.test/", "secret": "s"}
        status, problem, _ = await self.send(farm, **changed, webhook=hook)
        assert (status, problem["code"]) == (422, "idempotency_key_reused")
        assert len(farm.uploads()) == 1
        assert len((await farm.jobs.list(SECRETS, NAMESPACE)).items) == 2  # the API keys

    async def test_while_the_previous_batch_goes(self, farm: Farm) -> None:
        _, batch, _ = await self.send(farm, [{"n": 1}])
        assert (await farm.call("DELETE", f"/v1/batches/{batch['id']}"))[0] == 204
        status, problem, _ = await self.send(farm, [{"n": 1}])
        assert (status, problem["code"]) == (409, "previous_job_is_being_deleted")
        assert len(farm.uploads()) == 1

    async def test_a_key_is_one_tenants_own(self, farm: Farm) -> None:
        _, mine, _ = await self.send(farm, [{"n": 1}])
        farm.headers = {"X-API-Key": OTHER_KEY}
        status, theirs, replayed = await self.send(farm, [{"n": 1}])
        assert (status, replayed) == (202, False)
        assert theirs["id"] != mine["id"]


async def test_a_webhooks_secret_is_owned_by_its_batch(farm: Farm) -> None:
    batch = await farm.submit(
        rows=[{}], webhook={"url": "https://hooks.test/x", "secret": "whsec_1"}
    )
    job = await farm.job(batch["id"])
    name = job["spec"]["webhook"]["secretRef"]["name"]
    secret = await farm.jobs.get(SECRETS, NAMESPACE, name)
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert names.LABEL_WEBHOOK in secret["metadata"]["labels"]
    assert "whsec_1" not in str(batch)


async def test_a_batch_that_the_api_refuses_leaves_nothing(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> Any:
        raise UserError(Code.INVALID_REQUEST, "spec: no", status=422)

    create = farm.jobs.create

    async def maybe(kind: Any, *rest: Any) -> Any:
        return await (refuse() if kind == BATCH_JOBS else create(kind, *rest))

    monkeypatch.setattr(farm.jobs, "create", maybe)
    hook = {"url": "https://hooks.test/", "secret": "s"}
    status, problem = await farm.call(
        "POST", "/v1/batches", json={"html": "x", "rows": [{}], "webhook": hook}
    )
    assert (status, problem["code"]) == (422, "invalid_request")
    assert await farm.nothing_stored()


async def test_an_api_that_is_away_is_503(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        raise UnavailableError("away")

    monkeypatch.setattr(farm.jobs, "create", away)
    async with farm.client.post(
        "/v1/batches", headers=farm.headers, json={"html": "x", "rows": [{}]}
    ) as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["code"] == "unavailable"


async def test_too_many_active_batches(farm: Farm) -> None:
    batches = [await farm.submit(rows=[{}]) for _ in range(20)]
    async with farm.client.post(
        "/v1/batches", headers=farm.headers, json={"html": "x", "rows": [{}]}
    ) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
    assert len(farm.uploads()) == 20
    await farm.set_status(batches[0]["id"], "Completed")
    await farm.submit(rows=[{}])
