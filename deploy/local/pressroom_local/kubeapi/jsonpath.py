"""The JSONPath that printer columns use. Pure.

Supported: `.field`, `.escaped\\.field`, `['field']`, `[0]`, `[*]`, `.*`, `[?(@.field=="value")]`.
"""

from __future__ import annotations

import re
from typing import Any

_PART = re.compile(
    r"""\.(?P<key>(?:\\.|[^.\[\\])+)
      | \['(?P<quoted>[^']+)'\]
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \[\?\(@\.(?P<field>[\w.]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]""",
    re.VERBOSE,
)


def find(document: Any, path: str) -> list[Any]:
    """Every value at the path; nothing for a path that is absent or not understood."""
    path = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if not path.startswith((".", "[")):
        path = f".{path}"
    values, position = [document], 0
    while position < len(path):
        found = _PART.match(path, position)
        if found is None:
            return []
        position = found.end()
        values = [below for value in values for below in _step(value, found)]
    return [value for value in values if value is not None]


def _step(value: Any, part: re.Match[str]) -> list[Any]:
    if part["key"] == "*" or part["all"]:
        return list(value.values()) if isinstance(value, dict) else _listed(value)
    if key := part["key"] or part["quoted"]:
        key = re.sub(r"\\(.)", r"\1", key)
        return [value[key]] if isinstance(value, dict) and key in value else []
    if part["index"] is not None:
        index = int(part["index"])
        items = _listed(value)
        return [items[index]] if -len(items) <= index < len(items) else []
    wanted = part["value"]
    return [item for item in _listed(value) if wanted in _texts(item, part["field"])]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(item: Any, field: str) -> list[str]:
    return [str(found) for found in find(item, f".{field}")]
