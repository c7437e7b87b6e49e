"""Watching: kopf sees BatchJobs and Templates and says which one to look at. It does nothing else.

No resume, timer or delete handlers: kopf never retries event handlers and keeps its own state in
annotations and finalizers, while our queue retries and our state is the resource and the store.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kopf
import yaml

from pressroom.names import GROUP, KOPF_FINALIZER, VERSION
from pressroom.settings import KubeSettings

Seen = Callable[[str, dict[str, Any]], None]
#: How long kopf may take to end.
_STOP_SECONDS = 3.0


async def watch(namespace: str, settings: KubeSettings, seen: Seen, seen_template: Seen) -> None:
    """Watch until cancelled. RuntimeError where kopf ends by itself.

    ``seen`` gets the event's type (``LISTED`` for what was there) and the BatchJob, in this loop;
    ``seen_template`` the same of a Template.
    kopf has a thread and a loop of its own: at its end it waits for, and then cancels, every other
    task of its loop.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    ended = asyncio.Event()

    def tell(follow: Seen) -> Seen:
        return lambda type_, body: _tell(loop, follow, type_, body)

    def run() -> None:
        try:
            asyncio.run(_kopf(namespace, settings, tell(seen), tell(seen_template), stop))
        finally:
            loop.call_soon_threadsafe(ended.set)

    thread = threading.Thread(target=run, name="kopf", daemon=True)
    thread.start()
    try:
        await ended.wait()
        raise RuntimeError("kopf ended by itself; its last words are in the log")
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, _STOP_SECONDS)


def _tell(loop: asyncio.AbstractEventLoop, follow: Seen, type_: str, body: dict[str, Any]) -> None:
    loop.call_soon_threadsafe(follow, type_, body)


async def _kopf(
    namespace: str,
    settings: KubeSettings,
    seen: Seen,
    seen_template: Seen,
    stop: threading.Event,
) -> None:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if settings.config is None:
            return kopf.login_with_service_account(**kwargs)
        return connection(settings.config)

    @kopf.on.event(GROUP, VERSION, "batchjobs", registry=registry)
    async def event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        seen(type or "LISTED", dict(body))

    @kopf.on.event(GROUP, VERSION, "templates", registry=registry)
    async def template(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        seen_template(type or "LISTED", dict(body))

    # It warns that signals are ignored in a thread; they are ours.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    options = kopf.OperatorSettings()
    options.posting.enabled = False
    options.scanning.disabled = True
    options.persistence.finalizer = KOPF_FINALIZER
    options.process.ultimate_exiting_timeout = None
    options.queueing.idle_timeout = 1.0
    options.watching.reconnect_backoff = 0.5
    options.execution.max_workers = 4
    await kopf.operator(
        registry=registry,
        settings=options,
        namespaces=[namespace],
        standalone=True,
        stop_flag=stop,
    )


def connection(kubeconfig: Path) -> kopf.ConnectionInfo:
    """The current context of a kubeconfig file."""
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    return kopf.ConnectionInfo(
        server=cluster["server"],
        ca_path=cluster.get("certificate-authority"),
        ca_data=cluster.get("certificate-authority-data"),
        insecure=cluster.get("insecure-skip-tls-verify"),
        token=user.get("token"),
        certificate_path=user.get("client-certificate"),
        certificate_data=user.get("client-certificate-data"),
        private_key_path=user.get("client-key"),
        private_key_data=user.get("client-key-data"),
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)
