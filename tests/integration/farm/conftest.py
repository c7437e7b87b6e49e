"""One farm for all of these tests: every real part, started as a user would start it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm_support import Client, connect

from pressroom_local.farm import LocalFarm, start_farm


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFarm]:
    with start_farm(tmp_path_factory.mktemp("farm")) as started:
        yield started


@pytest.fixture(scope="session")
def client(farm: LocalFarm) -> Iterator[Client]:
    with connect(farm) as connected:
        yield connected
