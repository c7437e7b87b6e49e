"""`pressroom templates preview`: a folder as it stands, printed; again and again with ``--watch``.

The folder is put under a scratch id, printed, and deleted again: so that the preview is what the
farm would store, assets and all, and the template of the folder's own id stays as it is.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pressroom_cli.client import Client
from pressroom_cli.errors import CliError
from pressroom_cli.faults import told_by_file
from pressroom_cli.show import size
from pressroom_cli.templatedir import Json, json_of, read_folder

#: Seconds between two looks at the folder.
POLL_SECONDS = 0.3
_OUTPUTS = {".pdf": "pdf", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
State = dict[Path, tuple[int, int]]


@dataclass(frozen=True)
class Preview:
    """What to print and where to; ``data`` is a file used instead of the sample data."""

    folder: Path
    output: Path
    data: Path | None = None

    def check(self) -> None:
        """CliError where the output could not be written."""
        if self.output.suffix.lower() not in _OUTPUTS:
            raise CliError(f"{self.output}: end its name in .pdf, .png, .jpg or .webp.")
        if not self.output.parent.is_dir():
            raise CliError(f"There is no directory {self.output.parent}. Make it first.")


def scratch_id(folder: Path) -> str:
    """The id of a folder's previews: the same one each time, another for each user and folder."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = "user"
    place = f"{user} {folder.resolve()}"
    words = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:20]
    return f"preview-{words or 'template'}-{hashlib.sha256(place.encode()).hexdigest()[:10]}"


@dataclass(frozen=True)
class Printed:
    """The bytes written, and what the checks of the pages found, as sentences."""

    size: int
    warnings: tuple[str, ...] = ()


def preview(client: Client, wanted: Preview) -> Printed:
    """Print the folder once. CliError where that fails."""
    with _scratch(client, wanted) as template_id:
        return _print(client, wanted, template_id)


def watch(client: Client, wanted: Preview, console: Console) -> None:
    """Print the folder now and whenever a file of it is saved, until Ctrl-C."""
    with _scratch(client, wanted) as template_id:
        seen: State | None = None
        while True:
            now = _state(wanted)
            if now != seen:
                seen = now
                _report(client, wanted, template_id, console)
            time.sleep(POLL_SECONDS)


def _report(client: Client, wanted: Preview, template_id: str, console: Console) -> None:
    started = time.monotonic()
    clock = time.strftime("%H:%M:%S")
    try:
        printed = _print(client, wanted, template_id)
    except CliError as error:
        console.print(f"{clock} {error}")
    else:
        took = time.monotonic() - started
        console.print(f"{clock} {wanted.output}: {size(printed.size)} in {took:.1f} s")
        warn(printed, console)


def warn(printed: Printed, console: Console) -> None:
    """Say what the checks found."""
    for text in printed.warnings:
        console.print(f"warning: {text}")


@contextlib.contextmanager
def _scratch(client: Client, wanted: Preview) -> Iterator[str]:
    template_id = scratch_id(wanted.folder)
    try:
        yield template_id
    finally:
        with contextlib.suppress(CliError):  # it may never have been put
            client.delete_template(template_id)


def _print(client: Client, wanted: Preview, template_id: str) -> Printed:
    folder = read_folder(wanted.folder)
    # Aliases are the template's own, not its preview's.
    spec = {field: value for field, value in folder.spec.items() if field != "aliases"}
    request: Json = {"page": {"output": _OUTPUTS[wanted.output.suffix.lower()]}}
    if wanted.data is not None:
        request["data"] = json_of(wanted.data)
    with told_by_file(wanted.folder, wanted.data):
        client.put_template(template_id, spec, folder.assets)
        made, findings = client.preview(template_id, request)
    beside = wanted.output.with_name(f".{wanted.output.name}.part")
    try:
        beside.write_bytes(made)
        beside.replace(wanted.output)
    except OSError as error:
        raise CliError(f"{wanted.output} cannot be written: {error.strerror or error}.") from error
    return Printed(len(made), tuple(_sentence(one) for one in findings))


def _sentence(finding: Json) -> str:
    page = f"page {finding['page']}: " if finding.get("page") else ""
    return f"{page}{finding['message']} ({finding['check']})"


def _state(wanted: Preview) -> State:
    """When each file was changed last, and its size."""
    files = [one for one in wanted.folder.rglob("*") if one.is_file()]
    if wanted.data is not None:
        files.append(wanted.data)
    output = wanted.output.resolve()
    state: State = {}
    for one in files:
        if one.resolve() == output or one.name.startswith("."):
            continue
        with contextlib.suppress(OSError):  # gone meanwhile
            facts = one.stat()
            state[one] = (facts.st_mtime_ns, facts.st_size)
    return state
