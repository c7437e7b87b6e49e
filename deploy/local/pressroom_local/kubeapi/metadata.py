"""ObjectMeta: its shape, its checks, and which of its fields the server owns. Pure."""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from pressroom_local.kubeapi.errors import Cause, Json, bad_request
from pressroom_local.kubeapi.schema import Schema

_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "object", "additionalProperties": _TEXT}
_OWNER: Json = {
    "type": "object",
    "required": ["apiVersion", "kind", "name", "uid"],
    "properties": {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "name": {"type": "string", "minLength": 1},
        "uid": {"type": "string", "minLength": 1},
        "controller": {"type": "boolean"},
        "blockOwnerDeletion": {"type": "boolean"},
    },
}
# managedFields and selfLink are accepted and dropped: nothing here reads them.
_FIELDS: Json = {
    "name": _TEXT,
    "generateName": _TEXT,
    "namespace": _TEXT,
    "uid": _TEXT,
    "resourceVersion": _TEXT,
    "generation": {"type": "integer"},
    "creationTimestamp": _TEXT,
    "deletionTimestamp": _TEXT,
    "deletionGracePeriodSeconds": {"type": "integer"},
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "ownerReferences": {"type": "array", "items": _OWNER},
    "finalizers": {"type": "array", "items": _TEXT},
}
_SCHEMA = Schema(
    {"properties": {"meta": {"type": "object", "properties": _FIELDS}}, "type": "object"}
)
_SERVER_OWNED = (
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
)

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LONGEST_NAME = 253
_LONGEST_LABEL = 63
_MOST_ANNOTATION_BYTES = 256 * 1024
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def now() -> str:
    """The present as metav1.Time writes it: whole seconds, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of(body: Json) -> Json:
    """The object's metadata; anything but an object there is a 400."""
    meta = body.setdefault("metadata", {})
    if meta is None:
        meta = body["metadata"] = {}
    if not isinstance(meta, dict):
        raise bad_request("metadata must be an object")
    return meta


def tidy(body: Json) -> None:
    """Drops unknown, null and empty fields of the metadata; wrong types are a 400."""
    known = {key: value for key, value in of(body).items() if value is not None}
    wrapped = {"meta": known}
    _SCHEMA.prune(wrapped)
    causes = _SCHEMA.causes(wrapped, ("meta",))
    if causes:
        raise bad_request("; ".join(str(cause).removeprefix("meta.") for cause in causes))
    for key in ("labels", "annotations", "ownerReferences", "finalizers"):
        if key in known and not known[key]:
            del known[key]
    body["metadata"] = known


def start(body: Json, *, with_generation: bool) -> None:
    """Gives a new object its identity; a name is made of `generateName` if there is none."""
    meta: Json = body["metadata"]
    for key in (*_SERVER_OWNED[:-1], "resourceVersion"):
        meta.pop(key, None)
    if not meta.get("name") and meta.get("generateName"):
        suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
        meta["name"] = meta["generateName"][: _LONGEST_LABEL - 5] + suffix
    meta["uid"] = str(uuid.uuid4())
    meta["creationTimestamp"] = now()
    if with_generation:
        meta["generation"] = 1


def carry_over(old: Json, new: Json) -> None:
    """Puts back what clients may not change."""
    before, after = old["metadata"], new["metadata"]
    for key in (*_SERVER_OWNED, "resourceVersion", "name", "namespace"):
        if key in before:
            after[key] = before[key]
        else:
            after.pop(key, None)


def causes(meta: Json, *, label_name: bool) -> list[Cause]:
    """What is wrong with the metadata. `label_name`: the name must be a DNS label (namespaces)."""
    found = _name_causes(str(meta.get("name", "")), label_name=label_name)
    for key, value in meta.get("labels", {}).items():
        found += _label_causes(key, value)
    for key in meta.get("annotations", {}):
        if not _is_qualified(key.lower()):
            found.append(_invalid("metadata.annotations", key, "not a qualified name"))
    if _annotation_bytes(meta) > _MOST_ANNOTATION_BYTES:
        text = f"Too long: may not be more than {_MOST_ANNOTATION_BYTES} bytes"
        found.append(Cause("metadata.annotations", "FieldValueTooLong", text))
    return found


def new_finalizers(old: Json, new: Json) -> Cause | None:
    """An object being deleted may lose finalizers, never gain them."""
    before, after = old["metadata"], new["metadata"]
    added = set(after.get("finalizers", ())) - set(before.get("finalizers", ()))
    if not added or "deletionTimestamp" not in before:
        return None
    text = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers {sorted(added)}"
    )
    return Cause("metadata.finalizers", "FieldValueForbidden", text)


def _name_causes(name: str, *, label_name: bool) -> list[Cause]:
    if not name:
        text = "Required value: name or generateName is required"
        return [Cause("metadata.name", "FieldValueRequired", text)]
    pattern, longest = (_LABEL, _LONGEST_LABEL) if label_name else (_SUBDOMAIN, _LONGEST_NAME)
    if pattern.fullmatch(name) and len(name) <= longest:
        return []
    kind = "label" if label_name else "subdomain"
    why = f"a lowercase RFC 1123 {kind} must consist of lower case alphanumeric characters or '-'"
    return [_invalid("metadata.name", name, why)]


def _label_causes(key: str, value: str) -> list[Cause]:
    found = []
    if not _is_qualified(key):
        found.append(_invalid("metadata.labels", key, "not a qualified name"))
    if value and not (_QUALIFIED.fullmatch(value) and len(value) <= _LONGEST_LABEL):
        why = "a valid label must be an empty string or consist of alphanumeric characters, "
        found.append(_invalid("metadata.labels", value, f"{why}'-', '_' or '.'"))
    return found


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= _LONGEST_NAME):
        return False
    return bool(_QUALIFIED.fullmatch(name)) and len(name) <= _LONGEST_LABEL


def _annotation_bytes(meta: Json) -> int:
    annotations: dict[str, str] = meta.get("annotations", {})
    return sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())


def _invalid(field: str, value: Any, why: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f'Invalid value: "{value}": {why}')
