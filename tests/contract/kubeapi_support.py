"""What the Kubernetes contract suite needs: a server, a raw client, and a small custom resource.

By default the embedded API is started in-process. With `PRESSROOM_TEST_KUBE_URL` and
`PRESSROOM_TEST_KUBE_TOKEN` set, the same requests go to a real kube-apiserver, in a namespace of
their own.
"""

from __future__ import annotations

import asyncio
import io
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp.test_utils import TestServer
from multidict import CIMultiDictProxy

from pressroom.crds import all_crds, validators
from pressroom_local.kubeapi import Options, Validator, make_app

Json = dict[str, Any]

TOKEN = "contract-suite"
GROUP = "contract.pressroom.dev"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PATIENCE = 20.0  # seconds for anything that should come at once
START_AFTER_END = "start must not be after end"


def _schema() -> Json:
    spec: Json = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 10},
            "color": {"type": "string", "enum": ["Red", "Green"], "default": "Red"},
            "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8},
            "note": {"type": "string", "nullable": True},
            "tags": {
                "type": "array",
                "maxItems": 3,
                "items": {"type": "string"},
                "x-kubernetes-list-type": "set",
            },
            "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "nested": {
                "type": "object",
                "properties": {
                    "mode": {"type": "string", "default": "Slow"},
                    "retries": {"type": "integer", "default": 2},
                },
            },
            "start": {"type": "integer"},
            "end": {"type": "integer"},
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(self.start) || !has(self.end) || self.start <= self.end",
                "message": START_AFTER_END,
            }
        ],
    }
    condition: Json = {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            "type": {"type": "string"},
            "status": {"type": "string"},
            "reason": {"type": "string"},
        },
    }
    status: Json = {
        "type": "object",
        "properties": {
            "phase": {"type": "string"},
            "count": {"type": "integer"},
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        },
    }
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def widget_crd() -> Json:
    """A kind with one of everything that the project's own CRDs use."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "Widget",
                "listKind": "WidgetList",
                "plural": "widgets",
                "singular": "widget",
                "shortNames": ["wdg"],
                "categories": ["contract"],
            },
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema()},
                    "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": ".spec.color"}],
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {
                            "name": "Reason",
                            "type": "string",
                            "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
                        },
                        {
                            "name": "Age",
                            "type": "date",
                            "jsonPath": ".metadata.creationTimestamp",
                        },
                    ],
                }
            ],
        },
    }


def widget_rules(new: Json, _old: Json | None) -> list[str]:
    """In Python, the rule that the CRD has in CEL."""
    spec = new["spec"]
    if "start" in spec and "end" in spec and spec["start"] > spec["end"]:
        return [f"spec: {START_AFTER_END}"]
    return []


CRDS: Sequence[Json] = (widget_crd(), *all_crds())
VALIDATORS: Mapping[str, Validator] = {"Widget": widget_rules, **validators()}


@dataclass(frozen=True)
class Kube:
    """A Kubernetes API to test, and a namespace that is the test's own."""

    base_url: str
    token: str
    namespace: str
    is_real: bool = False


@dataclass
class Answer:
    status: int
    body: Any
    headers: CIMultiDictProxy[str]

    def ok(self) -> Json:
        assert self.status in (200, 201), (self.status, self.body)
        found: Json = self.body
        return found

    def failed(self, code: int, reason: str = "") -> str:
        """Asserts on a whole `Status`; returns its message."""
        assert self.status == code, (self.status, self.body)
        assert self.body["kind"] == "Status"
        assert self.body["apiVersion"] == "v1"
        assert self.body["status"] == "Failure"
        assert self.body["code"] == code
        if reason:
            assert self.body["reason"] == reason
        return str(self.body["message"])


