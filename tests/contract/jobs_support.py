"""Opens the Jobs port on the twin and on an API over HTTP (see kubeapi_support)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubeapi_support import Kube, any_kube

from pressroom.adapters.kube import open_jobs
from pressroom.ports import BATCH_JOBS, Jobs, Json
from pressroom.settings import KubeSettings
from pressroom.testing.memory_jobs import MemoryJobs

TIMEOUT = 10.0


def kubeconfig(directory: Path, url: str, token: str) -> Path:
    """A kubeconfig file for the API at ``url``."""
    path = directory / "kubeconfig"
    cluster = {"server": url.rstrip("/"), "insecure-skip-tls-verify": True}
    context = {"cluster": "test", "user": "test"}
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": context}],
    }
    path.write_text(json.dumps(body))
    return path


@asynccontextmanager
async def jobs_of(which: str, directory: Path) -> AsyncIterator[tuple[Jobs, str]]:
    """The port on the ``twin`` or a real API, and the namespace to work in."""
    if which == "twin":
        yield MemoryJobs(), "pressroom"
        return
    async with any_kube(directory / "kube.db") as kube, jobs_at(kube, directory) as jobs:
        yield jobs, kube.namespace


@asynccontextmanager
async def jobs_at(kube: Kube, directory: Path) -> AsyncIterator[Jobs]:
    settings = KubeSettings(config=kubeconfig(directory, kube.base_url, kube.token))
    async with open_jobs(settings, timeout=TIMEOUT) as jobs:
        yield jobs


def batch_job(name: str, **metadata: Any) -> Json:
    """A BatchJob that every rule allows."""
    return {
        "apiVersion": BATCH_JOBS.api_version,
        "kind": BATCH_JOBS.kind,
        "metadata": {"name": name, **metadata},
        "spec": {"html": "<p>{{ n }}</p>", "rows": [{"data": {"n": 1}}]},
    }
