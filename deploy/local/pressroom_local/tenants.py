"""The tenants of a local farm: the one that is built in, and those of a YAML file.

A file holds Tenants and Secrets as Kubernetes has them; a Secret labelled as an API key may hold
the ``key`` itself, of which only the hash is stored. It may not talk to anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pressroom.model.scopes import Scope
from pressroom.model.tenant import TenantSpec
from pressroom.names import (
    API_VERSION,
    DEFAULT_TENANT,
    LABEL_API_KEY,
    api_key_hash,
    is_resource_name,
)
from pressroom.ports import SECRETS, TENANTS, Json, Kind

NAMESPACE = "pressroom"
#: Names of what is built in.
KEY_SECRET = "api-key-local"  # noqa: S105 - a name
WEBHOOK_SECRET = "webhook-local"  # noqa: S105 - a name
_VERSIONS = {TENANTS.kind: API_VERSION, SECRETS.kind: "v1"}
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 4 * 1024 * 1024


class TenantsError(Exception):
    """The file cannot be used. The message names the file, the documents and the places in them."""


@dataclass(frozen=True)
class Declared:
    """A resource as it shall be. ``is_default``: what is there already is left alone."""

    kind: Kind
    body: Json
    is_default: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])


def built_in(api_key: str, webhook_secret: str) -> list[Declared]:
    """The tenant ``default``, which may do everything, its key and its webhook secret."""
    key = {"hash": api_key_hash(api_key), "tenant": DEFAULT_TENANT}
    spec = {"limits": {"activeJobs": 1000}, "webhookSecretRef": {"name": WEBHOOK_SECRET}}
    tenant = {
        "apiVersion": API_VERSION,
        "kind": TENANTS.kind,
        "metadata": {"name": DEFAULT_TENANT},
        "spec": spec,
    }
    return [
        Declared(SECRETS, _secret(KEY_SECRET, key, {LABEL_API_KEY: "true"})),
        Declared(SECRETS, _secret(WEBHOOK_SECRET, {"secret": webhook_secret}, {})),
        Declared(TENANTS, tenant, is_default=True),
    ]


def with_file(own: Iterable[Declared], file: Sequence[Declared]) -> list[Declared]:
    """What is built in, and the file's, which wins; Secrets before the Tenants that name them.

    A file's tenant ``default`` without a webhook secret keeps the one that is built in.
    """
    found = {(one.kind.kind, one.name): one for one in own}
    found |= {(one.kind.kind, one.name): one for one in file}
    default = found[TENANTS.kind, DEFAULT_TENANT]
    default.body["spec"].setdefault("webhookSecretRef", {"name": WEBHOOK_SECRET})
    return sorted(found.values(), key=lambda one: one.kind.kind)


def read_file(path: Path) -> list[Declared]:
    """The resources of a tenants file, checked. Raises TenantsError, which lists every fault."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TenantsError(f"{path} is larger than 4 MiB.")
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), _Loader))
    except (OSError, UnicodeDecodeError) as error:
        raise TenantsError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise TenantsError(f"{path} is no YAML: {error}") from error
    reader = _Reader()
    for number, document in enumerate(documents, 1):
        if document is not None:  # nothing between two separators
            reader.read(number, document)
    reader.check_tenants_of_keys()
    if reader.faults:
        raise TenantsError("\n".join(f"{path}, {fault}" for fault in reader.faults))
    return [one for _, one in reader.found.values()]


def lines(declared: Iterable[Declared]) -> list[str]:
    """A line for each tenant: what it may, and how many keys it has."""
    everything = list(declared)
    keys = [
        _values(one.body).get("tenant", DEFAULT_TENANT)
        for one in everything
        if _is_key(one.body.get("metadata", {}))
    ]
    tenants = (one for one in everything if one.kind == TENANTS)
    return [_line(one.name, one.body["spec"], keys.count(one.name)) for one in tenants]


def _line(name: str, spec: Json, keys: int) -> str:
    credit: Json = spec.get("credits") or {}
    features = spec.get("features")
    words = [f"{limit} {value}" for limit, value in (spec.get("limits") or {}).items()]
    if features is not None:
        words.append(f"features {', '.join(features) or 'none'}")
    if credit.get("mode") == "Metered":
        words.append(f"credits {credit.get('granted', 0)}")
    words.append(f"{keys} key" if keys == 1 else f"{keys} keys")
    return f"tenant {name}: {'; '.join(words)}"


