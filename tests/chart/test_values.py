"""Values that are wrong are refused with their name; the schema is the reference of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from chart_support import CHART, EVERYTHING, HelmError, Json, render

_SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())
_VALUES: Json = yaml.safe_load((CHART / "values.yaml").read_text())
_EXTERNAL = ("store.bundled.enabled=false", "store.endpoint=http://minio:9000")


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ("worker.autoscaling.maxReplica=3", ["/worker/autoscaling", "maxReplica"]),
        ("gatway.replicas=1", ["gatway"]),
        ("gateway.resources.request.cpu=1", ["/gateway/resources", "request"]),
        ("store.bundled.persistence.sizes=1Gi", ["/store/bundled/persistence", "sizes"]),
        ("monitoring.serviceMonitor.enable=true", ["/monitoring/serviceMonitor", "enable"]),
        ("worker.slots=two", ["/worker/slots", "integer"]),
        ("worker.slots=0", ["/worker/slots", "minimum"]),
        ("crds.install=perhaps", ["/crds/install", "boolean"]),
        ("webhooks.allow=10.0.0.0/8", ["/webhooks/allow", "array"]),
        ("gateway.dialects={Native,Latex}", ["/gateway/dialects/1", "LightningPdf"]),
        ("worker.autoscaling.mode=auto", ["/worker/autoscaling/mode", "operator", "keda"]),
        ("worker.sandbox.mode=Off", ["/worker/sandbox/mode", "Unconfined"]),
        ("worker.sandbox.profile=../../etc/x.json", ["/worker/sandbox/profile"]),
        ("log.level=LOUD", ["/log/level", "WARNING"]),
        ("finalizer.resources.limits.memory=much", ["/finalizer/resources/limits/memory"]),
        ("store.publicEndpoint=files.example", ["/store/publicEndpoint"]),
        ("gateway.service.port=70000", ["/gateway/service/port"]),
        ("networkPolicy.api.ports={https}", ["/networkPolicy/api/ports/0"]),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(wrong: str, names: list[str]) -> None:
    with pytest.raises(HelmError) as refused:
        render(wrong)
    for name in names:
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("sets", "names"),
    [
        (("nats.bundled.enabled=false",), ["nats.url", "nats.bundled.enabled=true"]),
        (("store.bundled.enabled=false",), ["store.endpoint", "store.bundled.enabled=true"]),
        (_EXTERNAL, ["store.existingSecret", "access-key and secret-key"]),
        (("nats.url=nats://other:4222",), ["nats.url", "nats.bundled.enabled"]),
        (("store.existingSecret=keys",), ["store.existingSecret", "store.bundled.enabled"]),
        (("nats.replicas=3",), ["nats.replicas"]),
        (("worker.autoscaling.minReplicas=11",), ["minReplicas", "worker.autoscaling.maxReplicas"]),
        (("gateway.ingress.enabled=true",), ["gateway.ingress.hosts"]),
        (("gateway.httpRoute.enabled=true",), ["gateway.httpRoute.parentRefs"]),
        (("gateway.preStopSeconds=30",), ["gateway.terminationGracePeriodSeconds"]),
    ],
)
def test_what_does_not_go_together_is_refused(sets: tuple[str, ...], names: list[str]) -> None:
    with pytest.raises(HelmError) as refused:
        render(*sets)
    for name in names:
        assert name in str(refused.value)


def test_an_external_store_and_nats_are_enough() -> None:
    chart = render(*_EXTERNAL, "store.existingSecret=keys", "nats.bundled.enabled=false",
                   "nats.url=nats://nats:4222")  # fmt: skip
    assert not chart.of("StatefulSet")
    env = chart.env("worker")
    assert env["PRESSROOM_S3_ACCESS_KEY"]["valueFrom"]["secretKeyRef"] == {
        "name": "keys",
        "key": "access-key",
    }
    assert "PRESSROOM_NATS_USER" not in env


def test_large_numbers_stay_numbers() -> None:
    chart = render("gateway.maxJsonBytes=1073741824", "operator.uploadGraceSeconds=31536000")
    assert chart.env("gateway")["PRESSROOM_GATEWAY_MAX_JSON_BYTES"]["value"] == "1073741824"
    assert chart.env("operator")["PRESSROOM_UPLOAD_GRACE_SECONDS"]["value"] == "31536000"


# --- the schema ----------------------------------------------------------------------------------
def _resolved(schema: Json) -> Json:
    if "$ref" in schema:
        found: Json = _SCHEMA["definitions"][schema["$ref"].removeprefix("#/definitions/")]
        return found
    return schema


def _walk(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    schema = _resolved(schema)
    yield path, schema
    for name, one in schema.get("properties", {}).items():
        yield from _walk(one, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _walk(schema["items"], f"{path}[]")


def test_every_key_is_described() -> None:
    for path, schema in _walk(_SCHEMA):
        assert schema.get("description", "").endswith("."), path


def test_no_object_takes_keys_that_nobody_knows() -> None:
    for path, schema in _walk(_SCHEMA):
        if "properties" in schema:
            assert schema["additionalProperties"] is False, path


def test_every_key_has_its_default_in_the_values() -> None:
    def compare(schema: Json, value: Any, path: str) -> None:
        properties = _resolved(schema).get("properties", {})
        free = ("resources", "affinity", "global")
        if not isinstance(value, dict) or path.rsplit(".", 1)[-1] in free:
            return
        assert properties.keys() - {"global"} == value.keys() or not properties, path
        for name, one in value.items():
            compare(properties.get(name, {}), one, f"{path}.{name}")

    compare(_SCHEMA, _VALUES, "values")


def test_every_option_is_tried_in_everything() -> None:
    """What is off or empty by default is on in the file that has everything on."""
    given = yaml.safe_load(EVERYTHING.read_text())
    left = {path for path, value in _off(_VALUES) if not _at(given, path)}
    assert left == {
        "fullnameOverride",
        "nats.bundled.enabled",
        "nats.bundled.persistence.enabled",
        "nats.bundled.persistence.storageClass",
        "store.bundled.enabled",
        "store.bundled.persistence.enabled",
        "store.bundled.persistence.storageClass",
        "networkPolicy.nats.to",
        "networkPolicy.nats.ports",
        "networkPolicy.store.to",
        "networkPolicy.store.ports",
        *(f"{part}.priorityClassName" for part in ("gateway", "operator", "worker", "finalizer")),
    }


def _off(values: Json, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        here = f"{path}.{name}".removeprefix(".")
        if isinstance(value, dict) and value:
            yield from _off(value, here)
        elif (value is not None and not value and value != 0) or value is False:
            yield here, value


def _at(values: Json, path: str) -> Any:
    found: Any = values
    for name in path.split("."):
        found = (found or {}).get(name)
    return found
