"""Templates, synchronous rendering, and what every route has in common."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from gateway_support import NAMESPACE, OTHER_KEY, Farm

from pressroom import names
from pressroom.model.checks import Check, Finding
from pressroom.ports import SECRETS, TEMPLATES, Json


class TestTemplates:
    @pytest.mark.parametrize("template_id", ["invoice", "tpl_abc123", "TEMPLATE_ID"])
    async def test_put_get_use_delete(self, farm: Farm, template_id: str) -> None:
        path = f"/v1/templates/{template_id}"
        for html, status in (("<a>", 201), ("<b>", 200)):
            got, body = await farm.call("PUT", path, json={"html": html, "css": "p {}"})
            assert (got, body["id"], body["html"]) == (status, template_id, html)
        _, body = await farm.call("GET", path)
        assert (body["id"], body["html"], body["css"]) == (template_id, "<b>", "p {}")
        _, listing = await farm.call("GET", "/v1/templates")
        assert [one["id"] for one in listing["templates"]] == [template_id]
        batch = {"template": template_id, "rows": [{}]}
        assert (await farm.call("POST", "/v1/batches", json=batch))[0] == 202
        assert (await farm.call("DELETE", path))[0] == 204
        for method in ("GET", "DELETE"):
            got, problem = await farm.call(method, path)
            assert (got, problem["code"]) == (404, "template_not_found")
        assert (await farm.call("POST", "/v1/batches", json=batch))[0] == 404

    async def test_a_plain_html_body(self, farm: Farm) -> None:
        status, body = await farm.call(
            "PUT", "/v1/templates/a", data="<p>ü", headers={"Content-Type": "text/html"}
        )
        assert (status, body["html"]) == (201, "<p>ü")

    async def test_a_template_of_kubectl_is_found_by_its_alias(self, farm: Farm) -> None:
        resource = {
            "metadata": {"name": "letter"},
            "spec": {"html": "x", "aliases": ["tpl_9"]},
        }
        farm.services.templates.put(await farm.jobs.create(TEMPLATES, NAMESPACE, resource))
        assert (await farm.call("GET", "/v1/templates/tpl_9", key=OTHER_KEY))[1]["name"] == "letter"
        assert (await farm.call("DELETE", "/v1/templates/tpl_9", key=OTHER_KEY))[0] == 403
        # Its own template of that id stands before the shared one, for it alone.
        own = {"html": "y"}
        status, _ = await farm.call("PUT", "/v1/templates/tpl_9", key=OTHER_KEY, json=own)
        assert status == 201
        assert (await farm.call("GET", "/v1/templates/tpl_9", key=OTHER_KEY))[1]["html"] == "y"
        assert (await farm.call("GET", "/v1/templates/tpl_9"))[1]["html"] == "x"
        _, listed = await farm.call("GET", "/v1/templates", key=OTHER_KEY)
        assert sorted(one["id"] for one in listed["templates"]) == ["letter", "tpl_9"]

    async def test_whether_a_template_is_ready_is_shown(self, farm: Farm) -> None:
        for html in ("one", "two"):
            _, made = await farm.call("PUT", "/v1/templates/a", json={"html": html})
            assert (made["ready"], made["fault"]) == (None, None)
            condition = {
                "type": "Ready",
                "status": "False",
                "reason": "SampleDataInvalid",
                "message": "sampleData: $.n: no",
                "observedGeneration": made["version"],
            }
            status = {"status": {"conditions": [condition]}}
            changed = await farm.jobs.patch(TEMPLATES, NAMESPACE, "a", status, subresource="status")
            farm.services.templates.put(changed)
        fault = {"reason": "SampleDataInvalid", "message": "sampleData: $.n: no"}
        _, shown = await farm.call("GET", "/v1/templates/a")
        assert (shown["ready"], shown["fault"]) == (False, fault)
        _, listing = await farm.call("GET", "/v1/templates")
        assert [(one["ready"], one["fault"]) for one in listing["templates"]] == [(False, fault)]
        _, first = await farm.call("GET", "/v1/templates/a/versions/1")
        assert (first["ready"], first["fault"]) == (None, None)

    async def test_an_alias_leads_to_one_template(self, farm: Farm) -> None:
        first = {"html": "a", "aliases": ["letter"]}
        for _ in range(2):  # its own aliases are no other's
            assert (await farm.call("PUT", "/v1/templates/first", json=first))[0] < 300
        second = {"html": "b", "aliases": ["brief", "letter"]}
        status, problem = await farm.call("PUT", "/v1/templates/second", json=second)
        assert (status, problem["code"], problem["path"]) == (409, "conflict", "aliases[1]")
        assert problem["detail"] == (
            "The alias 'letter' leads to the template 'first'. Choose another one."
        )
        assert (await farm.call("GET", "/v1/templates/second"))[0] == 404
        named = {"html": "b", "aliases": ["first"]}
        assert (await farm.call("PUT", "/v1/templates/second", json=named))[0] == 409
        # Another tenant's aliases are its own.
        status, _ = await farm.call("PUT", "/v1/templates/second", key=OTHER_KEY, json=second)
        assert status == 201

    async def test_another_tenants_template(self, farm: Farm) -> None:
        await farm.template("mine")
        assert (await farm.call("GET", "/v1/templates/mine", key=OTHER_KEY))[0] == 404
        assert (await farm.call("DELETE", "/v1/templates/mine", key=OTHER_KEY))[0] == 404
        batch = {"template": "mine", "rows": [{}]}
        assert (await farm.call("POST", "/v1/batches", key=OTHER_KEY, json=batch))[0] == 404
        # An id that another tenant has taken is free to all the same: nothing tells.
        status, _ = await farm.call(
            "PUT", "/v1/templates/mine", key=OTHER_KEY, json={"html": "theirs"}
        )
        assert status == 201
        assert (await farm.call("GET", "/v1/templates/mine"))[1]["html"] == "<p>{{ n }}</p>"
        _, listed = await farm.call("GET", "/v1/templates")
        assert [one["id"] for one in listed["templates"]] == ["mine"]

    @pytest.mark.parametrize(
        ("body", "status", "path"),
        [
            ({}, 400, "html"),
            ({"html": 1}, 400, "html"),
            ({"html": "", "x": 1}, 400, "x"),
            ({"html": "", "page": {"scalePercent": 999}}, 422, "page.scalePercent"),
        ],
    )
    async def test_bad_templates(self, farm: Farm, body: Any, status: int, path: str) -> None:
        got, problem = await farm.call("PUT", "/v1/templates/a", json=body)
        assert (got, problem["path"]) == (status, path)
        assert (await farm.jobs.list(TEMPLATES, NAMESPACE)).items == []


class TestRender:
    async def created(self, farm: Farm) -> Json:
        """The BatchJob of the request under way."""
        return await farm.until(lambda job: True)

    async def test_a_document(self, farm: Farm) -> None:
        request = {"html": "{{ n }}", "data": {"n": 1}}

        async def ask() -> aiohttp.ClientResponse:
            return await farm.client.post("/v1/render", headers=farm.headers, json=request)

        asking = asyncio.create_task(ask())
        job = await self.created(farm)
        assert job["metadata"]["labels"][names.LABEL_LANE] == names.LANE_FAST
        assert job["spec"]["rows"] == [{"data": {"n": 1}, "raw": False}]
        assert job["spec"]["outputs"] == ["Files"]
        plan = await farm.plan(job["metadata"]["name"])
        await farm.render_shard(plan, 0)
        async with await asking as answer:
            assert answer.status == 200
            assert answer.content_type == "application/pdf"
            assert await answer.read() == b"%PDF row 0"
            assert answer.headers["X-Pressroom-Batch"] == job["metadata"]["name"]

    async def test_what_the_checks_found_comes_with_the_document(self, farm: Farm) -> None:
        async def ask() -> aiohttp.ClientResponse:
            request = {"html": "x"}
            return await farm.client.post("/v1/render", headers=farm.headers, json=request)

        asking = asyncio.create_task(ask())
        job = await self.created(farm)
        plan = await farm.plan(job["metadata"]["name"])
        found = [
            Finding(check=Check.MISSING_GLYPHS, message=f"No font has 漢.\n{'x' * 300}", page=n)
            for n in range(1, 21)
        ]
        await farm.render_shard(plan, 0, findings=found)
        async with await asking as answer:
            told = json.loads(answer.headers["X-Pressroom-Findings"])
        assert told[0] == {
            "check": "missingGlyphs",
            "message": f"No font has 漢.\n{'x' * 300}",
            "page": 1,
        }
        assert 5 < len(told) < 20  # no header is longer than clients take

    async def test_a_lost_hint_does_no_harm(
        self, farm: Farm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lost(*_: Any) -> None:
            return None

        monkeypatch.setattr(farm.queue, "hint", lost)
        asking = asyncio.create_task(farm.call("POST", "/v1/render", json={"html": "x"}))
        job = await self.created(farm)
        plan = await farm.plan(job["metadata"]["name"])
        await farm.render_shard(plan, 0, failing={0})
        status, problem = await asking
        assert (status, problem["code"]) == (422, "template_undefined")

    async def test_too_late(self, farm: Farm) -> None:
        async with farm.client.post(
            "/v1/render?timeout=0.3", headers=farm.headers, json={"html": "x"}
        ) as answer:
            problem = await answer.json()
            name = answer.headers["X-Pressroom-Batch"]
        assert (answer.status, problem["code"]) == (504, "timeout")
        assert name in problem["detail"]
        assert (await farm.job(name))["spec"]["cancel"] is True

    async def test_a_client_that_hangs_up(self, farm: Farm) -> None:
        with pytest.raises(TimeoutError):
            await farm.client.post(
                "/v1/render",
                headers=farm.headers,
                json={"html": "x"},
                timeout=aiohttp.ClientTimeout(total=0.2),
            )
        job = await farm.until(lambda job: job["spec"].get("cancel", False))
        assert job["metadata"]["labels"][names.LABEL_LANE] == names.LANE_FAST

    async def test_a_rejected_batch(self, farm: Farm) -> None:
        asking = asyncio.create_task(farm.call("POST", "/v1/render", json={"html": "x"}))
        job = await self.created(farm)
        await farm.set_status(job["metadata"]["name"], "Rejected")
        status, problem = await asking
        assert (status, problem["detail"]) == (422, "It is Rejected.")

    async def test_why_a_batch_was_not_accepted_is_its_code(self, farm: Farm) -> None:
        asking = asyncio.create_task(farm.call("POST", "/v1/render", json={"html": "x"}))
        job = await self.created(farm)
        await farm.reject(job["metadata"]["name"], "AssetNotFound", "It has no logo.")
        status, problem = await asking
        assert (status, problem["code"]) == (422, "asset_not_found")
        assert problem["detail"] == "It has no logo."

    async def test_a_large_row_goes_through_the_store(self, farm: Farm) -> None:
        data = {"n": "x" * 300_000}
        status, _ = await farm.call(
            "POST", "/v1/render?timeout=0.1", json={"html": "x", "data": data}
        )
        assert status == 504
        job = await self.created(farm)
        assert "rows" not in job["spec"]
        assert job["spec"]["manifest"]["rows"] == 1

    @pytest.mark.parametrize(
        ("path", "body", "status", "code"),
        [
            ("/v1/render", {}, 400, "invalid_request"),
            ("/v1/render", {"template": "no"}, 404, "template_not_found"),
            ("/v1/render", {"html": "x", "data": []}, 400, "invalid_request"),
            ("/v1/render", {"html": "x", "page": {"scalePercent": 1}}, 422, "invalid_option"),
            ("/v1/render?timeout=x", {"html": "x"}, 400, "invalid_request"),
            ("/v1/render?timeout=0", {"html": "x"}, 422, "invalid_option"),
        ],
    )
    async def test_bad_requests(
        self, farm: Farm, path: str, body: Any, status: int, code: str
    ) -> None:
        got, problem = await farm.call("POST", path, json=body)
        assert (got, problem["code"]) == (status, code)
        assert await farm.nothing_stored()


class TestEveryRoute:
    @pytest.mark.parametrize(
        "headers",
        [{}, {"X-API-Key": "wrong"}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}],
    )
    async def test_without_a_key(self, farm: Farm, headers: dict[str, str]) -> None:
        async with farm.client.get("/v1/batches", headers=headers) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.content_type == "application/problem+json"
            assert (await answer.json())["code"] == "unauthenticated"

    async def test_a_key_that_was_taken_away(self, farm: Farm) -> None:
        assert (await farm.call("GET", "/v1/batches"))[0] == 200
        await farm.jobs.delete(SECRETS, NAMESPACE, "key-default")
        async with asyncio.timeout(5):
            status = 200
            while status != 401:
                status, _ = await farm.call("GET", "/v1/batches")

    async def test_no_such_address(self, farm: Farm) -> None:
        status, problem = await farm.call("GET", "/v1/nothing")
        assert (status, problem["code"]) == (404, "not_found")

    async def test_the_wrong_method(self, farm: Farm) -> None:
        async with farm.client.put("/v1/batches", headers=farm.headers) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET,POST"
            assert (await answer.json())["code"] == "method_not_allowed"

    async def test_request_ids(self, farm: Farm) -> None:
        headers = {**farm.headers, "X-Request-Id": "abc-1"}
        async with farm.client.get("/v1/batches", headers=headers) as answer:
            assert answer.headers["X-Request-Id"] == "abc-1"
        async with farm.client.get("/nothing") as answer:
            assert len(answer.headers["X-Request-Id"]) == 32

    async def test_what_nobody_foresaw_is_500(
        self, farm: Farm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> Any:
            raise ZeroDivisionError("secret inside")

        monkeypatch.setattr(farm.services.batches, "items", broken)
        status, problem = await farm.call("GET", "/v1/batches")
        assert (status, problem["code"]) == (500, "internal")
        assert "secret" not in str(problem)

    async def test_probes(self, farm: Farm) -> None:
        for path in ("/healthz", "/readyz"):
            async with farm.client.get(path) as answer:
                assert answer.status == 200
        farm.store.away = True
        async with farm.client.get("/readyz") as answer:
            assert answer.status == 503
            assert list((await answer.json())["failed"]) == ["store"]
        await farm.call("GET", "/v1/batches/nobody")
        async with farm.client.get("/metrics") as answer:
            text = await answer.text()
        line = 'requests_total{method="GET",route="/v1/batches/{id}",status="404"} 1.0'
        assert f"pressroom_gateway_{line}" in text
