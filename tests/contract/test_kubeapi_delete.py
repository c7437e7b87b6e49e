"""Deletion: preconditions, finalizers, owners, namespaces."""

from __future__ import annotations

import uuid

from kubeapi_support import GROUP, Api, Json, until, widget

FINALIZER = "contract.pressroom.dev/hold"


#: Kubernetes' garbage collector looks for new kinds, as ours here, every 30 s, and then lists them.
COLLECTED = 90.0


async def gone(api: Api, path: str) -> None:
    """Owned objects go at once here, and later on a real cluster."""
    await until(api, path, 404, COLLECTED)


async def test_deleting_answers_with_success_and_the_uid(api: Api) -> None:
    made = await api.make("one")
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    found = (await api.delete(f"{api.widgets}/one", body)).ok()
    assert found["kind"] == "Status"
    assert found["status"] == "Success"
    assert found["details"]["uid"] == made["metadata"]["uid"]
    (await api.get(f"{api.widgets}/one")).failed(404, "NotFound")
    (await api.delete(f"{api.widgets}/one")).failed(404, "NotFound")


async def test_preconditions_protect_a_newer_object(api: Api) -> None:
    made = await api.make("one")
    path = f"{api.widgets}/one"
    for conditions in ({"uid": str(uuid.uuid4())}, {"resourceVersion": "1"}):
        (await api.delete(path, {"preconditions": conditions})).failed(409, "Conflict")
    mine = {key: made["metadata"][key] for key in ("uid", "resourceVersion")}
    assert (await api.delete(path, {"preconditions": mine})).status == 200


async def test_finalizers_hold_an_object_until_the_last_is_removed(api: Api) -> None:
    made = await api.make("one", finalizers=[FINALIZER])
    path = f"{api.widgets}/one"
    held = (await api.delete(path)).ok()
    assert held["kind"] == "Widget"
    assert held["metadata"]["deletionTimestamp"]
    assert held["metadata"]["generation"] == made["metadata"]["generation"] + 1
    again = (await api.delete(path)).ok()
    assert again["metadata"]["resourceVersion"] == held["metadata"]["resourceVersion"]
    message = (await api.post(api.widgets, widget("one"))).failed(409, "AlreadyExists")
    assert message.startswith("object is being deleted: ")
    more = {"metadata": {"finalizers": [FINALIZER, "contract.pressroom.dev/more"]}}
    assert "finalizers" in (await api.merge(path, more)).failed(422, "Invalid")
    (await api.merge(path, {"metadata": {"labels": {"still": "here"}}})).ok()
    (await api.merge(path, {"metadata": {"finalizers": None}})).ok()
    (await api.get(path)).failed(404, "NotFound")
    assert (await api.make("one"))["metadata"]["uid"] != made["metadata"]["uid"]


async def test_a_terminating_object_still_takes_status(api: Api) -> None:
    await api.make("one", finalizers=[FINALIZER])
    await api.delete(f"{api.widgets}/one")
    status = {"status": {"phase": "Purging"}}
    found = (await api.merge(f"{api.widgets}/one/status", status)).ok()
    assert found["status"]["phase"] == "Purging"
    await api.json_patch(f"{api.widgets}/one", [{"op": "remove", "path": "/metadata/finalizers/0"}])
    assert (await api.get(f"{api.widgets}/one")).status == 404


def owned_by(*owners: Json) -> Json:
    return {
        "ownerReferences": [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
            }
            for owner in owners
        ]
    }


async def test_owned_objects_go_with_their_last_owner(api: Api) -> None:
    first, second = await api.make("first"), await api.make("second")
    secrets = f"{api.core}/secrets"
    for name, owners in (("single", (first,)), ("shared", (first, second))):
        (await api.post(secrets, {"metadata": {"name": name, **owned_by(*owners)}})).ok()
    await api.make("grandchild", **owned_by(first))
    await api.delete(f"{api.widgets}/first")
    await gone(api, f"{secrets}/single")
    await gone(api, f"{api.widgets}/grandchild")
    assert (await api.get(f"{secrets}/shared")).status == 200
    await api.delete(f"{api.widgets}/second")
    await gone(api, f"{secrets}/shared")


async def test_an_owner_held_by_a_finalizer_keeps_what_it_owns(api: Api) -> None:
    owner = await api.make("owner", finalizers=[FINALIZER])
    (await api.post(f"{api.core}/secrets", {"metadata": {"name": "s", **owned_by(owner)}})).ok()
    await api.delete(f"{api.widgets}/owner")
    assert (await api.get(f"{api.core}/secrets/s")).status == 200
    await api.merge(f"{api.widgets}/owner", {"metadata": {"finalizers": []}})
    await gone(api, f"{api.core}/secrets/s")


async def test_orphaned_objects_stay(api: Api) -> None:
    owner = await api.make("owner")
    path = f"{api.core}/configmaps"
    (await api.post(path, {"metadata": {"name": "kept", **owned_by(owner)}})).ok()
    await api.delete(f"{api.widgets}/owner", {"propagationPolicy": "Orphan"})
    await gone(api, f"{api.widgets}/owner")
    assert "ownerReferences" not in (await api.get(f"{path}/kept")).ok()["metadata"]


async def test_an_object_whose_owner_is_gone_is_collected(api: Api) -> None:
    owner = await api.make("owner")
    await api.delete(f"{api.widgets}/owner")
    (await api.post(f"{api.core}/secrets", {"metadata": {"name": "s", **owned_by(owner)}})).ok()
    await gone(api, f"{api.core}/secrets/s")


async def test_owner_references_are_checked(api: Api) -> None:
    broken = {"metadata": {"name": "s", "ownerReferences": [{"kind": "Widget", "name": "x"}]}}
    assert (await api.post(f"{api.core}/secrets", broken)).status in (400, 422)


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    await api.make("a", labels={"go": "yes"})
    await api.make("b", labels={"go": "no"})
    assert (await api.delete(api.widgets, labelSelector="go=yes")).status == 200
    left = (await api.get(api.widgets)).ok()["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


async def test_a_dry_run_deletes_nothing(api: Api) -> None:
    await api.make("one")
    assert (await api.delete(f"{api.widgets}/one", dryRun="All")).status == 200
    assert (await api.get(f"{api.widgets}/one")).status == 200


async def test_a_namespace_goes_with_everything_in_it(api: Api) -> None:
    name = f"short-{uuid.uuid4().hex[:8]}"
    made = (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).ok()
    assert made["status"]["phase"] == "Active"
    widgets = f"/apis/{GROUP}/v1alpha1/namespaces/{name}/widgets"
    (await api.post(widgets, widget("held", finalizers=[FINALIZER]))).ok()
    (await api.post(f"/api/v1/namespaces/{name}/secrets", {"metadata": {"name": "s"}})).ok()
    assert (await api.delete(f"/api/v1/namespaces/{name}")).status in (200, 202)
    ending = (await api.get(f"/api/v1/namespaces/{name}")).ok()
    assert ending["status"]["phase"] == "Terminating"
    (await api.post(widgets, widget("late"))).failed(403, "Forbidden")
    await gone(api, f"/api/v1/namespaces/{name}/secrets/s")
    await api.merge(f"{widgets}/held", {"metadata": {"finalizers": None}})
    await gone(api, f"/api/v1/namespaces/{name}")


async def test_the_default_namespace_stays(api: Api) -> None:
    (await api.delete("/api/v1/namespaces/default")).failed(403, "Forbidden")
