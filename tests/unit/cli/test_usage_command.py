"""`pressroom usage`: a sentence and a table for people, the answer as it is for machines."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from cli_support import FakeFarm
from typer.testing import Result

Run = Callable[..., Result]
MONTHS = [{"month": "2026-11", "jobs": 2, "rows": 30, "pages": 31, "credits": 29}]


@pytest.mark.parametrize(
    ("granted", "available", "words"),
    [(100, 25, "25 of 100 available; 60 spent, 15 reserved"), (None, None, "unlimited; 60 spent")],
)
def test_usage_is_told(
    run: Run, farm: FakeFarm, granted: int | None, available: int | None, words: str
) -> None:
    credit = {"granted": granted, "available": available, "spent": 60, "reserved": 15}
    body = {"credits": credit, "months": MONTHS, "limits": {}}
    farm.answers = [httpx.Response(200, json=body), httpx.Response(200, json=body)]
    lines = run("usage").stdout.splitlines()
    assert words in lines[0]
    assert [line.split() for line in lines[1:]] == [
        ["month", "jobs", "rows", "pages", "credits"],
        ["2026-11", "2", "30", "31", "29"],
    ]
    assert json.loads(run("usage", "--json").stdout) == body
    assert {request.url.path for request in farm.requests} == {"/v1/usage"}
