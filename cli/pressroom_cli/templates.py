"""`pressroom templates`: push, pull, preview, lint and the rest."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from pressroom_cli.options import ApiKey, AsJson, FarmDir, Url, connect, reporting

app = typer.Typer(help="Write templates as folders, and try them.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The template's id.")]
FolderPath = Annotated[Path, typer.Argument(metavar="FOLDER", help="It has a template.html.")]


@app.command("list")
def list_templates(
    as_json: AsJson = False, url: Url = None, api_key: ApiKey = None, state_dir: FarmDir = None
) -> None:
    """All templates of the key's tenant."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import plain_table, print_json

        found = client.templates()
        if as_json:
            print_json(found)
        elif found:
            cells = [
                (
                    one["id"],
                    str(one.get("version") or ""),
                    str(one.get("createdAt") or "")[:16],
                    "yes" if one.get("ready") else (one.get("fault") or {}).get("reason", ""),
                )
                for one in found
            ]
            console.print(plain_table(("id", "version", "created", "ready"), cells))
        else:
            console.print("No templates.")


@app.command("push")
def push(
    template_id: Id,
    folder: FolderPath,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Upload a folder as the template's next version."""
    with reporting() as console:
        from pressroom_cli.errors import CliError
        from pressroom_cli.faults import told_by_file
        from pressroom_cli.lint import lint
        from pressroom_cli.templatedir import read_folder

        found = read_folder(folder)
        with connect(url, api_key, state_dir) as client, told_by_file(folder):
            stored = client.put_template(template_id, found.spec, found.assets)
        console.print(f"{template_id} is {_version(stored.get('version'))}")
        with contextlib.suppress(CliError):
            for one in lint(folder):
                console.print(f"warning: {one.text}")


@app.command("pull")
def pull(
    template_id: Id,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to. Files are replaced.")],
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Write a template into a folder."""
    with reporting() as console:
        from pressroom_cli.templatedir import left_over, write_folder

        with connect(url, api_key, state_dir) as client:
            found = client.template(template_id)
            names = [asset["name"] for asset in found.get("assets") or ()]
            assets = {name: client.asset(template_id, name) for name in names}
        written = write_folder(folder, found, assets)
        for path in written:
            console.print(str(path))
        for path in left_over(folder, written):
            text = f"{path} is not part of {template_id}, and the next push would add it"
            console.print(f"warning: {text}")


@app.command("preview")
def preview(
    folder: FolderPath,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .pdf, .png, .jpg or .webp file.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="A JSON object. Default: sample.json.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Print again on every save.")] = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Print the folder as it stands, without pushing it."""
    with reporting() as console:
        from pressroom_cli import preview as previews
        from pressroom_cli.show import size

        wanted = previews.Preview(folder, output, data)
        wanted.check()
        with connect(url, api_key, state_dir) as client:
            if watch:
                previews.watch(client, wanted, console)
            else:
                printed = previews.preview(client, wanted)
                console.print(f"{output}: {size(printed.size)}")
                previews.warn(printed, console)


@app.command("lint")
def lint(folder: FolderPath) -> None:
    """Look for faults in a folder, without a farm. Exit code 1 if there are errors."""
    with reporting() as console:
        from pressroom_cli.lint import lint as look

        found = look(folder)
        for one in found:
            console.print(("error: " if one.is_error else "warning: ") + one.text)
        errors = sum(one.is_error for one in found)
        if errors:
            raise typer.Exit(1)
        console.print(f"{folder}: fine")


@app.command("versions")
def versions(
    template_id: Id,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """A template's versions."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import plain_table, print_json

        found = client.versions(template_id)
        if as_json:
            print_json(found)
        else:
            cells = [
                (
                    str(one["version"]),
                    str(one.get("createdAt") or "")[:16],
                    str(one.get("digest") or "")[:12],
                    "current" if one.get("current") else "",
                )
                for one in found
            ]
            console.print(plain_table(("version", "created", "digest", ""), cells))


@app.command("rollback")
def rollback(
    template_id: Id,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="An earlier version.")],
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Make an earlier version the current one, as a new version."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        stored = client.roll_back(template_id, version)
        new = stored.get("version")
        console.print(f"{template_id} is {_version(new)}, the same as version {version}")


@app.command("delete")
def delete(
    template_id: Id,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Delete a template. Batches that have begun keep the version that they pinned."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        client.delete_template(template_id)
        console.print(f"{template_id} is deleted")


def _version(number: object) -> str:
    return f"version {number}" if number else "stored"
