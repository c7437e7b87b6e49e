"""Resources as this gateway knows them: an informer's cache, and this gateway's own later writes.

A client that has just written must see what it wrote, though the watch may not have brought it yet.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from pressroom import names
from pressroom.errors import NotFoundError
from pressroom.informer import OnEvent
from pressroom.ports import Jobs, Json, Kind

#: How long an own write is remembered; a watch that lags more than this is not followed at all.
OVERLAY_SECONDS = 60.0


def slim_batch(body: Json) -> None:
    """Take off a BatchJob what no answer shows: templates and the data of inline rows."""
    spec = body["spec"]
    if "html" in spec:
        spec["html"] = ""
    for heavy in ("headerHtml", "footerHtml", "firstHeaderHtml", "attachments", "facturX"):
        spec.get("page", {}).pop(heavy, None)
    if "rows" in spec:
        spec["rows"] = [{"id": row["id"]} if "id" in row else {} for row in spec["rows"]]


def order_of(batch: Json) -> tuple[str, str, str]:
    """What batches are sorted by: when they were made, and for those of a second in which order."""
    meta = batch["metadata"]
    submitted = (meta.get("annotations") or {}).get(names.ANNOTATION_SUBMITTED_AT, "")
    return meta["creationTimestamp"], submitted, meta["name"]


class Cache(Protocol):
    """What is used of an informer."""

    def get(self, namespace: str, name: str) -> Json | None: ...

    def items(self) -> list[Json]: ...


class View:
    """One kind of resource in one namespace."""

    def __init__(
        self,
        jobs: Jobs,
        kind: Kind,
        namespace: str,
        cache: Cache,
        on_write: OnEvent | None = None,
    ) -> None:
        self._jobs = jobs
        self._kind = kind
        self._namespace = namespace
        self._cache = cache
        self._on_write = on_write
        self._written: dict[str, tuple[float, Json]] = {}
        self._deleted: dict[str, float] = {}

    def put(self, body: Json) -> None:
        """Remember what a write returned."""
        self._prune()
        self._written[body["metadata"]["name"]] = (time.monotonic() + OVERLAY_SECONDS, body)
        if self._on_write is not None:
            self._on_write("MODIFIED", body)

    def forget(self, body: Json) -> None:
        """Remember that this very resource was deleted."""
        self._prune()
        self._written.pop(body["metadata"]["name"], None)
        self._deleted[body["metadata"]["uid"]] = time.monotonic() + OVERLAY_SECONDS
        if self._on_write is not None:
            self._on_write("DELETED", body)

    def cached(self, name: str) -> Json | None:
        """The resource as far as it is known without asking; None where it is being deleted."""
        body = self._newest(name, self._cache.get(self._namespace, name))
        return None if body is None or self.is_going(body) else body

    async def get(self, name: str) -> Json | None:
        """The resource, asking the API where it is not known; None where it is being deleted."""
        if self._newest(name, self._cache.get(self._namespace, name)) is not None:
            return self.cached(name)
        try:
            body = await self._jobs.get(self._kind, self._namespace, name)
        except NotFoundError:
            return None
        return None if self.is_going(body) else body

    def items(self) -> list[Json]:
        """All resources that are known and not being deleted."""
        found = {body["metadata"]["name"]: body for body in self._cache.items()}
        for name in list(self._written):
            body = self._newest(name, found.get(name))
            if body is not None:
                found[name] = body
        return [body for body in found.values() if not self.is_going(body)]

    def is_going(self, body: Json) -> bool:
        """True for a resource that is being deleted."""
        meta = body["metadata"]
        return "deletionTimestamp" in meta or meta["uid"] in self._deleted

    def _newest(self, name: str, cached: Json | None) -> Json | None:
        mine = self._written.get(name)
        if mine is None:
            return cached
        deadline, body = mine
        if deadline < time.monotonic() or (cached is not None and not _newer(body, cached)):
            del self._written[name]
            return cached
        return body

    def _prune(self) -> None:
        now = time.monotonic()
        self._deleted = {uid: end for uid, end in self._deleted.items() if end > now}
        self._written = {name: one for name, one in self._written.items() if one[0] > now}


def _newer(mine: dict[str, Any], cached: dict[str, Any]) -> bool:
    """Whether an own write is later than what the watch brought: versions of a kind are ordered."""
    return int(mine["metadata"]["resourceVersion"]) > int(cached["metadata"]["resourceVersion"])
