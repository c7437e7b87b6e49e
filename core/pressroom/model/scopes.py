"""What an API key or a token may do. Purely data; without scopes it may do everything."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """A resource and an action on it."""

    BATCHES_READ = "batches:read"
    BATCHES_WRITE = "batches:write"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    USAGE_READ = "usage:read"


def scopes_of(text: str) -> frozenset[Scope] | None:
    """The scopes in a text, separated by spaces or commas; None where there are none.

    Words that are no scope grant nothing: a key that has only such may do nothing.
    """
    words = text.replace(",", " ").split()
    if not words:
        return None
    return frozenset(Scope(word) for word in words if word in set(Scope))
