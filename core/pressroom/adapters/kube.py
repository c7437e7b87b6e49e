"""The Jobs port on a Kubernetes API, by the transport and the credentials of ``kubernetes.aio``.

It knows kinds, paths and the API's errors, nothing of what the farm keeps in its resources. One
generic path serves every kind; the generated per-kind models are never loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException

from pressroom.causes import cause_of
from pressroom.errors import (
    Code,
    ConflictError,
    NotFoundError,
    PressroomError,
    UnavailableError,
    UserError,
)
from pressroom.ports import Jobs, Json, Kind, Listing, WatchEvent, WatchExpired
from pressroom.settings import KubeSettings

_PAGE = 500
#: Seconds after which the server ends a watch, and those after which silence means it is gone.
_WATCH_SECONDS = 120
_WATCH_SILENCE = 135.0
_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"


@asynccontextmanager
async def open_jobs(settings: KubeSettings, *, timeout: float) -> AsyncIterator[Jobs]:
    """The API of a kubeconfig or, without one, of the pod's own service account.

    ``timeout`` is the deadline of one request in seconds. The API is asked for nothing here, so a
    part starts while it is away. UserError where there are no usable credentials.
    """
    configuration = await _configuration(settings)
    client = ApiClient(configuration)
    try:
        yield KubeJobs(client, timeout)
    finally:
        await client.close()


async def _configuration(settings: KubeSettings) -> Configuration:
    configuration = Configuration()
    # A write that was repeated behind our back would meet its own effect as a conflict.
    configuration.retries = None
    try:
        if settings.config is None:
            load_incluster_config(client_configuration=configuration)
        else:
            await load_kube_config(
                config_file=str(settings.config),
                client_configuration=configuration,
                persist_config=False,
            )
    except (ConfigException, OSError) as error:
        text = "No Kubernetes credentials: set PRESSROOM_KUBE_CONFIG to a kubeconfig file."
        raise UserError(Code.INVALID_OPTION, text, log=str(error)) from error
    return configuration


class KubeJobs:
    """Made by :func:`open_jobs`."""

    def __init__(self, client: ApiClient, timeout: float) -> None:
        self._client = client
        self._timeout = timeout

    async def get(self, kind: Kind, namespace: str, name: str, *, subresource: str = "") -> Json:
        return await self._call("GET", _path(kind, namespace, name, subresource))

    async def list(self, kind: Kind, namespace: str | None, *, label_selector: str = "") -> Listing:
        items: list[Json] = []
        query = {"limit": str(_PAGE)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            page = await self._call("GET", _path(kind, namespace), query=query)
            for item in page["items"]:
                # A list leaves out what every item shares.
                item.setdefault("apiVersion", kind.api_version)
                item.setdefault("kind", kind.kind)
                items.append(item)
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                return Listing(items, page["metadata"]["resourceVersion"])

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        return await self._call("POST", _path(kind, namespace), body)

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        path = _path(kind, namespace, name, subresource)
        return await self._call("PATCH", path, patch, content_type=_MERGE_PATCH)

    async def replace(self, kind: Kind, namespace: str, name: str, body: Json) -> Json:
        return await self._call("PUT", _path(kind, namespace, name), body)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None
    ) -> None:
        body: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
        }
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        await self._call("DELETE", _path(kind, namespace, name), body)

    async def watch(
        self, kind: Kind, namespace: str | None, resource_version: str, *, label_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._timeout, sock_read=_WATCH_SILENCE
        )
        with _mapped():
            answer = await self._send("GET", _path(kind, namespace), query, timeout=timeout)
            try:
                if answer.status != 200:
                    raise_status(answer.status, await answer.read())
                async for line in _lines(answer.content):
                    yield _event(line)
            finally:
                answer.close()

    async def check(self) -> None:
        await self._call("GET", "/version")

    async def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = _JSON,
    ) -> Json:
        with _mapped():
            async with asyncio.timeout(self._timeout):
                answer = await self._send(method, path, query, body, content_type=content_type)
                async with answer:
                    content = await answer.read()
        if answer.status >= 300:
            raise_status(answer.status, content)
        decoded: Json = orjson.loads(content)
        return decoded

    async def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: Json | None = None,
        *,
        content_type: str = _JSON,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": _JSON, "Content-Type": content_type, "User-Agent": "pressroom"}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._client.configuration.host + path
        if query:
            url += "?" + urlencode(query)
        timeout = timeout or aiohttp.ClientTimeout(total=self._timeout)
        answer = await self._client.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=timeout
        )
        response: aiohttp.ClientResponse = answer.response
        return response


def _path(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    parts = ["apis", kind.group, kind.version] if kind.group else ["api", kind.version]
    if namespace is not None:
        parts += ["namespaces", namespace]
    parts += [kind.plural, name, subresource]
    return "/" + "/".join(quote(part, safe="") for part in parts if part)


async def _lines(content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    """Whole lines of any length; the client's own reader refuses long ones."""
    buffer = bytearray()
    async for piece in content.iter_any():
        buffer += piece
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if line:
                yield line


def _event(line: bytes) -> WatchEvent:
    event = orjson.loads(line)
    if event["type"] == "ERROR":
        raise_status(int(event["object"].get("code", 500)), orjson.dumps(event["object"]))
    return WatchEvent(event["type"], event["object"])


def raise_status(status: int, content: bytes) -> None:
    """Raise what an answer of the API means. ``content`` is its ``Status``, or anything."""
    message = _message(content)
    if status == 410:
        raise WatchExpired(message)
    if status == 422 and _is_of_another(content):
        raise ConflictError(message)
    raise _error(status, message)


def _error(status: int, message: str) -> PressroomError:
    if status == 404:
        return NotFoundError(message)
    if status == 409:
        return ConflictError(message)
    if status in (400, 413, 422):
        return UserError(Code.INVALID_REQUEST, message, status=status)
    return UnavailableError(f"The Kubernetes API answered {status}.", log=f"{status}: {message}")


def _is_of_another(content: bytes) -> bool:
    """Whether a patch that names a uid met a resource with another: 422, where a PUT gets 409."""
    try:
        causes = orjson.loads(content)["details"]["causes"]
        return any(cause.get("field") == "metadata.uid" for cause in causes)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False


def _message(content: bytes) -> str:
    try:
        answer: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content[:500].decode(errors="replace")
    return str(answer.get("message", "")) if isinstance(answer, dict) else str(answer)


@contextmanager
def _mapped() -> Iterator[None]:
    """Turns what the transport raises into our errors."""
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
        text = f"The Kubernetes API did not answer: {cause_of(error)}."
        raise UnavailableError(text, log=f"{text} ({error})" if str(error) else text) from error
