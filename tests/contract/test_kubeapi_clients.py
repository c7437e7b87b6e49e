"""The clients that the parts use really work on it: kopf, and kubernetes.aio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import kopf
import pytest
from kubeapi_support import GROUP, PATIENCE, Api, Json, Kube, widget
from kubernetes.aio import client as aio

FINALIZER = "contract.pressroom.dev/hold"
Seen = asyncio.Queue[tuple[str | None, str]]


def registry_with(seen: Seen) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(memo: Any, **_: Any) -> kopf.ConnectionInfo:
        kube: Kube = memo.kube
        return kopf.ConnectionInfo(
            server=kube.base_url.rstrip("/"), token=kube.token, insecure=True
        )

    @kopf.on.event(GROUP, "v1alpha1", "widgets", registry=registry)
    async def changed(type: str | None, name: str, **_: Any) -> None:  # noqa: A002 (kopf's name)
        seen.put_nowait((type, name))

    return registry


async def test_kopf_sees_what_is_there_and_every_change(kube: Kube, api: Api) -> None:
    await api.make("before")
    seen: Seen = asyncio.Queue(maxsize=1000)
    stop, ready = asyncio.Event(), asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(
            registry=registry_with(seen),
            standalone=True,
            namespaces=[kube.namespace],
            stop_flag=stop,
            ready_flag=ready,
            memo=kopf.Memo(kube=kube),
        )
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
            assert await seen.get() == (None, "before")
            await api.make("one", finalizers=[FINALIZER])
            assert await seen.get() == ("ADDED", "one")
            await api.merge(f"{api.widgets}/one/status", {"status": {"phase": "Done"}})
            assert await seen.get() == ("MODIFIED", "one")
            await api.delete(f"{api.widgets}/one")
            assert await seen.get() == ("MODIFIED", "one")
            await api.merge(f"{api.widgets}/one", {"metadata": {"finalizers": None}})
            assert await seen.get() == ("DELETED", "one")
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await operator


async def test_kopf_handlers_patch_finalizers_status_and_post_events(kube: Kube, api: Api) -> None:
    """Nothing in the farm uses them; that they work says that patches are as kopf knows them."""
    registry = registry_with(asyncio.Queue())
    deleted = asyncio.Event()

    @kopf.on.create(GROUP, "v1alpha1", "widgets", registry=registry)
    async def created(patch: kopf.Patch, body: kopf.Body, **_: Any) -> None:
        patch.status["phase"] = "Created"
        kopf.event(body, type="Normal", reason="Seen", message="created")

    @kopf.on.delete(GROUP, "v1alpha1", "widgets", registry=registry)
    async def removed(**_: Any) -> None:
        deleted.set()

    stop, ready = asyncio.Event(), asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(
            registry=registry,
            standalone=True,
            namespaces=[kube.namespace],
            stop_flag=stop,
            ready_flag=ready,
            memo=kopf.Memo(kube=kube),
        )
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
            async with api.watch(api.widgets, resourceVersion="0") as watch:
                await api.make("one")
                while (await watch.next())["object"].get("status", {}).get("phase") != "Created":
                    pass
                await api.delete(f"{api.widgets}/one")
                await deleted.wait()
                while (await watch.change())[0] != "DELETED":
                    pass
            async with api.watch(f"{api.core}/events", fieldSelector="reason=Seen") as watch:
                assert (await watch.next())["object"]["involvedObject"]["name"] == "one"
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await operator


@pytest.fixture
async def client(kube: Kube) -> AsyncIterator[aio.ApiClient]:
    configuration = aio.Configuration(host=kube.base_url.rstrip("/"))
    configuration.verify_ssl = False
    configuration.api_key = {"authorization": kube.token}
    configuration.api_key_prefix = {"authorization": "Bearer"}
    async with aio.ApiClient(configuration) as found:
        yield found


async def test_custom_objects_by_kubernetes_aio(kube: Kube, client: aio.ApiClient) -> None:
    objects: Any = aio.CustomObjectsApi(client)
    at = {
        "group": GROUP,
        "version": "v1alpha1",
        "namespace": kube.namespace,
        "plural": "widgets",
    }
    made = await objects.create_namespaced_custom_object(**at, body=widget("one"))
    assert await objects.get_namespaced_custom_object(**at, name="one") == made
    listed = await objects.list_namespaced_custom_object(**at, label_selector="!x", limit=10)
    assert listed["items"] == [made]

    patch: Json = {
        "metadata": {"resourceVersion": made["metadata"]["resourceVersion"]},
        "status": {"phase": "Done"},
    }
    status = await objects.patch_namespaced_custom_object_status(
        **at, name="one", body=patch, _content_type="application/merge-patch+json"
    )
    assert status["status"] == {"phase": "Done"}
    with pytest.raises(aio.ApiException) as caught:
        await objects.patch_namespaced_custom_object_status(
            **at, name="one", body=patch, _content_type="application/merge-patch+json"
        )
    assert caught.value.status == 409

    operations: Any = [{"op": "replace", "path": "/spec/size", "value": 3}]
    patched = await objects.patch_namespaced_custom_object(
        **at, name="one", body=operations, _content_type="application/json-patch+json"
    )
    assert patched["spec"]["size"] == 3
    patched["spec"]["size"] = 4
    replaced = await objects.replace_namespaced_custom_object(**at, name="one", body=patched)
    assert replaced["metadata"]["generation"] == 3
    with pytest.raises(aio.ApiException) as caught:
        await objects.create_namespaced_custom_object(**at, body=widget("one"))
    assert caught.value.status == 409
    assert b"AlreadyExists" in str(caught.value.body).encode()

    gone = await objects.delete_namespaced_custom_object(**at, name="one")
    assert gone["status"] == "Success"
    with pytest.raises(aio.ApiException) as caught:
        await objects.get_namespaced_custom_object(**at, name="one")
    assert caught.value.status == 404


async def test_leases_by_kubernetes_aio(kube: Kube, client: aio.ApiClient) -> None:
    leases: Any = aio.CoordinationV1Api(client)
    renewed = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    lease = aio.V1Lease(
        metadata=aio.V1ObjectMeta(name="leader"),
        spec=aio.V1LeaseSpec(holder_identity="one", lease_duration_seconds=15, renew_time=renewed),
    )
    made = await leases.create_namespaced_lease(kube.namespace, lease)
    assert made.spec.renew_time == renewed
    made.spec.holder_identity = "two"
    made.spec.renew_time = renewed.replace(microsecond=7)
    taken = await leases.replace_namespaced_lease("leader", kube.namespace, made)
    assert taken.spec.renew_time.microsecond == 7
    with pytest.raises(aio.ApiException) as caught:
        await leases.replace_namespaced_lease("leader", kube.namespace, made)
    assert caught.value.status == 409
    found = await leases.read_namespaced_lease("leader", kube.namespace)
    assert found.spec.holder_identity == "two"


async def test_secrets_by_kubernetes_aio(kube: Kube, client: aio.ApiClient) -> None:
    core: Any = aio.CoreV1Api(client)
    secret = aio.V1Secret(
        metadata=aio.V1ObjectMeta(name="key", labels={"pressroom.dev/api-key": "true"}),
        string_data={"hash": "abc"},
    )
    await core.create_namespaced_secret(kube.namespace, secret)
    found = await core.list_namespaced_secret(
        kube.namespace, label_selector="pressroom.dev/api-key"
    )
    assert [item.data for item in found.items] == [{"hash": "YWJj"}]
