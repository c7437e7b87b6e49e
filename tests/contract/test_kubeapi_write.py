"""Create, replace, patch: versions, generations, conflicts, subresources."""

from __future__ import annotations

import asyncio
import base64

import pytest
from kubeapi_support import GROUP, Api, Json, widget


def meta(body: Json) -> Json:
    found: Json = body["metadata"]
    return found


async def test_create_gives_an_identity(api: Api) -> None:
    body = widget("one") | {"status": {"phase": "Forged"}}
    body["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": None}
    answer = await api.post(api.widgets, body, fieldManager="suite", timeout="10s")
    assert answer.status == 201
    made = meta(answer.body)
    assert made["uid"] not in ("", "mine")
    assert made["generation"] == 1
    assert made["namespace"] == api.kube.namespace
    assert made["creationTimestamp"].endswith("Z")
    assert "status" not in answer.body
    assert (await api.get(f"{api.widgets}/one")).ok() == answer.body


async def test_generated_names_differ(api: Api) -> None:
    body = widget("")
    body["metadata"] = {"generateName": "made-"}
    made = [meta((await api.post(api.widgets, body)).ok())["name"] for _ in range(3)]
    assert len(set(made)) == 3
    assert all(name.startswith("made-") and len(name) == 10 for name in made)


async def test_creating_what_exists_is_a_conflict(api: Api) -> None:
    await api.make("one")
    message = (await api.post(api.widgets, widget("one"))).failed(409, "AlreadyExists")
    assert message == f'widgets.{GROUP} "one" already exists'


async def test_one_of_many_racing_creates_wins(api: Api) -> None:
    answers = await asyncio.gather(*(api.post(api.widgets, widget("one")) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_creating_in_a_missing_namespace_is_not_found(api: Api) -> None:
    path = f"/apis/{GROUP}/v1alpha1/namespaces/nowhere/widgets"
    message = (await api.post(path, widget("one"))).failed(404, "NotFound")
    assert message == 'namespaces "nowhere" not found'


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        [],
        {"metadata": {"name": "x"}, "spec": {"size": 1}},
        widget("x") | {"apiVersion": "contract.pressroom.dev/v9"},
        widget("x", namespace="elsewhere"),
        widget("x", labels={"a": 1}),
    ],
)
async def test_bodies_that_do_not_fit_the_path_are_refused(api: Api, body: object) -> None:
    (await api.post(api.widgets, body)).failed(400, "BadRequest")


async def test_another_kind_of_the_same_version_is_a_wrong_field(api: Api) -> None:
    answer = await api.post(api.widgets, widget("x") | {"kind": "Gadget"})
    answer.failed(422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "kind"


async def test_a_patch_cannot_turn_a_resource_into_another(api: Api) -> None:
    await api.make("x")
    uid = "00000000-0000-4000-8000-000000000000"
    answer = await api.merge(f"{api.widgets}/x", {"metadata": {"uid": uid}})
    answer.failed(422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "metadata.uid"


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"name": "Upper"}, "metadata.name"),
        ({"name": "a_b"}, "metadata.name"),
        ({"name": "a", "labels": {"k": "not valid!"}}, "metadata.labels"),
        ({"name": "a", "annotations": {"k": "x" * 262_145}}, "metadata.annotations"),
    ],
)
async def test_metadata_is_validated(api: Api, metadata: Json, field: str) -> None:
    answer = await api.post(api.widgets, widget("x") | {"metadata": metadata})
    answer.failed(422, "Invalid")
    assert field in {cause["field"].partition("[")[0] for cause in answer.body["details"]["causes"]}


async def test_put_replaces_and_raises_the_generation(api: Api) -> None:
    made = await api.make("one", {"code": "abc"})
    changed = widget("one", {"size": 2}, resourceVersion=meta(made)["resourceVersion"])
    found = (await api.put(f"{api.widgets}/one", changed)).ok()
    assert found["spec"] == {"size": 2, "color": "Red"}
    assert meta(found)["generation"] == 2
    assert meta(found)["uid"] == meta(made)["uid"]
    assert int(meta(found)["resourceVersion"]) > int(meta(made)["resourceVersion"])


async def test_put_with_a_stale_version_is_a_conflict(api: Api) -> None:
    made = await api.make("one")
    await api.merge(f"{api.widgets}/one", {"spec": {"size": 2}})
    stale = widget("one", {"size": 3}, resourceVersion=meta(made)["resourceVersion"])
    message = (await api.put(f"{api.widgets}/one", stale)).failed(409, "Conflict")
    assert "the object has been modified" in message


async def test_put_of_a_custom_resource_needs_a_version(api: Api) -> None:
    await api.make("one")
    message = (await api.put(f"{api.widgets}/one", widget("one"))).failed(422, "Invalid")
    assert "metadata.resourceVersion" in message


