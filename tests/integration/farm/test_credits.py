"""Credits add up to the rows that came out, whatever is killed while they are booked."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator

import httpx
import orjson
import pytest
from farm_api import PAGE, TERMINAL, Json, rows, until
from farm_support import Client

from pressroom import names
from pressroom.adapters.s3 import open_store
from pressroom.settings import S3Settings

pytestmark = pytest.mark.integration
COUNT = 500
FAILING = 6
GRANTED = 2 * COUNT + 30


@pytest.fixture
def acme(client: Client) -> Iterator[Client]:
    """A client of a metered tenant of its own."""
    key, name = secrets.token_urlsafe(20), f"acme-{secrets.token_hex(3)}"
    tenant = {
        "apiVersion": names.API_VERSION,
        "kind": "Tenant",
        "metadata": {"name": name},
        "spec": {"credits": {"mode": "Metered", "granted": GRANTED}},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"key-{name}", "labels": {names.LABEL_API_KEY: "true"}},
        "stringData": {"hash": names.api_key_hash(key), "tenant": name},
    }
    for path, body in ((tenants_of(client), tenant), (core_of(client, "secrets"), secret)):
        answer = client.kube.post(path, json=body)
        assert answer.status_code == 201, answer.text
    http = httpx.Client(
        base_url=client.farm.url,
        headers={"Authorization": f"Bearer {key}", "X-Test-Tenant": name},
        timeout=60,
        transport=httpx.HTTPTransport(retries=3),
    )
    with http:
        until(lambda: http.get("/v1/batches").status_code, lambda code: code == 200, 30)
        yield Client(http, client.farm, client.kube)


def tenants_of(client: Client) -> str:
    return f"/apis/{names.API_VERSION}/namespaces/{namespace_of(client)}/tenants"


def core_of(client: Client, plural: str) -> str:
    return f"/api/v1/namespaces/{namespace_of(client)}/{plural}"


def namespace_of(client: Client) -> str:
    return str(client.farm.read()["namespace"])


def tenant_name(client: Client) -> str:
    return str(client.http.headers["X-Test-Tenant"])


def account(client: Client) -> Json:
    answer = client.kube.get(f"{tenants_of(client)}/{tenant_name(client)}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json().get("status") or {}
    return found


def records(client: Client) -> dict[str, Json]:
    """The tenant's usage records, by the name of their job."""

    async def read() -> dict[str, Json]:
        s3 = client.farm.s3
        settings = S3Settings(
            endpoint=s3["endpoint"],
            access_key=s3["accessKey"],
            secret_key=s3["secretKey"],
            bucket=s3["bucket"],
        )
        async with open_store(settings, timeout=20) as store:
            prefix = f"usage/{tenant_name(client)}/"
            found = [orjson.loads(await store.get(one.key)) async for one in store.list(prefix)]
        return {one["job"]: one for one in found}

    return asyncio.run(read())


def some_fail(count: int) -> list[Json]:
    """Rows, the last of which lack what the template needs."""
    data: list[Json] = rows(count)
    for row in data[-FAILING:]:
        del row["name"]
    return data


def patiently_ended(client: Client, batch_id: str) -> Json:
    """The batch once it has ended, through a gateway that may be starting again."""

    def look() -> Json:
        with contextlib.suppress(httpx.TransportError):
            answer = client.http.get(f"/v1/batches/{batch_id}")
            if answer.status_code == 200:
                found: Json = answer.json()
                return found
        return {"state": "unknown"}

    found: Json = until(look, lambda batch: batch["state"] in TERMINAL, 120)
    return found


def under_way(client: Client, batch_id: str) -> Json:
    return client.until(batch_id, lambda found: 0 < found["rows"]["succeeded"] < COUNT)


