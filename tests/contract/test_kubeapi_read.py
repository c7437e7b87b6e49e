"""Get, list, selectors, pages and tables."""

from __future__ import annotations

import pytest
from kubeapi_support import GROUP, TABLE, Answer, Api


def names(answer: Answer) -> list[str]:
    return [item["metadata"]["name"] for item in answer.ok()["items"]]


async def test_a_missing_object_is_not_found(api: Api) -> None:
    answer = await api.get(f"{api.widgets}/nobody")
    assert answer.failed(404, "NotFound") == f'widgets.{GROUP} "nobody" not found'
    assert answer.body["details"] == {"name": "nobody", "group": GROUP, "kind": "widgets"}


async def test_a_list_names_its_kind_and_version(api: Api) -> None:
    made = await api.make("one")
    found = (await api.get(api.widgets)).ok()
    assert found["kind"] == "WidgetList"
    assert found["apiVersion"] == f"{GROUP}/v1alpha1"
    assert int(found["metadata"]["resourceVersion"]) >= int(made["metadata"]["resourceVersion"])
    assert found["metadata"].get("continue", "") == ""
    assert found["items"] == [made]


async def test_resource_versions_rise_over_all_kinds(api: Api) -> None:
    one = await api.make("one")
    config = (await api.post(f"{api.core}/configmaps", {"metadata": {"name": "two"}})).ok()
    three = await api.make("three")
    versions = [int(found["metadata"]["resourceVersion"]) for found in (one, config, three)]
    assert versions == sorted(set(versions))


async def test_lists_of_all_namespaces_hold_every_namespace(api: Api) -> None:
    await api.make("one")
    everywhere = (await api.get(f"/apis/{GROUP}/v1alpha1/widgets", resourceVersion="0")).ok()
    places = {
        (item["metadata"]["namespace"], item["metadata"]["name"]) for item in everywhere["items"]
    }
    assert (api.kube.namespace, "one") in places


async def test_pages_cover_everything_once(api: Api) -> None:
    for index in range(5):
        await api.make(f"w{index}")
    seen, token = [], ""
    while True:
        query = {"limit": "2"} | ({"continue": token} if token else {})
        page = await api.get(api.widgets, **query)
        seen.append(names(page))
        token = page.ok()["metadata"].get("continue", "")
        if not token:
            break
        assert page.ok()["metadata"]["remainingItemCount"] == 5 - sum(map(len, seen))
    assert seen == [["w0", "w1"], ["w2", "w3"], ["w4"]]


async def test_a_damaged_continue_token_is_refused(api: Api) -> None:
    (await api.get(api.widgets, **{"limit": "1", "continue": "!!"})).failed(400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a"]),
        ("tier==web,env=prod", ["a"]),
        ("tier!=web", ["b", "c"]),
        ("tier in (web, db)", ["a", "b"]),
        ("tier notin (web)", ["b", "c"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
        ("pressroom.dev/x=1", ["c"]),
        ("tier=none", []),
    ],
)
async def test_label_selectors(api: Api, selector: str, expected: list[str]) -> None:
    await api.make("a", labels={"tier": "web", "env": "prod"})
    await api.make("b", labels={"tier": "db"})
    await api.make("c", labels={"pressroom.dev/x": "1"})
    assert names(await api.get(api.widgets, labelSelector=selector)) == expected


@pytest.mark.parametrize("selector", ["a in b", "a=(", "=x"])
async def test_broken_label_selectors_are_refused(api: Api, selector: str) -> None:
    (await api.get(api.widgets, labelSelector=selector)).failed(400, "BadRequest")


async def test_field_selectors(api: Api) -> None:
    await api.make("a")
    await api.make("b", {"color": "Green"})
    assert names(await api.get(api.widgets, fieldSelector="metadata.name=a")) == ["a"]
    assert names(await api.get(api.widgets, fieldSelector="metadata.name!=a")) == ["b"]
    assert names(await api.get(api.widgets, fieldSelector="spec.color=Green")) == ["b"]
    both = f"metadata.namespace={api.kube.namespace},metadata.name=b"
    assert names(await api.get(api.widgets, fieldSelector=both)) == ["b"]
    message = (await api.get(api.widgets, fieldSelector="spec.size=1")).failed(400)
    assert "spec.size" in message


async def test_events_are_found_by_the_object_they_are_about(api: Api) -> None:
    for name in ("a", "b"):
        body = {
            "metadata": {"generateName": "event-"},
            "involvedObject": {"kind": "Widget", "name": name, "namespace": api.kube.namespace},
            "reason": "Tested",
            "type": "Normal",
        }
        (await api.post(f"{api.core}/events", body)).ok()
    selector = "involvedObject.name=b,involvedObject.kind=Widget,type=Normal"
    found = (await api.get(f"{api.core}/events", fieldSelector=selector)).ok()
    assert [item["involvedObject"]["name"] for item in found["items"]] == ["b"]


async def test_kubectl_get_prints_the_printer_columns(api: Api) -> None:
    await api.make("one", {"size": 7})
    status = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Baked"}]}}
    (await api.merge(f"{api.widgets}/one/status", status)).ok()
    await api.make("two")
    table = (
        await api.call("GET", api.widgets, headers={"Accept": TABLE}, query={"limit": "500"})
    ).ok()
    assert table["kind"] == "Table"
    assert table["apiVersion"] == "meta.k8s.io/v1"
    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        "Size",
        "Reason",
        "Age",
    ]
    one, two = table["rows"]
    assert one["cells"][:3] == ["one", 7, "Baked"]
    assert one["cells"][3].endswith("s")
    assert two["cells"][:3] == ["two", 1, None]
    assert one["object"]["kind"] == "PartialObjectMetadata"
    assert one["object"]["metadata"]["name"] == "one"


async def test_kubectl_get_prints_one_object_and_core_kinds(api: Api) -> None:
    await api.make("one")
    headers = {"Accept": TABLE}
    table = (await api.call("GET", f"{api.widgets}/one", headers=headers)).ok()
    assert [row["cells"][0] for row in table["rows"]] == ["one"]
    query = {"includeObject": "Object"}
    whole = (await api.call("GET", f"{api.widgets}/one", headers=headers, query=query)).ok()
    assert whole["rows"][0]["object"]["spec"]["size"] == 1
    for path in ("/api/v1/namespaces", f"{api.core}/secrets", f"{api.core}/configmaps"):
        table = (await api.call("GET", path, headers=headers)).ok()
        assert table["columnDefinitions"][0]["name"] == "Name"
