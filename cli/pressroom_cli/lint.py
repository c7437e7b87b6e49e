"""Looking for faults in a template's folder, without a farm. Nothing is rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pressroom_cli.errors import CliError
from pressroom_cli.faults import file_of
from pressroom_cli.references import named_in_css, named_in_html
from pressroom_cli.templatedir import (
    ASSETS,
    KNOWN,
    PAGE_TEXTS,
    STYLE,
    TEMPLATE,
    Folder,
    asset_files,
    read_folder,
)

#: How files of these kinds begin; kinds that are text have no entry.
_BEGINS: dict[str, tuple[bytes, ...]] = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF87a", b"GIF89a"),
    ".webp": (b"RIFF",),
    ".woff": (b"wOFF",),
    ".woff2": (b"wOF2",),
    ".ttf": (b"\x00\x01\x00\x00", b"true"),
    ".otf": (b"OTTO", b"\x00\x01\x00\x00"),
}
_MISSING_LIBRARY = "is missing. Install pressroom[cli]."


@dataclass(frozen=True)
class Complaint:
    """Something about a file. A warning alone does not fail."""

    text: str
    is_error: bool = True


def lint(path: Path) -> list[Complaint]:
    """All that is wrong with the folder, errors first. CliError where there is none to look at."""
    if not (path / TEMPLATE).is_file():
        raise CliError(f"There is no {path / TEMPLATE}.")
    found = [*_assets(path), *_unknown(path)]
    try:
        folder = read_folder(path)
    except CliError as error:
        found.append(Complaint(str(error)))
    else:
        try:
            for check in _CHECKS:
                found.extend(check(folder))
        except ImportError as error:
            raise CliError(f"{error.name} {_MISSING_LIBRARY}") from error
    return sorted(found, key=lambda one: not one.is_error)


def _syntax(folder: Folder) -> Iterator[Complaint]:
    from pressroom.templating import syntax_fault

    for place, text in _texts(folder):
        fault = syntax_fault(text)
        if fault is not None:
            line, message = fault
            yield Complaint(f"{place}:{line}: {message}")


def _texts(folder: Folder) -> Iterator[tuple[str, str]]:
    """Every template text with the file it stands in."""
    yield str(folder.path / TEMPLATE), folder.spec["html"]
    page = folder.spec.get("page") or {}
    for name, field in PAGE_TEXTS.items():
        if isinstance(page.get(field), str):
            yield str(folder.path / name), page[field]
    parsed = _parsed(folder)
    if parsed is not None and parsed.page is not None:
        from pressroom.pagetexts import texts

        for field, text in texts(parsed.page).items():
            if field not in PAGE_TEXTS.values():
                yield f"{folder.path / 'page.json'} {field}", text


def _options(folder: Folder) -> Iterator[Complaint]:
    from pressroom.dialects.native import parse_template
    from pressroom.errors import UserError

    try:
        parse_template(folder.spec)
    except UserError as error:
        file = file_of(error.path or "")
        yield Complaint(f"{folder.path / file}: {error.message}")


def _parsed(folder: Folder) -> Any:
    from pressroom.dialects.native import parse_template
    from pressroom.errors import UserError

    try:
        return parse_template(folder.spec)
    except UserError:
        return None


def _data(folder: Folder) -> Iterator[Complaint]:
    from pressroom.dataschema import checker, schema_fault

    schema, sample = folder.spec.get("dataSchema"), folder.spec.get("sampleData")
    if schema is None:
        return
    fault = schema_fault(schema)
    if fault is not None:
        yield Complaint(f"{folder.path / 'schema.json'}: no JSON Schema: {fault}")
    elif sample is not None:
        fault = checker(schema)(sample)
        if fault is not None:
            yield Complaint(f"{folder.path / 'sample.json'}: {fault}")


def _references(folder: Folder) -> Iterator[Complaint]:
    """Assets that are used by name must be there."""
    from pressroom.templating import assets_named

    for place, text in _texts(folder):
        plain = named_in_html(text) if place.endswith(".html") else []
        for line, name in sorted({*assets_named(text), *plain}):
            if name not in folder.assets:
                yield Complaint(f"{place}:{line}: {_absent(folder, name)}")
    for path in _style_sheets(folder):
        for line, name in named_in_css(path.read_text(encoding="utf-8", errors="replace")):
            if name not in folder.assets:
                yield Complaint(f"{path}:{line}: {_absent(folder, name)}")
    parsed = _parsed(folder)
    page = parsed.page if parsed is not None else None
    if page is None:
        return
    named = [page.watermark.image] if page.watermark is not None else []
    named += [one.asset or one.name for one in page.attachments or () if one.text is None]
    for name in named:
        if name is not None and name not in folder.assets:
            yield Complaint(f"{folder.path / 'page.json'}: {_absent(folder, name)}")


def _style_sheets(folder: Folder) -> Iterator[Path]:
    if (folder.path / STYLE).is_file():
        yield folder.path / STYLE
    yield from (path for path in folder.assets.values() if path.suffix.lower() == ".css")


def _absent(folder: Folder, name: str) -> str:
    bare = name.removeprefix(f"{ASSETS}/")
    if bare in folder.assets:
        return f"assets are named without their folder: {bare}, not {name}"
    return f"there is no {ASSETS}/{name}"


_CHECKS: tuple[Callable[[Folder], Iterator[Complaint]], ...] = (
    _syntax,
    _options,
    _data,
    _references,
)


def _assets(path: Path) -> Iterator[Complaint]:
    from pydantic import TypeAdapter, ValidationError

    from pressroom.model.finish import AssetName
    from pressroom.model.template import MAX_ASSET_BYTES, MAX_ASSETS

    names: TypeAdapter[str] = TypeAdapter(AssetName)
    files = asset_files(path)
    if len(files) > MAX_ASSETS:
        yield Complaint(f"{path / ASSETS}: {len(files)} files, of {MAX_ASSETS} at most")
    for name, file in files.items():
        try:
            names.validate_python(name)
        except ValidationError:
            yield Complaint(f"{file}: not a name for an asset: letters, digits, space . _ -")
        size = file.stat().st_size
        if size > MAX_ASSET_BYTES:
            yield Complaint(f"{file}: over {MAX_ASSET_BYTES // 1024**2} MiB")
        elif not _is_what_it_says(file):
            yield Complaint(f"{file}: not what its name says ({file.suffix})")


def _is_what_it_says(file: Path) -> bool:
    kind = file.suffix.lower()
    body = file.read_bytes()
    if kind in _BEGINS:
        return body.startswith(_BEGINS[kind]) and (kind != ".webp" or body[8:12] == b"WEBP")
    if kind == ".svg":
        return b"<svg" in body[:4096]
    return bool(body)


def _unknown(path: Path) -> Iterator[Complaint]:
    for one in sorted(path.iterdir()):
        if one.name not in KNOWN and not one.name.startswith("."):
            yield Complaint(f"{one}: not used", is_error=False)
    folder = path / ASSETS
    for one in sorted(folder.iterdir()) if folder.is_dir() else ():
        if one.is_dir():
            yield Complaint(f"{one}: not used: assets are not in folders", is_error=False)
