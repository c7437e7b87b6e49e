"""Create, replace, patch and delete, as kube-apiserver does them.

Works on the store by transactions; knows nothing of HTTP but status codes in its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import orjson

from pressroom_local.kubeapi import core_kinds, errors, metadata, patches
from pressroom_local.kubeapi.cascade import Reaper
from pressroom_local.kubeapi.errors import Cause, Json
from pressroom_local.kubeapi.resources import Registry, Resource
from pressroom_local.kubeapi.selectors import Selector
from pressroom_local.kubeapi.store import Store, Transaction
from pressroom_local.kubeapi.target import DeleteOptions, Target, WriteOptions

Validator = Callable[[dict[str, Any], dict[str, Any] | None], list[str]]
"""Takes the new object and (for an update) the old one; returns `spec.x: what is wrong`, …"""

_KEPT_NAMESPACES = ("default",)
_NAME_ATTEMPTS = 8
_NO_GENERATION = frozenset({"apiVersion", "kind", "metadata", "status"})
_NO_RULES = _NO_GENERATION  # a report of status must not fail on what it did not change


@dataclass(frozen=True, slots=True)
class Written:
    """The object after the write, and warnings for the client."""

    body: Json
    warnings: tuple[str, ...] = ()
    created: bool = False


class Writer:
    """All writes of one API."""

    def __init__(
        self, registry: Registry, store: Store, validators: Mapping[str, Validator]
    ) -> None:
        self._registry = registry
        self._store = store
        self._validators = validators

    def create(self, target: Target, body: Json, options: WriteOptions) -> Written:
        """201, or 409 AlreadyExists, 404 for a missing namespace, 422."""
        resource = target.resource
        _check_envelope(resource, body)
        metadata.tidy(body)
        _check_namespace(target, body)
        if resource.has_status and not resource.builtin:
            body.pop("status", None)
        warnings = _shape(resource, body, options)
        generated = not body["metadata"].get("name")
        with self._store.transaction(dry_run=options.dry_run) as change:
            self._require_namespace(change, target, body)
            for _ in range(_NAME_ATTEMPTS if generated else 1):
                if generated:
                    body["metadata"].pop("name", None)
                metadata.start(body, with_generation=not resource.builtin)
                key = (target.namespace or "", body["metadata"].get("name", ""))
                existing = change.get(resource, key)
                if existing is None:
                    break
            else:
                terminating = existing is not None and "deletionTimestamp" in existing["metadata"]
                raise errors.already_exists(resource.named(key[1]), terminating=terminating)
            self._validate(resource, body, None)
            core_kinds.admit(resource, body)
            change.put(resource, body, None)
            self._collect(change, resource, body)
        return Written(body, warnings, created=True)

    def replace(self, target: Target, body: Json, options: WriteOptions) -> Written:
        """PUT. 404, 409 for a stale resourceVersion, 422."""
        resource = target.resource
        _check_envelope(resource, body)
        metadata.tidy(body)
        _check_namespace(target, body)
        body["metadata"].setdefault("name", target.name)
        _check_name(target, body)
        with self._store.transaction(dry_run=options.dry_run) as change:
            old = change.get(resource, target.key)
            if old is not None:
                if not resource.unconditional_update:
                    _require_version(resource, body)
                return self._update(change, target, old, body, options)
        if not resource.create_on_update or target.subresource:
            raise errors.not_found(resource.named(target.name or ""))
        return self.create(target, body, options)

    def patch(self, target: Target, kind: str, patch: Any, options: WriteOptions) -> Written:
        """PATCH, by content type. 404, 409, 415, 422."""
        resource = target.resource
        _check_patch_type(resource, kind)
        with self._store.transaction(dry_run=options.dry_run) as change:
            old = change.get(resource, target.key)
            new: Any = change.get(resource, target.key)
            if old is None:
                raise errors.not_found(resource.named(target.name or ""))
            if kind == patches.JSON_PATCH:
                new = patches.json_patch(new, patch)
            else:
                if not isinstance(patch, dict):
                    raise errors.bad_request("a merge patch is an object")
                plain = patch if kind == patches.MERGE else patches.without_directives(patch)
                new = patches.merge(new, plain)
            if not isinstance(new, dict):
                raise errors.unprocessable("the patched object is not an object")
            _check_envelope(resource, new)
            metadata.tidy(new)
            _check_namespace(target, new)
            _check_name(target, new)
            _check_uid(resource, old, new)
            return self._update(change, target, old, new, options)

    def delete(self, target: Target, options: DeleteOptions) -> tuple[Json, bool]:
        """The object's last state, and whether it is gone (finalizers may hold it)."""
        resource, name = target.resource, target.name or ""
        if resource.plural == "namespaces" and name in _KEPT_NAMESPACES:
            raise errors.forbidden(resource.named(name), "this namespace may not be deleted")
        with self._store.transaction(dry_run=options.dry_run) as change:
            body = change.get(resource, target.key)
            if body is None:
                raise errors.not_found(resource.named(name))
            _check_preconditions(resource, body, options)
            last = Reaper(self._registry, change).delete(resource, body, orphan=options.orphan)
            return last, change.get(resource, target.key) is None

    def delete_collection(
        self, target: Target, selector: Selector, options: DeleteOptions
    ) -> list[Json]:
        """Deletes everything that the selector matches; returns the last states."""
        resource, deleted = target.resource, []
        with self._store.snapshot(resource, selector) as snapshot:
            for page in snapshot.pages(target.namespace):
                for raw in page:
                    meta = orjson.loads(raw)["metadata"]
                    one = Target(resource, meta.get("namespace"), meta["name"])
                    try:
                        deleted.append(self.delete(one, options)[0])
                    except errors.ApiError as error:
                        if error.code != 404:  # deleted meanwhile, as an owned object
                            raise
        return deleted

    def _update(
        self, change: Transaction, target: Target, old: Json, new: Json, options: WriteOptions
    ) -> Written:
        resource = target.resource
        # As if it had been written today: what a newer schema adds is not this client's change.
        resource.schema.prune(old)
        resource.schema.default(old)
        _check_identity(resource, old, new)
        metadata.carry_over(old, new)
        new = _endpoint_view(target, old, new)
        warnings = _shape(resource, new, options)
        changed = _changed(old, new)
        if not changed:
            return Written(old, warnings)
        if "generation" in new["metadata"] and changed - _NO_GENERATION:
            new["metadata"]["generation"] += 1
        self._validate(resource, new, old, changed)
        core_kinds.admit(resource, new)
        if not _changed(old, new):
            return Written(old, warnings)
        if "deletionTimestamp" in old["metadata"] and _is_released(resource, new):
            return Written(Reaper(self._registry, change).finish(resource, new), warnings)
        change.put(resource, new, old)
        if "metadata" in changed:
            self._collect(change, resource, new)
        return Written(new, warnings)

    def _validate(
        self,
        resource: Resource,
        new: Json,
        old: Json | None,
        changed: Set[str] | None = None,
    ) -> None:
        named = resource.named(new["metadata"].get("name", ""))
        changed = new.keys() if changed is None else changed
        causes = metadata.causes(new["metadata"], label_name=resource.plural == "namespaces")
        if old is not None and (added := metadata.new_finalizers(old, new)):
            causes.append(added)
        causes += resource.schema.causes(new, changed)
        if resource.builtin and any(cause.is_type for cause in causes):
            what = "; ".join(str(cause) for cause in causes)
            raise errors.bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a '
                f"{resource.kind}: {what}"
            )
        validator = self._validators.get(resource.kind)
        if not causes and validator is not None and changed - _NO_RULES:
            causes = [_said(message) for message in validator(new, old)]
            causes = [cause for cause in causes if _top(cause) in {*changed, ""}]
        if causes:
            raise errors.invalid(named, causes)

    def _require_namespace(self, change: Transaction, target: Target, body: Json) -> None:
        namespaces = self._registry.by_key("namespaces")
        if not target.resource.namespaced or namespaces is None:
            return
        name = target.namespace or ""
        found = change.get(namespaces, ("", name))
        if found is None:
            raise errors.not_found(namespaces.named(name))
        if "deletionTimestamp" in found["metadata"]:
            why = f"unable to create new content in namespace {name} because it is being terminated"
            raise errors.forbidden(target.resource.named(body["metadata"].get("name", "")), why)

    def _collect(self, change: Transaction, resource: Resource, body: Json) -> None:
        if "ownerReferences" in body["metadata"]:
            Reaper(self._registry, change).collect_if_abandoned(resource, dict(body))


