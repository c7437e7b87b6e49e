"""The assets that plain HTML and CSS name: ``src``, ``href`` of links, ``url()``. Pure."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote

#: What a template computes; a name with such a part is not known before.
_COMPUTED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
_MARK = "\x00"
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)""", re.I)
_IMPORT = re.compile(r"""@import\s+(?:"([^"]*)"|'([^']*)')""", re.I)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_PICTURES = frozenset({"img", "source", "input", "embed", "image"})
_LINKS = frozenset({"stylesheet", "icon"})

#: Line (from 1) and name.
Named = tuple[int, str]


def named_in_html(text: str) -> list[Named]:
    """What a template's HTML names, its style elements and attributes included."""
    reader = _Reader()
    reader.feed(_COMPUTED.sub(lambda found: _MARK + "\n" * found[0].count("\n"), text))
    reader.close()
    return [] if reader.has_base else reader.named


def named_in_css(text: str, line: int = 1) -> list[Named]:
    """What a style sheet names that begins at ``line``."""
    text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    found = []
    for pattern in (_URL, _IMPORT):
        for match in pattern.finditer(text):
            address = next((one for one in match.groups() if one is not None), "")
            name = _name(address)
            if name is not None:
                found.append((line + text.count("\n", 0, match.start()), name))
    return sorted(found)


class _Reader(HTMLParser):
    """Collects what elements name."""

    def __init__(self) -> None:
        super().__init__()
        self.named: list[Named] = []
        self.has_base = False
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, _ = self.getpos()
        found = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self.has_base |= tag == "base"
        for address in _addresses(tag, found):
            name = _name(address)
            if name is not None:
                self.named.append((line, name))
        self.named.extend(named_in_css(found.get("style", ""), line))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.named.extend(named_in_css(data, self.getpos()[0]))


def _addresses(tag: str, attributes: dict[str, str]) -> list[str]:
    if tag in _PICTURES:
        names = ("src", "href", "xlink:href") if tag == "image" else ("src",)
        return [attributes[name] for name in names if name in attributes]
    if tag == "link" and _LINKS & set(attributes.get("rel", "").lower().split()):
        return [attributes.get("href", "")]
    return []


def _name(address: str) -> str | None:
    """The asset that an address leads to; None for another address or one not known yet."""
    address = address.strip()
    if _MARK in address or _ADDRESS.match(address):
        return None
    path = unquote(re.split(r"[?#]", address, maxsplit=1)[0])
    return path.removeprefix("./").removeprefix("/") or None
