"""Puts resources into the embedded Kubernetes API, as often as one likes with the same effect."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import aiohttp

from pressroom.names import DEFAULT_TENANT
from pressroom.ports import SECRETS, TENANTS, Json, Kind
from pressroom_local.tenants import NAMESPACE, Declared


class NotApplied(Exception):  # noqa: N818 - what happened
    """The API did not take a resource, or did not answer; the text says which and why."""


class Api:
    """The embedded API at ``url``. Every method may raise NotApplied."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def apply(self, declared: Iterable[Declared]) -> None:
        """Create what is absent, replace what differs. Annotations that others made stay."""
        for one in declared:
            await self._apply(one)

    async def webhook_secret(self) -> str | None:
        """The text that signs the webhooks of the tenant ``default``; None if nothing does."""
        tenant = await self._get(TENANTS, DEFAULT_TENANT) or {}
        name = (tenant.get("spec", {}).get("webhookSecretRef") or {}).get("name")
        secret = await self._get(SECRETS, name) if name else None
        text = ((secret or {}).get("data") or {}).get("secret")
        return base64.b64decode(text).decode().strip() if text else None

    async def _apply(self, one: Declared) -> None:
        wanted = one.body
        if "stringData" in wanted:
            wanted = {**wanted, "data": _encoded(wanted["stringData"])}
            del wanted["stringData"]
        found = await self._get(one.kind, one.name)
        if found is None:
            await self._send("POST", _path(one.kind), wanted)
        elif one.is_default and found.get("spec"):
            return
        elif (new := _over(found, wanted)) != found:
            await self._send("PUT", _path(one.kind, one.name), new)

    async def _get(self, kind: Kind, name: str) -> Json | None:
        return await self._send("GET", _path(kind, name), None)

    async def _send(self, method: str, path: str, body: Json | None) -> Json | None:
        """The decoded answer; None for a GET of what is not there."""
        data = None if body is None else json.dumps(body)
        try:
            async with self._session.request(
                method, self._url + path, data=data, headers=self._headers
            ) as answer:
                if answer.status == 404 and method == "GET":
                    return None
                text = await answer.text()
                if answer.status not in (200, 201):
                    raise NotApplied(f"{path}: {answer.status} {text[:300]}")
                decoded: Json = json.loads(text)
                return decoded
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NotApplied(f"{path}: {type(error).__name__}") from error


def _over(found: Json, wanted: Json) -> Json:
    """``found`` with the content that is wanted, and the labels and annotations added to it."""
    metadata: dict[str, Any] = dict(found["metadata"])
    for word in ("labels", "annotations"):
        added = wanted["metadata"].get(word)
        if added:
            metadata[word] = {**(metadata.get(word) or {}), **added}
    return {**found, **wanted, "metadata": metadata}


def _encoded(values: dict[str, str]) -> dict[str, str]:
    return {name: base64.b64encode(text.encode()).decode() for name, text in values.items()}


def _path(kind: Kind, name: str = "") -> str:
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{NAMESPACE}/{kind.plural}" + (f"/{name}" if name else "")
