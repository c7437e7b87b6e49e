"""One browser for all pages that are printed and looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from press import CHROMIUM, Press
from servers import Background


@pytest.fixture(scope="session")
def pages(background: Background) -> Iterator[Press]:
    """Prints HTML as the farm does: ``pages.print(html, css=..., page=PageOptions(...))``."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    if shutil.which("pdftotext") is None:
        pytest.skip("needs poppler-utils")
    press = Press(background)
    press.start()
    yield press
    press.stop()
