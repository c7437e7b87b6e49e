"""The directories that browsers live in, named by the worker that made them.

A worker that is killed cannot remove its own; the next one on the same machine does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "pressroom-browser-"


def make_home(temp_dir: Path) -> Path:
    """A fresh directory of this process; those of processes that are gone are removed."""
    for old in temp_dir.glob(f"{_PREFIX}*-*"):
        pid = old.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdecimal() and not _lives(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=temp_dir))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