@dataclass
class _Reader:
    """Checks one document after the other and gathers what is wrong with them."""

    found: dict[tuple[str, str], tuple[int, Declared]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def read(self, number: int, document: Any) -> None:
        def fault(path: str, text: str) -> None:
            self.faults.append(f"document {number}{', ' if path else ''}{path}: {text}")

        if not isinstance(document, dict):
            fault("", "must be a resource: apiVersion, kind, metadata …")
            return
        kind = document.get("kind")
        if not isinstance(kind, str) or kind not in _VERSIONS:
            fault("kind", f"must be Tenant or Secret, not {kind!r}")
            return
        if document.get("apiVersion") != _VERSIONS[kind]:
            fault("apiVersion", f"must be {_VERSIONS[kind]}, not {document.get('apiVersion')!r}")
        metadata = _metadata(document, fault)
        name = metadata.get("name")
        before = self.found.get((kind, str(name)))
        if before is not None:
            fault("metadata.name", f"document {before[0]} is {kind} {name!r} already")
        read = _read_tenant if kind == TENANTS.kind else _read_secret
        self.found[kind, str(name)] = (number, read(document, metadata, fault))

    def check_tenants_of_keys(self) -> None:
        """A key of a tenant that nobody declared is a slip of the pen."""
        tenants = {name for kind, name in self.found if kind == TENANTS.kind} | {DEFAULT_TENANT}
        for number, one in self.found.values():
            tenant = _values(one.body).get("tenant")
            if _is_key(one.body["metadata"]) and tenant and tenant not in tenants:
                self.faults.append(
                    f"document {number}, stringData.tenant: no Tenant {tenant!r} is in this file"
                )


_Fault = Callable[[str, str], None]


def _metadata(document: Json, fault: _Fault) -> Json:
    """Name, labels and annotations; an empty name where there is no usable one."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        fault("metadata", "must be a mapping with a name")
        return {"name": ""}
    name = metadata.get("name")
    if not isinstance(name, str) or not is_resource_name(name):
        fault("metadata.name", f"must be lower-case letters, digits, - and ., not {name!r}")
    if metadata.get("namespace", NAMESPACE) != NAMESPACE:
        fault("metadata.namespace", f"must be {NAMESPACE}, or left out")
    kept: Json = {"name": name}
    for word in ("labels", "annotations"):
        values = metadata.get(word) or {}
        if _are_texts(values):
            kept[word] = values
        else:
            fault(f"metadata.{word}", "must be a mapping of texts (quote true, false and numbers)")
    return kept


def _read_tenant(document: Json, metadata: Json, fault: _Fault) -> Declared:
    spec = document.get("spec")
    try:
        spec = TenantSpec.model_validate({} if spec is None else spec).wire()
    except ValidationError as error:
        for one in error.errors():
            fault(_path("spec", one["loc"]), one["msg"])
        spec = {}
    for word in document.keys() - {"apiVersion", "kind", "metadata", "spec", "status"}:
        fault(word, "is no field of a Tenant")
    body = {"apiVersion": API_VERSION, "kind": TENANTS.kind, "metadata": metadata, "spec": spec}
    return Declared(TENANTS, body)


def _read_secret(document: Json, metadata: Json, fault: _Fault) -> Declared:
    values = document.get("stringData")
    if "data" in document:
        fault("data", "give the values as they are, in stringData")
    if not _are_texts(values) or not values:
        fault("stringData", "must be a mapping of texts (quote true, false and numbers)")
        values = {}
    if _is_key(metadata) and values:
        values = _read_key(values, fault)
    for word in document.keys() - {"apiVersion", "kind", "metadata", "data", "stringData", "type"}:
        fault(word, "is no field of a Secret")
    return Declared(SECRETS, _secret(metadata["name"], values, metadata.get("labels") or {}))


def _read_key(values: Mapping[str, str], fault: _Fault) -> dict[str, str]:
    kept = dict(values)
    key = kept.pop("key", "")
    if bool(key) == ("hash" in kept):
        fault("stringData", "must have either the key itself, as key, or its SHA-256, as hash")
    kept.setdefault("hash", api_key_hash(key))
    if not _HASH.fullmatch(kept["hash"]):
        fault("stringData.hash", "must be the SHA-256 of the key in lower-case hex")
    if not kept.get("tenant"):
        fault("stringData.tenant", "must name the tenant whose key this is")
    for word in kept.get("scopes", "").replace(",", " ").split():
        if word not in set(Scope):
            fault("stringData.scopes", f"{word!r} is none of {', '.join(Scope)}")
    if "expires" in kept and not _is_time(kept["expires"]):
        fault("stringData.expires", "must be a time such as 2030-01-31T00:00:00Z")
    for word in kept.keys() - {"hash", "tenant", "scopes", "expires"}:
        fault(f"stringData.{word}", "is no field of a key")
    return kept


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_key(metadata: Json) -> bool:
    return (metadata.get("labels") or {}).get(LABEL_API_KEY) == "true"


def _are_texts(values: Any) -> bool:
    return isinstance(values, dict) and all(
        isinstance(text, str) for pair in values.items() for text in pair
    )


def _values(body: Json) -> Mapping[str, str]:
    found: Mapping[str, str] = body.get("stringData") or {}
    return found


def _secret(name: str, values: Mapping[str, str], labels: Mapping[str, str]) -> Json:
    metadata = {"name": name, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(values)}


def _path(root: str, place: tuple[int | str, ...]) -> str:
    return root + "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in place)


class _Loader(yaml.SafeLoader):
    """Leaves times as the texts that they are."""


_Loader.yaml_implicit_resolvers = {
    first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
