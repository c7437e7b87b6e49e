"""The state directory of a local farm: one farm at a time, and everything kept for the next."""

from __future__ import annotations

import json
import re
import socket
import stat
from pathlib import Path

import pytest

from pressroom_local.parts import NoBrowser, find_browser
from pressroom_local.state import HOST, State, StateError, new_api_key, write_private


def test_a_second_farm_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with (
        State.at(tmp_path / "farm").locked(),
        pytest.raises(StateError, match=r"already runs on .*farm \(pid \d+\)"),
        State.at(tmp_path / "farm").locked(),
    ):
        pass


def test_a_directory_is_free_again_after_its_farm(tmp_path: Path) -> None:
    for _ in range(2):
        with State.at(tmp_path).locked():
            pass


def test_a_file_in_place_of_the_directory_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be used"):
        State.at(tmp_path / "file")


def test_ports_are_kept_and_differ(tmp_path: Path) -> None:
    state = State.at(tmp_path)
    first = state.ports(0, ["nats", "s3", "worker-0"])
    assert len(set(first.values())) == 4
    assert state.ports(0, ["nats", "s3", "worker-0", "worker-1"]) | first == state.ports(
        0, ["nats", "s3", "worker-0", "worker-1"]
    )


def test_a_kept_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    state = State.at(tmp_path)
    first = state.ports(0, ["nats"])
    with socket.socket() as other:
        other.bind((HOST, first["nats"]))
        other.listen()
        second = state.ports(0, ["nats"])
    assert second["nats"] != first["nats"]
    assert second["gateway"] == first["gateway"]


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StateError, match=rf"Port {port} is taken.*--port"):
            State.at(tmp_path).ports(port, ["nats"])


def test_a_broken_ports_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    assert set(State.at(tmp_path).ports(0, ["nats"])) == {"gateway", "nats"}


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    state = State.at(tmp_path)
    assert state.secret("api-key", "one") == "one"
    assert State.at(tmp_path).secret("api-key", "two") == "one"
    mode = (tmp_path / "secrets" / "api-key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_local_json_is_private_and_replaced_whole(tmp_path: Path) -> None:
    state = State.at(tmp_path)
    state.publish({"url": "a"})
    state.publish({"url": "b"})
    assert json.loads(state.local_json.read_text()) == {"url": "b"}
    assert stat.S_IMODE(state.local_json.stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".local.json*"))
    state.withdraw()
    assert not state.local_json.exists()


def test_write_private_tightens_a_file_that_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o644)
    write_private(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_api_keys_carry_160_bits() -> None:
    assert re.fullmatch(r"pr_[a-z2-7]{32}", new_api_key())
    assert new_api_key() != new_api_key()


def test_a_browser_that_is_named_but_missing_is_said() -> None:
    with pytest.raises(NoBrowser, match=r"/nowhere/chromium.*apt-get install chromium-headless"):
        find_browser({"PRESSROOM_CHROMIUM": "/nowhere/chromium"})


def test_a_machine_without_a_browser_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(NoBrowser, match=r"chromium-headless-shell.*PRESSROOM_CHROMIUM"):
        find_browser({})
