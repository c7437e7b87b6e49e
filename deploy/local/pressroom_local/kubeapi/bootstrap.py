"""What is there before the first request: the namespaces and the served CRDs."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable

from pressroom_local.kubeapi import metadata
from pressroom_local.kubeapi.errors import Json
from pressroom_local.kubeapi.resources import Registry, Resource
from pressroom_local.kubeapi.selectors import Selector
from pressroom_local.kubeapi.store import Store
from pressroom_local.kubeapi.target import Target, WriteOptions
from pressroom_local.kubeapi.writes import Writer

_NAMESPACES = ("default", "pressroom")
_PAGE = 100


def prepare(registry: Registry, store: Store, writer: Writer, crds: Iterable[Json]) -> None:
    """Idempotent: a restart with the same CRDs writes nothing."""
    namespaces = _kind(registry, "namespaces")
    for name in _NAMESPACES:
        if store.get(namespaces, ("", name)) is None:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            writer.create(Target(namespaces), body, WriteOptions())
    _put_crds(_kind(registry, "customresourcedefinitions.apiextensions.k8s.io"), store, crds)


def _kind(registry: Registry, key: str) -> Resource:
    found = registry.by_key(key)
    if found is None:
        raise LookupError(f"the API does not serve {key}")
    return found


def _put_crds(resource: Resource, store: Store, crds: Iterable[Json]) -> None:
    wanted = {crd["metadata"]["name"]: crd for crd in crds}
    with store.snapshot(resource, Selector()) as snapshot:
        present = {key[1] for key, _ in snapshot.page(None, ("", ""), _PAGE)}
    with store.transaction() as change:
        for name, crd in wanted.items():
            old = change.get(resource, ("", name))
            new = _established(crd, old)
            if old is None or _content(old) != _content(new):
                change.put(resource, new, old)
        for name in present - wanted.keys():
            gone = change.get(resource, ("", name))
            if gone is not None:
                change.remove(resource, gone)


def _established(crd: Json, old: Json | None) -> Json:
    """The CRD as a server shows it once it serves the kind."""
    body: Json = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    body |= copy.deepcopy(crd)
    names, version = body["spec"]["names"], body["spec"]["versions"][0]["name"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    before: Json = old["metadata"] if old else {}
    created = before.get("creationTimestamp") or metadata.now()
    body["metadata"] |= {
        "uid": before.get("uid") or str(uuid.uuid4()),
        "creationTimestamp": created,
        "generation": before.get("generation", 1),
    }
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": created,
        }
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    body["status"] = {
        "acceptedNames": names,
        "conditions": conditions,
        "storedVersions": [version],
    }
    return body


def _content(body: Json) -> Json:
    meta = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
    return body | {"metadata": meta}
