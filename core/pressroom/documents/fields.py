"""The fields of data, each taken once by whoever has a place for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pressroom.documents.blocks import is_picture
from pressroom.documents.kinds import plain
from pressroom.documents.words import is_long, text


class Fields:
    """The data's fields, each taken once; what is left keeps its order."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.left = dict(data)

    def take(self, *names: str) -> Any:
        """The first value under one of these names, however it is spelled; None without one."""
        found = self.pair(*names)
        return found[1] if found else None

    def pair(self, *names: str) -> tuple[str, Any] | None:
        """The same with its key."""
        for name in names:
            for key in [key for key in self.left if plain(key) == name]:
                if text(self.left[key]):
                    return key, self.left.pop(key)
        return None

    def beginning(self, start: str, ends: Collection[str]) -> dict[str, Any]:
        """What begins so and ends with one of these, by its end, taken: ``clientCity`` as city."""
        found = {}
        for key in list(self.left):
            name = plain(key)
            rest = name.removeprefix(start)
            if name.startswith(start) and rest in ends and text(self.left[key]):
                found[rest] = self.left.pop(key)
        return found

    def word(self, *names: str) -> str:
        """The same, where it is a short text or a number; other values stay where they are."""
        for name in names:
            for key in [key for key in self.left if plain(key) == name]:
                value = self.left[key]
                if text(value) and not isinstance(value, dict | list) and not is_picture(value):
                    return text(self.left.pop(key))
        return ""


def split(left: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Short fields for the head of the page, and the rest."""
    short: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in left.items():
        nested = isinstance(value, dict | list) or is_long(value) or is_picture(value)
        (rest if nested else short)[key] = value
    return short, rest
