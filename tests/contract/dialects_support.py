"""What the tests of the dialects share: a real farm as a client has it, and a webhook receiver."""

from __future__ import annotations

import asyncio
import io
import queue
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import requests
from aiohttp import web
from aiohttp.test_utils import TestServer
from servers import Background

from pressroom.adapters.s3 import open_store
from pressroom.settings import S3Settings
from pressroom_local.farm import LocalFarm, start_farm

Json = dict[str, Any]
#: Seconds for anything that should come soon on a busy machine.
PATIENCE = 60.0
#: The tenant of all clients. It may call webhooks on this machine.
TENANTS = """\
apiVersion: pressroom.dev/v1alpha1
kind: Tenant
metadata: {name: default}
spec:
  limits: {activeJobs: 1000}
  egress: {allow: [127.0.0.1, localhost]}
"""


@dataclass(frozen=True)
class DialectFarm:
    """A farm, and what its documents tell a client to have: an address and credentials.

    ``key``, ``jwt`` and ``webhook_secret`` (the raw text) are the tenant ``default``'s.
    """

    local: LocalFarm
    background: Background

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return self.local.url

    @property
    def key(self) -> str:
        return self.local.api_key

    @property
    def jwt(self) -> str:
        return self.local.jwt

    @property
    def webhook_secret(self) -> str:
        assert self.local.webhook_secret is not None
        return self.local.webhook_secret

    def native(self, method: str, path: str, **more: Any) -> requests.Response:
        """A call of the native API."""
        headers = {"X-API-Key": self.key, **more.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=PATIENCE, **more)

    def template(self, name: str, html: str, **more: Any) -> None:
        """Store a template under any id."""
        answer = self.native("PUT", f"/v1/templates/{name}", json={"html": html, **more})
        assert answer.status_code in (200, 201), answer.text

    def store_get(self, key: str) -> bytes:
        """An object of the farm's store."""
        s3 = self.local.s3
        settings = S3Settings.model_validate(
            {
                "endpoint": s3["endpoint"],
                "access_key": s3["accessKey"],
                "secret_key": s3["secretKey"],
                "bucket": s3["bucket"],
            }
        )

        async def get() -> bytes:
            async with open_store(settings, timeout=10) as store:
                return await store.get(key)

        return self.background.run(get())

    def environment(self) -> dict[str, str]:
        """For example clients that run as programs of their own."""
        return {"PRESSROOM_URL": self.url, "PRESSROOM_KEY": self.key, "PRESSROOM_JWT": self.jwt}


@contextmanager
def dialect_farm(directory: Path, background: Background) -> Iterator[DialectFarm]:
    """All parts, one worker, while the context is open."""
    tenants = directory / "tenants.yaml"
    tenants.write_text(TENANTS)
    with start_farm(directory / "farm", tenants=tenants) as local:
        yield DialectFarm(local, background)


@dataclass(frozen=True)
class Received:
    """One call of a webhook, its body as it came. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        found: Json = orjson.loads(self.body)
        return found


@dataclass
class Receiver:
    """A webhook receiver on the loopback.

    ``answers`` are the statuses of the next calls; later ones are answered 200.
    """

    background: Background
    answers: list[int] = field(default_factory=list)
    calls: list[Received] = field(default_factory=list)
    _new: queue.Queue[Received] = field(default_factory=queue.Queue)
    _server: TestServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.port}/hook"

    def next(
        self, wanted: Callable[[Received], bool] = lambda _: True, seconds: float = PATIENCE
    ) -> Received:
        """The next call that nobody has taken yet and of which ``wanted`` is true."""
        while not wanted(found := self._new.get(timeout=seconds)):
            continue
        return found

    def start(self) -> None:
        self.background.run(self._start())

    def stop(self) -> None:
        if self._server is not None:
            self.background.run(self._server.close())

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._server = TestServer(app)
        await self._server.start_server(loop=asyncio.get_running_loop())

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Received(request.method, request.path, headers, await request.read())
        self.calls.append(call)
        self._new.put(call)
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


def pdf_names(content: bytes) -> list[str]:
    """The files in a ZIP, each of which is a PDF."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert archive.read(name).startswith(b"%PDF-"), name
        return archive.namelist()
