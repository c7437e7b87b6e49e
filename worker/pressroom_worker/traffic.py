"""Answers what a tab's page asks for: the browser itself has no network at all.

Assets of the row's template come from the store, other URLs are fetched by the worker where the
row's tenant admits them (``fetching``), and all else fails. What failed is noted.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pressroom.errors import Code, NotFoundError, PressroomError, RowError, UnavailableError
from pressroom.model.page import Request
from pressroom.model.template import Asset
from pressroom.pagehosts import PageHosts
from pressroom_worker.fetching import Allowance, Asked, Fetched, FetchError, fetch
from pressroom_worker.transport import Json

Send = Callable[[str, Json], Awaitable[Json]]
LoadAsset = Callable[[str], Awaitable[bytes]]

#: Requests of one row at most, and how many of them are under way at once.
MAX_REQUESTS = 2000
AT_ONCE = 8
#: Failures noted of one row at most.
MAX_NOTES = 50
MAX_URL = 200
_BLANK = b"<!doctype html>"
_PAGES = ("text/", "image/", "application/xhtml+xml", "application/xml", "application/json")


async def no_assets(key: str) -> bytes:
    """Where a renderer is given no store."""
    raise PressroomError(f"There is no store to read {key} from.")


async def read_asset(load: LoadAsset, assets: Mapping[str, Asset], name: str) -> bytes:
    """An asset that the row cannot do without. RowError ``asset_not_found`` where it is not there,
    UnavailableError while the store is away: that is not the row's fault."""
    asset = assets.get(name)
    if asset is None:
        raise RowError(Code.ASSET_NOT_FOUND, f"The template has no asset {name!r}.")
    try:
        return await load(asset.key)
    except NotFoundError as error:
        text = f"The asset {name!r} is not in the object store any more."
        raise RowError(Code.ASSET_NOT_FOUND, text) from error


@dataclass(frozen=True)
class Supply:
    """What one row's page may load. ``url`` is the row's URL source, if it has one."""

    host: str = ""
    assets: Mapping[str, Asset] = field(default_factory=dict)
    load: LoadAsset = no_assets
    hosts: PageHosts = field(default_factory=PageHosts)
    url: str | None = None
    request: Request | None = None

    @property
    def loads(self) -> bool:
        """Whether anything at all can be loaded."""
        return bool(self.host or self.url) or self.hosts != PageHosts()

    @property
    def address(self) -> str:
        """The document's own URL, against which relative ones are read."""
        return f"https://{self.host}/" if self.host else "about:blank"


