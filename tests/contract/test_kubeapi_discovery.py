"""Discovery, OpenAPI, authentication: what clients ask before anything else."""

from __future__ import annotations

import pytest
from kubeapi_support import GROUP, Api


async def test_version_and_core_api_are_served(api: Api) -> None:
    assert (await api.get("/version")).ok()["major"] == "1"
    assert "v1" in (await api.get("/api")).ok()["versions"]
    assert (await api.get("/readyz")).body == "ok"


async def test_every_group_names_its_preferred_version(api: Api) -> None:
    groups = {group["name"]: group for group in (await api.get("/apis")).ok()["groups"]}
    for name in (GROUP, "coordination.k8s.io", "apiextensions.k8s.io"):
        assert groups[name]["preferredVersion"] in groups[name]["versions"]
        one = (await api.get(f"/apis/{name}")).ok()
        assert one["preferredVersion"] == groups[name]["preferredVersion"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1", {"namespaces", "events", "secrets", "configmaps"}),
        ("/apis/coordination.k8s.io/v1", {"leases"}),
        ("/apis/apiextensions.k8s.io/v1", {"customresourcedefinitions"}),
        (f"/apis/{GROUP}/v1alpha1", {"widgets", "widgets/status"}),
    ],
)
async def test_resources_say_what_kopf_and_kubectl_ask(
    api: Api, path: str, expected: set[str]
) -> None:
    document = (await api.get(path)).ok()
    rows = {row["name"]: row for row in document["resources"]}
    assert expected <= rows.keys()
    for row in (rows[name] for name in expected):
        assert {"singularName", "kind", "namespaced", "verbs"} <= row.keys()
        assert "get" in row["verbs"]
    for row in (rows[name] for name in expected if "/" not in name):
        assert {"list", "watch"} <= set(row["verbs"])


async def test_custom_resources_have_short_names_and_categories(api: Api) -> None:
    document = (await api.get(f"/apis/{GROUP}/v1alpha1")).ok()
    row = next(row for row in document["resources"] if row["name"] == "widgets")
    assert row["shortNames"] == ["wdg"]
    assert row["categories"] == ["contract"]
    assert "patch" in row["verbs"]
    status = next(row for row in document["resources"] if row["name"] == "widgets/status")
    assert set(status["verbs"]) == {"get", "patch", "update"}


async def test_crds_are_listed_as_established(api: Api) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    found = (await api.get(f"{path}/widgets.{GROUP}")).ok()
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert conditions["Established"] == "True"
    listed = (await api.get(path)).ok()
    assert f"widgets.{GROUP}" in {item["metadata"]["name"] for item in listed["items"]}


async def test_openapi_tells_kubectl_the_schema_and_what_patch_accepts(api: Api) -> None:
    paths = (await api.get("/openapi/v3")).ok()["paths"]
    url, _, query = paths[f"apis/{GROUP}/v1alpha1"]["serverRelativeURL"].partition("?hash=")
    document = (await api.get(url, hash=query)).ok()
    gvk = {"group": GROUP, "version": "v1alpha1", "kind": "Widget"}
    schemas = document["components"]["schemas"].values()
    widget = next(one for one in schemas if gvk in one.get("x-kubernetes-group-version-kind", ()))
    assert widget["properties"]["spec"]["properties"]["size"]["type"] == "integer"
    patch = document["paths"][f"/apis/{GROUP}/v1alpha1/namespaces/{{namespace}}/widgets/{{name}}"][
        "patch"
    ]
    assert patch["x-kubernetes-group-version-kind"] == gvk
    # kubectl looks here before it sends fieldValidation or a dry run, for core kinds too.
    core = (await api.get(paths["api/v1"]["serverRelativeURL"].partition("?")[0])).ok()
    namespace = core["paths"]["/api/v1/namespaces/{name}"]
    parameters = namespace["patch"].get("parameters", []) + namespace.get("parameters", [])
    assert {"dryRun", "fieldValidation"} <= {one.get("name") for one in parameters}


async def test_unknown_paths_and_methods_are_statuses(api: Api) -> None:
    assert (await api.get("/apis/no.such.group/v1")).status == 404
    assert (await api.get(f"/apis/{GROUP}/v1alpha1/gadgets")).status == 404
    assert (await api.get(f"{api.widgets}/x/scale")).status == 404
    (await api.put(f"{api.core}/configmaps", {})).failed(405, "MethodNotAllowed")


async def test_a_missing_or_wrong_token_is_unauthorized(api: Api) -> None:
    # Where anonymous requests are let in, as by default, one without a token is but forbidden.
    for given in ("Bearer wrong",) if api.kube.is_real else ("Bearer wrong", "Basic abc"):
        answer = await api.call("GET", api.widgets, headers={"Authorization": given})
        assert answer.failed(401, "Unauthorized") == "Unauthorized"
