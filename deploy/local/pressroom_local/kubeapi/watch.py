"""Watches: what changed, as one JSON document a line, until the client or the clock ends it.

A watch holds its place in the store's history and nothing else; it sleeps until the hub wakes it,
a bookmark is due, or its time is up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import orjson

from pressroom_local.kubeapi import table
from pressroom_local.kubeapi.errors import ApiError, Json, bad_request, gone, unprocessable
from pressroom_local.kubeapi.hub import Hub
from pressroom_local.kubeapi.lists import number
from pressroom_local.kubeapi.selectors import Selector
from pressroom_local.kubeapi.store import Event, Store
from pressroom_local.kubeapi.target import Target

_SHORTEST_SECONDS = 1800.0  # a watch without timeoutSeconds lasts between this and twice this


@dataclass(frozen=True, slots=True)
class WatchQuery:
    """One watch request. `since` None asks for the present state first.

    `seconds` is how long the watch lasts; `include` is set for a client that wants Tables.
    """

    target: Target
    selector: Selector
    since: int | None
    seconds: float
    bookmarks: bool
    include: str | None = None


def is_wanted(query: Mapping[str, str]) -> bool:
    return query.get("watch", "").lower() in ("1", "true", "t")


def watch_query(
    query: Mapping[str, str], target: Target, selector: Selector, include: str | None
) -> WatchQuery:
    """Reads the parameters; streaming lists are refused (422), and clients then list."""
    if "sendInitialEvents" in query or "resourceVersionMatch" in query:
        raise unprocessable(
            'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: '
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        )
    version = query.get("resourceVersion", "")
    if version and not version.isdecimal():
        raise bad_request(f"resourceVersion: Invalid value: {version!r}: must be an integer")
    seconds = float(number(query.get("timeoutSeconds", ""), "timeoutSeconds"))
    return WatchQuery(
        target=target,
        selector=selector,
        since=int(version) if version not in ("", "0") else None,
        seconds=seconds or _SHORTEST_SECONDS * (1 + random.random()),
        bookmarks=query.get("allowWatchBookmarks", "").lower() in ("1", "true", "t"),
        include=include,
    )


class Watch:
    """One running watch."""

    def __init__(
        self, store: Store, hub: Hub, query: WatchQuery, *, bookmark_seconds: float
    ) -> None:
        self._store = store
        self._hub = hub
        self._query = query
        self._bookmark_seconds = bookmark_seconds
        self._position = query.since or 0

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """One or more whole lines at a time; b"" is a chance to notice a client that has left."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._query.seconds
        due = clock() + self._bookmark_seconds
        with self._hub.subscribe(self._query.target.resource.key) as woken:
            if self._query.since is None:
                async for lines in self._present():
                    yield lines
            while not self._hub.closed:
                woken.clear()
                try:
                    while lines := self._next():
                        yield lines
                except ApiError as error:
                    yield _line("ERROR", orjson.dumps(error.status()))
                    return
                if clock() >= end:
                    break
                # By the clock, not by the last event: events that the selector hides are silence.
                if clock() >= due:
                    due = clock() + self._bookmark_seconds
                    yield self._bookmark()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(end, due)):
                        await woken.wait()
            # The last bookmark saves the client a relist when it comes back.
            yield self._bookmark()

    async def _present(self) -> AsyncGenerator[bytes, None]:
        query = self._query
        with self._store.snapshot(query.target.resource, query.selector) as snapshot:
            self._position = snapshot.revision
            for page in snapshot.pages(query.target.namespace):
                yield b"".join(self._event("ADDED", raw) for raw in page)

    def _next(self) -> bytes:
        """The lines of the next batch of changes; b"" when there are none."""
        query, store = self._query, self._store
        while self._position < store.revision:
            oldest = store.oldest()
            if not oldest <= self._position:
                raise gone(f"too old resource version: {self._position} ({oldest})")
            found, more = store.events(
                query.target.resource, query.target.namespace, self._position
            )
            self._position = found[-1].revision if more else store.revision
            if lines := b"".join(self._seen(event) for event in found):
                return lines
        if self._position > store.revision:
            # A version from another life of the database: only a new list can help.
            raise gone(f"too large resource version: {self._position} ({store.revision})")
        return b""

    def _seen(self, event: Event) -> bytes:
        """The change as this selector sees it: what leaves the selection is DELETED."""
        selector = self._query.selector
        if not selector:
            return self._event(event.type, event.body)
        is_in = selector.matches(orjson.loads(event.body))
        was_in = is_in
        if event.previous is not None:
            was_in = selector.matches(orjson.loads(event.previous))
        if is_in:
            return self._event(event.type if was_in else "ADDED", event.body)
        if event.previous is None or not was_in:
            return b""
        last: Json = orjson.loads(event.previous)
        last["metadata"]["resourceVersion"] = str(event.revision)
        return self._event("DELETED", orjson.dumps(last))

    def _event(self, kind: str, raw: bytes) -> bytes:
        if self._query.include is None:
            return _line(kind, raw)
        body: Json = orjson.loads(raw)
        resource = self._query.target.resource
        meta = {"resourceVersion": body["metadata"]["resourceVersion"]}
        row = table.row(resource, body, self._query.include)
        return _line(kind, orjson.dumps(table.document(resource, meta, [row])))

    def _bookmark(self) -> bytes:
        if not self._query.bookmarks:
            return b""
        resource = self._query.target.resource
        body: Json = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(self._position)},
        }
        if self._query.include is not None:
            body = table.document(resource, body["metadata"], [])
        return _line("BOOKMARK", orjson.dumps(body))


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"
