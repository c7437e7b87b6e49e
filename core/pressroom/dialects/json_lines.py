"""Where a value stands in a JSON text: the line of a path such as ``items[3].page.width``. Pure.

Parsers do not keep positions, and keeping them for every request would cost all requests; so the
text is walked again once a value of it was refused. Time is linear in the text: each container on
the way is gone through once, its values stepped over one by one by the scanner of ``json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_INDEX = re.compile(r"\[(\d{1,15})\]")
#: Never an int: those refuse very long numbers, which are fine in JSON.
_scan = json.JSONDecoder(parse_int=float).raw_decode


def line_of(body: bytes, path: str) -> int | None:
    """The line (from 1) of the value at ``path`` in a JSON text; ``""`` is the whole text.

    Where there is no such value, as with a field that is missing, it is the line of the nearest
    one around it. None where ``body`` is no JSON, or is nested as deeply as hardly any is.
    """
    try:
        text = body.decode("utf-8-sig")
        return text.count("\n", 0, _position(text, path)) + 1
    except (ValueError, RecursionError):
        return None


def _position(text: str, path: str) -> int:
    at = _skip_space(text, 0)
    while path:
        inner = _step(text, at, path)
        if inner is None:
            break
        at, path = inner
    return at


def _step(text: str, at: int, path: str) -> tuple[int, str] | None:
    """One container inwards: where the value is, and the path that is left."""
    if text.startswith("{", at):
        return _member(text, at, path.removeprefix("."))
    index = _INDEX.match(path)
    if index is None or not text.startswith("[", at):
        return None
    places = enumerate(_elements(text, at))
    found = next((place for number, place in places if number == int(index[1])), None)
    return None if found is None else (found, path[index.end() :])


def _member(text: str, at: int, path: str) -> tuple[int, str] | None:
    # Names may have dots and brackets too, so the longest that fits is meant; of one that is
    # given twice, the last, as for the parser.
    longest, found = -1, None
    for name, place in _members(text, at):
        fits = path.startswith(name) and path[len(name) : len(name) + 1] in ("", ".", "[")
        if fits and len(name) >= longest:
            longest, found = len(name), (place, path[len(name) :])
    return found


def _elements(text: str, at: int) -> Iterator[int]:
    """Where each element of the list at ``at`` begins."""
    at = _skip_space(text, at + 1)
    while not text.startswith("]", at):
        yield at
        at = _next(text, _scan(text, at)[1])


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """The name of each member of the object at ``at``, and where its value begins."""
    at = _skip_space(text, at + 1)
    while not text.startswith("}", at):
        name, at = _scan(text, at)
        at = _skip_space(text, _skip_space(text, at) + 1)  # past the colon
        yield str(name), at
        at = _next(text, _scan(text, at)[1])


def _next(text: str, at: int) -> int:
    """Past the comma, if there is one."""
    at = _skip_space(text, at)
    return _skip_space(text, at + 1) if text.startswith(",", at) else at


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
