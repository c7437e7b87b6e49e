"""The `pressroom` command.

Exit codes: 0 fine, 1 an error, 2 wrong usage, 3 some rows failed, 130 Ctrl-C.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pressroom_cli.batches import app as batches
from pressroom_cli.keys import app as keys
from pressroom_cli.options import ApiKey, FarmDir, Url, connect, reporting
from pressroom_cli.templates import app as templates
from pressroom_cli.usage import usage
from pressroom_cli.webhooks import app as webhooks

app = typer.Typer(
    name="pressroom",
    help="Render rows and a template to PDFs, a ZIP and a merged PDF.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
app.add_typer(batches, name="batches")
app.command("usage")(usage)
app.add_typer(keys, name="keys")
app.add_typer(templates, name="templates")
app.add_typer(webhooks, name="webhooks")


@app.command()
def local(
    state_dir: Annotated[Path, typer.Option(help="Where data, logs and keys are kept.")] = Path(
        ".pressroom"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the API; 0: any.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
    tenants: Annotated[
        Path | None, typer.Option(help="YAML of Tenants, and of Secrets with their API keys.")
    ] = None,
) -> None:
    """Run the whole farm on this machine until Ctrl-C."""
    try:
        from pressroom_local.run import Options, run_local
    except ImportError as error:
        typer.echo(f"{error.name} is missing. Install pressroom[local].", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(run_local(Options(state_dir, port, workers, tenants), _say))


@app.command()
def render(
    data: Annotated[Path, typer.Option("--data", "-d", help="Rows: CSV, NDJSON, a JSON array.")],
    template: Annotated[
        str | None,
        typer.Option("--template", "-t", help="An HTML file, or the id of a template."),
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(help="Instead: a built-in page, as stripe-clean, bold, minimal or corporate."),
    ] = None,
    merged: Annotated[Path | None, typer.Option(help="Write the merged PDF here.")] = None,
    zip_file: Annotated[Path | None, typer.Option("--zip", help="Write the ZIP here.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="More of the request, as KEY=VALUE: page.format=A5, priority=7."),
    ] = None,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Render a batch and fetch what came out. Exit code 3 if some rows failed."""
    with reporting() as console:
        from pressroom_cli import data as files
        from pressroom_cli.render import Job
        from pressroom_cli.render import render as run

        targets: dict[files.Artifact, Path] = {}
        if zip_file is not None:
            targets["zip"] = zip_file
        if merged is not None:
            targets["merged"] = merged
        request = files.request_options(option or []) | files.source_option(template, style)
        job = Job(request, files.read_rows(data), targets)
        with connect(url, api_key, state_dir) as client:
            raise typer.Exit(run(client, job, console))


def _say(line: str) -> None:
    """A line to the terminal; one that has gone away must not stop the farm."""
    try:
        typer.echo(line)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main() -> None:
    """The entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
