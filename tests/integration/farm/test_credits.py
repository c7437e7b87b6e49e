"""Credits add up to the row ledgers, whatever is killed between the reserving and the settling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from farm_support import PAGE, Client, connect, rows, until

from pressroom_local.farm import start_farm

pytestmark = pytest.mark.integration
GRANTED = 1_000
TENANTS = f"""
apiVersion: pressroom.dev/v1alpha1
kind: Tenant
metadata: {{name: default}}
spec:
  credits: {{mode: Metered, granted: {GRANTED}}}
"""
#: Fails where the row has no name.
MIXED = PAGE + "{{ name }}"


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("metered")
    (folder / "tenants.yaml").write_text(TENANTS)
    with (
        start_farm(folder / "farm", tenants=folder / "tenants.yaml") as farm,
        connect(farm) as client,
    ):
        yield client


def usage(client: Client) -> dict[str, Any]:
    answer = client.http.get("/v1/usage")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["credits"]
    return found


def recorded(client: Client) -> int:
    answer = client.http.get("/v1/usage/jobs", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return sum(job["credits"] for job in answer.json()["jobs"])


def settled(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = until(lambda: usage(client), lambda one: one["reserved"] == 0, 60)
    return found


def mixed(count: int) -> list[dict[str, Any]]:
    """Rows of which every fourth fails."""
    found = rows(count)
    for row in found[::4]:
        del row["name"]
    return found


@pytest.mark.parametrize("part", ["gateway", "operator", "finalizer"])
def test_killing_a_part(metered: Client, part: str) -> None:
    before = settled(metered)["spent"]
    batch = metered.submit(html=MIXED, rows=mixed(120))
    metered.until(batch["id"], lambda found: found["rows"]["succeeded"] > 0)
    metered.kill(part)
    until(lambda: _alive(metered), bool, 30)
    ended = metered.ended(batch["id"], 120)
    assert (ended["rows"]["succeeded"], ended["rows"]["failed"]) == (90, 30)
    after = settled(metered)
    assert after["spent"] - before == 90
    assert after["spent"] == recorded(metered)
    assert after["available"] == GRANTED - after["spent"]


def test_a_cancelled_batch_costs_what_came_out(metered: Client) -> None:
    before = settled(metered)["spent"]
    batch = metered.submit(html=MIXED, rows=rows(200))
    metered.until(batch["id"], lambda found: found["rows"]["succeeded"] > 0)
    assert usage(metered)["reserved"] == 200
    metered.http.post(f"/v1/batches/{batch['id']}/cancel")
    ended = metered.ended(batch["id"])
    assert settled(metered)["spent"] - before == ended["rows"]["succeeded"]
    assert usage(metered)["spent"] == recorded(metered)


def test_a_batch_deleted_half_way_costs_what_came_out(metered: Client) -> None:
    settled(metered)
    batch = metered.submit(html=MIXED, rows=rows(200))
    metered.until(batch["id"], lambda found: found["rows"]["succeeded"] > 0)
    assert metered.http.delete(f"/v1/batches/{batch['id']}").status_code == 204
    assert settled(metered)["spent"] == recorded(metered)
    page = metered.http.get("/v1/usage/jobs", params={"limit": 1000}).json()["jobs"]
    (own,) = [job for job in page if job["id"] == batch["id"]]
    assert 0 < own["rows"]["succeeded"] <= 200 and own["credits"] == own["rows"]["succeeded"]


def test_what_is_not_covered_is_refused_and_reserves_nothing(metered: Client) -> None:
    left = settled(metered)["available"]
    answer = metered.http.post("/v1/batches", json={"html": MIXED, "rows": rows(left + 1)})
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credits")
    assert usage(metered)["reserved"] == 0


def _alive(client: Client) -> bool:
    try:
        return client.http.get("/readyz").is_success
    except httpx.HTTPError:
        return False
