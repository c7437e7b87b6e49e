"""File names for people: safe on every system, and unique inside one archive. Purely text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

#: The longest name in bytes of UTF-8, extension included: room for " (123)" within 255.
MAX_NAME_BYTES = 200
#: The longest ending that still counts as an extension.
_MAX_EXTENSION = 12
_FALLBACK = "file"

_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
#: Marks that turn the direction of text: they can make "fdp.exe" read like "exe.pdf".
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_RESERVED = re.compile(
    r"^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\.|$)", re.I
)


def safe_name(text: str) -> str:
    """A name that any file system and unzip program takes, as close to ``text`` as can be.

    Unicode stays (NFC). Never empty, never hidden, never more than MAX_NAME_BYTES bytes.
    """
    name = _FORBIDDEN.sub("_", _BIDI.sub("", unicodedata.normalize("NFC", text)))
    name = _trimmed(name)
    if _RESERVED.match(name):
        name = f"_{name}"
    stem, extension = split_name(name)
    stem = _cut(stem, MAX_NAME_BYTES - len(extension.encode()))
    return f"{stem or _FALLBACK}{extension}"


def with_extension(name: str, extension: str) -> str:
    """``name`` ending in ``.extension``, once."""
    return name if name.lower().endswith(f".{extension}".lower()) else f"{name}.{extension}"


def split_name(name: str) -> tuple[str, str]:
    """The stem and the extension with its dot; "" where there is none."""
    stem, dot, extension = name.rpartition(".")
    if not stem or not extension or len(extension) > _MAX_EXTENSION or not extension.isalnum():
        return name, ""
    return stem, dot + extension


def unique(names: Iterable[str]) -> Iterator[str]:
    """The names in order, repeated ones numbered: ``a.pdf``, ``a (2).pdf``.

    Names that differ only in case or in Unicode form count as repeated.
    """
    taken: set[str] = set()
    following: dict[str, int] = {}
    for name in names:
        key = _key(name)
        found = name
        if key in taken:
            stem, extension = split_name(name)
            number = following.get(key, 2)
            while _key(found := f"{stem} ({number}){extension}") in taken:
                number += 1
            following[key] = number + 1
        taken.add(_key(found))
        yield found


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _trimmed(name: str) -> str:
    """Without dots and blanks at the end (Windows drops them) and at the start (hidden files)."""
    return name.rstrip(". \u00a0").lstrip(". \u00a0")


def _cut(text: str, size: int) -> str:
    """At most ``size`` bytes of UTF-8, no character and no trailing dot or blank left over."""
    encoded = text.encode()
    if len(encoded) <= size:
        return text
    return _trimmed(encoded[:size].decode(errors="ignore"))
