"""Who is asking. Each rule reads the credentials that its API names, and no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from pressroom.errors import Code, UnavailableError, UserError
from pressroom_gateway.keyring import Identity, KeyRing
from pressroom_gateway.tokens import InvalidTokenError, Tokens

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Doors:
    """What credentials are held against."""

    keys: KeyRing
    tokens: Tokens
    #: Set once all keys have been listed.
    known: asyncio.Event


#: Says who asks. UserError 401; UnavailableError where the keys are not known yet.
Authenticate = Callable[[web.Request, Doors], Awaitable[Identity]]
_ANY = "Send a known API key: Authorization: Bearer KEY, or X-API-Key: KEY; or a token as Bearer."


async def api_key(request: web.Request, doors: Doors) -> Identity:
    """The native rule: ``Authorization: Bearer`` a key or a token, or ``X-API-Key``."""
    bearer = _bearer(request)
    if bearer.count(".") == 2:
        return await _by_token(bearer, doors, _ANY)
    return _by_key(bearer or _header(request), doors, _ANY)


async def bearer_key(request: web.Request, doors: Doors) -> Identity:
    """``Authorization: Bearer KEY``."""
    return _by_key(_bearer(request), doors, "Send a known API key: Authorization: Bearer KEY.")


async def x_api_key(request: web.Request, doors: Doors) -> Identity:
    """``X-API-Key: KEY``."""
    return _by_key(_header(request), doors, "Send a known API key: X-API-Key: KEY.")


async def x_api_key_or_bearer(request: web.Request, doors: Doors) -> Identity:
    """``x-api-key: KEY``, which wins, or ``Authorization: Bearer KEY``."""
    key = _header(request) or _bearer(request)
    text = "Send a known API key: x-api-key: KEY, or Authorization: Bearer KEY."
    return _by_key(key, doors, text)


async def jwt(request: web.Request, doors: Doors) -> Identity:
    """``Authorization: Bearer`` a token; API keys are no tokens."""
    text = "Send a valid token: Authorization: Bearer JWT."
    return await _by_token(_bearer(request), doors, text)


def _by_key(key: str, doors: Doors, text: str) -> Identity:
    found = doors.keys.identity_of(key) if key else None
    if found is not None:
        return found
    if key and not doors.known.is_set():
        raise UnavailableError("the API keys are not known yet")
    raise UserError(Code.UNAUTHENTICATED, text, status=401)


async def _by_token(token: str, doors: Doors, text: str) -> Identity:
    try:
        if token:
            return await doors.tokens.identity_of(token)
    except InvalidTokenError as error:
        log.info("a token was refused: %s", error, extra={"action": "token_refused"})
    raise UserError(Code.UNAUTHENTICATED, text, status=401)


def _bearer(request: web.Request) -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return _readable(value) if scheme.lower() == "bearer" else ""


def _header(request: web.Request) -> str:
    return _readable(request.headers.get("X-API-Key", ""))


def _readable(text: str) -> str:
    """A credential; empty for bytes that are no text, of which no hash can be taken."""
    text = text.strip()
    return text if text.isprintable() else ""