def test_credits_add_up_to_the_row_ledgers_whatever_is_killed(acme: Client) -> None:
    first = acme.submit(rows=some_fail(COUNT), outputs=["zip"])
    second = acme.submit(rows=some_fail(COUNT), outputs=["merged"])
    assert sum(account(acme)["reserved"].values()) == 2 * COUNT
    under_way(acme, first["id"])
    for part in ("operator", "gateway", "finalizer"):
        acme.kill(part)
    one = patiently_ended(acme, first["id"])
    acme.kill("operator")
    other = patiently_ended(acme, second["id"])
    assert {one["state"], other["state"]} == {"partiallyFailed"}
    came_out = sum(len(acme.rows(batch["id"], state="succeeded")) for batch in (one, other))
    settled = until(lambda: account(acme), lambda status: not status.get("reserved"), 60)
    assert settled["spent"] == came_out == 2 * (COUNT - FAILING)
    assert sum(record["credits"] for record in records(acme).values()) == came_out
    assert [(month["jobs"], month["credits"]) for month in settled["usage"]] == [(2, came_out)]


def test_cancelled_and_deleted_batches_pay_for_what_came_out(acme: Client) -> None:
    cancelled = acme.submit(rows=rows(COUNT))
    deleted = acme.submit(rows=rows(COUNT))
    under_way(acme, cancelled["id"])
    assert acme.http.post(f"/v1/batches/{cancelled['id']}/cancel").status_code == 202
    under_way(acme, deleted["id"])
    assert acme.http.delete(f"/v1/batches/{deleted['id']}").status_code == 204
    acme.kill("operator")
    patiently_ended(acme, cancelled["id"])
    settled = until(lambda: account(acme), lambda status: not status.get("reserved"), 90)
    by_job = records(acme)
    listed = len(acme.rows(cancelled["id"], state="succeeded"))
    assert by_job[cancelled["id"]]["credits"] == listed
    assert 0 < by_job[deleted["id"]]["credits"] <= COUNT
    assert settled["spent"] == sum(record["credits"] for record in by_job.values())


def test_what_the_credits_do_not_cover_reserves_nothing(acme: Client) -> None:
    answer = acme.http.post("/v1/batches", json={"html": PAGE, "rows": rows(GRANTED + 1)})
    assert answer.status_code == 402, answer.text
    assert answer.json()["code"] == "insufficient_credits"
    # Two such jobs are covered, the third is not.
    credit = {"spec": {"credits": {"granted": 202}}}
    patch = {"Content-Type": "application/merge-patch+json"}
    path = f"{tenants_of(acme)}/{tenant_name(acme)}"
    assert acme.kube.patch(path, json=credit, headers=patch).status_code == 200
    jobs = f"/apis/{names.API_VERSION}/namespaces/{namespace_of(acme)}/batchjobs"
    made = [f"large-{secrets.token_hex(4)}" for _ in range(3)]
    for name in made:
        assert acme.kube.post(jobs, json=large_job(acme, name)).status_code == 201
    accepted = [verdict(acme, f"{jobs}/{name}") for name in made]
    reasons = sorted(condition["reason"] for condition in accepted)
    assert reasons == ["Accepted", "Accepted", "InsufficientCredits"]
    refused = next(one for one in accepted if one["status"] == "False")
    assert "needs 101 credits" in refused["message"]
    assert sorted(account(acme)["reserved"].values()) == [101, 101]
    for name in made:
        assert acme.kube.delete(f"{jobs}/{name}").status_code in (200, 202)
    until(lambda: account(acme), lambda status: not status.get("reserved"), 90)
    assert account(acme).get("spent", 0) == 0


def large_job(client: Client, name: str) -> Json:
    """A suspended job of 100 rows and a merge: 101 credits."""
    spec = {
        "tenant": tenant_name(client),
        "dialect": "LightningPdf",
        "html": "<p>",
        "outputs": ["Merged"],
        "rows": [{}] * 100,
        "suspend": True,
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": "BatchJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def verdict(client: Client, path: str) -> Json:
    """The condition Accepted of a job, once it has one."""

    def look() -> Json:
        conditions = (client.kube.get(path).json().get("status") or {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == "Accepted"), {})

    found: Json = until(look, bool, 30)
    return found
