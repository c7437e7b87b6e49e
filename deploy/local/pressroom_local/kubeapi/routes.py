"""From HTTP requests to reads, writes and watches, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import orjson
from aiohttp import web

from pressroom_local.kubeapi import errors, patches, selectors, table
from pressroom_local.kubeapi.errors import Json
from pressroom_local.kubeapi.hub import Hub
from pressroom_local.kubeapi.lists import ListQuery, number, pieces, renderer
from pressroom_local.kubeapi.openapi import OpenApi
from pressroom_local.kubeapi.resources import Registry
from pressroom_local.kubeapi.store import Store
from pressroom_local.kubeapi.target import Target, delete_options, resolve, write_options
from pressroom_local.kubeapi.watch import Watch, is_wanted, watch_query
from pressroom_local.kubeapi.writes import Writer, Written

_JSON = "application/json"
_BODY_SECONDS = 30.0
_LIST_SECONDS = 120.0
_SMALL_LIST = 1 << 20  # bytes; up to here a list is one answer with a length
_VERSION: Json = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2+pressroom",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


class Routes:
    """Everything behind authentication."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        writer: Writer,
        hub: Hub,
        openapi: OpenApi,
        *,
        bookmark_seconds: float,
    ) -> None:
        self._registry = registry
        self._store = store
        self._writer = writer
        self._hub = hub
        self._openapi = openapi
        self._bookmark_seconds = bookmark_seconds

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        found = self._document(path)
        if found is not None:
            if request.method not in ("GET", "HEAD"):
                raise errors.method_not_allowed()
            return found
        target = resolve(self._registry, path)
        if target.resource.read_only and request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed()
        if target.name is None:
            return await self._collection(request, target)
        return await self._object(request, target)

    def _document(self, path: str) -> web.Response | None:
        """Health, version, discovery, OpenAPI; None for the path of an object."""
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        if path.startswith("/openapi/v3/"):
            raw = self._openapi.document(path.removeprefix("/openapi/v3/"))
            if raw is None:
                raise errors.no_such_path()
            return web.Response(body=raw, content_type=_JSON)
        document = self._discovery(path)
        return None if document is None else _answer(document)

    def _discovery(self, path: str) -> Json | None:
        match path.split("/")[1:]:
            case ["version"]:
                return _VERSION
            case ["openapi", "v3"]:
                return self._openapi.index()
            case ["api"]:
                return self._registry.versions_document()
            case ["apis"]:
                return self._registry.groups_document()
            case ["api", version]:
                found = self._registry.resources_document("", version)
            case ["apis", group]:
                found = self._registry.group_document(group)
            case ["apis", group, version]:
                found = self._registry.resources_document(group, version)
            case _:
                return None
        if found is None:
            raise errors.no_such_path()
        return found

    async def _collection(self, request: web.Request, target: Target) -> web.StreamResponse:
        match request.method:
            case "GET" if is_wanted(request.query):
                return await self._watch(request, target)
            case "GET":
                return await self._list(request, target)
            case "POST" if target.resource.namespaced == (target.namespace is not None):
                options = write_options(request.query)
                return _written(self._writer.create(target, await _object_body(request), options))
            case "DELETE" if target.resource.namespaced == (target.namespace is not None):
                return await self._delete_collection(request, target)
            case _:
                raise errors.method_not_allowed()

    async def _object(self, request: web.Request, target: Target) -> web.StreamResponse:
        options = write_options(request.query)
        match request.method:
            case "GET":
                return self._get(request, target)
            case "PUT":
                body = await _object_body(request)
                return _written(self._writer.replace(target, body, options))
            case "PATCH":
                kind, patch = request.content_type, await _body(request)
                return _written(self._writer.patch(target, kind, patch, options))
            case "DELETE" if not target.subresource:
                return await self._delete(request, target)
            case _:
                raise errors.method_not_allowed()

    def _get(self, request: web.Request, target: Target) -> web.Response:
        raw = self._store.get_raw(target.resource, target.key)
        if raw is None:
            raise errors.not_found(target.resource.named(target.name or ""))
        include = _table_include(request)
        if include is None:
            return web.Response(body=raw, content_type=_JSON)
        body = orjson.loads(raw)
        meta = {"resourceVersion": body["metadata"]["resourceVersion"]}
        row = orjson.loads(renderer(target.resource, include)(raw))
        return _answer(table.document(target.resource, meta, [row]))

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        body = await _body(request) if request.can_read_body else {}
        options = delete_options(request.query, body if isinstance(body, dict) else {})
        last, is_gone = self._writer.delete(target, options)
        if not is_gone or target.resource.plural == "namespaces":
            return _answer(last)
        named = target.resource.named(target.name or "")
        return _answer(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": named.details() | {"uid": last["metadata"]["uid"]},
            }
        )

    async def _delete_collection(self, request: web.Request, target: Target) -> web.Response:
        body = await _body(request) if request.can_read_body else {}
        options = delete_options(request.query, body if isinstance(body, dict) else {})
        deleted = self._writer.delete_collection(target, _selector(request, target), options)
        return _answer(
            {
                "kind": target.resource.list_kind,
                "apiVersion": target.resource.api_version,
                "metadata": {"resourceVersion": str(self._store.revision)},
                "items": deleted,
            }
        )

    async def _list(self, request: web.Request, target: Target) -> web.StreamResponse:
        if "sendInitialEvents" in request.query:
            raise errors.unprocessable("sendInitialEvents: Forbidden: for watches only")
        include = _table_include(request)
        query = ListQuery(
            target=target,
            selector=_selector(request, target),
            limit=number(request.query.get("limit", ""), "limit"),
            token=request.query.get("continue", ""),
            table=include is not None,
            include=include or "",
        )
        async with asyncio.timeout(_LIST_SECONDS):
            return await _stream(request, pieces(self._store, query))

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        query = watch_query(
            request.query, target, _selector(request, target), _table_include(request)
        )
        watch = Watch(self._store, self._hub, query, bookmark_seconds=self._bookmark_seconds)
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        await response.prepare(request)
        # A client that stops reading is dropped with the watch's own time.
        try:
            async with (
                asyncio.timeout(query.seconds + _BODY_SECONDS),
                aclosing(watch.lines()) as all_,
            ):
                async for lines in all_:
                    if request.transport is None or request.transport.is_closing():
                        break
                    if lines:
                        await response.write(lines)
            await response.write_eof()
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        return response


