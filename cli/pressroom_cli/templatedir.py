"""A template as a folder: reading it into what the API takes, and writing it back.

::

    template.html      the only file that must be there
    style.css  header.html  first-header.html  footer.html
    page.json          page options     schema.json   what data must look like
    sample.json        data to try      template.json missingValues, aliases
    assets/            images, fonts, style sheets
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pressroom_cli.errors import CliError

Json = dict[str, Any]
TEMPLATE = "template.html"
STYLE = "style.css"
ASSETS = "assets"
SETTINGS = "template.json"
#: Files that are page options of their own.
PAGE_TEXTS = {
    "header.html": "headerHtml",
    "footer.html": "footerHtml",
    "first-header.html": "firstHeaderHtml",
}
#: Files of JSON and the fields that they are.
OBJECTS = {"page.json": "page", "schema.json": "dataSchema", "sample.json": "sampleData"}
KNOWN = frozenset({TEMPLATE, STYLE, SETTINGS, ASSETS, *PAGE_TEXTS, *OBJECTS})
#: What ``template.json`` may hold.
SETTING_FIELDS = ("missingValues", "aliases")


class FileFault(CliError):  # noqa: N818 - what is found
    """A file of the folder is wrong, on a line of it where that is known."""

    def __init__(self, path: Path, message: str, line: int | None = None) -> None:
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {message}")


@dataclass(frozen=True)
class Folder:
    """What a folder holds: the API's ``spec``, without assets, and those by name."""

    path: Path
    spec: Json
    assets: Mapping[str, Path]


def read_folder(path: Path) -> Folder:
    """The folder's template. FileFault where a file cannot be read or is no JSON object."""
    if not path.is_dir():
        raise CliError(f"There is no folder {path}.")
    if not (path / TEMPLATE).is_file():
        raise CliError(f"{path} has no {TEMPLATE}.")
    spec: Json = {"html": text_of(path / TEMPLATE)}
    if (path / STYLE).is_file():
        spec["css"] = text_of(path / STYLE)
    if (path / SETTINGS).is_file():
        spec.update(_settings(path / SETTINGS))
    for name, field in OBJECTS.items():
        if (path / name).is_file():
            spec[field] = json_of(path / name)
    for name, field in PAGE_TEXTS.items():
        if (path / name).is_file():
            spec.setdefault("page", {})[field] = text_of(path / name)
    return Folder(path, spec, asset_files(path))


def asset_files(path: Path) -> dict[str, Path]:
    """The files of ``assets``, by name. Hidden ones are left out."""
    folder = path / ASSETS
    if not folder.is_dir():
        return {}
    found = sorted(folder.iterdir())
    return {one.name: one for one in found if one.is_file() and not one.name.startswith(".")}


def write_folder(path: Path, template: Json, assets: Mapping[str, bytes]) -> list[Path]:
    """Write a template as the API shows it; the files written. Others of the folder stay."""
    page = dict(template.get("page") or {})
    files: dict[str, bytes] = {TEMPLATE: template["html"].encode()}
    if template.get("css"):
        files[STYLE] = template["css"].encode()
    for name, field in PAGE_TEXTS.items():
        if page.get(field) is not None:
            files[name] = page.pop(field).encode()
    for name, field in OBJECTS.items():
        value = page if field == "page" else template.get(field)
        if value:
            files[name] = _json_bytes(value)
    settings = {field: template[field] for field in SETTING_FIELDS if template.get(field)}
    if settings.get("missingValues") == "strict":
        del settings["missingValues"]  # the default
    if settings:
        files[SETTINGS] = _json_bytes(settings)
    files |= {f"{ASSETS}/{name}": body for name, body in assets.items()}
    try:
        return [_write(path, name, body) for name, body in files.items()]
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error.strerror or error}.") from error


def left_over(path: Path, written: Iterable[Path]) -> list[Path]:
    """Files of the folder that a push would send, but for those ``written``."""
    used = [path / name for name in sorted(KNOWN - {ASSETS}) if (path / name).is_file()]
    return sorted({*used, *asset_files(path).values()} - set(written))


def _write(folder: Path, name: str, body: bytes) -> Path:
    target = folder / name
    # Names come from the farm: none may lead out of the folder.
    if target.name in ("", ".", "..") or len(Path(name).parts) > 2:
        raise CliError(f"The farm names an asset {name!r}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
    return target


def text_of(path: Path) -> str:
    """A file's text. FileFault where it is not UTF-8 or cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFault(path, f"not UTF-8 (byte {error.start}): save it as UTF-8.") from error
    except OSError as error:
        raise FileFault(path, f"cannot be read: {error.strerror or error}.") from error


def json_of(path: Path) -> Json:
    """A file's JSON object. FileFault, with the line, where it holds none."""
    try:
        found = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise FileFault(path, f"no JSON: {error.msg}.", error.lineno) from error
    except RecursionError as error:
        raise FileFault(path, "nested too deeply.") from error
    if not isinstance(found, dict):
        raise FileFault(path, "must be a JSON object.")
    return found


def _settings(path: Path) -> Json:
    found = json_of(path)
    unknown = sorted(found.keys() - set(SETTING_FIELDS))
    if unknown:
        raise FileFault(path, f"{unknown[0]} is not one of {', '.join(SETTING_FIELDS)}.")
    return found


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
