"""The demo's 250 invoices through the Service."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from farm import Farm
from tools import ROOT

pytestmark = pytest.mark.e2e


def test_the_demo_through_the_service(farm: Farm) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "examples" / "demo.py")],
        env={**os.environ, "PRESSROOM_URL": farm.url, "PRESSROOM_API_KEY": farm.api_key},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("demo: rows=250 succeeded=250 failed=0 zip_files=250 merged_pages=269")
    sys.stdout.write(f"\n{last}\n")
