"""The Jobs port in memory: what tests of the parts run on.

It keeps to the API's rules that the farm relies on: one rising resourceVersion, generations,
status apart, finalizers, preconditions, merge patches, label selectors and watches. It checks no
schema.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import uuid
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from pressroom.errors import Code, ConflictError, NotFoundError, UnavailableError, UserError
from pressroom.ports import (
    BATCH_JOBS,
    TEMPLATES,
    TENANTS,
    Json,
    Kind,
    Listing,
    WatchEvent,
    WatchExpired,
)
from pressroom.testing.label_selectors import selects

_STATUS_KINDS = frozenset({BATCH_JOBS, TEMPLATES, TENANTS})
_KEPT_METADATA = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
)
_LOOK_SECONDS = 0.05

_Id = tuple[Kind, str, str]


class MemoryJobs:
    """``away``: set it and every call raises UnavailableError, watches included.

    ``history`` is how many changes a watch may be behind before it is told to list again;
    :meth:`expire` has the same effect at once.
    """

    def __init__(self, *, history: int = 10_000) -> None:
        self.away = False
        self._history = history
        self._version = 1
        self._oldest = 1
        self._objects: dict[_Id, Json] = {}
        self._log: list[tuple[int, Kind, str, Json, Json | None]] = []
        self._changed = asyncio.Event()

    def expire(self) -> None:
        """Forget all changes so far: older watches are told to list again."""
        self._log.clear()
        self._oldest = self._version

    async def get(self, kind: Kind, namespace: str, name: str, *, subresource: str = "") -> Json:
        found = copy.deepcopy(self._found(kind, namespace, name))
        return _scale(found) if subresource == "scale" else found

    async def list(self, kind: Kind, namespace: str | None, *, label_selector: str = "") -> Listing:
        self._answer_or_raise()
        items = [
            copy.deepcopy(found)
            for (of, where, _), found in sorted(self._objects.items(), key=lambda each: each[0][1:])
            if of == kind and namespace in (None, where) and selects(label_selector, found)
        ]
        return Listing(items, str(self._version))

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        self._answer_or_raise()
        item = copy.deepcopy(body)
        metadata = item.setdefault("metadata", {})
        name = metadata.get("name") or metadata.get("generateName", "") + uuid.uuid4().hex[:5]
        if (kind, namespace, name) in self._objects:
            raise ConflictError(f'{kind.plural} "{name}" already exists')
        metadata.update(name=name, namespace=namespace, uid=str(uuid.uuid4()), generation=1)
        metadata["creationTimestamp"] = _now()
        item.setdefault("apiVersion", kind.api_version)
        item.setdefault("kind", kind.kind)
        if kind in _STATUS_KINDS:
            item.pop("status", None)
        _take_string_data(item)
        return self._write(kind, "ADDED", item, None)

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        old = self._found(kind, namespace, name)
        _check_version(old, patch)
        if subresource == "scale":
            replicas = merge_patch(_scale(old), patch)["spec"]["replicas"]
            wanted = merge_patch(old, {"spec": {"replicas": replicas}})
            return _scale(self._update(kind, old, wanted, ""))
        return self._update(kind, old, merge_patch(old, patch), subresource)

    async def replace(self, kind: Kind, namespace: str, name: str, body: Json) -> Json:
        old = self._found(kind, namespace, name)
        if not body.get("metadata", {}).get("resourceVersion"):
            raise UserError(Code.INVALID_REQUEST, "metadata.resourceVersion: required", status=422)
        _check_version(old, body)
        return self._update(kind, old, copy.deepcopy(body), "")

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None
    ) -> None:
        self._delete(kind, namespace, name, uid)

    def _delete(self, kind: Kind, namespace: str, name: str, uid: str | None) -> None:
        old = self._found(kind, namespace, name)
        if uid is not None and uid != old["metadata"]["uid"]:
            raise ConflictError(f'{kind.plural} "{name}": the uid differs')
        if not old["metadata"].get("finalizers"):
            self._remove(kind, old)
        elif "deletionTimestamp" not in old["metadata"]:
            new = copy.deepcopy(old)
            new["metadata"].update(deletionTimestamp=_now(), deletionGracePeriodSeconds=0)
            new["metadata"]["generation"] += 1
            self._write(kind, "MODIFIED", new, old)

    async def watch(
        self, kind: Kind, namespace: str | None, resource_version: str, *, label_selector: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        seen = int(resource_version or 0)
        while True:
            self._answer_or_raise()
            if seen < self._oldest and seen < self._version:
                raise WatchExpired(f"too old resource version: {seen}")
            for version, of, event, item, before in list(self._log):
                if version <= seen:
                    continue
                seen = version
                if of == kind and namespace in (None, item["metadata"]["namespace"]):
                    shown = _shown(event, item, before, label_selector)
                    if shown:
                        yield WatchEvent(shown, copy.deepcopy(item))
            if seen == self._version:
                await self._wait()

    async def check(self) -> None:
        self._answer_or_raise()

    def _update(self, kind: Kind, old: Json, wanted: Json, subresource: str) -> Json:
        new = _allowed(kind, old, wanted, subresource)
        if new == old:
            return copy.deepcopy(old)
        if _without(new, "metadata", "status") != _without(old, "metadata", "status"):
            new["metadata"]["generation"] += 1
        if "deletionTimestamp" in old["metadata"]:
            added = set(new["metadata"].get("finalizers", ())) - set(old["metadata"]["finalizers"])
            if added:
                text = "metadata.finalizers: none can be added to what is being deleted"
                raise UserError(Code.INVALID_REQUEST, text, status=422)
            if not new["metadata"].get("finalizers"):
                return self._remove(kind, new)
        return self._write(kind, "MODIFIED", new, old)

    def _remove(self, kind: Kind, old: Json) -> Json:
        gone = self._write(kind, "DELETED", copy.deepcopy(old), old)
        owner = old["metadata"]["uid"]
        for (of, namespace, name), item in list(self._objects.items()):
            owners = item["metadata"].get("ownerReferences", ())
            if any(each["uid"] == owner for each in owners):
                self._delete(of, namespace, name, None)
        return gone

    def _write(self, kind: Kind, event: str, new: Json, old: Json | None) -> Json:
        self._version += 1
        metadata = new["metadata"]
        metadata["resourceVersion"] = str(self._version)
        key = (kind, metadata["namespace"], metadata["name"])
        if event == "DELETED":
            self._objects.pop(key)
        else:
            self._objects[key] = new
        self._log.append((self._version, kind, event, new, old))
        if len(self._log) > self._history:
            del self._log[0]
            self._oldest = self._log[0][0] - 1
        self._changed.set()
        self._changed = asyncio.Event()
        return copy.deepcopy(new)

    async def _wait(self) -> None:
        """Until something is written; awake now and then to see whether we are away."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return

    def _found(self, kind: Kind, namespace: str, name: str) -> Json:
        self._answer_or_raise()
        try:
            return self._objects[kind, namespace, name]
        except KeyError:
            raise NotFoundError(f'{kind.plural} "{name}" not found') from None

    def _answer_or_raise(self) -> None:
        if self.away:
            raise UnavailableError("The Kubernetes API is away.")


