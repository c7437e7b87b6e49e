"""List-and-watch: keeps the latest state of all resources of one kind in memory.

It only reads. Each resource is held once, without what only the API and kubectl need, and less
what ``slim`` takes off: about 9 KB for a finished BatchJob (2 KB as JSON), so memory is bounded by
what the API holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from pressroom.errors import PressroomError
from pressroom.lifecycle import backoff
from pressroom.ports import Jobs, Json, Kind, WatchEvent, WatchExpired

_log = logging.getLogger(__name__)

#: Called with ADDED, MODIFIED or DELETED and the resource. It must return soon and not raise.
OnEvent = Callable[[str, Json], None]
#: Takes out of a resource, in place, what its holder does not need. Pure.
Slim = Callable[[Json], None]
_Key = tuple[str, str]
#: A watch that lived so many seconds was a good one: the backoff starts again.
_GOOD_WATCH = 5.0


class Informer:
    """The resources of ``kind`` in ``namespace`` (of all namespaces where it is None).

    ``synced`` is set once the first list has been taken in. Events may repeat and may skip states
    in between, but the last one of a resource always tells how it is; a resource that vanished
    while the API was away shows up as DELETED.
    """

    def __init__(
        self,
        jobs: Jobs,
        kind: Kind,
        namespace: str | None,
        on_event: OnEvent | None = None,
        *,
        label_selector: str = "",
        slim: Slim | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self._jobs = jobs
        self._kind = kind
        self._namespace = namespace
        self._on_event = on_event
        self._label_selector = label_selector
        self._slim = slim
        self._objects: dict[_Key, Json] = {}
        self._version = ""

    def get(self, namespace: str, name: str) -> Json | None:
        """The resource as last seen. Shared: do not change it."""
        return self._objects.get((namespace, name))

    def items(self) -> list[Json]:
        """All resources as last seen. Shared: do not change them."""
        return list(self._objects.values())

    async def run(self) -> None:
        """Follow the API until cancelled; an API that is away is asked again with backoff."""
        loop = asyncio.get_running_loop()
        delays = backoff()
        while True:
            began = loop.time()
            try:
                if not self._version:
                    await self._relist()
                await self._follow()
            except WatchExpired:
                self._version = ""
            except PressroomError as error:
                extra = {"action": "informer-retry", "plural": self._kind.plural}
                _log.warning("Cannot watch: %s", error.log, extra=extra)
            if loop.time() - began > _GOOD_WATCH:
                delays = backoff()
            # After a clean end too: a server that ends watches at once is not asked in a hot loop.
            await asyncio.sleep(next(delays))

    async def _relist(self) -> None:
        listing = await self._jobs.list(
            self._kind, self._namespace, label_selector=self._label_selector
        )
        fresh = {_key(item): item for item in listing.items}
        for key in self._objects.keys() - fresh.keys():
            self._forget(key, self._objects[key])
        for item in fresh.values():
            self._keep(item)
        self._version = listing.resource_version
        self.synced.set()

    async def _follow(self) -> None:
        """Take in events until the watch ends."""
        events = self._jobs.watch(
            self._kind, self._namespace, self._version, label_selector=self._label_selector
        )
        async with aclosing(cast("AsyncGenerator[WatchEvent, None]", events)) as open_events:
            async for event in open_events:
                if event.type == "DELETED":
                    self._forget(_key(event.object), event.object)
                elif event.type in ("ADDED", "MODIFIED"):
                    self._keep(event.object)
                # A bookmark brings nothing but its version.
                self._version = event.object["metadata"]["resourceVersion"]

    def _keep(self, item: Json) -> None:
        _drop_bookkeeping(item)
        if self._slim is not None:
            self._slim(item)
        key = _key(item)
        known = self._objects.get(key)
        self._objects[key] = item
        if known is None:
            self._tell("ADDED", item)
        elif known["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            self._tell("MODIFIED", item)

    def _forget(self, key: _Key, item: Json) -> None:
        if self._objects.pop(key, None) is not None:
            self._tell("DELETED", item)

    def _tell(self, event: str, item: Json) -> None:
        if self._on_event is not None:
            self._on_event(event, item)


def _key(item: Json) -> _Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _drop_bookkeeping(item: Json) -> None:
    metadata = item["metadata"]
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if annotations is not None:
        # A second copy of the whole resource, kept by client-side apply.
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
