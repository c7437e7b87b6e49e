"""Pruning, defaults and validation of custom resources."""

from __future__ import annotations

import pytest
from kubeapi_support import START_AFTER_END, Api, Json, widget


async def test_unknown_fields_are_dropped_with_a_warning(api: Api) -> None:
    body = widget("one", {"sise": 3, "nested": {"mode": "Fast", "typo": 1}}) | {"extra": True}
    answer = await api.post(api.widgets, body)
    assert answer.ok()["spec"] == {
        "size": 1,
        "color": "Red",
        "nested": {"mode": "Fast", "retries": 2},
    }
    assert "extra" not in answer.body
    warnings = " ".join(answer.headers.getall("Warning"))
    for path in ("spec.sise", "spec.nested.typo", "extra"):
        assert f'unknown field \\"{path}\\"' in warnings


async def test_strict_field_validation_refuses_unknown_fields(api: Api) -> None:
    answer = await api.post(api.widgets, widget("one", {"sise": 3}), fieldValidation="Strict")
    assert 'unknown field "spec.sise"' in answer.failed(400, "BadRequest")
    ignored = await api.post(api.widgets, widget("one", {"sise": 3}), fieldValidation="Ignore")
    assert ignored.status == 201
    assert "Warning" not in ignored.headers


async def test_preserved_fields_are_kept_as_they_are(api: Api) -> None:
    free = {"a": {"b": [1, "two", None, {"c": 2.5}]}, "d": True}
    made = await api.make("one", {"free": free})
    assert made["spec"]["free"] == free


async def test_defaults_are_filled_in_where_their_parent_is(api: Api) -> None:
    assert (await api.make("one"))["spec"] == {"size": 1, "color": "Red"}
    made = await api.make("two", {"nested": {}})
    assert made["spec"]["nested"] == {"mode": "Slow", "retries": 2}
    patched = (await api.merge(f"{api.widgets}/two", {"spec": {"nested": {"mode": None}}})).ok()
    assert patched["spec"]["nested"]["mode"] == "Slow"


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"size": "1"}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": 1.5}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": None}, "spec.size", None),
        ({"size": 0}, "spec.size", "FieldValueInvalid"),
        ({"size": 11}, "spec.size", "FieldValueInvalid"),
        ({"color": "Blue"}, "spec.color", "FieldValueNotSupported"),
        ({"code": "ABC"}, "spec.code", "FieldValueInvalid"),
        ({"code": "abcdefghi"}, "spec.code", "FieldValueTooLong"),
        ({"tags": ["a", "b", "c", "d"]}, "spec.tags", "FieldValueTooMany"),
        ({"tags": ["a", "a"]}, "spec.tags[1]", "FieldValueDuplicate"),
        ({"tags": [1]}, "spec.tags[0]", "FieldValueTypeInvalid"),
        ({"limits": {"a": "x"}}, "spec.limits.a", "FieldValueTypeInvalid"),
        ({"nested": []}, "spec.nested", "FieldValueTypeInvalid"),
    ],
)
async def test_what_the_schema_forbids_is_invalid(
    api: Api, spec: Json, field: str, reason: str | None
) -> None:
    answer = await api.post(api.widgets, widget("one", spec))
    message = answer.failed(422, "Invalid")
    assert message.startswith('Widget.contract.pressroom.dev "one" is invalid: ')
    assert field in message
    causes = {cause["field"]: cause["reason"] for cause in answer.body["details"]["causes"]}
    assert field in causes
    if reason is not None:
        assert causes[field] == reason


async def test_required_fields_are_required(api: Api) -> None:
    for body in (widget("one") | {"spec": {}}, {**widget("one"), "spec": None}):
        answer = await api.post(api.widgets, body)
        answer.failed(422, "Invalid")
        assert "spec" in answer.body["details"]["causes"][0]["field"]
    without = widget("one")
    del without["spec"]
    (await api.post(api.widgets, without)).failed(422, "Invalid")


async def test_null_is_kept_where_it_is_allowed(api: Api) -> None:
    assert (await api.make("one", {"note": None}))["spec"]["note"] is None


async def test_patches_are_validated(api: Api) -> None:
    made = await api.make("one")
    (await api.merge(f"{api.widgets}/one", {"spec": {"size": 99}})).failed(422, "Invalid")
    patch = [{"op": "remove", "path": "/spec/size"}]
    (await api.json_patch(f"{api.widgets}/one", patch)).failed(422, "Invalid")
    assert (await api.get(f"{api.widgets}/one")).ok() == made


async def test_the_status_is_validated(api: Api) -> None:
    await api.make("one")
    path = f"{api.widgets}/one/status"
    (await api.merge(path, {"status": {"count": "three"}})).failed(422, "Invalid")
    ready = {"type": "Ready", "status": "True"}
    (await api.merge(path, {"status": {"conditions": [ready, ready]}})).failed(422, "Invalid")
    (await api.merge(path, {"status": {"conditions": [{"type": "A"}]}})).failed(422, "Invalid")
    assert (await api.merge(path, {"status": {"conditions": [ready]}})).status == 200


async def test_rules_beyond_the_schema_are_enforced(api: Api) -> None:
    answer = await api.post(api.widgets, widget("one", {"start": 5, "end": 1}))
    assert START_AFTER_END in answer.failed(422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "spec"
    await api.make("one", {"start": 1, "end": 5})
    answer = await api.merge(f"{api.widgets}/one", {"spec": {"end": 0}})
    assert START_AFTER_END in answer.failed(422, "Invalid")
