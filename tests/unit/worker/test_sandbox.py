"""The browser has its sandbox unless the worker was told otherwise, and then the log says so."""

from __future__ import annotations

import logging

import pytest

from pressroom_worker.browser import Mode, command_line
from pressroom_worker.main import browser_options
from pressroom_worker.settings import WorkerSettings


@pytest.mark.parametrize("mode", Mode)
def test_the_sandbox_is_on_unless_switched_off(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PRESSROOM_SANDBOX", raising=False)
    with caplog.at_level(logging.WARNING):
        command = command_line(mode, browser_options(WorkerSettings()))
    assert "--no-sandbox" not in command
    assert caplog.records == []


@pytest.mark.parametrize("mode", Mode)
def test_a_sandbox_switched_off_is_off_and_warned_of(
    mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PRESSROOM_SANDBOX", "false")
    with caplog.at_level(logging.WARNING):
        command = command_line(mode, browser_options(WorkerSettings()))
    assert "--no-sandbox" in command
    assert [getattr(record, "action", None) for record in caplog.records] == ["sandbox_off"]
