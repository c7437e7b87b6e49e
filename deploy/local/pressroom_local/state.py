"""What a local farm keeps in its state directory: the lock, ports, secrets and ``local.json``.

::

    lock          held (flock) by the one farm that runs on the directory
    ports.json    the ports of last time, taken again where they are still free
    secrets/      keys and secrets, each made at the first start (0600)
    kubeconfig    for kubectl and the parts (0600)
    local.json    where everything is, while the farm runs (0600)
    logs/         one file per part; the previous run's as *.log.1
    nats/ s3/ kube.db    data
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import random
import secrets
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
#: Below the range from which the kernel picks ports for outgoing connections, so that none of
#: those can sit on a port of ours while a part is restarted.
_PORTS = range(20_000, 30_000)


class StateError(Exception):
    """The farm cannot run on this directory or these ports; the message says what to do."""


@dataclass(frozen=True)
class State:
    """The paths below one state directory."""

    root: Path

    @classmethod
    def at(cls, directory: Path) -> State:
        """The state in ``directory``, made if absent. Raises StateError where it cannot be."""
        root = directory.absolute()
        try:
            for path in (root, root / "logs", root / "secrets"):
                path.mkdir(parents=True, exist_ok=True)
            (root / "secrets").chmod(0o700)
        except OSError as error:
            raise StateError(f"The state directory {root} cannot be used: {error}.") from error
        return cls(root.resolve())

    @property
    def farm(self) -> str:
        """The farm's id: the same whenever it runs on this directory."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def local_json(self) -> Path:
        """Where everything is; present while the farm is ready."""
        return self.root / "local.json"

    @property
    def kubeconfig(self) -> Path:
        """For kubectl and the parts."""
        return self.root / "kubeconfig"

    @property
    def kube_token(self) -> Path:
        """The bearer token of the embedded API."""
        return self.root / "secrets" / "kube-token"

    def log(self, part: str) -> Path:
        """A part's log file."""
        return self.root / "logs" / f"{part}.log"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process. Raises StateError where another one does."""
        path = self.root / "lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise StateError(
                    f"A farm already runs on {self.root} (pid {file.read().strip() or '?'}). "
                    "Stop it first, or give another --state-dir."
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def rotate_logs(self) -> None:
        """Keep the logs of the previous run beside the new ones."""
        for log in (self.root / "logs").glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def secret(self, name: str, make: str) -> str:
        """The secret of that name, which is ``make`` if there is none yet."""
        path = self.root / "secrets" / name
        if not path.exists():
            write_private(path, make)
        return path.read_text().strip()

    def write_kubeconfig(self, port: int, namespace: str, token: str) -> None:
        """A kubeconfig for the embedded API on that port. JSON is YAML."""
        server = {"server": f"http://{HOST}:{port}"}
        context = {"cluster": "pressroom", "user": "pressroom", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "pressroom", "cluster": server}],
            "users": [{"name": "pressroom", "user": {"token": token}}],
            "contexts": [{"name": "pressroom", "context": context}],
            "current-context": "pressroom",
        }
        write_private(self.kubeconfig, json.dumps(config, indent=2) + "\n")

    def ports(self, gateway: int, names: Iterable[str]) -> dict[str, int]:
        """A port for the gateway and for each name: last time's where free, else another.

        ``gateway`` 0 means any. Raises StateError where another program has the port asked for.
        """
        path = self.root / "ports.json"
        kept = _read_ports(path)
        if gateway and not is_free(gateway):
            raise StateError(
                f"Port {gateway} is taken by another program. Give another one with --port "
                "(--port 0 takes any)."
            )
        taken = {gateway} if gateway else set()
        chosen = {"gateway": gateway} if gateway else {}
        for name in ("gateway", *names):
            if name in chosen:
                continue
            port = kept.get(name, 0)
            if port in taken or not port or not is_free(port):
                port = _any_port(taken)
            chosen[name] = port
            taken.add(port)
        write_private(path, json.dumps(kept | chosen, indent=2) + "\n")
        return chosen

    def publish(self, local: dict[str, Any]) -> None:
        """Write ``local.json``, whole or not at all."""
        write_private(self.local_json, json.dumps(local, indent=2) + "\n")

    def withdraw(self) -> None:
        """Remove ``local.json``: what it says is not true any more."""
        self.local_json.unlink(missing_ok=True)


def new_api_key() -> str:
    """``pr_`` and 160 random bits in lower-case base32."""
    return "pr_" + base64.b32encode(secrets.token_bytes(20)).decode().lower()


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except (OSError, OverflowError):
            return False
    return True


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _read_ports(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: port for name, port in found.items() if isinstance(port, int)}


def _any_port(taken: set[int]) -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        if port not in taken and is_free(port):
            return port
    raise StateError("No TCP port between 20000 and 30000 is free on the loopback.")
