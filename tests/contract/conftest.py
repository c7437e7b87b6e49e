"""Fixtures of the contract suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubeapi_support import Api, Kube, any_kube, client


@pytest.fixture
async def kube(tmp_path: Path) -> AsyncIterator[Kube]:
    """A Kubernetes API: embedded, or the real one that the environment names."""
    async with any_kube(tmp_path / "kube.db") as found:
        yield found


@pytest.fixture
async def api(kube: Kube) -> AsyncIterator[Api]:
    """Raw requests to `kube`."""
    async with client(kube) as found:
        yield found
