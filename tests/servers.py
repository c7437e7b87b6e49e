"""Real servers for tests: NATS, SeaweedFS, MinIO on free ports, ended with their fixture.

NATS and SeaweedFS are started by the same code as ``pressroom local`` starts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
from asyncio.subprocess import Process
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

from pressroom.settings import NatsSettings, S3Settings
from pressroom_local.servers import (
    HOST,
    S3_INNER_PORTS,
    free_ports,
    start_nats,
    start_s3,
    stop_server,
)

T = TypeVar("T")


class Background:
    """An event loop in a thread: servers of a session outlive the loop of any one test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class NatsServer:
    """A nats-server of one test's own, which may stop it, wipe it and start it again."""

    directory: Path
    port: int
    process: Process | None = None

    @property
    def settings(self) -> NatsSettings:
        return NatsSettings(url=f"nats://{HOST}:{self.port}")

    async def start(self) -> None:
        log = self.directory / "nats.log"
        self.process = await start_nats(self.directory / "store", self.port, log)

    async def stop(self) -> None:
        if self.process is not None:
            await stop_server(self.process)
            self.process = None

    def move_store(self) -> None:
        """Lose all that it holds, as a server on an empty disk."""
        store = self.directory / "store"
        store.rename(self.directory / f"lost-{len(list(self.directory.iterdir()))}")


def nats_server(directory: Path) -> NatsServer:
    """Not started yet."""
    return NatsServer(directory, free_ports(1)[0])


class RefusingProxy:
    """Stands before a nats-server and may end its connections with an error, as the server would.

    What is refused can connect again.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._port = free_ports(1)[0]
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def settings(self) -> NatsSettings:
        return NatsSettings(url=f"nats://{HOST}:{self._port}")

    async def refuse(self, error: str) -> None:
        for client in list(self._clients):
            client.write(f"-ERR '{error}'\r\n".encode())
            client.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for client in list(self._clients):
            client.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, self._behind)
        self._clients.add(writer)
        try:
            await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))
        finally:
            self._clients.discard(writer)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either end has gone."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class S3Server:
    """A SeaweedFS, or a MinIO."""

    settings: S3Settings
    process: Process

    async def stop(self) -> None:
        await stop_server(self.process, grace=0.2)


async def s3_server(directory: Path, bucket: str = "pressroom") -> S3Server:
    """Started; the bucket is not there yet."""
    port, *inner = free_ports(1 + S3_INNER_PORTS)
    settings = S3Settings.model_validate(
        {
            "endpoint": f"http://{HOST}:{port}",
            "access_key": "test-access",
            "secret_key": "test-secret",
            "bucket": bucket,
        }
    )
    process = await start_s3(
        directory / "data", port, "test-access", "test-secret", directory / "s3.log", inner
    )
    return S3Server(settings, process)


def minio_program() -> str | None:
    """MinIO, where `deploy/cluster/binaries.sh minio` has built it or PATH has it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pressroom"
    binaries = Path(os.environ.get("PRESSROOM_CACHE") or cache) / "bin"
    return shutil.which("minio", path=f"{binaries}{os.pathsep}{os.environ['PATH']}")


async def minio_server(program: str, directory: Path) -> S3Server:
    """Started; it has no bucket yet."""
    port, console = free_ports(2)
    settings = S3Settings.model_validate(
        {
            "endpoint": f"http://{HOST}:{port}",
            "access_key": "test-access",
            "secret_key": "test-secret",
            "bucket": "pressroom",
        }
    )
    process = await asyncio.create_subprocess_exec(
        program,
        "server",
        str(directory / "data"),
        f"--address={HOST}:{port}",
        f"--console-address={HOST}:{console}",
        env={
            "HOME": str(directory),
            "MINIO_ROOT_USER": "test-access",
            "MINIO_ROOT_PASSWORD": "test-secret",
        },
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{settings.endpoint}/minio/health/ready") as answer:
                    if answer.status == 200:
                        return S3Server(settings, process)
            await asyncio.sleep(0.1)
