"""`pressroom batches`: list, show, cancel, suspend, resume, retry, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pressroom_cli.options import ApiKey, AsJson, FarmDir, Url, connect, reporting

if TYPE_CHECKING:
    from pressroom_cli.client import Verb

app = typer.Typer(help="Look at batches and change them.", no_args_is_help=True)

BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch's id.")]
State = Annotated[str | None, typer.Option(help="Only those in this state.")]


@app.command("list")
def list_batches(
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """The newest batches."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import batch_table, print_json

        found = list(client.batches(state=state, most=limit))
        if as_json:
            print_json([one.raw for one in found])
        elif found:
            console.print(batch_table(found, console.width))
        else:
            console.print("No batches.")


@app.command("get")
def get_batch(
    batch_id: BatchId,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Everything of one batch."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import batch_facts, print_json

        batch = client.batch(batch_id)
        if as_json:
            print_json(batch.raw)
        else:
            console.print(batch_facts(batch))


@app.command("rows")
def list_rows(
    batch_id: BatchId,
    state: State = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """What became of each row."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import print_json, row_table

        found = list(client.rows(batch_id, state=state, most=limit))
        if as_json:
            print_json([row.raw for row in found])
        elif found:
            console.print(row_table(found, console.width))
        else:
            console.print("No rows.")


@app.command("cancel")
def cancel(
    batch_id: BatchId,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """End a batch; rows not rendered yet stay undone."""
    _act(batch_id, "cancel", "is being cancelled", as_json, url, api_key, state_dir)


@app.command("suspend")
def suspend(
    batch_id: BatchId,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Start no further rows until the batch is resumed."""
    _act(batch_id, "suspend", "is being suspended", as_json, url, api_key, state_dir)


@app.command("resume")
def resume(
    batch_id: BatchId,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Go on with a suspended batch."""
    _act(batch_id, "resume", "goes on", as_json, url, api_key, state_dir)


@app.command("retry")
def retry(
    batch_id: BatchId,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Render the rows that did not come out again, as a new batch."""
    _act(batch_id, "retry", "renders them again", as_json, url, api_key, state_dir)


@app.command("delete")
def delete(
    batch_id: BatchId,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Delete a batch and all that it rendered."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        client.delete(batch_id)
        console.print(f"batch {batch_id} is deleted")


def _act(
    batch_id: str,
    verb: Verb,
    words: str,
    as_json: bool,
    url: str | None,
    api_key: str | None,
    state_dir: Path | None,
) -> None:
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import print_json

        batch = client.act(batch_id, verb)
        if as_json:
            print_json(batch.raw)
        else:
            console.print(f"batch {batch.id} {words}")
