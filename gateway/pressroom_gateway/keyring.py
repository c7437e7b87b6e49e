"""The API keys that are known: Secrets with a hash, looked up by the hash of what is presented."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime

from pressroom import names
from pressroom.errors import NotFoundError, PressroomError
from pressroom.model.base import now, rfc3339
from pressroom.model.scopes import Scope, scopes_of
from pressroom.ports import SECRETS, Jobs, Json
from pressroom_gateway.view import Cache

log = logging.getLogger(__name__)
#: Between two notes of when keys were last used.
NOTE_SECONDS = 60.0


@dataclass(frozen=True)
class Identity:
    """Who asks: a tenant, by which key (the name of its Secret; None for a token), and what for.

    ``scopes`` None: for everything.
    """

    tenant: str
    key: str | None = None
    scopes: frozenset[Scope] | None = None


class KeyRing:
    """The key Secrets, indexed by the hash of the key; ``known`` is set once they were listed."""

    def __init__(self, cache: Cache, known: asyncio.Event) -> None:
        self.known = known
        self._cache = cache
        self._index: dict[str, Json] = {}
        self._used: dict[tuple[str, str], datetime] = {}

    def identity_of(self, key: str) -> Identity | None:
        """Whose key this is; None for one that is unknown, revoked or past its expiry."""
        digest = names.api_key_hash(key)
        secret = self._find(digest)
        if secret is None or not hmac.compare_digest(_value(secret, "hash"), digest):
            return None
        at = now()
        if _expired(secret, at):
            return None
        meta = secret["metadata"]
        self._used[(meta["namespace"], meta["name"])] = at
        return Identity(
            tenant=_value(secret, "tenant") or names.DEFAULT_TENANT,
            key=str(meta["name"]),
            scopes=scopes_of(_value(secret, "scopes")),
        )

    async def note_uses(self, jobs: Jobs) -> None:
        """Write down, for ever and once a minute, when keys were last used."""
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            used, self._used = self._used, {}
            for (namespace, name), at in used.items():
                note = {names.ANNOTATION_LAST_USED: rfc3339(at)}
                try:
                    await jobs.patch(SECRETS, namespace, name, {"metadata": {"annotations": note}})
                except NotFoundError:
                    continue  # revoked meanwhile
                except PressroomError as error:
                    log.warning(error.log, extra={"action": "key_use_not_noted", "key": name})

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


def _expired(secret: Json, at: datetime) -> bool:
    """Whether its time is over. A time that cannot be read has passed: a typo opens no door."""
    text = _value(secret, "expires")
    if not text:
        return False
    try:
        return datetime.fromisoformat(text) <= at
    except (ValueError, TypeError):  # no time, or one without a zone
        return True


def _value(secret: Json, name: str) -> str:
    """A value of a Secret. An unreadable one is empty, and matches no key."""
    data = secret.get("data") or {}
    if name not in data:
        return str((secret.get("stringData") or {}).get(name, ""))
    try:
        return base64.b64decode(data[name], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
