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

log = logging.getLogger(__name__)
#: Namespace and name of a Secret.
_Place = tuple[str, str]
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
    """The key Secrets by the hash of their key, kept up with every change seen."""

    def __init__(self) -> None:
        self._by_hash: dict[str, dict[_Place, Json]] = {}
        self._hashes: dict[_Place, str] = {}
        self._used: dict[_Place, datetime] = {}

    def seen(self, type_: str, secret: Json) -> None:
        """A key Secret was added, modified or deleted."""
        place = secret["metadata"]["namespace"], secret["metadata"]["name"]
        old = self._hashes.pop(place, None)
        if old is not None:
            del self._by_hash[old][place]
            if not self._by_hash[old]:
                del self._by_hash[old]
        if type_ != "DELETED" and _is_key(secret):
            self._hashes[place] = digest = _value(secret, "hash")
            self._by_hash.setdefault(digest, {})[place] = secret

    def identity_of(self, key: str) -> Identity | None:
        """Whose key this is; None for one that is unknown, revoked or past its expiry."""
        digest = names.api_key_hash(key)
        secret = next(iter(self._by_hash.get(digest, {}).values()), None)
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
