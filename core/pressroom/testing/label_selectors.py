"""Kubernetes label selectors, as far as the farm uses them. Pure."""

from __future__ import annotations

import re

from pressroom.ports import Json

_SET = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")
_COMMA = re.compile(r",(?![^(]*\))")


def selects(selector: str, item: Json) -> bool:
    """Whether ``k=v``, ``k!=v``, ``k``, ``!k`` and ``k in (a,b)``, joined by commas, all hold."""
    labels = item["metadata"].get("labels") or {}
    terms = (term.strip() for term in _COMMA.split(selector))
    return all(_holds(term, labels) for term in terms if term)


def _holds(term: str, labels: dict[str, str]) -> bool:
    found = _SET.fullmatch(term)
    if found:
        name, operator, values = found.groups()
        listed = labels.get(name) in [value.strip() for value in values.split(",")]
        return listed == (operator == "in")
    if "!=" in term:
        name, value = term.split("!=")
        return labels.get(name) != value
    if "=" in term:
        name, value = term.replace("==", "=").split("=")
        return labels.get(name) == value
    return term[1:] not in labels if term.startswith("!") else term in labels
