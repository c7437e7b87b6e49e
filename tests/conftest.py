"""Servers that several suites share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from servers import (
    Background,
    NatsServer,
    S3Server,
    minio_program,
    minio_server,
    nats_server,
    s3_server,
)


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    """A loop for what must outlive a test."""
    found = Background()
    yield found
    found.close()


@pytest.fixture(scope="session")
def s3(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS for the whole session: keys must be a test's own."""
    server = background.run(s3_server(tmp_path_factory.mktemp("s3")))
    yield server
    background.run(server.stop())


@pytest.fixture(scope="session")
def minio(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A MinIO for the whole session: keys must be a test's own."""
    program = minio_program()
    if program is None:
        pytest.skip("no MinIO: `deploy/cluster/binaries.sh minio` builds it; `make e2e` has it")
    server = background.run(minio_server(program, tmp_path_factory.mktemp("minio")))
    yield server
    background.run(server.stop())


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A nats-server of the test's own, running."""
    server = nats_server(tmp_path)
    await server.start()
    yield server
    await server.stop()
