"""Who is asking: an API key, hashed and looked up among the key Secrets, names the tenant."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable

from aiohttp import web

from pressroom import names
from pressroom.errors import Code, UnavailableError, UserError
from pressroom.ports import Json
from pressroom_gateway.view import Cache


class KeyRing:
    """The key Secrets, indexed by the hash of the key; ``known`` is set once they were listed."""

    def __init__(self, cache: Cache, known: asyncio.Event) -> None:
        self.known = known
        self._cache = cache
        self._index: dict[str, Json] = {}

    def tenant_of(self, key: str) -> str | None:
        """The tenant whose key this is."""
        digest = names.api_key_hash(key)
        secret = self._find(digest)
        if secret is None or not hmac.compare_digest(_value(secret, "hash"), digest):
            return None
        return _value(secret, "tenant") or names.DEFAULT_TENANT

    def _find(self, digest: str) -> Json | None:
        known = self._index.get(digest)
        if known is not None:
            meta = known["metadata"]
            if self._cache.get(meta["namespace"], meta["name"]) is known:
                return known
        # A new, changed or deleted key: index what there is now.
        self._index = {_value(one, "hash"): one for one in self._cache.items() if _is_key(one)}
        return self._index.get(digest)


def _is_key(secret: Json) -> bool:
    labels = secret["metadata"].get("labels") or {}
    return labels.get(names.LABEL_API_KEY) == "true" and bool(_value(secret, "hash"))


def _value(secret: Json, name: str) -> str:
    """A value of a Secret. An unreadable one is empty, and matches no key."""
    data = secret.get("data") or {}
    if name not in data:
        return str((secret.get("stringData") or {}).get(name, ""))
    try:
        return base64.b64decode(data[name], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


Authenticate = Callable[[web.Request, KeyRing], str]


def api_key(request: web.Request, keys: KeyRing) -> str:
    """The tenant behind ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``. 401 without one.

    UnavailableError where the keys are not known yet.
    """
    key = _presented(request)
    tenant = keys.tenant_of(key) if key else None
    if tenant is not None:
        return tenant
    if key and not keys.known.is_set():
        raise UnavailableError("the API keys are not known yet")
    text = "Send a known API key: Authorization: Bearer KEY, or X-API-Key: KEY."
    raise UserError(Code.UNAUTHENTICATED, text, status=401)


def _presented(request: web.Request) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("X-API-Key", "").strip()
