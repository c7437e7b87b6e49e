"""Watches: what comes, in which order, and how they end."""

from __future__ import annotations

import asyncio
import time

from kubeapi_support import GROUP, PATIENCE, TABLE, Api, Json

FINALIZER = "contract.pressroom.dev/hold"


def version(body: Json) -> int:
    return int(body["metadata"]["resourceVersion"])


async def listed(api: Api) -> str:
    """The version from which a watch continues a list."""
    found: str = (await api.get(api.widgets)).ok()["metadata"]["resourceVersion"]
    return found


async def test_a_watch_from_a_list_shows_every_change(api: Api) -> None:
    await api.make("old")
    async with api.watch(api.widgets, resourceVersion=await listed(api)) as watch:
        made = await api.make("one")
        patched = (await api.merge(f"{api.widgets}/one", {"spec": {"size": 2}})).ok()
        await api.delete(f"{api.widgets}/one")
        events = [await watch.next() for _ in range(3)]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert events[0]["object"] == made
    assert events[1]["object"] == patched
    assert events[2]["object"]["spec"] == patched["spec"]
    assert version(events[2]["object"]) > version(patched)


async def test_a_watch_without_a_version_shows_what_is_there_first(api: Api) -> None:
    await api.make("one")
    await api.make("two")
    for size, query in ((2, {}), (3, {"resourceVersion": "0"})):
        async with api.watch(api.widgets, **query) as watch:
            seen = {await watch.change(), await watch.change()}
            assert seen == {("ADDED", "one"), ("ADDED", "two")}
            (await api.merge(f"{api.widgets}/one", {"spec": {"size": size}})).ok()
            assert await watch.change() == ("MODIFIED", "one")


async def test_headers_come_at_once(api: Api) -> None:
    started = time.monotonic()
    async with api.watch(api.widgets, resourceVersion=await listed(api)) as watch:
        assert watch.response.content_type == "application/json"
        assert watch.response.headers.get("Transfer-Encoding") == "chunked"
    assert time.monotonic() - started < PATIENCE / 2


async def test_watch_may_be_1_and_across_namespaces(api: Api) -> None:
    path, since = f"/apis/{GROUP}/v1alpha1/widgets", await listed(api)
    async with api.watch(path, watch="1", resourceVersion=since) as watch:
        await api.make("one")
        assert await watch.change() == ("ADDED", "one")


async def test_nothing_happens_twice_or_is_lost_under_load(api: Api) -> None:
    async with api.watch(api.widgets, resourceVersion=await listed(api)) as watch:
        await asyncio.gather(*(api.make(f"w{index}") for index in range(60)))
        events = [await watch.next() for _ in range(60)]
    versions = [version(event["object"]) for event in events]
    assert versions == sorted(set(versions))
    assert {event["object"]["metadata"]["name"] for event in events} == {
        f"w{index}" for index in range(60)
    }


async def test_a_write_without_change_is_no_event(api: Api) -> None:
    await api.make("one")
    async with api.watch(api.widgets, resourceVersion=await listed(api)) as watch:
        await api.merge(f"{api.widgets}/one", {"spec": {"size": 1}})
        await api.make("two")
        assert await watch.change() == ("ADDED", "two")


async def test_a_held_deletion_is_modified_then_deleted(api: Api) -> None:
    await api.make("one", finalizers=[FINALIZER])
    async with api.watch(api.widgets, resourceVersion=await listed(api)) as watch:
        await api.delete(f"{api.widgets}/one")
        event = await watch.next()
        assert event["type"] == "MODIFIED"
        assert event["object"]["metadata"]["deletionTimestamp"]
        await api.merge(f"{api.widgets}/one", {"metadata": {"finalizers": None}})
        assert await watch.change() == ("DELETED", "one")


async def test_entering_and_leaving_a_selector(api: Api) -> None:
    await api.make("one")
    path = f"{api.widgets}/one"
    query = {"labelSelector": "in=yes", "resourceVersion": await listed(api)}
    async with api.watch(api.widgets, **query) as watch:
        await api.make("other")
        await api.merge(path, {"metadata": {"labels": {"in": "yes"}}})
        assert await watch.change() == ("ADDED", "one")
        await api.merge(path, {"spec": {"size": 2}})
        assert await watch.change() == ("MODIFIED", "one")
        left = (await api.merge(path, {"metadata": {"labels": {"in": "no"}}})).ok()
        event = await watch.next()
        assert event["type"] == "DELETED"
        assert event["object"]["metadata"]["labels"] == {"in": "yes"}
        assert version(event["object"]) == version(left)
        await api.merge(path, {"metadata": {"labels": {"in": "yes"}}})
        assert await watch.change() == ("ADDED", "one")
        await api.delete(path)
        assert await watch.change() == ("DELETED", "one")


async def test_field_selectors_narrow_a_watch(api: Api) -> None:
    query = {"fieldSelector": "metadata.name=two", "resourceVersion": await listed(api)}
    async with api.watch(api.widgets, **query) as watch:
        await api.make("one")
        await api.make("two")
        assert await watch.change() == ("ADDED", "two")


async def test_a_watch_ends_in_good_order_when_its_time_is_up(api: Api) -> None:
    started = time.monotonic()
    query = {"timeoutSeconds": "2", "resourceVersion": await listed(api)}
    async with api.watch(api.widgets, **query) as watch:
        events = await watch.rest()
    assert all(event["type"] == "BOOKMARK" for event in events)
    assert 1.0 < time.monotonic() - started < PATIENCE


async def test_a_watch_goes_on_where_an_earlier_one_ended(api: Api) -> None:
    since = await listed(api)
    async with api.watch(api.widgets, resourceVersion=since) as watch:
        await api.make("one")
        since = (await watch.next())["object"]["metadata"]["resourceVersion"]
    await api.make("two")
    await api.delete(f"{api.widgets}/one")
    async with api.watch(api.widgets, resourceVersion=since) as watch:
        assert await watch.change() == ("ADDED", "two")
        assert await watch.change() == ("DELETED", "one")


async def test_kubectl_get_watch_prints_rows(api: Api) -> None:
    query = {"watch": "true", "timeoutSeconds": "2", "resourceVersion": await listed(api)}
    await api.make("one", {"size": 4})
    answer = await api.session.get(api.widgets, params=query, headers={"Accept": TABLE})
    async with answer:
        line = await answer.content.readline()
    assert b'"kind":"Table"' in line.replace(b": ", b":")
    assert b'"one"' in line
    assert b'"columnDefinitions"' in line


async def test_core_kinds_are_watched_too(api: Api) -> None:
    selector = f"metadata.name={api.kube.namespace}"
    async with api.watch("/api/v1/namespaces", fieldSelector=selector) as watch:
        assert await watch.change() == ("ADDED", api.kube.namespace)
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    named = f"metadata.name=widgets.{GROUP}"
    async with api.watch(crds, fieldSelector=named, resourceVersion="0") as watch:
        assert await watch.change() == ("ADDED", f"widgets.{GROUP}")
