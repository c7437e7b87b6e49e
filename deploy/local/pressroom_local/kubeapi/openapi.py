"""`/openapi/v3`: what kubectl reads before `apply`, `explain` and server-side validation. Pure."""

from __future__ import annotations

import hashlib

import orjson

from pressroom_local.kubeapi.errors import Json
from pressroom_local.kubeapi.resources import Registry, Resource

_GVK = "x-kubernetes-group-version-kind"
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "pretty")
_META_REF = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_OK: Json = {"200": {"description": "OK"}}


class OpenApi:
    """The index and the documents, built once."""

    def __init__(self, registry: Registry) -> None:
        self._documents = {
            _path(group, version): orjson.dumps(_document(registry, group, version))
            for group, version in registry.group_versions()
        }

    def index(self) -> Json:
        paths = {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(document)}"}
            for path, document in self._documents.items()
        }
        return {"paths": paths}

    def document(self, path: str) -> bytes | None:
        """The document of `api/v1` or `apis/<group>/<version>`."""
        return self._documents.get(path)


def _hash(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest().upper()


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _document(registry: Registry, group: str, version: str) -> Json:
    schemas: Json = {_META_REF: {"type": "object", "description": "Standard object metadata."}}
    paths: Json = {}
    for resource in registry.resources:
        if (resource.group, resource.version) == (group, version):
            schemas[_schema_name(resource)] = _schema(resource)
            paths.update(_paths(resource))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema_name(resource: Resource) -> str:
    domain = ".".join(reversed(resource.group.split("."))) if resource.group else "io.k8s.api.core"
    return f"{domain}.{resource.version}.{resource.kind}"


def _gvk(resource: Resource) -> Json:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema(resource: Resource) -> Json:
    properties: Json = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": f"#/components/schemas/{_META_REF}"}], "default": {}},
    }
    own = {
        key: value
        for key, value in resource.schema.root.get("properties", {}).items()
        if key not in properties
    }
    root = {"type": "object", **resource.schema.root}
    return {**root, "properties": properties | own, _GVK: [_gvk(resource)]}


def _paths(resource: Resource) -> Json:
    prefix = f"/{_path(resource.group, resource.version)}"
    if resource.namespaced:
        prefix += "/namespaces/{namespace}"
    collection = f"{prefix}/{resource.plural}"
    if resource.read_only:
        return {
            collection: {"get": _operation(resource, "list")},
            f"{collection}/{{name}}": {"get": _operation(resource, "get")},
        }
    one: Json = {
        "get": _operation(resource, "get"),
        "put": _operation(resource, "put"),
        "patch": _operation(resource, "patch"),
        "delete": _operation(resource, "delete"),
    }
    paths: Json = {
        collection: {
            "get": _operation(resource, "list"),
            "post": _operation(resource, "post"),
        },
        f"{collection}/{{name}}": one,
    }
    if resource.has_status:
        status = {key: one[key] for key in ("get", "put", "patch")}
        paths[f"{collection}/{{name}}/status"] = status
    return paths


def _operation(resource: Resource, action: str) -> Json:
    content = {
        "application/json": {
            "schema": {"$ref": f"#/components/schemas/{_schema_name(resource)}"},
        }
    }
    operation: Json = {
        "responses": {"200": {"description": "OK", "content": content}}
        if action != "delete"
        else _OK,
        "x-kubernetes-action": action,
        _GVK: _gvk(resource),
    }
    if action in ("post", "put", "patch", "delete"):
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
            for name in _WRITE_PARAMETERS
        ]
    if action in ("post", "put"):
        operation["requestBody"] = {"content": content}
    return operation
