"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902). Pure.

Both may change the document they are given; callers hand over a private copy.
"""

from __future__ import annotations

import copy
from typing import Any

from pressroom_local.kubeapi.errors import ApiError, Json, bad_request, unprocessable

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

_MOST_OPERATIONS = 10_000  # kube-apiserver's own bound


def merge(document: Any, patch: Any) -> Any:
    """The document with the patch merged in; a null deletes its key."""
    if not isinstance(patch, dict):
        return patch
    target = document if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge(target.get(key), value)
    return target


def without_directives(patch: Any) -> Any:
    """A strategic patch without its `$...` directives, so that it can be merged plainly."""
    if isinstance(patch, list):
        return [without_directives(item) for item in patch]
    if not isinstance(patch, dict):
        return patch
    return {
        key: without_directives(value) for key, value in patch.items() if not key.startswith("$")
    }


def json_patch(document: Json, operations: Any) -> Any:
    """The document after the operations; one that cannot be done (`test` too) is a 422."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    if len(operations) > _MOST_OPERATIONS:
        raise ApiError(413, "RequestEntityTooLarge", "the JSON patch has too many operations")
    result: Any = document
    for operation in operations:
        result = _apply(result, operation)
    return result


def _apply(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise bad_request("every operation of a JSON patch needs an op and a path")
    op, path = operation.get("op"), _pointer(operation["path"])
    match op:
        case "add":
            return _add(document, path, _value(operation))
        case "replace":
            _get(document, path)
            return _replace(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "test":
            return _test(document, path, operation.get("value"))
        case "move":
            source = _from(operation)
            value = _get(document, source)
            return _add(_remove(document, source), path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _from(operation))))
        case _:
            raise bad_request(f"unexpected operation of a JSON patch: {op!r}")


def _value(operation: Json) -> Any:
    if "value" not in operation:
        raise bad_request(f"the operation {operation.get('op')} needs a value")
    return copy.deepcopy(operation["value"])


def _from(operation: Json) -> list[str]:
    if not isinstance(operation.get("from"), str):
        raise bad_request(f"the operation {operation.get('op')} needs a from")
    return _pointer(operation["from"])


def _pointer(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise bad_request(f"not a JSON pointer: {path!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _get(document: Any, path: list[str]) -> Any:
    value = document
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[_index(part, len(value) - 1)]
        else:
            raise _missing(path)
    return value


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, dict):
        parent[path[-1]] = value
    elif isinstance(parent, list):
        at = len(parent) if path[-1] == "-" else _index(path[-1], len(parent))
        parent.insert(at, value)
    else:
        raise _missing(path)
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    _get(document, path)
    if not path:
        raise unprocessable("a JSON patch may not remove the whole document")
    parent = _get(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    return document


def _test(document: Any, path: list[str], expected: Any) -> Any:
    try:
        value = _get(document, path)
    except ApiError:
        value = None  # as in kube-apiserver: an absent value equals null
    if value != expected:
        raise unprocessable(f"testing value /{'/'.join(path)} failed: test failed")
    return document


def _index(part: str, last: int) -> int:
    if not part.isdecimal() or not 0 <= int(part) <= last:
        raise unprocessable(f"the JSON patch names an index that is not there: {part!r}")
    return int(part)


def _missing(path: list[str]) -> ApiError:
    return unprocessable(f"the JSON patch names a path that is not there: /{'/'.join(path)}")
