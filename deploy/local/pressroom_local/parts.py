"""What a local farm consists of: every part's command, environment, port and probe.

It may not start anything itself: a Part says how, the supervisor does.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pressroom_local.credentials import Credentials
from pressroom_local.servers import S3_INNER_PORTS, start_nats, start_s3
from pressroom_local.state import HOST, State
from pressroom_local.supervisor import Part, spawn
from pressroom_local.tenants import NAMESPACE

BUCKET = "pressroom"
#: The real binary first: the one on the PATH is a wrapper that leaks the browser when killed.
_BROWSERS = ("/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell")
NO_BROWSER = (
    "Chromium was not found. Install the package chromium-headless-shell (Debian, Ubuntu: "
    "apt-get install chromium-headless-shell), or set PRESSROOM_CHROMIUM to the path of a "
    "chromium-headless-shell binary."
)


class NoBrowser(Exception):  # noqa: N818 - what is missing
    """There is no Chromium to render with."""


def find_browser(environment: Mapping[str, str]) -> str:
    """Path of the headless Chromium. Raises NoBrowser, whose message says what to do."""
    named = environment.get("PRESSROOM_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise NoBrowser(f"PRESSROOM_CHROMIUM names {named}, which is no program. {NO_BROWSER}")
        return named
    for candidate in _BROWSERS:
        found = shutil.which(candidate)
        if found:
            return found
    raise NoBrowser(NO_BROWSER)


def worker_names(workers: int) -> list[str]:
    """``worker-0`` and so on."""
    return [f"worker-{number}" for number in range(workers)]


def port_names(workers: int) -> list[str]:
    """Every port of a farm but the gateway's."""
    inner = [f"s3-inner-{number}" for number in range(S3_INNER_PORTS)]
    return ["nats", "s3", *inner, "kubeapi", "operator", "finalizer", *worker_names(workers)]


@dataclass(frozen=True)
class Plan:
    """Everything that the commands are made from."""

    state: State
    secrets: Credentials
    ports: Mapping[str, int]
    workers: int
    browser: str

    def url(self, part: str) -> str:
        """Where a part serves HTTP."""
        return f"http://{HOST}:{self.ports[part]}"

    @property
    def nats_url(self) -> str:
        """Where NATS is."""
        return f"nats://{HOST}:{self.ports['nats']}"

    def parts(self) -> list[list[Part]]:
        """All parts, in groups in the order in which they stop."""
        return [
            [self._python("gateway", "pressroom_gateway", grace=8)],
            [self._python("operator", "pressroom_operator", grace=8)],
            [self._python(name, "pressroom_worker", grace=15) for name in self.worker_names()],
            [self._python("finalizer", "pressroom_finalizer", grace=25)],
            [self._kubeapi()],
            [self._s3()],
            [self._nats()],
        ]

    def probes(self) -> dict[str, str]:
        """The readiness URL of each part that has one; the servers are ready once started."""
        names = ("kubeapi", "gateway", "operator", *self.worker_names(), "finalizer")
        return {name: f"{self.url(name)}/readyz" for name in names}

    def local(self, pids: Mapping[str, int], webhook_secret: str | None) -> dict[str, Any]:
        """The content of ``local.json``; the keys are those of the tenant ``default``."""
        return {
            "url": self.url("gateway"),
            "apiKey": self.secrets.api_key,
            "jwt": self.secrets.token,
            "webhookSecret": webhook_secret,
            "kubeconfig": str(self.state.kubeconfig),
            "namespace": NAMESPACE,
            "nats": self.nats_url,
            "s3": {
                "endpoint": self.url("s3"),
                "accessKey": self.secrets.s3_access_key,
                "secretKey": self.secrets.s3_secret_key,
                "bucket": BUCKET,
            },
            "pid": os.getpid(),
            "pids": dict(pids),
        }

    def worker_names(self) -> list[str]:
        """The workers of this farm."""
        return worker_names(self.workers)

    def environment(self, part: str) -> dict[str, str]:
        """What a part finds in its environment, besides what this process has."""
        cores = os.cpu_count() or 1
        port = str(self.ports[part])
        own = {"PRESSROOM_PROBE_HOST": HOST, "PRESSROOM_PROBE_PORT": port}
        if part == "gateway":
            own = {
                "PRESSROOM_GATEWAY_HOST": HOST,
                "PRESSROOM_GATEWAY_PORT": port,
                "PRESSROOM_GATEWAY_JWT_SECRET": self.secrets.jwt_secret,
            }
        slots = os.environ.get("PRESSROOM_SLOTS") or str(max(1, cores // self.workers))
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PRESSROOM_NAMESPACE": NAMESPACE,
            "PRESSROOM_NATS_URL": self.nats_url,
            "PRESSROOM_S3_ENDPOINT": self.url("s3"),
            "PRESSROOM_S3_PUBLIC_ENDPOINT": self.url("s3"),
            "PRESSROOM_S3_ACCESS_KEY": self.secrets.s3_access_key,
            "PRESSROOM_S3_SECRET_KEY": self.secrets.s3_secret_key,
            "PRESSROOM_S3_BUCKET": BUCKET,
            "PRESSROOM_S3_CREATE_BUCKET": "true",
            "PRESSROOM_KUBE_CONFIG": str(self.state.kubeconfig),
            "PRESSROOM_OPERATOR_IDENTITY": "local",
            "PRESSROOM_CHROMIUM": self.browser,
            "PRESSROOM_SLOTS": slots,
            **own,
        }

    def _python(self, name: str, module: str, *arguments: str, grace: float) -> Part:
        log = self.state.log(name)
        argv = [sys.executable, "-m", module, *arguments]
        start = functools.partial(spawn, name, argv, self.environment(name), log)
        return Part(name, start, log, grace)

    def _kubeapi(self) -> Part:
        arguments = {
            "--db": self.state.root / "kube.db",
            "--port": self.ports["kubeapi"],
            "--token-file": self.state.kube_token,
        }
        words = [str(word) for pair in arguments.items() for word in pair]
        return self._python("kubeapi", "pressroom_local.kubeapi_main", *words, grace=5)

    def _nats(self) -> Part:
        log = self.state.log("nats")

        async def start() -> Process:
            return await start_nats(self.state.root / "nats", self.ports["nats"], log)

        return Part("nats", start, log)

    def _s3(self) -> Part:
        log = self.state.log("s3")
        inner = [self.ports[f"s3-inner-{number}"] for number in range(S3_INNER_PORTS)]
        keys = (self.secrets.s3_access_key, self.secrets.s3_secret_key)

        async def start() -> Process:
            data = self.state.root / "s3"
            return await start_s3(data, self.ports["s3"], *keys, log, inner)

        # It waits up to 30 s for its own connections; what it has answered for is safe long before.
        return Part("s3", start, log, grace=1)
