"""The core kinds that the farm needs, and what the API server itself does to them. Pure."""

from __future__ import annotations

import base64
import binascii

from pressroom_local.kubeapi.errors import Json, bad_request
from pressroom_local.kubeapi.resources import Column, Resource
from pressroom_local.kubeapi.schema import Schema

_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "object", "additionalProperties": _TEXT}
_COUNT: Json = {"type": "integer", "format": "int32"}
_OPEN: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_AGE = Column("Age", ".metadata.creationTimestamp", "date")

_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)


def _object(**properties: Json) -> Schema:
    return Schema({"type": "object", "properties": properties})


def core_resources() -> tuple[Resource, ...]:
    """namespaces, events, secrets, configmaps, leases, and customresourcedefinitions."""
    return (
        _namespaces(),
        Resource(
            group="",
            version="v1",
            plural="events",
            singular="event",
            kind="Event",
            list_kind="EventList",
            short_names=("ev",),
            schema=Schema(_OPEN),
            fields=_EVENT_FIELDS,
            columns=(
                Column("Last Seen", ".lastTimestamp", "date"),
                Column("Type", ".type"),
                Column("Reason", ".reason"),
                Column("Object", ".involvedObject.name"),
                Column("Message", ".message"),
            ),
            builtin=True,
            create_on_update=True,
            unconditional_update=True,
        ),
        Resource(
            group="",
            version="v1",
            plural="secrets",
            singular="secret",
            kind="Secret",
            list_kind="SecretList",
            schema=_object(
                type=_TEXT, data=_TEXTS, stringData=_TEXTS, immutable={"type": "boolean"}
            ),
            fields=("type",),
            columns=(Column("Type", ".type"), _AGE),
            builtin=True,
            unconditional_update=True,
        ),
        Resource(
            group="",
            version="v1",
            plural="configmaps",
            singular="configmap",
            kind="ConfigMap",
            list_kind="ConfigMapList",
            short_names=("cm",),
            schema=_object(data=_TEXTS, binaryData=_TEXTS, immutable={"type": "boolean"}),
            columns=(_AGE,),
            builtin=True,
            unconditional_update=True,
        ),
        _leases(),
        Resource(
            group="apiextensions.k8s.io",
            version="v1",
            plural="customresourcedefinitions",
            singular="customresourcedefinition",
            kind="CustomResourceDefinition",
            list_kind="CustomResourceDefinitionList",
            short_names=("crd", "crds"),
            categories=("api-extensions",),
            schema=Schema(_OPEN),
            columns=(Column("Created At", ".metadata.creationTimestamp"),),
            namespaced=False,
            builtin=True,
            read_only=True,
        ),
    )


def _namespaces() -> Resource:
    return Resource(
        group="",
        version="v1",
        plural="namespaces",
        singular="namespace",
        kind="Namespace",
        list_kind="NamespaceList",
        short_names=("ns",),
        schema=_object(spec=_OPEN, status=_OPEN),
        fields=("status.phase",),
        columns=(Column("Status", ".status.phase"), _AGE),
        namespaced=False,
        has_status=True,
        builtin=True,
        unconditional_update=True,
    )


def _leases() -> Resource:
    # The times are MicroTime: kept to the letter, because a client compares what it wrote.
    spec: Json = {
        "type": "object",
        "properties": {
            "holderIdentity": _TEXT,
            "leaseDurationSeconds": _COUNT,
            "acquireTime": {"type": "string", "format": "date-time"},
            "renewTime": {"type": "string", "format": "date-time"},
            "leaseTransitions": _COUNT,
            "strategy": _TEXT,
            "preferredHolder": _TEXT,
        },
    }
    return Resource(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        singular="lease",
        kind="Lease",
        list_kind="LeaseList",
        schema=_object(spec=spec),
        columns=(Column("Holder", ".spec.holderIdentity"), _AGE),
        builtin=True,
        create_on_update=True,
    )


def admit(resource: Resource, body: Json) -> None:
    """What the server fills in for a core kind, in place."""
    if not resource.builtin:
        return
    if resource.plural == "secrets":
        _admit_secret(body)
    elif resource.plural == "namespaces":
        name = body["metadata"].get("name", "")
        body["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        body.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        body.setdefault("status", {}).setdefault("phase", "Active")


def _admit_secret(body: Json) -> None:
    data: dict[str, str] = body.get("data") or {}
    for key, value in (body.pop("stringData", None) or {}).items():
        data[key] = base64.b64encode(value.encode()).decode()
    for key, value in data.items():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_request(
                f'Secret in version "v1" cannot be handled as a Secret: data.{key}: {error}'
            ) from error
    if data:
        body["data"] = data
    if not body.get("type"):
        body["type"] = "Opaque"
