"""`pressroom webhooks`: list, redeliver."""

from __future__ import annotations

from typing import Annotated

import typer

from pressroom_cli.options import ApiKey, AsJson, FarmDir, Url, connect, reporting

app = typer.Typer(help="Look at webhooks and send them again.", no_args_is_help=True)


@app.command("list")
def list_webhooks(
    state: Annotated[
        str | None, typer.Option(help="Only those pending, delivered or failed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """What became of the newest batches' webhooks."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import print_json, webhook_table

        found = list(client.webhooks(state=state, most=limit))
        if as_json:
            print_json([one.raw for one in found])
        elif found:
            console.print(webhook_table(found, console.width))
        else:
            console.print("No webhooks.")


@app.command("redeliver")
def redeliver(
    batch_id: Annotated[str, typer.Argument(metavar="ID", help="The batch's id.")],
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    state_dir: FarmDir = None,
) -> None:
    """Send the webhook of a batch that has ended again, whatever became of it."""
    with reporting() as console, connect(url, api_key, state_dir) as client:
        from pressroom_cli.show import print_json

        webhook = client.redeliver(batch_id)
        if as_json:
            print_json(webhook.raw)
        else:
            console.print(f"the webhook of batch {webhook.batch} is sent again")