def _check_envelope(resource: Resource, body: Json) -> None:
    if resource.builtin:
        body["apiVersion"] = body.get("apiVersion") or resource.api_version
        body["kind"] = body.get("kind") or resource.kind
    if not body.get("kind") or not body.get("apiVersion"):
        missing = "Kind" if not body.get("kind") else "apiVersion"
        raise errors.bad_request(f"Object '{missing}' is missing in the request's body")
    if not resource.builtin and body["apiVersion"] == resource.api_version:
        _check_kind(resource, body)
    said = body["apiVersion"], body["kind"]
    if said != (resource.api_version, resource.kind):
        raise errors.bad_request(
            f"the API version and kind in the data ({said[0]}, {said[1]}) do not match the "
            f"expected ones ({resource.api_version}, {resource.kind})"
        )


def _check_kind(resource: Resource, body: Json) -> None:
    """Another kind of the same group and version is a field with a wrong value."""
    if body["kind"] != resource.kind:
        text = f'Invalid value: "{body["kind"]}": must be {resource.kind}'
        cause = Cause("kind", "FieldValueInvalid", text)
        raise errors.invalid(resource.named(str(body.get("metadata", {}).get("name", ""))), [cause])


def _check_namespace(target: Target, body: Json) -> None:
    meta = body["metadata"]
    if not target.resource.namespaced:
        meta.pop("namespace", None)
        return
    if meta.setdefault("namespace", target.namespace) != target.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _check_name(target: Target, body: Json) -> None:
    name = body["metadata"].get("name", "")
    if name != target.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )


