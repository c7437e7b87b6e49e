"""What only the embedded API can be asked: restarts, its bounds, its refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kubeapi_support import (
    GROUP,
    TOKEN,
    VALIDATORS,
    Api,
    client,
    embedded,
    until,
    widget,
    widget_crd,
)

from pressroom_local.kubeapi import Options, make_app


@asynccontextmanager
async def serving(path: Path, options: Options | None = None) -> AsyncIterator[Api]:
    async with embedded(path / "kube.db", options) as kube, client(kube) as api:
        yield api


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        made = await api.make("one", labels={"a": "b"})
        since = made["metadata"]["resourceVersion"]
        await api.make("two")
        crds = (await api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")).ok()
    async with serving(tmp_path) as api:
        assert (await api.get(f"{api.widgets}/one")).ok() == made
        again = (await api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")).ok()
        assert again == crds
        async with api.watch(api.widgets, resourceVersion=since) as watch:
            assert await watch.change() == ("ADDED", "two")
            three = await api.make("three")
            assert await watch.change() == ("ADDED", "three")
        assert int(three["metadata"]["resourceVersion"]) > int(since) + 1


async def test_a_version_too_old_is_an_error_event_with_410(tmp_path: Path) -> None:
    async with serving(tmp_path, Options(history=20)) as api:
        await api.make("one")
        for index in range(300):
            await api.merge(f"{api.widgets}/one", {"metadata": {"labels": {"n": str(index)}}})
        async with api.watch(api.widgets, resourceVersion="5") as watch:
            (event,) = await watch.rest()
        assert event["type"] == "ERROR"
        assert event["object"]["kind"] == "Status"
        assert event["object"]["code"] == 410
        assert event["object"]["reason"] == "Expired"


async def test_a_version_from_another_database_is_410_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        async with api.watch(api.widgets, resourceVersion="123456789") as watch:
            (event,) = await watch.rest()
        assert event["object"]["code"] == 410


async def test_bookmarks_come_by_the_clock_even_if_hidden_things_happen(tmp_path: Path) -> None:
    async with serving(tmp_path, Options(bookmark_seconds=0.3)) as api:
        query = {"allowWatchBookmarks": "true", "labelSelector": "never=matches"}
        async with api.watch(api.widgets, **query) as watch:
            busy = asyncio.create_task(_keep_writing(api))
            try:
                first, second = await watch.next(5), await watch.next(5)
            finally:
                busy.cancel()
                await asyncio.gather(busy, return_exceptions=True)
        assert first["type"] == second["type"] == "BOOKMARK"
        assert first["object"]["kind"] == "Widget"
        versions = [int(one["object"]["metadata"]["resourceVersion"]) for one in (first, second)]
        assert versions[0] < versions[1]


async def _keep_writing(api: Api) -> None:
    await api.make("busy")
    for index in range(10_000):
        await api.merge(f"{api.widgets}/busy", {"metadata": {"labels": {"n": str(index)}}})
        await asyncio.sleep(0.02)


async def test_without_bookmarks_there_is_silence(tmp_path: Path) -> None:
    options = Options(bookmark_seconds=0.1)
    async with (
        serving(tmp_path, options) as api,
        api.watch(api.widgets, timeoutSeconds="1") as watch,
    ):
        assert await watch.rest() == []


async def test_streaming_lists_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        answer = await api.get(api.widgets, watch="true", allowWatchBookmarks="true", **query)
        assert "sendInitialEvents" in answer.failed(422, "Invalid")


async def test_apply_patches_are_unsupported(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.make("one")
        kind = "application/apply-patch+yaml"
        answer = await api.call("PATCH", f"{api.widgets}/one", widget("one"), kind=kind)
        answer.failed(415, "UnsupportedMediaType")


async def test_crds_cannot_be_changed(tmp_path: Path) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with serving(tmp_path) as api:
        (await api.post(path, widget_crd())).failed(405, "MethodNotAllowed")
        (await api.delete(f"{path}/widgets.{GROUP}")).failed(405, "MethodNotAllowed")


async def test_too_many_watches_are_asked_to_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path, Options(max_watches=1)) as api, api.watch(api.widgets):
        answer = await api.get(api.widgets, watch="true")
        answer.failed(429, "TooManyRequests")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await api.get(api.widgets)).status == 200


async def test_too_many_requests_are_asked_to_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path, Options(max_inflight=1)) as api:
        url = api.session._base_url
        assert url is not None
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"POST {api.widgets} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n".encode())
        await writer.drain()
        answer = await until(api, api.widgets, 429)
        assert answer.body["details"] == {"retryAfterSeconds": 1}
        writer.close()
        await writer.wait_closed()
        del reader
        await until(api, api.widgets, 200)


async def test_stopping_the_server_ends_watches_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    async with embedded(tmp_path / "kube.db") as kube, client(kube) as api:
        watch = await api.session.get(api.widgets, params={"watch": "1"})
        waiting = asyncio.create_task(watch.content.read())
    async with asyncio.timeout(5):
        await asyncio.gather(waiting, return_exceptions=True)
    watch.close()
    assert time.monotonic() - started < 5


async def test_a_long_list_arrives_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        text = "x" * 20_000
        for index in range(120):
            await api.make(f"w{index:03}", {"free": {"text": text}})
        items = (await api.get(api.widgets)).ok()["items"]
        assert [item["metadata"]["name"] for item in items] == [f"w{i:03}" for i in range(120)]
        async with api.watch(api.widgets) as watch:
            seen = [(await watch.next())["object"]["metadata"]["name"] for _ in range(120)]
        assert seen == [f"w{i:03}" for i in range(120)]


async def test_old_core_events_are_swept(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        body = {"metadata": {"name": "e"}, "reason": "Old"}
        (await api.post(f"{api.core}/events", body)).ok()
        await api.make("kept")
    async with serving(tmp_path, Options(event_ttl_seconds=-10)) as api:
        async with api.watch(f"{api.core}/events") as watch:
            while (await api.get(f"{api.core}/events/e")).status == 200:
                await watch.next()
        assert (await api.get(f"{api.widgets}/kept")).status == 200


def test_an_empty_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="token"):
        make_app(tmp_path / "kube.db", [], VALIDATORS, "")
