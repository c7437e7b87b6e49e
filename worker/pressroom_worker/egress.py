"""Why nothing that a page asks for leaves the browser: the flags, and a network of its own.

A proxy alone is bypassed (loopback, link-local addresses, WebRTC); each flag here closes ways out
that the others leave open. The network namespace holds even where a flag should fail.
"""

from __future__ import annotations

import asyncio
import logging
import os

from pressroom_worker.account import Account

log = logging.getLogger(__name__)

#: All names fail, all connections go to a proxy that is not there, WebRTC may use neither.
FLAGS = (
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)

#: Runs a command as the same user in a network that has no interface up, not even loopback.
NAMESPACE = ("unshare", "--user", "--map-current-user", "--net", "--ipc")
_PROBE_SECONDS = 10.0


async def namespace(account: Account | None) -> tuple[str, ...]:
    """The prefix of a command that gives it its own network; empty where the system forbids it."""
    as_user: dict[str, object] = {}
    if account is not None:
        as_user = {"user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        probe = await asyncio.create_subprocess_exec(
            *NAMESPACE,
            "true",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd="/",
            **as_user,  # type: ignore[arg-type]
        )
    except OSError as error:
        log.warning("no network namespace for the browser (%s): flags only", error)
        return ()
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            code = await probe.wait()
    except TimeoutError:
        probe.kill()
        code = await probe.wait()
    if code != 0:
        log.warning("no network namespace for the browser (unshare: %d): flags only", code)
        return ()
    return NAMESPACE
