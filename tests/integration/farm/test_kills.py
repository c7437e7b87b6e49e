"""Whatever is killed in the middle of a batch, each of its rows is settled once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from farm_api import PAGE, rows, settled_once, until
from farm_support import Client, connect

from pressroom_local.farm import start_farm

pytestmark = pytest.mark.integration
COUNT = 200


def in_the_middle(client: Client) -> str:
    """A batch whose first rows have just come out, as their ledger says: its status lags."""
    batch = client.submit(rows=rows(COUNT), outputs=["zip", "merged"])
    path = f"/v1/batches/{batch['id']}/rows"
    first = {"state": "succeeded", "limit": 1}
    until(lambda: client.http.get(path, params=first).json()["rows"], bool, 90)
    found: str = batch["id"]
    return found


@pytest.mark.parametrize("part", ["worker-0", "operator", "nats"])
def test_killing_a_part(client: Client, part: str) -> None:
    batch_id = in_the_middle(client)
    before = client.kill(part)
    settled_once(client, client.ended(batch_id, 120), COUNT)
    until(lambda: client.farm.pids[part], lambda pid: pid != before, 30)


def test_killing_the_finalizer(client: Client) -> None:
    batch = client.submit(rows=rows(COUNT), outputs=["zip", "merged"])
    client.until(batch["id"], lambda found: found["state"] == "finalizing")
    client.kill("finalizer")
    settled_once(client, client.ended(batch["id"], 120), COUNT)


def test_killing_nats_and_wiping_its_folder(client: Client) -> None:
    folder = client.farm.state_dir / "nats"
    assert folder.is_dir()
    batch_id = in_the_middle(client)
    shutil.rmtree(folder, ignore_errors=True)
    client.kill("nats")
    settled_once(client, client.ended(batch_id, 120), COUNT)


def test_a_second_start_goes_on_where_the_first_was(tmp_path: Path) -> None:
    with start_farm(tmp_path) as farm, connect(farm) as client:
        batch_id = in_the_middle(client)
    with start_farm(tmp_path) as farm, connect(farm) as client:
        settled_once(client, client.ended(batch_id, 120), COUNT)
        assert client.http.post("/v1/render", json={"html": PAGE, "data": rows(1)[0]}).is_success
