"""The project's own kinds, with the rules that a cluster has in CEL."""

from __future__ import annotations

import pytest
from kubeapi_support import TABLE, Api, Json

from pressroom.names import GROUP, VERSION


def job(name: str, **spec: object) -> Json:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "BatchJob",
        "metadata": {"name": name},
        "spec": {"html": "<p>{{name}}</p>", "rows": [{"data": {"name": "Ada"}}], **spec},
    }


@pytest.fixture
def jobs(api: Api) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{api.kube.namespace}/batchjobs"


async def test_every_kind_is_discovered(api: Api) -> None:
    rows = (await api.get(f"/apis/{GROUP}/{VERSION}")).ok()["resources"]
    names = {row["name"] for row in rows}
    for plural in ("batchjobs", "templates", "tenants"):
        assert {plural, f"{plural}/status"} <= names
    assert all(row.get("categories") == ["pressroom"] for row in rows if "/" not in row["name"])


async def test_a_row_keeps_its_data(api: Api, jobs: str) -> None:
    data = {"name": "Ada", "lines": [{"price": 1.5}, None], "nested": {"deep": True}}
    made = (await api.post(jobs, job("one", rows=[{"data": data}]))).ok()
    assert made["spec"]["rows"][0]["data"] == data
    assert made["metadata"]["generation"] == 1


async def test_exactly_one_source_is_asked_for(api: Api, jobs: str) -> None:
    both = job("one", configMap={"name": "rows", "key": "rows.csv"})
    message = (await api.post(jobs, both)).failed(422, "Invalid")
    assert "exactly one of rows, manifest and configMap" in message


async def test_what_was_ordered_cannot_be_changed(api: Api, jobs: str) -> None:
    (await api.post(jobs, job("one", priority=3))).ok()
    answer = await api.merge(f"{jobs}/one", {"spec": {"priority": 9}})
    assert "priority is immutable" in answer.failed(422, "Invalid")
    assert (await api.merge(f"{jobs}/one", {"spec": {"suspend": True}})).status == 200


async def test_a_cancelled_job_stays_cancelled(api: Api, jobs: str) -> None:
    (await api.post(jobs, job("one", cancel=True))).ok()
    answer = await api.merge(f"{jobs}/one", {"spec": {"cancel": False}})
    answer.failed(422, "Invalid")


async def test_kubectl_get_shows_the_state_of_a_batch(api: Api, jobs: str) -> None:
    (await api.post(jobs, job("one"))).ok()
    condition = {
        "type": "Succeeded",
        "status": "Unknown",
        "reason": "Rendering",
        "message": "half way",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "observedGeneration": 1,
    }
    (await api.merge(f"{jobs}/one/status", {"status": {"conditions": [condition]}})).ok()
    table = (await api.call("GET", jobs, headers={"Accept": TABLE})).ok()
    names = [column["name"] for column in table["columnDefinitions"]]
    assert table["rows"][0]["cells"][names.index("Reason")] == "Rendering"
