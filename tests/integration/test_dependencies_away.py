"""Store and NATS away, or refusing us: every part waits and says why, BatchJobs too; then go on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from servers import S3Server

from pressroom.adapters.kube import open_jobs
from pressroom.crds import all_crds, validators
from pressroom.model.batchjob import BatchJob, job_of
from pressroom.model.conditions import Condition, ConditionType, Reason, Status, find
from pressroom.ports import BATCH_JOBS, EVENTS, Jobs
from pressroom.settings import KubeSettings
from pressroom_local.children import die_with_parent
from pressroom_local.kubeapi import make_app
from pressroom_local.parts import find_browser
from pressroom_local.servers import HOST, S3_INNER_PORTS, free_ports, start_s3, stop_server

pytestmark = pytest.mark.integration

NAMESPACE = "pressroom"
TOKEN = "a-token-of-this-test"
PARTS = ("gateway", "operator", "worker", "finalizer")
PATIENCE = 30.0


class Place:
    """The four parts as processes of their own, with an API; store and NATS are the test's."""

    def __init__(self, directory: Path, nats: int, s3: Mapping[str, str]) -> None:
        self.directory = directory
        self.nats = nats
        self._s3 = s3
        self._ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
        self._processes: list[Process] = []
        self.jobs: Jobs
        self._http: aiohttp.ClientSession

    def _environment(self, part: str) -> dict[str, str]:
        port = str(self._ports[part])
        listen = {"PRESSROOM_PROBE_HOST": HOST, "PRESSROOM_PROBE_PORT": port}
        if part == "gateway":
            listen = {"PRESSROOM_GATEWAY_HOST": HOST, "PRESSROOM_GATEWAY_PORT": port}
        return {
            **os.environ,
            "PRESSROOM_NAMESPACE": NAMESPACE,
            "PRESSROOM_NATS_URL": f"nats://{HOST}:{self.nats}",
            "PRESSROOM_NATS_USER": "farm",
            "PRESSROOM_NATS_PASSWORD": "the-right-one",
            "PRESSROOM_KUBE_CONFIG": str(self.directory / "kubeconfig"),
            "PRESSROOM_CHROMIUM": find_browser(os.environ),
            "PRESSROOM_SLOTS": "1",
            "PRESSROOM_CHECK_SECONDS": "1",
            **{f"PRESSROOM_S3_{name.upper()}": value for name, value in self._s3.items()},
            **listen,
        }

    def log(self, part: str) -> str:
        return (self.directory / f"{part}.log").read_text()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Place]:
        async with AsyncExitStack() as stack:
            app = make_app(self.directory / "kube.db", list(all_crds()), validators(), TOKEN)
            server = await stack.enter_async_context(TestServer(app))
            self._write_kubeconfig(str(server.make_url("")).rstrip("/"))
            settings = KubeSettings(config=self.directory / "kubeconfig")
            self.jobs = await stack.enter_async_context(open_jobs(settings, timeout=5))
            self._http = await stack.enter_async_context(aiohttp.ClientSession())
            stack.push_async_callback(self._stop)
            for part in PARTS:
                await self._start(part)
            yield self

    def _write_kubeconfig(self, url: str) -> None:
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
            "clusters": [{"name": "here", "cluster": {"server": url}}],
            "users": [{"name": "here", "user": {"token": TOKEN}}],
        }
        (self.directory / "kubeconfig").write_text(json.dumps(config))

    async def _start(self, part: str) -> None:
        with (self.directory / f"{part}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"pressroom_{part}"),
                env=self._environment(part),
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        self._processes.append(process)

    async def _stop(self) -> None:
        for process in self._processes:
            assert process.returncode is None, "a part has ended"
            process.terminate()
        for process in self._processes:
            await stop_server(process, grace=10)

    # --- what is seen ----------------------------------------------------------------------------
    async def _ready(self, part: str) -> dict[str, Any] | None:
        url = f"http://{HOST}:{self._ports[part]}/readyz"
        try:
            async with self._http.get(url) as answer:
                found: dict[str, Any] = await answer.json()
        except aiohttp.ClientError:
            return None
        failed: dict[str, Any] = found["failed"]
        assert (answer.status == 200) is (failed == {})
        return failed

    async def until_unready(self, words: str) -> None:
        """Every part runs, and says these words among the reasons for not being ready."""

        async def says(part: str) -> bool:
            failed = await self._ready(part)
            return failed is not None and words in str(failed)

        for part in PARTS:
            await until(partial(says, part), f"{part} says {words}")

    async def until_ready(self) -> None:
        async def well(part: str) -> bool:
            return await self._ready(part) == {}

        for part in PARTS:
            await until(partial(well, part), f"{part} is ready")

    async def create(self) -> None:
        spec = {"html": "<p>{{ a }}</p>", "rows": [{"data": {"a": "1"}}]}
        head = {"apiVersion": BATCH_JOBS.api_version, "kind": BATCH_JOBS.kind}
        body = {**head, "metadata": {"name": "job"}, "spec": spec}
        await self.jobs.create(BATCH_JOBS, NAMESPACE, body)

    async def job(self) -> BatchJob:
        return job_of(await self.jobs.get(BATCH_JOBS, NAMESPACE, "job"))

    async def until_waiting(self, reason: str) -> Condition:
        """The job says it waits for that reason; the condition that says so."""
        found: list[Condition] = []

        async def waits() -> bool:
            accepted = find((await self.job()).status.conditions, ConditionType.ACCEPTED)
            found[:] = [accepted] if accepted is not None and accepted.reason == reason else []
            return bool(found)

        await until(waits, f"the job says {reason}")
        return found[0]


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Other processes raise no events here: their state can only be polled."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await holds():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not in time: {what}") from None


