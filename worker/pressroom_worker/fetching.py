"""HTTP for pages: one request, to hosts that the row's tenant admits, within bounds.

Redirects are not followed here: the browser asks for the next address itself, and is checked
again. Sends no cookies or credentials but those it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from pressroom.dialling import dialler, is_refusal, reason
from pressroom.pagehosts import PageHosts

#: Bytes of one response, unpacked, at most.
MAX_RESPONSE = 32 * 1024 * 1024
#: Bytes of all responses of a row at most.
MAX_ROW = 128 * 1024 * 1024
CONNECT_SECONDS = 10.0
_CHUNK = 64 * 1024
#: What the connection says of itself, and what the client has unpacked already.
_HOP = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class FetchError(Exception):
    """No answer. The text is the reason, for people; ``refused``: by the tenant's own rules."""

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


@dataclass
class Allowance:
    """The bytes that a row may still fetch."""

    left: int = MAX_ROW


@dataclass(frozen=True)
class Fetched:
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in small letters; empty where none is given."""
        named = {name.lower(): value for name, value in self.headers}
        return named.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Asked:
    """What a page asks for."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


async def fetch(asked: Asked, hosts: PageHosts, allowance: Allowance) -> Fetched:
    """The answer to one request. FetchError with the reason; the caller sets the deadline."""
    host = _host(asked, hosts)
    connector = aiohttp.TCPConnector(
        socket_factory=dialler(lambda address: hosts.admits(host, address)), force_close=True
    )
    headers = [(name, value) for name, value in asked.headers.items() if _passes(name)]
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.request(
                asked.method,
                URL(asked.url, encoded=True),
                headers=headers,
                data=asked.body,
                allow_redirects=False,
            ) as response,
        ):
            body = await _body(response, allowance)
            return Fetched(response.status, _kept(response.headers.items()), body)
    except TimeoutError:
        raise FetchError("the connection was not made in time") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if is_refusal(error):
            raise FetchError(_outside(host), refused=True) from error
        raise FetchError(reason(error)) from error


def _host(asked: Asked, hosts: PageHosts) -> str:
    try:
        parts = urlsplit(asked.url)
        host = parts.hostname or ""
    except ValueError:
        raise FetchError("the URL is not valid") from None
    if parts.scheme not in ("http", "https") or not host:
        raise FetchError("only http and https are fetched", refused=True)
    if asked.method not in _METHODS:
        raise FetchError(f"{asked.method[:20]} requests are not made for pages", refused=True)
    if not hosts.may_admit(host):
        raise FetchError(_outside(host), refused=True)
    return host


def _outside(host: str) -> str:
    return f"{host[:100]} is not among the hosts that pages may fetch from"


async def _body(response: aiohttp.ClientResponse, allowance: Allowance) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_CHUNK):
        size += len(part)
        allowance.left -= len(part)
        if size > MAX_RESPONSE:
            raise FetchError(f"it is larger than {MAX_RESPONSE // 2**20} MiB")
        if allowance.left < 0:
            raise FetchError(f"the page has fetched {MAX_ROW // 2**20} MiB already")
        parts.append(part)
        await asyncio.sleep(0)  # a fast sender must not keep the other rows waiting
    return b"".join(parts)


def _passes(name: str) -> bool:
    return name.lower() not in _HOP and not name.startswith(":")


def _kept(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in headers if name.lower() not in _HOP)


def _text(value: str) -> str:
    """A header's value. Bytes that are no UTF-8, such as names in Latin-1, come as surrogates."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