class Traffic:
    """The requests of one tab, row after row."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.begin(Supply())

    def begin(self, supply: Supply) -> None:
        """Serve another row: forget the last one's requests and notes."""
        self.end()
        self.supply = supply
        #: URLs that failed, cut to MAX_URL, and why.
        self.failed: dict[str, str] = {}
        self.fonts_failed = False
        #: Set where the store was away when the page asked for an asset.
        self.outage: UnavailableError | None = None
        #: Why the URL source did not come.
        self.source_error: str | None = None
        self._allowance = Allowance()
        self._count = 0
        self._quiet_since = time.monotonic()

    def end(self) -> None:
        """Give up what is still under way."""
        for task in self._tasks:
            task.cancel()

    @property
    def quiet_seconds(self) -> float:
        """How long nothing has been under way."""
        return 0.0 if self._tasks else time.monotonic() - self._quiet_since

    def note(self, url: str, reason: str) -> None:
        """Note that something did not load, once for each URL."""
        if len(self.failed) < MAX_NOTES and not url.endswith("/favicon.ico"):
            self.failed.setdefault(url[:MAX_URL], reason)

    def stay(self, event: Json, *, loading: bool) -> bool:
        """Refuse to go elsewhere. True where the row's URL source thereby never comes."""
        url = event["request"]["url"]
        self.note(url, "a page may not go to another address")
        self._fail(event, "Aborted")
        if self.supply.url is None or not loading:
            return False
        self.source_error = f"it leads on to {url[:MAX_URL]} by itself, which is not followed"
        return True

    def blank(self, event: Json) -> None:
        """An empty document: the row's own address."""
        self._fulfil(event, Fetched(200, (("Content-Type", "text/html; charset=utf-8"),), _BLANK))

    def answer(self, event: Json, *, source: bool = False) -> None:
        """See to a request. ``source``: it is for the row's URL source itself."""
        self._count += 1
        if self._count > MAX_REQUESTS:
            self.note(event["request"]["url"], f"the page asks for over {MAX_REQUESTS} URLs")
            return self._fail(event, "BlockedByClient")
        task = asyncio.create_task(self._answer(event, source))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._quiet_since = time.monotonic()

    async def _answer(self, event: Json, source: bool) -> None:
        url = event["request"]["url"].partition("#")[0]
        font = event.get("resourceType") == "Font"
        try:
            async with self._room:
                answer = await self._get(event, url)
            if source:
                _require_page(answer)
        except FetchError as error:
            self.fonts_failed |= font
            if source:
                self.source_error = str(error)
            else:
                self.note(url, str(error))
            self._fail(event, "BlockedByClient" if error.refused else "Failed")
            return
        if answer.status >= 400:
            self.fonts_failed |= font
            self.note(url, f"the server answered {answer.status}")
        self._fulfil(event, answer)

    async def _get(self, event: Json, url: str) -> Fetched:
        supply, request = self.supply, event["request"]
        parts = urlsplit(url)
        if supply.host and parts.hostname == supply.host:
            return await self._asset(unquote(parts.path.removeprefix("/")))
        body = request.get("postData")
        asked = Asked(
            url,
            request["method"],
            {**request["headers"], **_own_headers(supply, url)},
            body.encode() if body is not None else None,
        )
        return await fetch(asked, supply.hosts, self._allowance)

    async def _asset(self, name: str) -> Fetched:
        asset = self.supply.assets.get(name)
        if asset is None:
            raise FetchError("the template has no such asset")
        try:
            body = await self.supply.load(asset.key)
        except NotFoundError as error:
            raise FetchError("the asset is not in the object store any more") from error
        except UnavailableError as error:
            self.outage = error
            raise FetchError("the object store is away") from error
        headers = (("Content-Type", asset.content_type), ("Access-Control-Allow-Origin", "*"))
        return Fetched(200, headers, body)

    def _fulfil(self, event: Json, answer: Fetched) -> None:
        headers = [{"name": name, "value": value} for name, value in answer.headers]
        self._send(
            "Fetch.fulfillRequest",
            {
                "requestId": event["requestId"],
                "responseCode": answer.status,
                "responseHeaders": headers,
                "body": base64.b64encode(answer.body).decode(),
            },
        )

    def _fail(self, event: Json, reason: str) -> None:
        self._send("Fetch.failRequest", {"requestId": event["requestId"], "errorReason": reason})


def _require_page(answer: Fetched) -> None:
    if answer.status >= 400:
        raise FetchError(f"the server answered {answer.status}")
    redirects = 300 <= answer.status < 400
    if not redirects and answer.content_type and not answer.content_type.startswith(_PAGES):
        raise FetchError(f"it is {answer.content_type[:100]}, which is no page")


def _own_headers(supply: Supply, url: str) -> dict[str, str]:
    """The headers that the row adds: to its own URL's host only, never where that is less safe."""
    if supply.url is None or supply.request is None or not same_host(supply.url, url):
        return {}
    return {header.name: header.value for header in supply.request.headers or ()}


def same_host(source: str, url: str) -> bool:
    """Whether ``url`` is at the source's host and port, or the same host's own TLS."""
    ours, theirs = urlsplit(source), urlsplit(url)
    if ours.hostname != theirs.hostname:
        return False
    if ours.scheme == theirs.scheme:
        return ours.port == theirs.port
    return ours.scheme == "http" and ours.port in (None, 80) and theirs.port in (None, 443)


def cookies(supply: Supply) -> list[Json]:
    """The row's cookies for ``Network.setCookies``: for its URL's host alone."""
    if supply.url is None or supply.request is None:
        return []
    parts = urlsplit(supply.url)
    host = parts.hostname or ""
    found = []
    for cookie in supply.request.cookies or ():
        domain = (cookie.domain or host).lower().lstrip(".")
        if host == domain or host.endswith("." + domain):
            one = {"name": cookie.name, "value": cookie.value, "url": f"{parts.scheme}://{host}/"}
            found.append({**one, "path": cookie.path or "/"})
    return found
