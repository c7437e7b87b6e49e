"""The CustomResourceDefinitions, generated from the models, and the validators beside them.

``python -m pressroom.crds --write DIR`` writes the YAML that is committed with the chart,
``--check DIR`` fails where it differs. What a structural schema cannot hold is refused here
(Kubernetes API conventions: no floats in spec, no unions, no references).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pressroom.model.base import Model
from pressroom.model.batchjob import BatchJobSpec, BatchJobStatus
from pressroom.model.template import TemplateSpec, TemplateStatus
from pressroom.model.tenant import TenantSpec, TenantStatus
from pressroom.names import GROUP, VERSION

Json = dict[str, Any]
Validator = Callable[[Json, Json | None], list[str]]

_KEPT = frozenset(
    {
        "type", "format", "description", "enum", "pattern", "minLength", "maxLength", "minimum",
        "maximum", "minItems", "maxItems", "required", "default", "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys", "x-kubernetes-validations",
    }
)  # fmt: skip
_DROPPED = frozenset({"title", "additionalProperties", "properties", "items", "anyOf", "$ref"})


@dataclass(frozen=True)
class _Definition:
    kind: str
    plural: str
    short: tuple[str, ...]
    spec: type[Model]
    status: type[Model]
    description: str
    columns: tuple[tuple[str, str, str], ...]


_DIRECTORY = Path("charts/pressroom/files/crds")
_SUMMARY = '.status.conditions[?(@.type=="Succeeded")].reason'
_DEFINITIONS = (
    _Definition(
        "BatchJob",
        "batchjobs",
        ("bj",),
        BatchJobSpec,
        BatchJobStatus,
        "A batch of rows, rendered to a PDF each, a ZIP and a merged PDF.",
        (
            ("Reason", "string", _SUMMARY),
            ("Done", "integer", ".status.rows.settled"),
            ("Failed", "integer", ".status.rows.failed"),
            ("Total", "integer", ".status.rows.total"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ),
    ),
    _Definition(
        "Template",
        "templates",
        ("tpl",),
        TemplateSpec,
        TemplateStatus,
        "A template that rows are rendered with.",
        (
            ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
            ("Version", "integer", ".status.version"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ),
    ),
    _Definition(
        "Tenant",
        "tenants",
        ("tn",),
        TenantSpec,
        TenantStatus,
        "Who shares the farm, and within which limits.",
        (
            ("Weight", "integer", ".spec.weight"),
            ("Active", "integer", ".status.activeJobs"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ),
    ),
)


class NotStructuralError(TypeError):
    """A model says something that a structural schema cannot hold."""


def structural(model: type[Model]) -> Json:
    """The model's schema without references, unions, titles and floats."""
    whole = model.model_json_schema(by_alias=True, mode="validation")
    return _clean(whole, whole.get("$defs", {}), model.__name__)


def _clean(schema: Json, defs: Json, where: str) -> Json:
    schema = _resolved(schema, defs, where)
    unknown = schema.keys() - _KEPT - _DROPPED - {"$defs"}
    if unknown:
        raise NotStructuralError(f"{where}: {', '.join(sorted(unknown))} has no place here")
    if schema.get("type") == "number":
        raise NotStructuralError(f"{where}: floats are not allowed")
    clean = {key: value for key, value in schema.items() if key in _KEPT and value is not None}
    if "properties" in schema:
        clean["properties"] = {
            name: _clean(one, defs, f"{where}.{name}") for name, one in schema["properties"].items()
        }
    elif schema.get("additionalProperties") is True:
        clean["x-kubernetes-preserve-unknown-fields"] = True
    elif isinstance(schema.get("additionalProperties"), dict):
        clean["additionalProperties"] = _clean(schema["additionalProperties"], defs, where + ".*")
    if "items" in schema:
        clean["items"] = _clean(schema["items"], defs, where + "[]")
    if "type" not in clean:
        raise NotStructuralError(f"{where}: a type is missing")
    return clean


def _resolved(schema: Json, defs: Json, where: str) -> Json:
    """Without ``$ref`` and without ``anyOf [X, null]``."""
    while "$ref" in schema or "anyOf" in schema:
        rest = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
        if "$ref" in schema:
            target = defs[schema["$ref"].rsplit("/", 1)[1]]
        else:
            choices = [one for one in schema["anyOf"] if one.get("type") != "null"]
            if len(choices) != 1:
                raise NotStructuralError(f"{where}: a union has no place here")
            target = choices[0]
        schema = {**target, **rest}
        if schema.get("default", ...) is None:
            del schema["default"]
    return schema


def crd(definition: _Definition) -> Json:
    """One CustomResourceDefinition (apiextensions.k8s.io/v1)."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": list(definition.short),
                "categories": ["pressroom"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": type_, "jsonPath": path}
                        for name, type_, path in definition.columns
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": definition.description,
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": structural(definition.spec),
                                "status": structural(definition.status),
                            },
                        }
                    },
                }
            ],
        },
    }


def all_crds() -> list[Json]:
    """The definitions of every kind of ours."""
    return [crd(definition) for definition in _DEFINITIONS]


def validators() -> dict[str, Validator]:
    """By kind: the rules that the API server gets as CEL, run in Python.

    A validator takes the new object and the old one (None on create) and returns messages such as
    ``spec.page: width and height must be given together``.
    """
    return {definition.kind: _validator(definition.spec) for definition in _DEFINITIONS}


def _validator(model: type[Model]) -> Validator:
    def validate(new: Json, old: Json | None) -> list[str]:
        try:
            spec = model.model_validate(new.get("spec") or {})
        except ValidationError as error:
            return [_complaint(one) for one in error.errors(include_url=False)]
        before = _readable(model, old)
        if before is None:
            return []
        return [
            f"spec: {rule.message}"
            for rule in model.rules
            if rule.transition and not rule.holds(spec, before)
        ]

    return validate


def _readable(model: type[Model], old: Json | None) -> Model | None:
    """The spec as it was; None on create, or where an older version let in what we refuse."""
    try:
        return model.model_validate(old.get("spec") or {}) if old is not None else None
    except ValidationError:
        return None


def _complaint(error: Any) -> str:
    path = ".".join(["spec", *(str(part) for part in error["loc"])])
    return f"{path}: {error['msg'].removeprefix('Value error, ')}"


def _files() -> dict[str, str]:
    import yaml  # only this command writes YAML; no part needs it for that

    head = "# Generated from core/pressroom/model by `make crds`; do not edit.\n"
    return {
        f"{one['metadata']['name']}.yaml": head + yaml.safe_dump(one, sort_keys=False, width=100)
        for one in all_crds()
    }


def main() -> int:
    """Write or check the committed YAML."""
    parser = argparse.ArgumentParser(prog="python -m pressroom.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the files differ")
    parser.add_argument("directory", type=Path, nargs="?", default=_DIRECTORY)
    arguments = parser.parse_args()
    differing = []
    for name, text in _files().items():
        path = arguments.directory / name
        if path.exists() and path.read_text() == text:
            continue
        differing.append(name)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if arguments.check and differing:
        sys.stderr.write(f"out of date, run `make crds`: {', '.join(differing)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
