"""The operator over twins."""

from __future__ import annotations

import pytest
from operator_support import World


@pytest.fixture
async def world() -> World:
    return World()
