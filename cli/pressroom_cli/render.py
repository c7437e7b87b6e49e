"""`pressroom render`: send a batch, show its progress, fetch what came out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from pressroom_cli.client import Client
from pressroom_cli.data import Artifact, Rows
from pressroom_cli.errors import CliError
from pressroom_cli.model import RENDERED, Batch
from pressroom_cli.progress import display_on
from pressroom_cli.show import failure_table, size

ALL_FINE = 0
BROKEN = 1
ROWS_FAILED = 3
#: Failed rows that are listed; the rest is counted.
_LISTED = 20


@dataclass(frozen=True)
class Job:
    """What to render and where to put it. ``request`` carries no rows and no outputs."""

    request: Mapping[str, Any]
    rows: Rows
    targets: Mapping[Artifact, Path]

    def check_targets(self) -> None:
        """CliError where an output could not be written in the end."""
        for path in self.targets.values():
            if path.is_dir():
                raise CliError(f"{path} is a directory. Name a file.")
            if not path.parent.is_dir():
                raise CliError(f"There is no directory {path.parent}. Make it first.")


def render(client: Client, job: Job, console: Console) -> int:
    """The exit code: 0 every row fine, 3 some failed, 1 the batch itself did not end well."""
    job.check_targets()
    since = time.monotonic()
    batch = client.submit({**job.request, "outputs": sorted(job.targets)}, job.rows)
    console.print(f"batch {batch.id}: {batch.total} rows")
    try:
        batch = _follow(client, batch, console)
    except KeyboardInterrupt:
        console.print(f"It goes on. To end it: pressroom batches cancel {batch.id}")
        raise
    code = _finish(client, batch, job, console)
    console.print(f"{_counts(batch)} in {time.monotonic() - since:.1f} s")
    return code


def _counts(batch: Batch) -> str:
    return (
        f"{batch.succeeded} of {batch.total} rows rendered, {batch.failed} failed, "
        f"{batch.pages} pages"
    )


def _follow(client: Client, batch: Batch, console: Console) -> Batch:
    with display_on(console) as display:
        display.show(batch)
        for batch in client.watch(batch.id):  # noqa: B020 - the same batch, later
            display.show(batch)
    return batch


def _finish(client: Client, batch: Batch, job: Job, console: Console) -> int:
    if batch.failed:
        _list_failures(client, batch, console)
    if batch.every_row_failed:
        console.print("Every row failed; there is nothing to fetch.")
        return ROWS_FAILED
    if batch.state not in RENDERED:
        why = f": {batch.message}" if batch.message else ""
        raise CliError(f"The batch ended as {batch.state}{why}")
    for artifact, path in job.targets.items():
        fetched = client.download(batch.id, artifact, path)
        console.print(f"{path}: {size(fetched)}")
    return ROWS_FAILED if batch.failed else ALL_FINE


def _list_failures(client: Client, batch: Batch, console: Console) -> None:
    failed = client.rows(batch.id, state="failed", most=_LISTED)
    console.print(failure_table(list(islice(failed, _LISTED)), console.width))
    if batch.failed > _LISTED:
        console.print(
            f"and {batch.failed - _LISTED} more: pressroom batches rows {batch.id} --state failed"
        )
