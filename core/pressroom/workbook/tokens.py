"""The tokens of a number format (ECMA-376, 18.8.31). Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKENS = re.compile(
    r'"(?P<quoted>[^"]*)"?'
    r"|\\(?P<escaped>.)"
    r"|_(?P<space>.)"
    r"|\*(?P<fill>.)"
    r"|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]"
    r"|\[(?P<elapsed>h+|m+|s+)\]"
    r"|\[(?P<condition>(?:<=|>=|<>|<|>|=)-?\d+(?:\.\d+)?)\]"
    r"|\[(?P<colour>[^\]]*)\]"
    r"|(?P<general>General)"
    r"|(?P<noon>AM/PM|A/P)"
    r"|(?P<exponent>E[+-])"
    r"|(?P<date>y+|m+|d+|h+|s+)"
    r"|(?P<part>\.0+(?![#?]))"
    r"|(?P<digit>[0#?.,%])"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """``kind`` is a group's name above; ``text`` is what it stands for."""

    kind: str
    text: str


@lru_cache(maxsize=256)
def tokens_of(text: str) -> tuple[tuple[Token, ...], ...]:
    """The sections of a format, each as its tokens."""
    sections: list[list[Token]] = [[]]
    for match in _TOKENS.finditer(text):
        kind = match.lastgroup or "other"
        found = match[kind]
        if kind == "other" and found == ";":
            sections.append([])
        elif kind in ("quoted", "escaped", "currency", "other"):
            sections[-1].append(Token("literal", found))
        elif kind == "space":
            sections[-1].append(Token("literal", " "))
        elif kind not in ("fill", "colour"):
            sections[-1].append(Token(kind, found))
    return tuple(map(tuple, sections))
