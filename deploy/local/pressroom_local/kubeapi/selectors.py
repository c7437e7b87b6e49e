"""Label and field selectors: parsing and matching. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pressroom_local.kubeapi.errors import Json, bad_request

_TERM = re.compile(
    r"""\s*(?:
        !\s*(?P<absent>[\w./-]+)
      | (?P<set>[\w./-]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)
      | (?P<key>[\w./-]+)\s*(?P<eq>==|=|!=)\s*(?P<value>[\w.-]*)
      | (?P<present>[\w./-]+)
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_FIELD = re.compile(r"(?P<path>[\w.\-\[\]]+)(?P<op>==|!=|=)(?P<value>(?:\\.|[^,\\])*)(?:,|$)")
_ALWAYS = frozenset({"metadata.name", "metadata.namespace"})


@dataclass(frozen=True, slots=True)
class _LabelTerm:
    key: str
    values: frozenset[str]
    """The values asked for; empty asks for the key itself."""
    negated: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        if not self.values:
            return (self.key in labels) != self.negated
        # An absent label satisfies `!=` and `notin`, as in Kubernetes.
        return (labels.get(self.key) in self.values) != self.negated


@dataclass(frozen=True, slots=True)
class _FieldTerm:
    path: str
    value: str
    negated: bool

    def matches(self, body: Json) -> bool:
        return (field_of(body, self.path) == self.value) != self.negated


@dataclass(frozen=True, slots=True)
class Selector:
    """Both selectors of one request; the empty one matches everything."""

    labels: tuple[_LabelTerm, ...] = field(default=())
    fields: tuple[_FieldTerm, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)

    def matches(self, body: Json) -> bool:
        labels = body.get("metadata", {}).get("labels") or {}
        return self.matches_labels(labels) and self.matches_fields(body)

    def matches_labels(self, labels: Mapping[str, str]) -> bool:
        return all(term.matches(labels) for term in self.labels)

    def matches_fields(self, body: Json) -> bool:
        return all(term.matches(body) for term in self.fields)

    def name(self) -> str | None:
        """The one name that can match, if the selector names one (an index can find it)."""
        for term in self.fields:
            if term.path == "metadata.name" and not term.negated:
                return term.value
        return None


def field_of(body: Json, path: str) -> str:
    """The field as the text that selectors compare; absent is the empty text."""
    value: object = body
    for part in path.lstrip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse(label_selector: str, field_selector: str, known_fields: Iterable[str]) -> Selector:
    """Reads both query parameters; what cannot be read is a 400."""
    return Selector(
        labels=tuple(_label_terms(label_selector)),
        fields=tuple(_field_terms(field_selector, _ALWAYS | frozenset(known_fields))),
    )


def _label_terms(text: str) -> Iterable[_LabelTerm]:
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise bad_request(f"unable to parse requirement: {text[position:]!r}")
        position = found.end()
        yield _label_term(found)


def _label_term(found: re.Match[str]) -> _LabelTerm:
    if key := found["absent"]:
        return _LabelTerm(key, frozenset(), negated=True)
    if key := found["present"]:
        return _LabelTerm(key, frozenset(), negated=False)
    if key := found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return _LabelTerm(key, values, negated=found["op"] == "notin")
    return _LabelTerm(found["key"], frozenset({found["value"]}), negated=found["eq"] == "!=")


def _field_terms(text: str, known: frozenset[str]) -> Iterable[_FieldTerm]:
    position = 0
    while position < len(text):
        found = _FIELD.match(text, position)
        if found is None:
            raise bad_request(f"invalid field selector: {text[position:]!r}")
        position = found.end()
        if found["path"] not in known:
            raise bad_request(f"field label not supported: {found['path']}")
        value = re.sub(r"\\(.)", r"\1", found["value"])
        yield _FieldTerm(found["path"], value, negated=found["op"] == "!=")
