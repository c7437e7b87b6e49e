"""The process of the embedded Kubernetes API: loopback only, one token, until a signal.

``python -m pressroom_local.kubeapi_main --db FILE --port N --token-file FILE``
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from pressroom.crds import all_crds, validators
from pressroom.lifecycle import stop_on_signals
from pressroom.probes import serve
from pressroom.settings import Settings
from pressroom.telemetry import configure_logging
from pressroom_local.kubeapi import make_app

_HOST = "127.0.0.1"


async def run(db: Path, port: int, token: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    async with serve(make_app(db, all_crds(), validators(), token), _HOST, port):
        await stop.wait()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="kubeapi", description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    arguments = parser.parse_args()
    configure_logging(Settings(), "kubeapi")
    token = arguments.token_file.read_text().strip()
    asyncio.run(run(arguments.db, arguments.port, token))


if __name__ == "__main__":
    main()
