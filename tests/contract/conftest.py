"""Fixtures of the contract suites."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from dialects_support import DialectFarm, Receiver, dialect_farm
from kubeapi_support import Api, Kube, any_kube, client
from servers import Background


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


@pytest.fixture(scope="session")
def farm(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DialectFarm]:
    """One farm for the clients of all dialects; ids and names must be a test's own."""
    with dialect_farm(tmp_path_factory.mktemp("dialects"), background) as started:
        yield started


@pytest.fixture
def receiver(background: Background) -> Iterator[Receiver]:
    """A webhook receiver of the test's own, which the farm may call."""
    found = Receiver(background)
    found.start()
    yield found
    found.stop()
