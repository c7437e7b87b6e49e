"""What a request's path names, and the options that its query carries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pressroom_local.kubeapi.errors import Json, bad_request, no_such_path
from pressroom_local.kubeapi.resources import Registry, Resource
from pressroom_local.kubeapi.store import Key


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (no name), an object, or an object's subresource (`status`).

    `namespace` is None for cluster-scoped kinds and for a namespaced kind in all namespaces.
    """

    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""

    @property
    def key(self) -> Key:
        return self.namespace or "", self.name or ""


def resolve(registry: Registry, path: str) -> Target:
    """Reads `/api/v1/...` and `/apis/<group>/<version>/...`; 404 for what is not served."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = None
    if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    resource = registry.find(group, version, rest[0])
    if resource is None or len(rest) > 3 or "" in rest:
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else None
    target = Target(resource, namespace, name, rest[2] if len(rest) > 2 else "")
    _check(target)
    return target


def _check(target: Target) -> None:
    resource = target.resource
    scope_fits = resource.namespaced or target.namespace is None
    named_fits = target.name is None or (target.namespace is not None) == resource.namespaced
    status_fits = target.subresource == "" or (
        target.subresource == "status" and resource.has_status
    )
    if not (scope_fits and named_fits and status_fits):
        raise no_such_path()


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """`dryRun` and `fieldValidation` (Ignore, Warn, Strict)."""

    dry_run: bool = False
    field_validation: str = "Warn"


def write_options(query: Mapping[str, str]) -> WriteOptions:
    dry_run = query.get("dryRun", "")
    validation = query.get("fieldValidation", "") or "Warn"
    if dry_run not in ("", "All"):
        raise bad_request(f"dryRun: Unsupported value: {dry_run!r}")
    if validation not in ("Ignore", "Warn", "Strict"):
        raise bad_request(f"fieldValidation: Unsupported value: {validation!r}")
    return WriteOptions(dry_run=dry_run == "All", field_validation=validation)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """Preconditions that must hold, and whether owned objects are to be left alone."""

    uid: str = ""
    resource_version: str = ""
    orphan: bool = False
    dry_run: bool = False


def delete_options(query: Mapping[str, str], body: Json) -> DeleteOptions:
    conditions = body.get("preconditions") or {}
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    if policy not in ("", "Background", "Foreground", "Orphan"):
        raise bad_request(f"propagationPolicy: Unsupported value: {policy!r}")
    orphan = body.get("orphanDependents") is True or query.get("orphanDependents") == "true"
    return DeleteOptions(
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
        orphan=orphan or policy == "Orphan",
        dry_run=query.get("dryRun") == "All" or "All" in (body.get("dryRun") or ()),
    )