def _scale(found: Json) -> Json:
    """A resource as its subresource ``scale`` (autoscaling/v1) shows it."""
    labels = found["spec"].get("selector", {}).get("matchLabels", {})
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": found["metadata"],
        "spec": {"replicas": found["spec"].get("replicas", 1)},
        "status": {"selector": ",".join(f"{key}={value}" for key, value in labels.items())},
    }


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: a new value; null removes a member, anything but an object replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = copy.deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _allowed(kind: Kind, old: Json, wanted: Json, subresource: str) -> Json:
    """What of ``wanted`` may be written: the status alone, or all but the status."""
    if subresource == "status":
        new = copy.deepcopy(old)
        new.pop("status", None)
        if "status" in wanted:
            new["status"] = wanted["status"]
        return new
    new = wanted
    if kind in _STATUS_KINDS:
        new.pop("status", None)
        if "status" in old:
            new["status"] = copy.deepcopy(old["status"])
    for name in (*_KEPT_METADATA, "resourceVersion"):
        if name in old["metadata"]:
            new["metadata"][name] = old["metadata"][name]
    for name in ("labels", "annotations", "finalizers", "ownerReferences"):
        if not new["metadata"].get(name, True):
            del new["metadata"][name]
    _take_string_data(new)
    return new


def _take_string_data(item: Json) -> None:
    """A Secret's ``stringData`` is written only; reads show base64 ``data``."""
    if "stringData" in item and item.get("kind") == "Secret":
        text = item.pop("stringData") or {}
        data = item.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in text.items()})


def _check_version(old: Json, body: Json) -> None:
    for name in ("resourceVersion", "uid"):
        wanted = body.get("metadata", {}).get(name)
        if wanted and wanted != old["metadata"][name]:
            raise ConflictError("the object has been modified; apply your changes to the latest")


def _shown(event: str, item: Json, before: Json | None, selector: str) -> str:
    """The event as a watch with this selector sees it; empty where it does not."""
    is_in = selects(selector, item)
    was_in = before is not None and selects(selector, before)
    if event == "MODIFIED" and is_in != was_in:
        return "ADDED" if is_in else "DELETED"
    return event if is_in else ""


def _without(item: Json, *members: str) -> Json:
    return {name: value for name, value in item.items() if name not in members}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
