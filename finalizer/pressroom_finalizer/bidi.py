"""The order in which the characters of a line stand (UAX #9), without explicit embeddings. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")

_STRONG = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}
_OPENING = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "「": "」", "『": "』", "【": "】"}
_CLOSING = frozenset(_OPENING.values())


def levels(text: str) -> list[int]:
    """The embedding level of each character; the line begins where its first letter says."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    base = "L" if first == "L" else "R"
    _settle_numbers(kinds, base)
    _settle_brackets(text, kinds, base)
    _settle_neutrals(kinds, base)
    if base == "L":
        return [{"L": 0, "R": 1}.get(kind, 2) for kind in kinds]
    return [1 if kind == "R" else 2 for kind in kinds]


def ordered(runs: Sequence[tuple[int, T]]) -> list[T]:
    """Runs, each with its level, from left to right (rule L2)."""
    placed = list(runs)
    highest = max((level for level, _ in placed), default=0)
    for least in range(highest, 0, -1):
        placed = list(_turned(placed, least))
    return [one for _, one in placed]


def _turned(runs: Sequence[tuple[int, T]], least: int) -> Iterator[tuple[int, T]]:
    for is_in, some in groupby(runs, lambda run: run[0] >= least):
        same = list(some)
        yield from reversed(same) if is_in else same


def _settle_numbers(kinds: list[str], base: str) -> None:
    """Rules W1 to W7: marks, numbers, and what stands at and between them."""
    last = base
    for at, kind in enumerate(kinds):
        last = kinds[at] = last if kind == "NSM" else kind
    _after_strong(kinds, base, "AL", "AN")
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for at in range(1, len(kinds) - 1):
        before, kind, after = kinds[at - 1 : at + 2]
        joins = (kind, before) in (("CS", "EN"), ("CS", "AN"), ("ES", "EN"))
        if joins and before == after:
            kinds[at] = before
    for start, end in _spans(kinds, "ET"):
        if "EN" in (*kinds[max(0, start - 1) : start], *kinds[end : end + 1]):
            kinds[start:end] = ["EN"] * (end - start)
    kinds[:] = [kind if kind in _STRONG else "ON" for kind in kinds]
    _after_strong(kinds, base, "L", "L")


def _after_strong(kinds: list[str], base: str, strong: str, becomes: str) -> None:
    """A European number whose last strong letter is ``strong`` becomes something else."""
    last = base
    for at, kind in enumerate(kinds):
        if kind in ("L", "R", "AL"):
            last = kind
        elif kind == "EN" and last == strong:
            kinds[at] = becomes


def _settle_brackets(text: str, kinds: list[str], base: str) -> None:
    """Rule N0: both brackets of a pair go with what they enclose."""
    for start, end in _pairs(text):
        inside = {_STRONG[kind] for kind in kinds[start + 1 : end] if kind in _STRONG}
        if not inside:
            continue
        chosen = base
        if base not in inside:
            before = (_STRONG[kind] for kind in reversed(kinds[:start]) if kind in _STRONG)
            other = "R" if base == "L" else "L"
            chosen = other if next(before, base) == other else base
        kinds[start] = kinds[end] = chosen


def _pairs(text: str) -> list[tuple[int, int]]:
    open_: list[tuple[str, int]] = []
    found = []
    for at, character in enumerate(text):
        if character in _OPENING:
            open_.append((_OPENING[character], at))
        elif character in _CLOSING:
            matching = [one for one in open_ if one[0] == character]
            if matching:
                found.append((matching[-1][1], at))
                del open_[open_.index(matching[-1]) :]
    return sorted(found)


def _settle_neutrals(kinds: list[str], base: str) -> None:
    """Rules N1 and N2: what has no direction takes that of both its sides, or the line's."""
    for start, end in _spans(kinds, "ON"):
        before = _STRONG[kinds[start - 1]] if start else base
        after = _STRONG[kinds[end]] if end < len(kinds) else base
        kinds[start:end] = [before if before == after else base] * (end - start)


def _spans(kinds: Sequence[str], wanted: str) -> Iterator[tuple[int, int]]:
    at = 0
    for kind, same in groupby(list(kinds)):
        length = sum(1 for _ in same)
        if kind == wanted:
            yield at, at + length
        at += length
