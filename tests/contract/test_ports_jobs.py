"""The Jobs port: the same on the twin and on a Kubernetes API over HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from jobs_support import TIMEOUT, batch_job, jobs_of, kubeconfig

from pressroom.adapters.kube import open_jobs
from pressroom.errors import ConflictError, NotFoundError, UnavailableError, UserError
from pressroom.model.batchjob import job_of
from pressroom.names import PURGE_FINALIZER
from pressroom.ports import (
    BATCH_JOBS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    LEASES,
    PODS,
    SECRETS,
    Jobs,
    Json,
    WatchEvent,
    WatchExpired,
)
from pressroom.probes import serve
from pressroom.settings import KubeSettings
from pressroom.testing.memory_jobs import MemoryJobs, merge_patch
from pressroom_local.servers import free_ports
from pressroom_operator.events import event

SOON = 10.0


@dataclass
class World:
    """An API and a namespace in it."""

    jobs: Jobs
    namespace: str

    async def make(self, name: str, **metadata: object) -> Json:
        return await self.jobs.create(BATCH_JOBS, self.namespace, batch_job(name, **metadata))

    async def get(self, name: str) -> Json:
        return await self.jobs.get(BATCH_JOBS, self.namespace, name)

    async def patch(self, name: str, patch: Json, subresource: str = "") -> Json:
        return await self.jobs.patch(
            BATCH_JOBS, self.namespace, name, patch, subresource=subresource
        )

    async def delete(self, name: str, uid: str | None = None) -> None:
        await self.jobs.delete(BATCH_JOBS, self.namespace, name, uid=uid)

    async def version(self) -> str:
        return (await self.jobs.list(BATCH_JOBS, self.namespace)).resource_version

    async def events(self, since: str, count: int, selector: str = "") -> list[WatchEvent]:
        """The next events that are no bookmarks."""
        found: list[WatchEvent] = []
        watch = self.jobs.watch(BATCH_JOBS, self.namespace, since, label_selector=selector)
        async with asyncio.timeout(SOON), aclosing(watch) as events:  # type: ignore[type-var]
            async for event in events:
                if event.type != "BOOKMARK":
                    found.append(event)
                if len(found) == count:
                    break
        return found


@pytest.fixture(params=["twin", "real"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with jobs_of(request.param, tmp_path) as (jobs, namespace):
        yield World(jobs, namespace)


def shown(events: list[WatchEvent]) -> list[tuple[str, str]]:
    return [(event.type, event.object["metadata"]["name"]) for event in events]


async def test_what_is_created_is_read(world: World) -> None:
    made = await world.make("a", labels={"x": "y"})
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["uid"]
    assert made["metadata"]["creationTimestamp"].endswith("Z")
    assert made["metadata"]["namespace"] == world.namespace
    assert await world.get("a") == made
    assert made["spec"]["rows"][0]["data"] == {"n": 1}


async def test_names_are_taken_once(world: World) -> None:
    await world.make("a")
    with pytest.raises(ConflictError):
        await world.make("a")


async def test_what_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        await world.get("none")
    with pytest.raises(NotFoundError):
        await world.patch("none", {"spec": {"cancel": True}})
    with pytest.raises(NotFoundError):
        await world.delete("none")


async def test_lists_and_label_selectors(world: World) -> None:
    await world.make("a", labels={"tenant": "one"})
    await world.make("b", labels={"tenant": "two", "lane": "fast"})
    await world.make("c")

    async def names_of(selector: str) -> list[str]:
        listing = await world.jobs.list(BATCH_JOBS, world.namespace, label_selector=selector)
        assert all(item["kind"] == "BatchJob" for item in listing.items)
        assert all(item["apiVersion"] == BATCH_JOBS.api_version for item in listing.items)
        return sorted(item["metadata"]["name"] for item in listing.items)

    assert await names_of("") == ["a", "b", "c"]
    assert await names_of("tenant=one") == ["a"]
    assert await names_of("tenant") == ["a", "b"]
    assert await names_of("!tenant") == ["c"]
    assert await names_of("tenant!=one") == ["b", "c"]
    assert await names_of("tenant in (one,two),lane=fast") == ["b"]


async def test_all_namespaces_are_listed(world: World) -> None:
    await world.make("a")
    listing = await world.jobs.list(BATCH_JOBS, None)
    found = [item["metadata"]["name"] for item in listing.items]
    assert "a" in found


async def test_a_merge_patch_changes_sets_and_removes(world: World) -> None:
    made = await world.make("a", annotations={"keep": "1", "drop": "2"})
    patch = {"metadata": {"annotations": {"drop": None, "new": "3"}}, "spec": {"cancel": True}}
    patched = await world.patch("a", patch)
    assert patched["metadata"]["annotations"] == {"keep": "1", "new": "3"}
    assert patched["spec"]["cancel"] is True
    assert patched["metadata"]["generation"] == 2
    assert patched["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    assert await world.get("a") == patched


async def test_a_patch_that_changes_nothing_is_no_change(world: World) -> None:
    await world.make("a")
    once = await world.patch("a", {"spec": {"cancel": True}})
    assert await world.patch("a", {"spec": {"cancel": True}}) == once


async def test_labels_alone_are_no_new_generation(world: World) -> None:
    await world.make("a")
    patched = await world.patch("a", {"metadata": {"labels": {"x": "y"}}})
    assert patched["metadata"]["generation"] == 1


async def test_a_stale_patch_is_a_conflict(world: World) -> None:
    made = await world.make("a")
    version = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
    await world.patch("a", {**version, "spec": {"cancel": True}})
    with pytest.raises(ConflictError):
        await world.patch("a", {**version, "spec": {"suspend": True}})
    assert (
        "suspend" not in (await world.get("a"))["spec"]
        or not (await world.get("a"))["spec"]["suspend"]
    )


async def test_a_patch_for_another_uid_is_a_conflict(world: World) -> None:
    await world.make("a")
    uid = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(ConflictError):
        await world.patch("a", {"metadata": {"uid": uid}, "spec": {"cancel": True}})


async def test_of_racing_conditional_patches_one_wins(world: World) -> None:
    made = await world.make("a")
    version = made["metadata"]["resourceVersion"]

    async def attempt(number: int) -> bool:
        patch = {"metadata": {"resourceVersion": version, "labels": {"winner": str(number)}}}
        try:
            await world.patch("a", patch)
        except ConflictError:
            return False
        return True

    won = await asyncio.gather(*(attempt(number) for number in range(8)))
    assert sum(won) == 1
    assert (await world.get("a"))["metadata"]["labels"]["winner"] == str(won.index(True))


async def test_the_status_is_apart(world: World) -> None:
    await world.make("a")
    rows = {"rows": {"total": 3}}
    patched = await world.patch("a", {"status": rows, "spec": {"cancel": True}}, "status")
    assert patched["status"]["rows"]["total"] == 3
    assert not patched["spec"].get("cancel")
    assert patched["metadata"]["generation"] == 1
    patched = await world.patch("a", {"status": {"rows": {"total": 9}}})
    assert patched["status"]["rows"]["total"] == 3


async def test_a_stale_status_patch_is_a_conflict(world: World) -> None:
    made = await world.make("a")
    version = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
    await world.patch("a", {**version, "status": {"rows": {"total": 1}}}, "status")
    with pytest.raises(ConflictError):
        await world.patch("a", {**version, "status": {"rows": {"total": 2}}}, "status")


async def test_a_replace_needs_the_version_that_was_read(world: World) -> None:
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}
    made = await world.jobs.create(LEASES, world.namespace, lease)
    made["spec"]["renewTime"] = "2026-11-23T10:00:00.123456Z"
    replaced = await world.jobs.replace(LEASES, world.namespace, "l", made)
    assert replaced["spec"]["renewTime"] == "2026-11-23T10:00:00.123456Z"
    with pytest.raises(ConflictError):
        await world.jobs.replace(LEASES, world.namespace, "l", made)


async def test_what_has_no_finalizer_goes_at_once(world: World) -> None:
    await world.make("a")
    await world.delete("a")
    with pytest.raises(NotFoundError):
        await world.get("a")


async def test_a_delete_may_insist_on_a_uid(world: World) -> None:
    made = await world.make("a")
    with pytest.raises(ConflictError):
        await world.delete("a", uid="00000000-0000-4000-8000-000000000000")
    await world.delete("a", uid=made["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await world.get("a")


async def test_a_finalizer_holds_until_it_is_removed(world: World) -> None:
    await world.make("a", finalizers=[PURGE_FINALIZER])
    await world.delete("a")
    terminating = await world.get("a")
    assert terminating["metadata"]["deletionTimestamp"]
    assert terminating["metadata"]["generation"] == 2
    await world.delete("a")
    assert await world.get("a") == terminating
    with pytest.raises(ConflictError):
        await world.make("a")
    with pytest.raises(UserError):
        await world.patch("a", {"metadata": {"finalizers": [PURGE_FINALIZER, "x.dev/other"]}})
    await world.patch("a", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFoundError):
        await world.get("a")


async def test_a_secret_is_written_as_text_and_read_as_base64(world: World) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"key": "välue"}}
    await world.jobs.create(SECRETS, world.namespace, body)
    read = await world.jobs.get(SECRETS, world.namespace, "s")
    assert base64.b64decode(read["data"]["key"]).decode() == "välue"
    assert "stringData" not in read


async def test_what_is_owned_goes_with_its_owner(world: World) -> None:
    owner = await world.make("a")
    reference = {
        "apiVersion": BATCH_JOBS.api_version,
        "kind": BATCH_JOBS.kind,
        "name": "a",
        "uid": owner["metadata"]["uid"],
    }
    owned = {"metadata": {"name": "c", "ownerReferences": [reference]}, "data": {}}
    await world.jobs.create(CONFIG_MAPS, world.namespace, owned)
    await world.delete("a")
    async with asyncio.timeout(SOON):
        while True:
            try:
                await world.jobs.get(CONFIG_MAPS, world.namespace, "c")
            except NotFoundError:
                break
            await asyncio.sleep(0.05)


async def test_a_watch_tells_what_happens_after_a_version(world: World) -> None:
    await world.make("before")
    since = await world.version()
    await world.make("a", finalizers=[PURGE_FINALIZER])
    await world.patch("a", {"spec": {"cancel": True}})
    await world.delete("a")
    await world.patch("a", {"metadata": {"finalizers": []}})
    await world.make("b")
    events = await world.events(since, 5)
    kinds = [("ADDED", "a"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert shown(events) == [*kinds, ("ADDED", "b")]
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


async def test_a_watch_tells_what_is_still_to_come(world: World) -> None:
    since = await world.version()
    waiting = asyncio.create_task(world.events(since, 1))
    await asyncio.sleep(0)
    await world.make("a")
    assert shown(await waiting) == [("ADDED", "a")]


async def test_a_watch_by_labels(world: World) -> None:
    since = await world.version()
    await world.make("other")
    await world.make("a", labels={"x": "y"})
    await world.patch("a", {"metadata": {"labels": {"x": "z"}}})
    await world.patch("a", {"metadata": {"labels": {"x": "y"}}})
    events = await world.events(since, 3, "x=y")
    assert shown(events) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


async def test_a_large_resource_comes_whole(world: World) -> None:
    since = await world.version()
    body = {"metadata": {"name": "large"}, "data": {"rows": "x" * 900_000}}
    await world.jobs.create(CONFIG_MAPS, world.namespace, body)
    watch = world.jobs.watch(CONFIG_MAPS, world.namespace, since)
    async with asyncio.timeout(SOON), aclosing(watch) as events:  # type: ignore[type-var]
        async for event in events:
            if event.type != "BOOKMARK" and event.object["metadata"]["name"] == "large":
                assert event.object["data"]["rows"] == "x" * 900_000
                break


async def test_check(world: World) -> None:
    await world.jobs.check()


async def test_a_long_list_comes_in_pages(world: World) -> None:
    for number in range(520):
        body = {"metadata": {"name": f"c{number:04d}", "labels": {"x": "y"}}, "data": {}}
        await world.jobs.create(CONFIG_MAPS, world.namespace, body)
    listing = await world.jobs.list(CONFIG_MAPS, world.namespace, label_selector="x=y")
    assert len({item["metadata"]["name"] for item in listing.items}) == 520


# --- an API that misbehaves ----------------------------------------------------------------------
@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[tuple[Jobs, dict[str, web.Response]]]:
    """The adapter on an API that answers what the test puts into the dictionary."""
    answers: dict[str, web.Response] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        if "answer" not in answers:
            await asyncio.Event().wait()
        return answers["answer"]

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serve(app, "127.0.0.1", 0) as port:
        path = kubeconfig(tmp_path, f"http://127.0.0.1:{port}", "token")
        async with open_jobs(KubeSettings(config=path), timeout=1) as jobs:
            yield jobs, answers


def status(code: int, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "message": message}
    return web.json_response(body, status=code)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, UserError),
        (401, UnavailableError),
        (403, UnavailableError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, UserError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_errors_are_ours(
    broken: tuple[Jobs, dict[str, web.Response]], code: int, error: type[Exception]
) -> None:
    jobs, answers = broken
    answers["answer"] = status(code, "the reason")
    with pytest.raises(error) as found:
        await jobs.get(BATCH_JOBS, "pressroom", "a")
    assert "the reason" in (getattr(found.value, "log", "") or str(found.value))


@pytest.mark.parametrize("over_http", [True, False])
async def test_a_version_that_is_too_old(
    broken: tuple[Jobs, dict[str, web.Response]], over_http: bool
) -> None:
    jobs, answers = broken
    event = b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n'
    answers["answer"] = status(410, "too old") if over_http else web.Response(body=event)
    with pytest.raises(WatchExpired):
        async for _ in jobs.watch(BATCH_JOBS, "pressroom", "1"):
            pass


async def test_a_watch_that_the_server_ends_ends(
    broken: tuple[Jobs, dict[str, web.Response]],
) -> None:
    jobs, answers = broken
    answers["answer"] = web.Response(body=b"")
    assert [event async for event in jobs.watch(BATCH_JOBS, "pressroom", "1")] == []


async def test_an_api_that_never_answers(broken: tuple[Jobs, dict[str, web.Response]]) -> None:
    jobs, _ = broken
    with pytest.raises(UnavailableError):
        await jobs.check()


async def test_an_api_that_is_away(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}", "token")
    async with open_jobs(KubeSettings(config=path), timeout=TIMEOUT) as jobs:
        with pytest.raises(UnavailableError):
            await jobs.check()
        with pytest.raises(UnavailableError):
            async for _ in jobs.watch(BATCH_JOBS, "pressroom", "1"):
                pass


async def test_no_credentials_say_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="PRESSROOM_KUBE_CONFIG"):
        async with open_jobs(KubeSettings(config=tmp_path / "none"), timeout=1):
            pass


# --- the twin alone ------------------------------------------------------------------------------
async def test_the_twin_forgets_old_versions() -> None:
    twin = MemoryJobs()
    since = (await twin.list(BATCH_JOBS, "pressroom")).resource_version
    await twin.create(BATCH_JOBS, "pressroom", batch_job("a"))
    twin.expire()
    with pytest.raises(WatchExpired):
        await anext(aiter(twin.watch(BATCH_JOBS, "pressroom", since)))


async def test_the_twin_can_be_away() -> None:
    twin = MemoryJobs()
    watch = aiter(twin.watch(BATCH_JOBS, "pressroom", "1"))
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    twin.away = True
    with pytest.raises(UnavailableError):
        await waiting
    with pytest.raises(UnavailableError):
        await twin.list(BATCH_JOBS, None)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": "b"}, ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_of_the_rfc(target: object, patch: object, result: object) -> None:
    assert merge_patch(target, patch) == result


async def test_a_deployment_is_scaled_and_its_pods_are_found_by_its_selector(world: World) -> None:
    labels = {"part": "worker"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "worker", "image": "none"}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    head = {"apiVersion": DEPLOYMENTS.api_version, "kind": DEPLOYMENTS.kind}
    try:
        await world.jobs.create(
            DEPLOYMENTS, world.namespace, {**head, "metadata": {"name": "w"}, "spec": spec}
        )
    except NotFoundError:
        pytest.skip("the embedded API serves no Deployments: nothing scales there")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "w-1", "labels": labels}}
    await world.jobs.create(PODS, world.namespace, {**pod, "spec": template["spec"]})

    async def scale() -> Json:
        return await world.jobs.get(DEPLOYMENTS, world.namespace, "w", subresource="scale")

    found = await scale()
    assert found["spec"]["replicas"] == 2
    selector = found["status"]["selector"]
    listing = await world.jobs.list(PODS, world.namespace, label_selector=selector)
    assert "w-1" in [pod["metadata"]["name"] for pod in listing.items]
    for replicas in (3, 0):
        patch = {"spec": {"replicas": replicas}}
        await world.jobs.patch(DEPLOYMENTS, world.namespace, "w", patch, subresource="scale")
        assert (await scale())["spec"].get("replicas", 0) == replicas
    with pytest.raises(NotFoundError):
        await world.jobs.get(DEPLOYMENTS, world.namespace, "none", subresource="scale")


async def test_an_event_of_a_job_is_kept_once(world: World) -> None:
    job = job_of(await world.make("a"))
    told = event(job, "Accepted", "1 row in 1 shard.", normal=True)
    await world.jobs.create(EVENTS, world.namespace, told)
    with pytest.raises(ConflictError):
        await world.jobs.create(EVENTS, world.namespace, told)
    (kept,) = (await world.jobs.list(EVENTS, world.namespace)).items
    assert kept["involvedObject"]["uid"] == job.uid
    assert (kept["type"], kept["reason"]) == ("Normal", "Accepted")
