"""Whether data fits a template's JSON Schema (draft 2020-12). Pure: nothing is fetched.

Computing without limits on time: a pattern of the schema may search for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

#: Faults that are looked at for the one that says most.
_MOST_FAULTS = 50
_MOST_CHARACTERS = 300
_REFERENCES = frozenset({"$ref", "$dynamicRef"})
#: Keywords whose values are data, and those whose values are schemas by name.
_VALUES = frozenset({"const", "default", "enum", "examples"})
_BY_NAME = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a schema itself; None where it is one."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return _told(error.json_path, error.message)
    except RecursionError:
        return "$: The schema is nested too deeply."
    return None


def foreign_reference(schema: Any, path: str = "$") -> str | None:
    """The first reference that leads out of the schema; those are never followed."""
    if isinstance(schema, list):
        return _first(foreign_reference(one, f"{path}[{at}]") for at, one in enumerate(schema))
    if not isinstance(schema, dict):
        return None
    for key in _REFERENCES & schema.keys():
        target = schema[key]
        if isinstance(target, str) and not target.startswith("#"):
            return _told(f"{path}.{key}", f"{target!r} leads out of the schema.")
    return _first(_foreign_below(key, one, f"{path}.{key}") for key, one in schema.items())


def _foreign_below(key: str, value: Any, path: str) -> str | None:
    if key in _VALUES:
        return None
    if key in _BY_NAME and isinstance(value, dict):  # its keys are names of the client's
        return _first(foreign_reference(one, f"{path}.{name}") for name, one in value.items())
    return foreign_reference(value, path)


def _first(found: Iterable[str | None]) -> str | None:
    return next((one for one in found if one is not None), None)


def checker(schema: Mapping[str, Any]) -> Callable[[Any], str | None]:
    """What tells a fault of data, ``$.items[0].price: 'x' is not of type 'number'``, or None.

    ``format`` is not checked. References lead into the schema itself and nowhere else.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # A registry that was not given would fetch what a reference names.
    validator = Draft202012Validator(schema, registry=Registry())

    def fault(data: Any) -> str | None:
        try:
            error = best_match(islice(validator.iter_errors(data), _MOST_FAULTS))
        except Unresolvable as unresolvable:
            return f"$: The schema's reference {unresolvable.ref!r} leads nowhere."
        except RecursionError:
            return "$: The schema refers to itself without end."
        return None if error is None else _told(error.json_path, error.message)

    return fault


def _told(path: str, message: str) -> str:
    if len(message) > _MOST_CHARACTERS:
        # The value stands first, however long, and the reason last.
        half = _MOST_CHARACTERS // 2
        message = f"{message[:half]} … {message[-half:]}"
    return f"{path[:_MOST_CHARACTERS]}: {message}"
