"""What the farm finds wrong with a template, told with the file of the folder that it stands in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from pressroom_cli.errors import CliError, Refused
from pressroom_cli.templatedir import ASSETS, OBJECTS, PAGE_TEXTS, SETTING_FIELDS, STYLE, TEMPLATE

_FIELDS = {"html", "css", "assets", *OBJECTS.values(), *SETTING_FIELDS}
#: How the farm begins what it says of a text that does not compile, and of one that fails a row.
_NO_TEMPLATE = re.compile(r"^Line \d+ of \S+ is no template: ")
_IN_PAGE = re.compile(r"^Line (?P<line>\d+) of the template: (?P<text>.*)", re.S)
_IN_OPTION = re.compile(r"^(?P<option>[A-Za-z]\S*), line (?P<line>\d+): (?P<text>.*)", re.S)
_NO_FIT = "The data does not fit the template's schema: "


@contextlib.contextmanager
def told_by_file(folder: Path, data: Path | None = None) -> Iterator[None]:
    """Refusals within become errors that name the file; ``data`` is used for the sample data."""
    try:
        yield
    except Refused as error:
        told = _in_file(error, folder, data)
        if told is None:
            raise
        raise CliError(f"{told}\n({error.code})") from error


def file_of(path: str) -> str:
    """The file of a folder that a field of the API stands in."""
    field, _, rest = path.partition(".")
    field = field.partition("[")[0]
    if field == "assets" and rest:
        return f"{ASSETS}/{rest}"
    for name, text in PAGE_TEXTS.items():
        if field == "page" and rest == text:
            return name
    named = {field: name for name, field in OBJECTS.items()}
    return named.get(field, {"html": TEMPLATE, "css": STYLE}.get(field, "template.json"))


def _in_file(error: Refused, folder: Path, data: Path | None) -> str | None:
    if error.path and re.split(r"[.\[]", error.path)[0] in _FIELDS:
        return _of_field(error, error.path, folder)
    if error.detail.startswith(_NO_FIT):
        file = data or folder / "sample.json"
        return f"{file}: does not fit schema.json: {error.detail.removeprefix(_NO_FIT)}"
    return _of_row(error.detail, folder)


def _of_field(error: Refused, path: str, folder: Path) -> str:
    name = file_of(path)
    text = error.detail
    if name in (TEMPLATE, *PAGE_TEXTS):
        text = _NO_TEMPLATE.sub("", text)
    if name.startswith(f"{ASSETS}/"):
        text = text.removeprefix(f"{name.removeprefix(f'{ASSETS}/')}: ")
    # Elsewhere the line is one of what was sent, not of the file.
    line = f":{error.line}" if error.line and text != error.detail else ""
    return f"{folder / name}{line}: {text}"


def _of_row(detail: str, folder: Path) -> str | None:
    """A fault that came out when the page was made."""
    found = _IN_PAGE.match(detail)
    if found is not None:
        return f"{folder / TEMPLATE}:{found['line']}: {found['text']}"
    found = _IN_OPTION.match(detail)
    if found is None:
        return None
    files = {option: name for name, option in PAGE_TEXTS.items()}
    if found["option"] in files:
        return f"{folder / files[found['option']]}:{found['line']}: {found['text']}"
    return f"{folder / 'page.json'}: {detail}"
