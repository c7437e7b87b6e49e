"""`pressroom local` as a user meets it: it starts, heals, stops, leaves nothing, goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pressroom_local.children import alive, marked
from pressroom_local.farm import LocalFarm, start_farm
from pressroom_local.state import State

pytestmark = pytest.mark.integration
PARTS = {"nats", "s3", "kubeapi", "gateway", "operator", "worker-0", "finalizer"}
TEMPLATE = "<h1>{{ number }}</h1>"


def _until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Other processes raise no events here: their state can only be polled."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _processes(state_dir: Path) -> set[int]:
    return marked(State.at(state_dir).farm)


def _pressroom(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pressroom_cli.main", *map(str, words)]
    env = {**os.environ, "COLUMNS": "80", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def farm(state_dir: Path) -> Iterator[LocalFarm]:
    with start_farm(state_dir) as started:
        yield started


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    (tmp_path / "t.html").write_text(TEMPLATE)
    (tmp_path / "rows.csv").write_text("number\n" + "".join(f"N-{n}\n" for n in range(12)))
    return tmp_path


def _render(farm: LocalFarm, folder: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    words = ("--template", folder / "t.html", "--data", folder / "rows.csv")
    return _pressroom("render", *words, "--state-dir", farm.state_dir, *more)


def test_local_json_says_where_everything_is(farm: LocalFarm, state_dir: Path) -> None:
    found = farm.read()
    assert set(found["pids"]) == PARTS
    assert all(alive(pid) for pid in found["pids"].values())
    assert found["pid"] == farm.pid
    assert set(found["s3"]) == {"endpoint", "accessKey", "secretKey", "bucket"}
    assert found["apiKey"] == (state_dir / "secrets" / "api-key").read_text().strip()
    assert found["jwt"].count(".") == 2
    assert found["webhookSecret"] == (state_dir / "secrets" / "webhook-secret").read_text()
    for name in ("local.json", "kubeconfig", "secrets/api-key", "secrets/jwt-secret"):
        assert stat.S_IMODE((state_dir / name).stat().st_mode) == 0o600


def test_a_batch_comes_out_by_the_command_line(farm: LocalFarm, batch: Path) -> None:
    result = _render(farm, batch, "--zip", batch / "o.zip", "--merged", batch / "o.pdf")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "12 of 12 rows rendered, 0 failed, 12 pages" in result.stdout
    assert len(zipfile.ZipFile(batch / "o.zip").namelist()) == 12
    assert (batch / "o.pdf").read_bytes().startswith(b"%PDF")


def test_rows_that_fail_are_listed(farm: LocalFarm, batch: Path) -> None:
    (batch / "t.html").write_text("{% if number == 'N-3' %}{{ missing }}{% endif %}{{ number }}")
    result = _render(farm, batch)
    assert result.returncode == 3, result.stdout + result.stderr
    assert "template_undefined" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_a_second_farm_on_the_directory_is_refused(farm: LocalFarm) -> None:
    result = _pressroom("local", "--state-dir", farm.state_dir, "--port", "0")
    assert result.returncode == 1
    assert f"pid {farm.pid}" in result.stdout
    assert farm.read()["pid"] == farm.pid


def test_a_killed_worker_leaves_no_browser_and_comes_back(farm: LocalFarm, batch: Path) -> None:
    first = farm.pids["worker-0"]
    before = _processes(farm.state_dir) - set(farm.pids.values())
    assert before  # its browser
    os.kill(first, signal.SIGKILL)
    _until(lambda: farm.pids["worker-0"] != first)
    assert not any(alive(pid) for pid in before)
    assert _render(farm, batch).returncode == 0


def test_every_part_that_dies_is_started_again(farm: LocalFarm, batch: Path) -> None:
    before = farm.pids
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    _until(lambda: not set(farm.pids.values()) & set(before.values()))
    result = _render(farm, batch)
    # The gateway may not listen again yet.
    deadline = time.monotonic() + 60
    while result.returncode == 1 and time.monotonic() < deadline:
        time.sleep(0.5)
        result = _render(farm, batch)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_next_farm_goes_on_where_the_last_one_was(tmp_path: Path, batch: Path) -> None:
    folder = tmp_path / "farm"
    with start_farm(folder, workers=2) as farm:
        assert "worker-1" in farm.pids
        assert _render(farm, batch).returncode == 0
        first = farm
    assert not _processes(folder)
    assert not (folder / "local.json").exists()
    with start_farm(folder, workers=1) as farm:
        assert (farm.url, farm.api_key, farm.nats, farm.s3) == (
            first.url, first.api_key, first.nats, first.s3,
        )  # fmt: skip
        assert set(farm.pids) == PARTS
        listed = _pressroom("batches", "list", "--json", "--state-dir", folder)
        (found,) = json.loads(listed.stdout)
        assert found["rows"]["succeeded"] == 12
        os.kill(farm.pid, signal.SIGKILL)
        _until(lambda: not _processes(folder))


def test_a_busy_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = _pressroom("local", "--state-dir", tmp_path, "--port", str(port))
    assert result.returncode == 1
    assert f"Port {port} is taken" in result.stdout


def test_a_missing_browser_is_said(tmp_path: Path) -> None:
    result = _pressroom("local", "--state-dir", tmp_path, PRESSROOM_CHROMIUM="/nowhere")
    assert result.returncode == 1
    assert "PRESSROOM_CHROMIUM" in result.stdout
    assert "chromium-headless-shell" in result.stdout
