"""Structural schemas: pruning of unknown fields, defaults, validation. Pure.

The order is kube-apiserver's: prune, then default, then validate. Validation covers the top-level
fields that a write changed, so that an object stored under older rules can still lose a finalizer
or report its status ("ratcheting").
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, cast

import orjson
from jsonschema import Draft4Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from pressroom_local.kubeapi.errors import Cause, Json

_ENVELOPE = ("apiVersion", "kind", "metadata")
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED = "x-kubernetes-embedded-resource"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_LIST_TYPE = "x-kubernetes-list-type"
_MAP_KEYS = "x-kubernetes-list-map-keys"
_MOST_CAUSES = 20
_LONGEST_VALUE = 120  # characters of a bad value that are repeated in its message
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class Schema:
    """One kind's `openAPIV3Schema`, ready for use."""

    def __init__(self, root: Json) -> None:
        self.root = root
        shallow: Json = {key: root[key] for key in ("required", "minProperties") if key in root}
        self._root_validator = _Validator({"type": "object", **shallow})
        self._validators = {
            name: _Validator(_plain(sub), format_checker=_formats())
            for name, sub in root.get("properties", {}).items()
            if name not in _ENVELOPE
        }

    def prune(self, body: Json) -> list[str]:
        """Drops what the schema does not know, in place; returns the dropped paths."""
        dropped: list[str] = []
        _prune(body, self.root, "", dropped, keep=_ENVELOPE)
        return dropped

    def default(self, body: Json) -> None:
        """Fills in the schema's defaults, in place."""
        _default(body, self.root)

    def causes(self, body: Json, changed: Collection[str]) -> list[Cause]:
        """What is wrong with the object below the top-level fields named by `changed`."""
        found = [_cause(error, "") for error in self._root_validator.iter_errors(body)]
        for name, validator in self._validators.items():
            if name not in body or name not in changed:
                continue
            for error in validator.iter_errors(body[name]):
                found.append(_cause(error, name))
                if len(found) >= _MOST_CAUSES:
                    return found
        return found


def _prune(
    value: Any, schema: Json, path: str, dropped: list[str], keep: tuple[str, ...] = ()
) -> None:
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for index, item in enumerate(value):
                _prune(item, items, f"{path}[{index}]", dropped)
        return
    if not isinstance(value, dict):
        return
    if schema.get(_EMBEDDED):
        keep = _ENVELOPE
    for key in list(value):
        if key in keep:
            continue
        below = f"{path}.{key}" if path else key
        found = _property(schema, key)
        if found is None:
            del value[key]
            dropped.append(below)
        else:
            _prune(value[key], found, below, dropped)


def _property(schema: Json, key: str) -> Json | None:
    """The schema of one key of an object; None for a key that the schema does not know."""
    found = schema.get("properties", {}).get(key)
    if isinstance(found, dict):
        return found
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return extra
    if extra is True or schema.get(_PRESERVE):
        return {_PRESERVE: True}
    return None


def _default(value: Any, schema: Json) -> None:
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for item in value:
                _default(item, items)
    if not isinstance(value, dict):
        return
    properties: Json = schema.get("properties", {})
    for key, sub in properties.items():
        _default_key(value, key, sub)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        for key, item in value.items():
            if key not in properties:
                _default(item, extra)


def _default_key(value: Json, key: str, schema: Json) -> None:
    absent = key not in value or (value[key] is None and not schema.get("nullable"))
    if absent and "default" in schema:
        value[key] = copy.deepcopy(schema["default"])
    if key in value:
        _default(value[key], schema)


