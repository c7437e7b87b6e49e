"""The command line against a farm in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import KEY, URL, FakeFarm
from typer.testing import CliRunner, Result

from pressroom_cli import client
from pressroom_cli.main import app


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> FakeFarm:
    found = FakeFarm()
    real = client.Client

    def connected(url: str, api_key: str) -> client.Client:
        return real(url, api_key, transport=found.transport())

    monkeypatch.setattr(client, "Client", connected)
    monkeypatch.setattr(client, "sleep", lambda _: None)
    return found


@pytest.fixture
def run(farm: FakeFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs `pressroom` with these words, in an 80-column terminal that is none."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"PRESSROOM_URL": URL, "PRESSROOM_API_KEY": KEY, "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)

    def invoke(*words: str) -> Result:
        result = CliRunner().invoke(app, words)
        for line in (result.stdout + result.stderr).splitlines():
            assert len(line) <= 80, line
        return result

    return invoke
