"""`kind: Table`, which kubectl asks for to print columns. Pure apart from the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pressroom_local.kubeapi import jsonpath
from pressroom_local.kubeapi.errors import Json, bad_request
from pressroom_local.kubeapi.resources import Column, Resource

API_VERSION = "meta.k8s.io/v1"
_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}
_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def is_wanted(accept: str) -> bool:
    """Whether the `Accept` header asks for a Table in JSON, in a version that we write."""
    for wanted in accept.split(","):
        parts = [part.strip() for part in wanted.split(";")]
        if parts[0] == "application/json" and {"as=Table", "v=v1"} <= set(parts[1:]):
            return True
    return False


def columns(resource: Resource) -> list[Json]:
    """The `columnDefinitions` of a kind."""
    return [_NAME, *(_definition(column) for column in resource.columns or (_AGE,))]


def row(resource: Resource, body: Json, include: str) -> Json:
    """One row; `include` says how much of the object comes along (None, Metadata, Object)."""
    meta = body["metadata"]
    now = datetime.now(UTC)
    cells = [
        meta["name"],
        *(_cell(column, body, now) for column in resource.columns or (_AGE,)),
    ]
    match include:
        case "None":
            return {"cells": cells}
        case "Object":
            shown: Json = body
        case "" | "Metadata":
            shown = {"kind": "PartialObjectMetadata", "apiVersion": API_VERSION, "metadata": meta}
        case _:
            raise bad_request(f"includeObject: Unsupported value: {include!r}")
    return {"cells": cells, "object": shown}


def document(resource: Resource, meta: Json, rows: list[Json]) -> Json:
    return {
        "kind": "Table",
        "apiVersion": API_VERSION,
        "metadata": meta,
        "columnDefinitions": columns(resource),
        "rows": rows,
    }


def _definition(column: Column) -> Json:
    return {
        "name": column.name,
        "type": {"count": "integer", "date": "string"}.get(column.type, column.type),
        "format": column.format,
        "description": column.description or f"{column.name} of the object",
        "priority": column.priority,
    }


def _cell(column: Column, body: Json, now: datetime) -> Any:
    values = jsonpath.find(body, column.json_path)
    if column.type == "count":
        return len(values[0]) if values else 0
    if not values:
        return None
    value = values[0]
    if column.type == "date":
        return _age(str(value), now)
    if column.type in ("integer", "number", "boolean") and not isinstance(value, str):
        return value
    return ",".join(_text(found) for found in values)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _age(moment: str, now: datetime) -> str:
    """`95s`, `5m`, `3h12m`, `2d`: as kubectl writes durations."""
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return "<invalid>"
    seconds = int((now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds())
    if seconds < -1:
        return "<invalid>"
    return _duration(max(seconds, 0))


def _duration(seconds: int) -> str:
    # (up to, larger unit and its letter, smaller unit and its letter, or none)
    steps: tuple[tuple[int, int, str, int, str], ...] = (
        (2 * _MINUTE, 1, "s", 0, ""),
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    )
    for limit, unit, letter, minor, minor_letter in steps:
        if seconds < limit:
            rest = seconds % unit // minor if minor else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{minor_letter}" if rest else "")
    return f"{seconds // _YEAR}y"