class Stream:
    """A running watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, timeout: float = PATIENCE) -> Json:
        async with asyncio.timeout(timeout):
            line = await self.response.content.readline()
        assert line.endswith(b"\n"), "the watch ended"
        found: Json = orjson.loads(line)
        return found

    async def change(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """The next event that is no bookmark, as (type, name)."""
        while True:
            event = await self.next(timeout)
            if event["type"] != "BOOKMARK":
                return event["type"], event["object"]["metadata"]["name"]

    async def rest(self, timeout: float = PATIENCE) -> list[Json]:
        """What still comes until the server ends the watch in good order."""
        async with asyncio.timeout(timeout):
            raw = await self.response.content.read()
        return [orjson.loads(line) for line in raw.splitlines()]


class Api:
    """Raw requests, as any client would make them."""

    def __init__(self, kube: Kube, session: aiohttp.ClientSession) -> None:
        self.kube = kube
        self.session = session
        self.core = f"/api/v1/namespaces/{kube.namespace}"
        self.widgets = f"/apis/{GROUP}/v1alpha1/namespaces/{kube.namespace}/widgets"
        self.leases = f"/apis/coordination.k8s.io/v1/namespaces/{kube.namespace}/leases"

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"Accept": "application/json"}
        if body is not None:
            sent["Content-Type"] = kind
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        data = None if body is None else io.BytesIO(raw)
        async with self.session.request(
            method, path, data=data, params=query, headers={**sent, **(headers or {})}
        ) as response:
            text = await response.read()
            # The OpenAPI index comes without a type.
            is_json = response.content_type == "application/json" or text.startswith(b"{")
            found = orjson.loads(text) if is_json else text.decode()
            return Answer(response.status, found, response.headers)

    async def get(self, path: str, **query: str) -> Answer:
        return await self.call("GET", path, query=query)

    async def post(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("POST", path, body, query=query)

    async def put(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("PUT", path, body, query=query)

    async def merge(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("PATCH", path, body, kind=MERGE, query=query)

    async def json_patch(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("PATCH", path, body, kind=JSON_PATCH, query=query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        return await self.call("DELETE", path, body, query=query)

    async def make(self, name: str, spec: Json | None = None, **meta: Any) -> Json:
        """Creates a widget."""
        return (await self.post(self.widgets, widget(name, spec, **meta))).ok()

    @asynccontextmanager
    async def watch(self, path: str, **query: str) -> AsyncIterator[Stream]:
        query = {"watch": "true", "timeoutSeconds": "60", **query}
        async with asyncio.timeout(PATIENCE):
            response = await self.session.get(path, params=query)
        async with response:
            assert response.status == 200, await response.text()
            yield Stream(response)


async def until(api: Api, path: str, status: int, seconds: float = PATIENCE) -> Answer:
    """Asks until the path answers with the status: for what nothing announces."""
    async with asyncio.timeout(seconds):
        while (answer := await api.get(path)).status != status:
            await asyncio.sleep(0.02)
    return answer


def widget(name: str, spec: Json | None = None, **meta: Any) -> Json:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Widget",
        "metadata": {"name": name, **meta},
        "spec": {"size": 1, **(spec or {})},
    }


@asynccontextmanager
async def client(kube: Kube) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {kube.token}"}
    connector = aiohttp.TCPConnector(ssl=False, limit=0)
    async with aiohttp.ClientSession(kube.base_url, headers=headers, connector=connector) as found:
        yield Api(kube, found)


@asynccontextmanager
async def embedded(db_path: Path, options: Options | None = None) -> AsyncIterator[Kube]:
    app = make_app(db_path, list(CRDS), VALIDATORS, TOKEN, options)
    async with TestServer(app) as server:
        yield Kube(str(server.make_url("/")), TOKEN, "pressroom")


@asynccontextmanager
async def real(url: str, token: str) -> AsyncIterator[Kube]:
    kube = Kube(url, token, f"contract-{uuid.uuid4().hex[:8]}", is_real=True)
    async with client(kube) as api:
        for crd in CRDS:
            await _apply_crd(api, crd)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kube.namespace}}
        (await api.post("/api/v1/namespaces", body)).ok()
        try:
            yield kube
        finally:
            await api.delete(f"/api/v1/namespaces/{kube.namespace}")


async def _apply_crd(api: Api, crd: Json) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    answer = await api.post(path, crd)
    assert answer.status in (201, 409), answer.body
    spec = crd["spec"]
    served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    await until(api, served, 200)


@asynccontextmanager
async def any_kube(db_path: Path) -> AsyncIterator[Kube]:
    """The API that the environment asks for."""
    url, token = (
        os.environ.get("PRESSROOM_TEST_KUBE_URL"),
        os.environ.get("PRESSROOM_TEST_KUBE_TOKEN"),
    )
    made = real(url, token) if url and token else embedded(db_path)
    async with made as kube:
        yield kube
