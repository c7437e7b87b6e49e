"""Which farm to talk to: the options, else the environment, else a local farm's ``local.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pressroom_cli.errors import CliError


@dataclass(frozen=True)
class Target:
    """A farm and a key for it."""

    url: str
    api_key: str


def find_target(
    url: str | None, api_key: str | None, state_dir: Path | None, environment: Mapping[str, str]
) -> Target:
    """The farm that is meant. A ``state_dir`` that was given beats the environment.

    CliError where none can be told, or the local one does not run.
    """
    if state_dir is None:
        url = url or environment.get("PRESSROOM_URL")
        api_key = api_key or environment.get("PRESSROOM_API_KEY")
    if url and api_key:
        return Target(url, api_key)
    path = (state_dir or Path(".pressroom")) / "local.json"
    try:
        local = json.loads(path.read_text())
        if url and url.rstrip("/") != local["url"]:
            # Another farm's key would not open this one, and is none of its business.
            raise CliError(f"Give a key for {url} with --api-key or PRESSROOM_API_KEY.")
        return Target(local["url"], api_key or local["apiKey"])
    except FileNotFoundError as error:
        raise CliError(
            f"No farm is named, and none runs in {path.parent}. Start one with `pressroom local`, "
            "or name one with --url and --api-key (PRESSROOM_URL, PRESSROOM_API_KEY)."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CliError(f"{path} cannot be used: {error}.") from error
