"""The chart as it comes, and with every option on."""

from __future__ import annotations

from pathlib import Path

import pytest
from chart_support import EVERYTHING, TRYOUT, Rendered, helm_program, render


@pytest.fixture(scope="session", autouse=True)
def _needs_helm() -> None:
    if helm_program() is None:
        pytest.skip("helm is not installed: `make cluster` builds it, or put it into the PATH")


@pytest.fixture(scope="session", params=[TRYOUT, EVERYTHING], ids=lambda path: path.stem)
def values(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="session")
def chart(values: Path) -> Rendered:
    """Either of both."""
    return render(values=values)


@pytest.fixture(scope="session")
def tryout() -> Rendered:
    return render()


@pytest.fixture(scope="session")
def everything() -> Rendered:
    return render(values=EVERYTHING)
