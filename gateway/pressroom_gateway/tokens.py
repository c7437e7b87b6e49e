"""JSON Web Tokens: HS256 by a shared secret, RS256 and ES256 by the keys at a JWKS address."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt

from pressroom.errors import UnavailableError
from pressroom.model.scopes import scopes_of
from pressroom.names import is_resource_name
from pressroom_gateway.keyring import Identity
from pressroom_gateway.settings import GatewaySettings

log = logging.getLogger(__name__)
#: How long fetched keys hold, and the least time between two fetches, in seconds.
KEYS_SECONDS = 300.0
FETCH_SECONDS = 10.0
#: The same after a fetch that failed while there are no keys at all.
RETRY_SECONDS = 1.0
_MAX_TENANT = 63  # as long as the value of a label may be
_LEEWAY_SECONDS = 30
_MAX_JWKS_BYTES = 1024 * 1024


class InvalidTokenError(Exception):
    """The token is not one that is accepted; the text says why, for the log."""


class Tokens:
    """Checks tokens by the gateway's settings; without any ``gateway_jwt_*`` none is accepted."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched = self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def identity_of(self, token: str) -> Identity:
        """Whose token this is. InvalidTokenError; UnavailableError where no key can be had."""
        settings = self._settings
        try:
            key, algorithm = await self._key_for(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.gateway_jwt_audience,
                issuer=settings.gateway_jwt_issuer,
                leeway=_LEEWAY_SECONDS,
                options={
                    "require": ["exp"],
                    "verify_aud": settings.gateway_jwt_audience is not None,
                },
            )
        except jwt.PyJWTError as error:
            raise InvalidTokenError(str(error)) from error
        tenant = _tenant(claims, settings.gateway_jwt_tenant_claim)
        return Identity(tenant=tenant, scopes=scopes_of(_scope_text(claims.get("scope"))))

    async def _key_for(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The key and the one algorithm it is for: a token never chooses how it is checked."""
        algorithm, secret = header.get("alg"), self._settings.gateway_jwt_secret
        if algorithm == "HS256" and secret is not None:
            return secret.get_secret_value(), "HS256"
        if algorithm not in ("RS256", "ES256") or self._settings.gateway_jwt_jwks_url is None:
            raise InvalidTokenError(f"the algorithm {algorithm} is not accepted")
        kid = header.get("kid")
        found = self._keys.get(kid)
        if found is None or time.monotonic() - self._fetched > KEYS_SECONDS:
            await self._fetch(self._settings.gateway_jwt_jwks_url)
            found = self._keys.get(kid)
        if found is None or found.algorithm_name != algorithm:
            raise InvalidTokenError(f"no {algorithm} key {kid}")
        return found.key, algorithm

    async def _fetch(self, url: str) -> None:
        """Take the keys in, unless that was tried just now. Known keys outlive a failed fetch."""
        async with self._fetching:
            least = FETCH_SECONDS if self._keys else RETRY_SECONDS
            if time.monotonic() - self._tried >= least:
                try:
                    await self._take_in(url)
                finally:
                    self._tried = time.monotonic()
            if not self._keys:
                raise UnavailableError("the keys of tokens cannot be fetched")

    async def _take_in(self, url: str) -> None:
        try:
            keys = await _jwks(url, self._settings.call_timeout_seconds)
        except (aiohttp.ClientError, TimeoutError, ValueError, jwt.PyJWTError) as error:
            log.warning("keys not fetched: %r", error, extra={"action": "jwks_not_fetched"})
            if self._keys:
                self._fetched = time.monotonic()
        else:
            self._keys = {one.key_id: one for one in keys}
            self._fetched = time.monotonic()


async def _jwks(url: str, seconds: float) -> list[jwt.PyJWK]:
    """The keys that sign. ValueError and PyJWTError for what is no key set."""
    body = bytearray()
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
        session.get(url, allow_redirects=False, raise_for_status=True) as answer,
    ):
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > _MAX_JWKS_BYTES:
                raise ValueError("the key set is too large")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("no key set")
    keys = jwt.PyJWKSet.from_dict(found).keys
    return [key for key in keys if key.public_key_use in (None, "sig")]


def _tenant(claims: Mapping[str, Any], claim: str) -> str:
    """The tenant that a token is for. What cannot name a Tenant is refused."""
    tenant = claims.get(claim)
    if not isinstance(tenant, str) or not is_resource_name(tenant) or len(tenant) > _MAX_TENANT:
        raise InvalidTokenError(f"the claim {claim} names no tenant")
    return tenant


def _scope_text(claim: Any) -> str:
    """RFC 8693 has words in a text; some issuers send a list."""
    if isinstance(claim, list):
        return " ".join(str(word) for word in claim)
    return claim if isinstance(claim, str) else ""
