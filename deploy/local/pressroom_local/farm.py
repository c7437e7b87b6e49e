"""A local farm for a test or a script: `pressroom local` as a subprocess, stopped at the end."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.05
#: The farm's own deadlines for its parts, added up, and some room.
_STOP_SECONDS = 90.0


class FarmError(RuntimeError):
    """The farm did not come up; the message carries what it printed."""


@dataclass(frozen=True)
class LocalFarm:
    """Where a running farm is. ``pid`` is that of `pressroom local` itself.

    ``api_key``, ``jwt`` and ``webhook_secret`` are those of the tenant ``default``.
    """

    state_dir: Path
    pid: int
    url: str
    api_key: str
    jwt: str
    webhook_secret: str | None
    kubeconfig: Path
    nats: str
    s3: Mapping[str, str]

    def read(self) -> dict[str, Any]:
        """``local.json`` as it is now."""
        found: dict[str, Any] = json.loads((self.state_dir / "local.json").read_text())
        return found

    @property
    def pids(self) -> dict[str, int]:
        """The parts' processes now: a part that died has another one soon after."""
        found: dict[str, int] = self.read()["pids"]
        return found

    def log(self, part: str) -> str:
        """What a part has logged."""
        return (self.state_dir / "logs" / f"{part}.log").read_text(errors="replace")


@contextlib.contextmanager
def start_farm(
    state_dir: Path,
    port: int = 0,
    workers: int = 1,
    *,
    tenants: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> Iterator[LocalFarm]:
    """Run a farm while the context is open; its output is in ``state_dir/logs/farm.out``.

    ``tenants``: a YAML file of Tenants and their keys. ``environment``: the whole environment of
    the farm, if not this process's. Raises FarmError where it is not ready within ``timeout``
    seconds. On leaving, SIGTERM, and waits for the end.
    """
    state_dir = state_dir.absolute()
    output = state_dir / "logs" / "farm.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    words = ["--state-dir", str(state_dir), "--port", str(port), "--workers", str(workers)]
    if tenants is not None:
        words += ["--tenants", str(tenants)]
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pressroom_cli.main", "local", *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,  # a Ctrl-C at the caller's terminal is the caller's to handle
        )
    try:
        yield _until_ready(process, state_dir, output, timeout)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, and SIGKILL if it takes too long; the exit code."""
    process.terminate()
    try:
        return process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _until_ready(
    process: subprocess.Popen[bytes], state_dir: Path, output: Path, timeout: float
) -> LocalFarm:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise FarmError(f"pressroom local ended with {process.returncode}:\n{_tail(output)}")
        found = _local(state_dir)
        if found is not None and found["pid"] == process.pid:
            return LocalFarm(
                state_dir=state_dir,
                pid=process.pid,
                url=found["url"],
                api_key=found["apiKey"],
                jwt=found["jwt"],
                webhook_secret=found["webhookSecret"],
                kubeconfig=Path(found["kubeconfig"]),
                nats=found["nats"],
                s3=found["s3"],
            )
        time.sleep(_POLL_SECONDS)
    raise FarmError(f"The farm was not ready within {timeout:g} s:\n{_tail(output)}")


def _local(state_dir: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((state_dir / "local.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def _tail(output: Path) -> str:
    return output.read_text(errors="replace")[-3000:]
