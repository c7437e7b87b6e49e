"""What the commands that talk to a farm have in common: its options, and how errors are told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # `pressroom local` needs neither, and stays small without them
    from rich.console import Console

    from pressroom_cli.client import Client

Url = Annotated[str | None, typer.Option(help="The farm. Default: PRESSROOM_URL.")]
ApiKey = Annotated[str | None, typer.Option(help="Its key. Default: PRESSROOM_API_KEY.")]
FarmDir = Annotated[
    Path | None, typer.Option(help="Use the local farm of this directory. Default: .pressroom.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def connect(url: str | None, api_key: str | None, state_dir: Path | None) -> Client:
    """A client of the farm that is meant. CliError where none can be told."""
    from pressroom_cli.client import Client
    from pressroom_cli.target import find_target

    target = find_target(url, api_key, state_dir, os.environ)
    return Client(target.url, target.api_key)


@contextlib.contextmanager
def reporting() -> Iterator[Console]:
    """A console, and every error as a sentence on standard error and exit code 1."""
    from pressroom_cli.errors import CliError
    from pressroom_cli.show import console_for

    try:
        yield console_for()
    except CliError as error:
        console_for(stderr=True).print(f"Error: {error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(130) from error
