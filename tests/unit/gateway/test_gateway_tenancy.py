"""Tenants and APIs side by side: nobody sees another's, and every address answers in its words."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import TestClient, TestServer
from gateway_support import KEY, NAMESPACE, OTHER_KEY, Client, Farm

from pressroom import names
from pressroom.dialects import ids
from pressroom.model.base import now
from pressroom.model.batchjob import Dialect
from pressroom.ports import BATCH_JOBS
from pressroom_gateway.app import make_app
from pressroom_gateway.route import Route
from pressroom_gateway.routes import FOREIGN, NATIVE, routes_of
from pressroom_gateway.settings import GatewaySettings
from pressroom_gateway.tokens import Tokens

ALL = routes_of(tuple(Dialect))
BY_ID = [route for route in ALL if "{" in route.path]
SECRET = "0123456789abcdef0123456789abcdef"
TEMPLATE = "tpl_abc123"


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
async def open_farm(farm: Farm) -> AsyncIterator[Farm]:
    """The farm with every API switched on, and tokens as well as keys."""
    settings = GatewaySettings(namespace=NAMESPACE, gateway_jwt_secret=SECRET)
    doors = replace(farm.services.doors, tokens=Tokens(settings))
    object.__setattr__(farm.services, "doors", doors)
    async with TestClient(TestServer(make_app(farm.services, ALL))) as client:
        object.__setattr__(farm, "client", client)
        yield farm


def credentials(tenant: str, route: Route) -> dict[str, str]:
    """What this route's documents have its clients send."""
    key = KEY if tenant == "default" else OTHER_KEY
    if route.dialect is Dialect.MAIL_MERGE:
        claims = {"tenant": tenant, "exp": int(now().timestamp()) + 60}
        return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}
    if route.dialect in (Dialect.IMAGINE_PDF, Dialect.PDF_GORILLA):
        return {"X-API-Key": key}
    return {"Authorization": f"Bearer {key}"}