async def _stream(request: web.Request, found: Iterator[bytes]) -> web.StreamResponse:
    """A short list as one answer, a long one piece by piece."""
    head: list[bytes] = []
    size = 0
    for piece in found:
        head.append(piece)
        size += len(piece)
        if size > _SMALL_LIST:
            break
    else:
        return web.Response(body=b"".join(head), content_type=_JSON)
    response = web.StreamResponse(headers={"Content-Type": _JSON})
    await response.prepare(request)
    await response.write(b"".join(head))
    head.clear()
    for piece in found:
        await response.write(piece)
    await response.write_eof()
    return response


def _answer(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type=_JSON)


def _written(result: Written) -> web.Response:
    response = _answer(result.body, 201 if result.created else 200)
    for warning in result.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


def _selector(request: web.Request, target: Target) -> selectors.Selector:
    query = request.query
    return selectors.parse(
        query.get("labelSelector", ""), query.get("fieldSelector", ""), target.resource.fields
    )


def _table_include(request: web.Request) -> str | None:
    """`includeObject` of a client that wants a Table; None for one that does not."""
    if not table.is_wanted(request.headers.get("Accept", "")):
        return None
    include = request.query.get("includeObject", "") or "Metadata"
    if include not in ("None", "Metadata", "Object"):
        raise errors.bad_request(f"includeObject: Unsupported value: {include!r}")
    return include


async def _object_body(request: web.Request) -> Json:
    if request.content_type not in (_JSON, "application/octet-stream"):
        raise errors.unsupported_media_type([_JSON])
    body = await _body(request)
    if not isinstance(body, dict):
        raise errors.bad_request("the request's body must be a JSON object")
    return body


async def _body(request: web.Request) -> Any:
    if request.method == "PATCH" and request.content_type not in (
        patches.MERGE,
        patches.JSON_PATCH,
        patches.STRATEGIC,
    ):
        raise errors.unsupported_media_type([patches.JSON_PATCH, patches.MERGE])
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await request.read()
        return orjson.loads(raw) if raw else {}
    except TimeoutError as error:
        raise errors.timed_out() from error
    except orjson.JSONDecodeError as error:
        raise errors.bad_request(f"couldn't read the body as JSON: {error}") from error