def _check_patch_type(resource: Resource, kind: str) -> None:
    accepted = [patches.JSON_PATCH, patches.MERGE]
    if resource.builtin:
        accepted.append(patches.STRATEGIC)
    if kind not in accepted:
        raise errors.unsupported_media_type(accepted)


def _require_version(resource: Resource, body: Json) -> None:
    if not body["metadata"].get("resourceVersion"):
        field = "metadata.resourceVersion"
        text = "Invalid value: 0: must be specified for an update"
        cause = Cause(field, "FieldValueInvalid", text)
        raise errors.invalid(resource.named(body["metadata"]["name"]), [cause])


def _check_identity(resource: Resource, old: Json, new: Json) -> None:
    before, after = old["metadata"], new["metadata"]
    named = resource.named(before["name"])
    if after.get("uid", before["uid"]) != before["uid"]:
        raise errors.conflict(named, _uid_differs(after["uid"], before["uid"]))
    version = after.get("resourceVersion") or before["resourceVersion"]
    if version != before["resourceVersion"]:
        raise errors.conflict(named)


def _check_uid(resource: Resource, old: Json, new: Json) -> None:
    """A PUT's uid is a precondition (409); a patch's is a change of what may not change (422)."""
    before, after = old["metadata"], new["metadata"]
    uid = after.get("uid", before["uid"])
    if uid != before["uid"]:
        text = f'Invalid value: "{uid}": field is immutable'
        cause = Cause("metadata.uid", "FieldValueInvalid", text)
        raise errors.invalid(resource.named(before["name"]), [cause])


def _check_preconditions(resource: Resource, body: Json, options: DeleteOptions) -> None:
    meta = body["metadata"]
    named = resource.named(meta["name"])
    if options.uid not in ("", meta["uid"]):
        raise errors.conflict(named, _uid_differs(options.uid, meta["uid"]))
    if options.resource_version not in ("", meta["resourceVersion"]):
        why = (
            f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
            f"ResourceVersion in object meta: {meta['resourceVersion']}"
        )
        raise errors.conflict(named, why)


def _uid_differs(wanted: str, found: str) -> str:
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"


def _endpoint_view(target: Target, old: Json, new: Json) -> Json:
    """`/status` takes the status only; the main endpoint takes everything but the status."""
    if not target.resource.has_status:
        return new
    body, status = (old, new) if target.subresource else (new, old)
    seen = {key: value for key, value in body.items() if key != "status"}
    if status.get("status") is not None:
        seen["status"] = status["status"]
    return seen | {"metadata": dict(body["metadata"])}


def _shape(resource: Resource, body: Json, options: WriteOptions) -> tuple[str, ...]:
    """Prunes and defaults the object; returns warnings for what was pruned."""
    dropped = resource.schema.prune(body)
    resource.schema.default(body)
    said = tuple(f'unknown field "{path}"' for path in dropped)
    if said and options.field_validation == "Strict":
        raise errors.bad_request(f"strict decoding error: {', '.join(said)}")
    return () if options.field_validation == "Ignore" else said


def _changed(old: Json, new: Json) -> set[str]:
    """The top-level fields that differ, told apart as JSON does (true is not 1)."""
    return {key for key in old.keys() | new.keys() if _canonical(old, key) != _canonical(new, key)}


def _canonical(body: Json, key: str) -> bytes:
    return orjson.dumps(body[key], option=orjson.OPT_SORT_KEYS) if key in body else b""


def _is_released(resource: Resource, body: Json) -> bool:
    return not body["metadata"].get("finalizers") and resource.plural != "namespaces"


def _said(message: str) -> Cause:
    field, colon, text = message.partition(": ")
    if not colon or " " in field:
        return Cause("", "FieldValueInvalid", message)
    return Cause(field, "FieldValueInvalid", text)


def _top(cause: Cause) -> str:
    return cause.field.partition(".")[0].partition("[")[0]
