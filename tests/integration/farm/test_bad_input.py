"""Bad input at a real farm: refused as at the twins, and nothing of it in the object store."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from bad_input import BAD, JSON, LIMITS, Bad
from farm_api import until
from farm_support import Client
from minio import Minio

from pressroom.names import LABEL_API_KEY, LABEL_TENANT, api_key_hash

pytestmark = pytest.mark.integration
TENANT, KEY = "strict", "the key of the strict tenant"
FARM = "/apis/pressroom.dev/v1alpha1/namespaces/pressroom"
TOO_MANY = BAD["too many rows"]


def post(http: httpx.Client, bad: Bad) -> httpx.Response:
    headers = {"Content-Type": bad.content_type}
    return http.post("/v1/batches", content=bad.body, params=bad.params, headers=headers)


@pytest.fixture(scope="module")
def strict(client: Client) -> Iterator[httpx.Client]:
    """A client for a tenant of its own, with the limits that the bodies are for."""
    secret = {
        "metadata": {"name": "key-strict", "labels": {LABEL_API_KEY: "true"}},
        "stringData": {"hash": api_key_hash(KEY), "tenant": TENANT},
    }
    tenant = {
        "apiVersion": "pressroom.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": TENANT},
        "spec": {"limits": LIMITS},
    }
    for address, resource in (
        (f"{FARM}/tenants", tenant),
        ("/api/v1/namespaces/pressroom/secrets", secret),
    ):
        client.kube.post(address, json=resource).raise_for_status()
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=client.farm.url, headers=headers, timeout=60) as http:
        until(lambda: post(http, TOO_MANY).status_code, lambda status: status == 422, 30)
        yield http


def stored(client: Client) -> tuple[list[str], list[str]]:
    """The tenant's uploads, and its BatchJobs."""
    s3 = client.farm.s3
    store = Minio(
        s3["endpoint"].removeprefix("http://"),
        access_key=s3["accessKey"],
        secret_key=s3["secretKey"],
        secure=False,
        region="us-east-1",
    )
    uploads = store.list_objects(s3["bucket"], prefix=f"uploads/{TENANT}/", recursive=True)
    jobs = client.kube.get(
        f"{FARM}/batchjobs", params={"labelSelector": f"{LABEL_TENANT}={TENANT}"}
    ).json()["items"]
    return (
        sorted(str(one.object_name) for one in uploads),
        sorted(job["metadata"]["name"] for job in jobs),
    )


def test_what_is_refused_leaves_nothing(client: Client, strict: httpx.Client) -> None:
    good = Bad(JSON, b'{"html": "x", "rows": [{}]}', 202, "")
    uploads, jobs = stored(client)
    assert post(strict, good).status_code == 202
    before = stored(client)
    # What is stored does show.
    assert (len(before[0]), len(before[1])) == (len(uploads) + 1, len(jobs) + 1)
    for name, bad in BAD.items():
        answer = post(strict, bad)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (bad.status, bad.code), name
        assert (problem.get("path"), problem.get("line")) == (bad.path, bad.line), name
    assert stored(client) == before