async def test_put_checks_the_name_the_uid_and_the_existence(api: Api) -> None:
    version = meta(await api.make("one"))["resourceVersion"]
    other = widget("two", resourceVersion=version)
    (await api.put(f"{api.widgets}/one", other)).failed(400, "BadRequest")
    imposter = widget("one", resourceVersion=version, uid="0000")
    (await api.put(f"{api.widgets}/one", imposter)).failed(409, "Conflict")
    (await api.put(f"{api.widgets}/two", other)).failed(404, "NotFound")


async def test_merge_patch_sets_and_deletes(api: Api) -> None:
    await api.make("one", {"code": "abc", "limits": {"a": 1, "b": 2}}, labels={"x": "1"})
    patch = {
        "metadata": {"labels": {"x": None, "y": "2"}},
        "spec": {"code": None, "limits": {"a": None, "c": 3}},
    }
    found = (await api.merge(f"{api.widgets}/one", patch)).ok()
    assert found["spec"] == {"size": 1, "color": "Red", "limits": {"b": 2, "c": 3}}
    assert meta(found)["labels"] == {"y": "2"}


async def test_merge_patch_with_a_stale_version_is_a_conflict(api: Api) -> None:
    made = await api.make("one")
    version = {"resourceVersion": meta(made)["resourceVersion"]}
    (await api.merge(f"{api.widgets}/one", {"metadata": version, "spec": {"size": 2}})).ok()
    again = await api.merge(f"{api.widgets}/one", {"metadata": version, "spec": {"size": 3}})
    again.failed(409, "Conflict")


async def test_labels_alone_leave_the_generation(api: Api) -> None:
    await api.make("one")
    found = (await api.merge(f"{api.widgets}/one", {"metadata": {"labels": {"a": "b"}}})).ok()
    assert meta(found)["generation"] == 1


async def test_json_patch_applies_all_its_operations(api: Api) -> None:
    made = await api.make("one", {"tags": ["a", "b"], "limits": {"x/y": 1}})
    version = meta(made)["resourceVersion"]
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/spec/tags/-", "value": "c"},
        {"op": "remove", "path": "/spec/tags/0"},
        {"op": "replace", "path": "/spec/size", "value": 5},
        {"op": "move", "from": "/spec/limits/x~1y", "path": "/spec/limits/z"},
        {"op": "copy", "from": "/spec/limits/z", "path": "/spec/limits/w"},
        {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}},
    ]
    found = (await api.json_patch(f"{api.widgets}/one", patch)).ok()
    assert found["spec"] == {
        "size": 5,
        "color": "Red",
        "tags": ["b", "c"],
        "limits": {"z": 1, "w": 1},
    }
    assert meta(found)["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "remove", "path": "/spec/absent"},
        {"op": "replace", "path": "/spec/absent/below", "value": 1},
        {"op": "add", "path": "/spec/tags/7", "value": "x"},
    ],
)
async def test_a_json_patch_that_cannot_be_done_is_unprocessable(api: Api, operation: Json) -> None:
    made = await api.make("one", {"tags": ["a"]})
    patch = [{"op": "replace", "path": "/spec/size", "value": 9}, operation]
    assert (await api.json_patch(f"{api.widgets}/one", patch)).status == 422
    assert (await api.get(f"{api.widgets}/one")).ok() == made


async def test_patch_types_that_do_not_fit_are_unsupported(api: Api) -> None:
    await api.make("one")
    strategic = "application/strategic-merge-patch+json"
    for kind in (strategic, "application/json", "text/plain"):
        answer = await api.call("PATCH", f"{api.widgets}/one", {"spec": {"size": 2}}, kind=kind)
        answer.failed(415, "UnsupportedMediaType")


async def test_core_kinds_take_strategic_patches(api: Api) -> None:
    body = {"metadata": {"name": "one"}, "data": {"a": "1", "b": "2"}}
    (await api.post(f"{api.core}/configmaps", body)).ok()
    strategic = "application/strategic-merge-patch+json"
    patch = {"data": {"a": None, "c": "3"}}
    answer = await api.call("PATCH", f"{api.core}/configmaps/one", patch, kind=strategic)
    assert answer.ok()["data"] == {"b": "2", "c": "3"}


async def test_patching_what_is_not_there_is_not_found(api: Api) -> None:
    (await api.merge(f"{api.widgets}/one", {})).failed(404, "NotFound")


async def test_writing_nothing_new_keeps_the_version(api: Api) -> None:
    made = await api.make("one", {"limits": {"a": 1, "b": 2}})
    same = {"spec": {"limits": {"b": 2, "a": 1}, "code": None}}
    assert (await api.merge(f"{api.widgets}/one", same)).ok() == made
    assert (await api.put(f"{api.widgets}/one", made)).ok() == made


