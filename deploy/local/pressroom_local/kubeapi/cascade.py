"""Deletion and what follows from it: finalizers, owned objects, emptied namespaces.

Works inside a transaction of the store. Foreground and background propagation are the same here:
owned objects go in the transaction that removes their owner.
"""

from __future__ import annotations

import copy
from collections import deque

from pressroom_local.kubeapi import metadata
from pressroom_local.kubeapi.errors import Json
from pressroom_local.kubeapi.resources import Registry, Resource
from pressroom_local.kubeapi.store import Key, Transaction


class Reaper:
    """Deletes objects in one transaction."""

    def __init__(self, registry: Registry, change: Transaction) -> None:
        self._registry = registry
        self._change = change
        self._due: deque[tuple[Resource, Key, str]] = deque()

    def delete(self, resource: Resource, body: Json, *, orphan: bool = False) -> Json:
        """Removes the object, or marks it while finalizers hold it; returns its last state."""
        if orphan:
            self._release_children(body["metadata"]["uid"])
        last = self._delete_one(resource, body)
        self._drain()
        return last

    def finish(self, resource: Resource, body: Json) -> Json:
        """Removes an object whose last finalizer has gone, and what depended on it."""
        last = self._remove(resource, body)
        self._drain()
        return last

    def collect_if_abandoned(self, resource: Resource, body: Json) -> None:
        """Deletes an object all of whose owners (of kinds served here) are gone already."""
        if self._is_abandoned(body):
            self.delete(resource, body)

    def _drain(self) -> None:
        while self._due:
            resource, key, uid = self._due.popleft()
            body = self._change.get(resource, key)
            # It may have gone meanwhile: by an owner that was deleted before it, for one.
            if body is not None and body["metadata"]["uid"] == uid:
                self._delete_one(resource, body)

    def _queue(self, key: str, body: Json) -> None:
        meta = body["metadata"]
        if (resource := self._registry.by_key(key)) is not None:
            self._due.append((resource, (meta.get("namespace", ""), meta["name"]), meta["uid"]))

    def _delete_one(self, resource: Resource, body: Json) -> Json:
        if resource.plural == "namespaces":
            return self._delete_namespace(resource, body)
        if not body["metadata"].get("finalizers"):
            return self._remove(resource, body)
        return self._mark(resource, body)

    def _mark(self, resource: Resource, body: Json) -> Json:
        """Sets the deletionTimestamp, once."""
        meta = body["metadata"]
        if "deletionTimestamp" in meta:
            return body
        old = copy.deepcopy(body)
        meta["deletionTimestamp"] = metadata.now()
        meta["deletionGracePeriodSeconds"] = 0
        if resource.plural == "namespaces":
            body.setdefault("status", {})["phase"] = "Terminating"
        if "generation" in meta:
            meta["generation"] += 1
        return self._change.put(resource, body, old)

    def _remove(self, resource: Resource, body: Json) -> Json:
        meta = body["metadata"]
        last = self._change.remove(resource, body)
        for key, child in self._change.children(meta["uid"]):
            if self._is_abandoned(child):
                self._queue(key, child)
        if resource.namespaced:
            self._finish_namespace(meta["namespace"])
        return last

    def _delete_namespace(self, resource: Resource, body: Json) -> Json:
        name = body["metadata"]["name"]
        last = self._mark(resource, body)
        for key, found in self._change.inside(name):
            self._queue(key, found)
        if self._change.is_empty(name):
            return self._remove(resource, last)
        return last

    def _finish_namespace(self, name: str) -> None:
        """Removes a terminating namespace after the last object in it."""
        namespaces = self._registry.by_key("namespaces")
        if namespaces is None or not self._change.is_empty(name):
            return
        found = self._change.get(namespaces, ("", name))
        if found is not None and "deletionTimestamp" in found["metadata"]:
            self._change.remove(namespaces, found)

    def _release_children(self, uid: str) -> None:
        for key, child in self._change.children(uid):
            kind = self._registry.by_key(key)
            if kind is None:
                continue
            old = copy.deepcopy(child)
            refs = [ref for ref in child["metadata"]["ownerReferences"] if ref["uid"] != uid]
            child["metadata"].pop("ownerReferences")
            if refs:
                child["metadata"]["ownerReferences"] = refs
            self._change.put(kind, child, old)

    def _is_abandoned(self, body: Json) -> bool:
        refs: list[Json] = body["metadata"].get("ownerReferences", [])
        return bool(refs) and all(
            self._registry.serves_kind(ref["apiVersion"], ref["kind"])
            and not self._change.exists(ref["uid"])
            for ref in refs
        )
