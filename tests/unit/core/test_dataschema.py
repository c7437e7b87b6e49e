"""Data against a template's schema: what is said of a fault, and that nothing is fetched."""

from __future__ import annotations

from typing import Any

import pytest

from pressroom.dataschema import checker, schema_fault


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"n": 1, "lines": [{"price": 2}]}, None),
        ({"n": "x"}, "$.n: 'x' is not of type 'integer'"),
        ({}, "$: 'n' is a required property"),
        ({"n": 1, "lines": [{}, {"price": "2"}]}, "$.lines[1].price: '2' is not of type 'number'"),
    ],
)
def test_a_fault_has_its_path_and_reason(data: dict[str, Any], fault: str | None) -> None:
    line = {"type": "object", "properties": {"price": {"type": "number"}}}
    schema = {
        "properties": {"n": {"type": "integer"}, "lines": {"type": "array", "items": line}},
        "required": ["n"],
    }
    assert checker(schema)(data) == fault


def test_a_long_value_leaves_room_for_the_reason() -> None:
    fault = checker({"properties": {"n": {"type": "integer"}}})({"n": "x" * 10_000})
    assert fault is not None
    assert len(fault) < 400
    assert fault.endswith("is not of type 'integer'")


def test_references_lead_into_the_schema_alone() -> None:
    own = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    assert checker(own)({"a": 1}) is None
    fault = checker({"$ref": "http://127.0.0.1:9/x"})({})
    assert fault == "$: The schema's reference 'http://127.0.0.1:9/x' leads nowhere."
    assert checker({"$ref": "#"})({}) == "$: The schema refers to itself without end."


def test_what_is_wrong_with_a_schema_is_said() -> None:
    assert schema_fault({"type": "object"}) is None
    fault = schema_fault({"properties": {"a": {"type": "nubmer"}}})
    assert fault is not None
    assert fault.startswith("$.properties.a.type: 'nubmer' is not valid")
