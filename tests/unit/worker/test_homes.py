"""Directories of killed workers do not pile up; those of living ones stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pressroom_worker.homes import make_home


def test_the_directories_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"pressroom-browser-{gone.pid}-abc"
    kept = tmp_path / f"pressroom-browser-{os.getppid()}-abc"
    other = tmp_path / "something-else"
    for directory in (left, kept, other):
        (directory / "profile").mkdir(parents=True)
    mine = make_home(tmp_path)
    assert {*tmp_path.iterdir()} == {kept, other, mine}