async def test_status_and_spec_have_their_own_endpoints(api: Api) -> None:
    await api.make("one", labels={"a": "b"})
    both = {
        "metadata": {"labels": {"a": "c"}, "finalizers": ["x.io/y"]},
        "spec": {"size": 9},
        "status": {"phase": "Done"},
    }
    found = (await api.merge(f"{api.widgets}/one/status", both)).ok()
    assert found["status"] == {"phase": "Done"}
    assert found["spec"]["size"] == 1
    assert meta(found)["labels"] == {"a": "b"}
    assert "finalizers" not in meta(found)
    assert meta(found)["generation"] == 1
    found = (await api.merge(f"{api.widgets}/one", both | {"status": {"phase": "No"}})).ok()
    assert found["status"] == {"phase": "Done"}
    assert found["spec"]["size"] == 9
    assert meta(found)["generation"] == 2
    found["status"] = {"phase": "Replaced", "count": 3}
    assert (await api.put(f"{api.widgets}/one/status", found)).ok()["status"]["count"] == 3
    assert (await api.get(f"{api.widgets}/one/status")).ok()["status"]["phase"] == "Replaced"


async def test_a_json_patch_of_the_status_checks_the_version_as_kopf_does(api: Api) -> None:
    made = await api.make("one")
    path = f"{api.widgets}/one/status"
    version = meta(made)["resourceVersion"]
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/status", "value": {"phase": "Done"}},
    ]
    assert (await api.json_patch(path, patch)).ok()["status"] == {"phase": "Done"}
    assert (await api.json_patch(path, patch)).status == 422


async def test_a_dry_run_changes_nothing(api: Api) -> None:
    assert (await api.post(api.widgets, widget("one"), dryRun="All")).status == 201
    assert (await api.get(f"{api.widgets}/one")).status == 404
    made = await api.make("one")
    found = (await api.merge(f"{api.widgets}/one", {"spec": {"size": 4}}, dryRun="All")).ok()
    assert found["spec"]["size"] == 4
    assert (await api.get(f"{api.widgets}/one")).ok() == made


async def test_secrets_take_plain_text_and_keep_base64(api: Api) -> None:
    path = f"{api.core}/secrets"
    body = {"metadata": {"name": "one"}, "stringData": {"key": "plain ü"}}
    made = (await api.post(path, body)).ok()
    assert base64.b64decode(made["data"]["key"]).decode() == "plain ü"
    assert "stringData" not in made
    assert made["type"] == "Opaque"
    found = (await api.merge(f"{path}/one", {"stringData": {"other": "x"}})).ok()
    assert set(found["data"]) == {"key", "other"}
    broken = {"metadata": {"name": "two"}, "data": {"key": "not base64!"}}
    (await api.post(path, broken)).failed(400, "BadRequest")


async def test_core_kinds_refuse_wrong_types(api: Api) -> None:
    body = {"metadata": {"name": "one"}, "data": {"a": 1}}
    (await api.post(f"{api.core}/configmaps", body)).failed(400, "BadRequest")


async def test_lease_times_are_kept_to_the_letter(api: Api) -> None:
    body: Json = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "leader"},
        "spec": {
            "holderIdentity": "one",
            "leaseDurationSeconds": 15,
            "renewTime": "2026-01-02T03:04:05.000060Z",
        },
    }
    made = (await api.post(api.leases, body)).ok()
    assert made["spec"] == body["spec"]
    made["spec"]["holderIdentity"] = "two"
    made["spec"]["renewTime"] = "2026-01-02T03:04:06.123400Z"
    found = (await api.put(f"{api.leases}/leader", made)).ok()
    assert found["spec"]["renewTime"] == "2026-01-02T03:04:06.123400Z"
    (await api.put(f"{api.leases}/leader", made)).failed(409, "Conflict")
    assert (await api.get(f"{api.leases}/leader")).ok()["spec"] == found["spec"]


async def test_kubectl_apply_creates_then_patches(api: Api) -> None:
    query = {"fieldManager": "kubectl-client-side-apply", "fieldValidation": "Strict"}
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    path = f"{api.widgets}/one"
    assert (await api.get("/openapi/v3", timeout="32s")).status == 200
    assert (await api.get(path)).status == 404
    body = widget("one", annotations={annotation: "{}"})
    assert (await api.post(api.widgets, body, **query)).status == 201
    patch = {"metadata": {"annotations": {annotation: '{"a":1}'}}, "spec": {"size": 3}}
    found = (await api.merge(path, patch, **query)).ok()
    assert found["spec"]["size"] == 3
    assert meta(found)["annotations"][annotation] == '{"a":1}'


async def test_a_body_above_the_limit_is_too_large(api: Api) -> None:
    body = widget("one", {"free": {"text": "x" * (3 * 1024 * 1024 + 1)}})
    (await api.post(api.widgets, body)).failed(413, "RequestEntityTooLarge")