def _plain(schema: Json) -> Json:
    """The structural schema in JSON Schema's own terms (`nullable`, int-or-string)."""
    plain: Json = {}
    for key, value in schema.items():
        match key:
            case "description" | "default" | "example" | "x-kubernetes-validations":
                continue
            case "properties":
                plain[key] = {name: _plain(sub) for name, sub in value.items()}
            case "items" | "additionalProperties" | "not" if isinstance(value, dict):
                plain[key] = _plain(value)
            case "allOf" | "anyOf" | "oneOf":
                plain[key] = [_plain(sub) for sub in value]
            case _:
                plain[key] = value
    if schema.get(_INT_OR_STRING):
        plain["type"] = ["integer", "string"]
    if schema.get("nullable") and "type" in plain:
        kinds = plain["type"] if isinstance(plain["type"], list) else [plain["type"]]
        plain["type"] = [*kinds, "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    return plain


def _list_type(
    _validator: Any, kind: str, instance: Any, schema: Json
) -> Iterator[ValidationError]:
    """`set` and `map` lists hold every value, or every combination of keys, once."""
    if kind not in ("set", "map") or not isinstance(instance, list):
        return
    seen: set[bytes] = set()
    for index, item in enumerate(instance):
        known = [_map_key(item, key) for key in schema[_MAP_KEYS]] if kind == "map" else item
        mark = orjson.dumps(known, option=orjson.OPT_SORT_KEYS)
        if mark in seen:
            yield ValidationError("duplicate", path=[index], instance=known)
        seen.add(mark)


def _map_key(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else None


def _make_validator() -> type[Draft4Validator]:
    return cast(
        "type[Draft4Validator]",
        extend(Draft4Validator, {_LIST_TYPE: _list_type}),  # type: ignore[no-untyped-call]
    )


_Validator = _make_validator()


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=("ipv4", "ipv6", "uuid", "date"))
    checker.checks("date-time", raises=ValueError)(_is_timestamp)
    return checker


def _is_timestamp(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not _TIMESTAMP.fullmatch(value):
        return False
    datetime.fromisoformat(value[:19])
    return True


def _cause(error: ValidationError, top: str) -> Cause:
    field = _field(top, list(error.absolute_path))
    shown = _shown(error.instance)
    limit: Any = error.validator_value
    match error.validator:
        case "required":
            # One error a missing key; only the message tells which.
            missing = error.message.removesuffix(" is a required property").strip("'")
            return Cause(_join(field, missing), *_REQUIRED)
        case "type":
            wanted = limit[0] if isinstance(limit, list) else limit
            text = f"Invalid value: {shown}: {field} in body must be of type {wanted}"
            return Cause(field, "FieldValueTypeInvalid", text, is_type=True)
        case "enum":
            text = f"Unsupported value: {shown}: supported values: " + ", ".join(
                f'"{value}"' for value in limit if value is not None
            )
            return Cause(field, "FieldValueNotSupported", text)
        case "maxItems":
            text = f"Too many: {len(_sized(error))}: must have at most {limit} items"
            return Cause(field, "FieldValueTooMany", text)
        case "maxLength":
            return Cause(
                field, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes"
            )
        case "x-kubernetes-list-type":
            return Cause(field, "FieldValueDuplicate", f"Duplicate value: {shown}")
        case _:
            text = f"Invalid value: {shown}: {field} in body {_rule(error)}"
            return Cause(field, "FieldValueInvalid", text)


_REQUIRED = ("FieldValueRequired", "Required value")


def _sized(error: ValidationError) -> list[Any]:
    return error.instance if isinstance(error.instance, list) else []


def _rule(error: ValidationError) -> str:
    limit = error.validator_value
    sayings = {
        "pattern": f"should match '{limit}'",
        "minimum": f"should be greater than or equal to {limit}",
        "maximum": f"should be less than or equal to {limit}",
        "minLength": f"should be at least {limit} chars long",
        "minItems": f"should have at least {limit} items",
        "maxProperties": f"should have at most {limit} properties",
        "minProperties": f"should have at least {limit} properties",
        "format": f"must be of type {limit}",
        "multipleOf": f"should be a multiple of {limit}",
    }
    return sayings.get(str(error.validator), f"must satisfy {error.validator}")


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _field(top: str, path: list[str | int]) -> str:
    field = top
    for part in path:
        field = f"{field}[{part}]" if isinstance(part, int) else _join(field, part)
    return field


def _join(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key
