"""Rows and templates from files: what is sent, and under which media type."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pressroom_cli.errors import CliError

#: What a batch leaves besides a file per row, in the words of the API.
Artifact = Literal["zip", "merged"]
CSV = "text/csv"
NDJSON = "application/x-ndjson"
_TYPES = {".csv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Rows:
    """A file of rows. ``lines`` replaces the file's content where it is not sent as it stands."""

    path: Path
    content_type: str
    lines: bytes | None = None

    @property
    def name(self) -> str:
        """The file's name, for the form."""
        return self.path.name

    def open(self) -> BinaryIO:
        """The rows from their beginning."""
        return self.path.open("rb") if self.lines is None else io.BytesIO(self.lines)


def read_rows(path: Path) -> Rows:
    """CSV, NDJSON or a JSON array, told by the file's extension, else by how it begins.

    A JSON array is read whole and sent as NDJSON. CliError where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096).removeprefix(_BOM).lstrip()[:1]
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror or error}.") from error
    kind = _TYPES.get(path.suffix.lower())
    if kind is not None:
        return Rows(path, kind)
    if head == b"[":
        return Rows(path, NDJSON, _array(path))
    return Rows(path, NDJSON if head == b"{" else CSV)


def source_option(template: str | None, style: str | None) -> dict[str, Any]:
    """What the rows are printed with: a template, or a built-in page in this style."""
    if (template is None) == (style is None):
        raise CliError("Give either --template or --style.")
    return {"document": {"style": style}} if template is None else _template_option(template)


def _template_option(template: str) -> dict[str, str]:
    """The part of the request that names the template: its HTML, or the id of a stored one."""
    path = Path(template)
    if path.is_file():
        return {"html": _text(path)}
    if path.suffix.lower() in (".html", ".htm", ".j2") or "/" in template:
        raise CliError(f"There is no file {template}.")
    return {"template": template}


def request_options(options: list[str]) -> dict[str, Any]:
    """``KEY=VALUE`` pairs as the request's fields; dots in a key go into objects.

    A value that is no JSON is taken as text: ``page.format=A5``, ``priority=7``.
    """
    request: dict[str, Any] = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals or not key:
            raise CliError(f"--option {option}: write KEY=VALUE, such as page.format=A5.")
        at = request
        *parents, last = key.split(".")
        for parent in parents:
            at = at.setdefault(parent, {})
            if not isinstance(at, dict):
                raise CliError(f"--option {option}: {parent} has a value already.")
        at[last] = _value(text)
    return request


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CliError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8.") from error
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror or error}.") from error


def _array(path: Path) -> bytes:
    try:
        rows = json.loads(_text(path))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CliError(f"{path}, {place}: {error.msg}.") from error
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
