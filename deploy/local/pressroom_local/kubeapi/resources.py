"""The kinds that the API serves, and what discovery says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pressroom_local.kubeapi.errors import Json, Named
from pressroom_local.kubeapi.schema import Schema

_READ = ("get", "list", "watch")
_ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_STATUS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Column:
    """One printer column. `type` is OpenAPI's (string, integer, number, boolean) or `date`."""

    name: str
    json_path: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One kind. `builtin` kinds follow core rules: no generation, strategic patches, 400 on types.

    `fields` are the dotted paths that field selectors may name, beside the name and namespace.
    """

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    schema: Schema
    namespaced: bool = True
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    fields: tuple[str, ...] = ()
    has_status: bool = False
    builtin: bool = False
    read_only: bool = False
    create_on_update: bool = False
    unconditional_update: bool = False

    @property
    def key(self) -> str:
        """What the store calls this kind: `batchjobs.pressroom.dev`, `secrets`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def verbs(self) -> tuple[str, ...]:
        return _READ if self.read_only else _ALL

    def named(self, name: str = "") -> Named:
        return Named(self.group, self.plural, self.kind, name)


def from_crd(crd: Json) -> Resource:
    """The resource that a CustomResourceDefinition (v1) describes: its storage version."""
    spec, names = crd["spec"], crd["spec"]["names"]
    version = next(found for found in spec["versions"] if found["storage"])
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        kind=names["kind"],
        list_kind=names.get("listKind") or f"{names['kind']}List",
        schema=Schema(version["schema"]["openAPIV3Schema"]),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        columns=tuple(_column(found) for found in version.get("additionalPrinterColumns", ())),
        fields=tuple(
            found["jsonPath"].lstrip(".") for found in version.get("selectableFields", ())
        ),
        has_status="status" in version.get("subresources", {}),
    )


def _column(found: Json) -> Column:
    return Column(
        name=found["name"],
        json_path=found["jsonPath"],
        type=found["type"],
        format=found.get("format", ""),
        description=found.get("description", ""),
        priority=found.get("priority", 0),
    )


class Registry:
    """Every resource, found by its path, its key or its kind."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._by_path = {(r.group, r.version, r.plural): r for r in self.resources}
        self._by_key = {r.key: r for r in self.resources}

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_path.get((group, version, plural))

    def by_key(self, key: str) -> Resource | None:
        return self._by_key.get(key)

    def serves_kind(self, api_version: str, kind: str) -> bool:
        return any(r.api_version == api_version and r.kind == kind for r in self.resources)

    def group_versions(self) -> list[tuple[str, str]]:
        """(group, version) of every served pair, in the order of registration."""
        return list(dict.fromkeys((r.group, r.version) for r in self.resources))

    def versions_document(self) -> Json:
        """`/api`."""
        return {"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"]}

    def groups_document(self) -> Json:
        """`/apis`."""
        groups = [self._group(group, version) for group, version in self.group_versions() if group]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def group_document(self, group: str) -> Json | None:
        """`/apis/<group>`."""
        for known, version in self.group_versions():
            if known == group and group:
                return {"kind": "APIGroup", "apiVersion": "v1"} | self._group(group, version)
        return None

    def resources_document(self, group: str, version: str) -> Json | None:
        """`/api/v1` and `/apis/<group>/<version>`."""
        rows: list[Json] = []
        for resource in self.resources:
            if (resource.group, resource.version) == (group, version):
                rows.extend(_rows(resource))
        if not rows:
            return None
        name = f"{group}/{version}" if group else version
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": name,
            "resources": rows,
        }

    @staticmethod
    def _group(group: str, version: str) -> Json:
        entry = {"groupVersion": f"{group}/{version}", "version": version}
        return {"name": group, "versions": [entry], "preferredVersion": entry}


def _rows(resource: Resource) -> list[Json]:
    row: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if not resource.has_status:
        return [row]
    status = {
        "name": f"{resource.plural}/status",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(_STATUS),
    }
    return [row, status]
