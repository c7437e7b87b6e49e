"""A Service of the cluster at a port of this machine, for as long as a test run lasts."""

from __future__ import annotations

import subprocess
import threading
import time
from types import TracebackType
from typing import Any, Self

import httpx
from tools import Cluster

#: Seconds that a Service may be away while a client goes on asking.
PATIENCE = 60.0


class Forward:
    """`kubectl port-forward`, started again whenever the pod behind it went."""

    def __init__(self, cluster: Cluster, service: str, port: int, local: int) -> None:
        self._command = cluster.command("port-forward", f"service/{service}", f"{local}:{port}")
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.url = f"http://127.0.0.1:{local}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(10)

    def _keep(self) -> None:
        quiet = subprocess.DEVNULL
        while not self._stopping.is_set():
            with subprocess.Popen(
                self._command, stdout=quiet, stderr=subprocess.PIPE
            ) as self._process:
                assert self._process.stderr is not None
                for line in self._process.stderr:
                    # It outlives its pod, and then refuses every connection.
                    if b"lost connection" in line or b"error" in line.lower():
                        self._process.terminate()
            self._stopping.wait(0.5)


class Patient(httpx.HTTPTransport):
    """Asks again while the forward is being made anew: a GET may be repeated."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                response = super().handle_request(request)
            except httpx.TransportError:
                if request.method != "GET" or time.monotonic() > deadline:
                    raise
            else:
                if request.method != "GET" or response.status_code != 503:
                    return response
                response.close()
                if time.monotonic() > deadline:
                    return response
            time.sleep(0.5)


def patient_client(url: str, **options: Any) -> httpx.Client:
    """A client that outlasts a pod's end."""
    return httpx.Client(base_url=url, timeout=60, transport=Patient(), **options)
