"""What a file of a template is: its media type, by its name or by how it begins. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
#: Bytes from the start that tell.
HEAD = 1024
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".css": "text/css",
    ".js": "text/javascript",
    ".html": "text/html",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".json": "application/json",
    ".xml": "application/xml",
    ".pdf": "application/pdf",
}
_BEGINS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x00\x01\x00\x00", "font/ttf"),
    (b"true", "font/ttf"),
    (b"OTTO", "font/otf"),
    (b"%PDF-", "application/pdf"),
)
_TOLD_BY_START = frozenset({*(kind for _, kind in _BEGINS), "image/webp"})
#: Fonts come in either dress under either name.
_ALIKE = {"font/otf": "font/ttf"}


def media_type(name: str, head: bytes = b"") -> str:
    """By the name's extension, else by the file's first bytes."""
    return named_type(name) or _by_start(head) or UNKNOWN


def named_type(name: str) -> str | None:
    """What the name alone says, if it says anything."""
    return _TYPES.get(PurePosixPath(name).suffix.lower())


def contradiction(name: str, data: bytes) -> str | None:
    """How the content is not what the name says, as a sentence; None where it may be."""
    named, found = named_type(name), _by_start(data[:HEAD])
    if named is None or _same(named, found):
        return None
    if named in _TOLD_BY_START:
        return f"It is named as {named}, but its content is {found or 'something else'}."
    if found is not None or b"\0" in data[:HEAD]:
        return f"It is named as {named}, but its content is {found or 'no text'}."
    if named == "image/svg+xml" and b"<svg" not in data:
        return "It is named as image/svg+xml, but has no <svg> element."
    return None


def _by_start(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begin, kind in _BEGINS if head.startswith(begin)), None)


def _same(named: str, found: str | None) -> bool:
    if found is None:
        return False
    return _ALIKE.get(named, named) == _ALIKE.get(found, found)