async def make_job(farm: Farm, dialect: Dialect) -> str:
    """A job of the default tenant; its id in the dialect's form."""
    name = names.job_name(names.random_job_id())
    spec = {"tenant": "default", "dialect": dialect, "template": {"name": TEMPLATE}, "rows": [{}]}
    body = await farm.jobs.create(BATCH_JOBS, NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    farm.services.batches.put(body)
    return ids.public_id(dialect, name)


def address(route: Route, job_id: str, template_id: str) -> str:
    """The route's address, its ids filled in."""

    def value(match: re.Match[str]) -> str:
        before = route.path[: match.start()]
        if before.endswith("/templates/"):
            return template_id
        return "0" if before.endswith("/rows/") else job_id

    query = "?design=" + template_id if route.path == "/api/v1/batch/generate" else ""
    return re.sub(r"{[^}]+}", value, route.path) + query


async def ask(client: Client, route: Route, path: str, headers: dict[str, str]) -> tuple[int, str]:
    body: Any = {"rows": [{}], "items": None, "data": {}, "html": "x"}
    if route.path.startswith("/v1/templates"):
        body = {"html": "x"}
    if "render-batch" in route.path or "/batch/generate" in route.path:
        body = {"rows": [{}]}
    options: dict[str, Any] = {"json": body} if route.method in ("POST", "PUT") else {}
    if route.path.endswith("/upload"):
        options = {"data": {"file": io.BytesIO(b"a\n1\n")}}
    async with client.request(
        route.method, path, headers=headers, allow_redirects=False, **options
    ) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("route", BY_ID, ids=label)
async def test_another_tenants_things_are_as_if_they_were_not(
    open_farm: Farm, route: Route
) -> None:
    await open_farm.template(TEMPLATE)
    mine = await make_job(open_farm, route.dialect)
    absent = ids.public_id(route.dialect, names.job_name(names.random_job_id()))
    theirs = credentials("other", route)
    there = await ask(open_farm.client, route, address(route, mine, TEMPLATE), theirs)
    nowhere = await ask(open_farm.client, route, address(route, absent, "tpl_absent"), theirs)
    blind = there[1].replace(mine, "ID").replace(TEMPLATE, "ID")
    alike = nowhere[1].replace(absent, "ID").replace("tpl_absent", "ID")
    creates = route.method in ("PUT", "POST") and "/templates/" in route.path
    if creates and there[0] < 300:  # an id of one's own; mail merge fails the job, not the request
        assert there[0] == nowhere[0]
    elif route.path.endswith("/render-batch/jobs"):
        assert (there[0], blind) == (nowhere[0], alike) and blind in ("[]", alike)
    else:
        assert there[0] == 404
        assert (there[0], blind) == (nowhere[0], alike)


async def test_lists_hold_ones_own_alone(open_farm: Farm) -> None:
    for dialect in Dialect:
        if dialect is not Dialect.GLYPH:
            await make_job(open_farm, dialect)
    for route in ALL:
        if route.method == "GET" and "{" not in route.path:
            _, text = await ask(open_farm.client, route, route.path, credentials("other", route))
            assert not re.search(r"job_|\bj[a-z2-7]{24}\b", text), route.path


@pytest.mark.parametrize("route", ALL, ids=label)
async def test_without_a_credential_the_answer_is_401_in_the_apis_words(
    open_farm: Farm, route: Route
) -> None:
    path = address(route, "job_x", TEMPLATE)
    async with open_farm.client.request(route.method, path) as answer:
        assert answer.status == 401
        assert shape_of(await answer.json()) == SHAPES[route.dialect]


@pytest.mark.parametrize("route", [r for r in ALL if r.method == "POST"], ids=label)
async def test_a_wrong_method_is_405_in_the_apis_words(open_farm: Farm, route: Route) -> None:
    path = address(route, "job_x", TEMPLATE)
    async with open_farm.client.request("PATCH", path) as answer:
        assert answer.status == 405
        assert shape_of(await answer.json()) == SHAPES[route.dialect]


def shape_of(body: Any) -> str:
    """Which API's error this is."""
    if "success" in body:
        assert set(body) == {"success", "error"} and set(body["error"]) == {"code", "message"}
        return "lightning"
    if "status" in body and "data" in body:
        assert body["status"] == "error" and body["data"] is None
        assert set(body["error"]) == {"code", "message"}
        return "imagine"
    if "detail" in body:
        return "native"
    assert {"error", "code"} <= set(body) and isinstance(body["error"], str)
    return "plain"


SHAPES = {
    Dialect.NATIVE: "native",
    Dialect.LIGHTNING_PDF: "lightning",
    Dialect.IMAGINE_PDF: "imagine",
    Dialect.MAIL_MERGE: "plain",
    Dialect.GLYPH: "plain",
    Dialect.PDF_GORILLA: "plain",
}


@pytest.mark.parametrize("dialect", FOREIGN)
async def test_a_dialect_that_is_switched_off_is_not_there(farm: Farm, dialect: Dialect) -> None:
    others = [each for each in Dialect if each is not dialect]
    app = make_app(farm.services, routes_of(others))
    async with TestClient(TestServer(app)) as client:
        for route in FOREIGN[dialect]:
            path = address(route, "job_x", TEMPLATE)
            async with client.request(route.method, path) as answer:
                assert answer.status == 404, label(route)
        async with client.get("/v1/batches", headers={"X-API-Key": KEY}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "maker", [d for d in Dialect if d not in (Dialect.GLYPH,)], ids=lambda d: str(d.value)
)
async def test_a_job_is_seen_by_the_api_that_made_it_and_by_the_native_one(
    open_farm: Farm, maker: Dialect
) -> None:
    await open_farm.template(TEMPLATE)
    mine = await make_job(open_farm, maker)
    name = ids.name_of(maker, mine)
    assert name is not None
    assert (await open_farm.call("GET", f"/v1/batches/{name}"))[0] == 200
    for route in [r for r in BY_ID if r.method == "GET" and r not in NATIVE]:
        if re.search(r"(jobs|batch)/{\w+}(/status)?$", route.path) is None:
            continue
        theirs = ids.public_id(route.dialect, name)
        status, _ = await ask(
            open_farm.client,
            route,
            address(route, theirs, TEMPLATE),
            credentials("default", route),
        )
        assert status == (200 if route.dialect is maker else 404), label(route)