async def nats(directory: Path, port: int, password: str) -> Process:
    config = directory / "nats.conf"
    config.write_text(
        f'listen: "{HOST}:{port}"\njetstream {{ store_dir: "{directory / "js"}" }}\n'
        f"authorization {{ user: farm, password: {password} }}\n"
    )
    with (directory / "nats.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("nats-server")), "--config", str(config)),
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )


def check_logs(place: Place, *parts: str) -> None:
    for part in parts:
        assert "Traceback" not in place.log(part), place.log(part)


async def test_what_is_away_or_refuses_is_waited_for(tmp_path: Path) -> None:
    nats_port, s3_port, *inner = free_ports(2 + S3_INNER_PORTS)
    s3 = {"endpoint": f"http://{HOST}:{s3_port}", "access_key": "ours", "secret_key": "secret"}
    s3["create_bucket"] = "true"
    servers: list[Process] = [await nats(tmp_path, nats_port, "another-one")]
    try:
        async with Place(tmp_path, nats_port, s3).running() as place:
            await place.create()
            await place.until_unready("The queue refuses our credentials: Authorization Violation")
            accepted = await place.until_waiting("StoreUnavailable")
            assert accepted.status is Status.UNKNOWN
            assert "The object store does not answer: connection refused." in accepted.message

            log = tmp_path / "s3.log"
            servers.append(await start_s3(tmp_path / "s3", s3_port, "ours", "secret", log, inner))
            accepted = await place.until_waiting("QueueUnavailable")
            assert "The queue refuses our credentials" in accepted.message
            summary = find((await place.job()).status.conditions, ConditionType.SUCCEEDED)
            assert summary is not None
            assert (summary.status, summary.message) == (Status.UNKNOWN, accepted.message)

            await stop_server(servers[0])
            servers[0] = await nats(tmp_path, nats_port, "the-right-one")
            await place.until_ready()
            await until(partial(_completed, place), "the job completes")
            events = (await place.jobs.list(EVENTS, NAMESPACE)).items
            reasons = {event["reason"] for event in events}
            assert {"StoreUnavailable", "QueueUnavailable", "Accepted", "Completed"} <= reasons
            check_logs(place, *PARTS)
            for part in PARTS:
                assert "The queue refuses our credentials" in place.log(part)
    finally:
        for server in servers:
            await stop_server(server, grace=0.2)


async def _completed(place: Place) -> bool:
    return (await place.job()).status.reason() is Reason.COMPLETED


async def test_a_store_that_refuses_our_keys_is_named(tmp_path: Path, s3: S3Server) -> None:
    access_key = s3.settings.access_key.get_secret_value()
    wrong = {"endpoint": s3.settings.endpoint, "access_key": access_key, "secret_key": "not-it"}
    (port,) = free_ports(1)
    server = await nats(tmp_path, port, "the-right-one")
    try:
        async with Place(tmp_path, port, wrong).running() as place:
            await place.create()
            await place.until_unready("The object store refuses our credentials")
            accepted = await place.until_waiting("StoreUnavailable")
            assert "refuses our credentials" in accepted.message
            check_logs(place, *PARTS)
            for part in PARTS:
                assert "The object store refuses our credentials" in place.log(part)
    finally:
        await stop_server(server)
