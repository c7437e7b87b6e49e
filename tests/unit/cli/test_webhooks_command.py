"""`pressroom webhooks`: what became of them, and sending one again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from cli_support import ID, FakeFarm, problem
from typer.testing import Result

Run = Callable[..., Result]


def webhook(state: str = "delivered", **more: Any) -> dict[str, Any]:
    return {
        "batch": f"j{'a' * 24}",
        "url": "https://hooks.example.com/pressroom",
        "state": state,
        "message": "",
        "attempts": 1,
        "lastStatus": 200,
        "lastError": None,
        "nextAttemptAt": None,
        **more,
    }


def page(*found: dict[str, Any], cursor: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"webhooks": list(found), "nextCursor": cursor})


def test_webhooks_are_listed_over_all_pages(run: Run, farm: FakeFarm) -> None:
    due = "2026-01-02T03:04:05Z"
    failed = webhook("pending", attempts=3, lastError="HTTP 500", nextAttemptAt=due)
    farm.answers = [page(webhook(), cursor="1"), page(failed)]
    lines = run("webhooks", "list", "--state", "pending").stdout.splitlines()
    assert lines[0].split()[:3] == ["id", "state", "tries"]
    assert lines[1].split()[:3] == [webhook()["batch"], "delivered", "1"]
    told = " ".join(" ".join(lines).split())
    assert "pending 3 https" in told
    assert "(HTTP 500)" in told
    assert [request.url.params["state"] for request in farm.requests] == ["pending"] * 2


def test_webhooks_as_json(run: Run, farm: FakeFarm) -> None:
    farm.answers = [page(webhook())]
    assert json.loads(run("webhooks", "list", "--json").stdout) == [webhook()]


def test_no_webhooks_is_said(run: Run, farm: FakeFarm) -> None:
    farm.answers = [page()]
    assert run("webhooks", "list").stdout == "No webhooks.\n"


def test_a_webhook_is_sent_again(run: Run, farm: FakeFarm) -> None:
    farm.answers = [httpx.Response(202, json=webhook("pending", batch=ID))]
    assert run("webhooks", "redeliver", ID).stdout == f"the webhook of batch {ID} is sent again\n"
    [request] = farm.requests
    assert (request.method, request.url.path) == ("POST", f"/v1/batches/{ID}/webhook/redeliver")


def test_why_it_cannot_be_sent_again_is_said(run: Run, farm: FakeFarm) -> None:
    farm.answers = [problem(409, "conflict", "The batch has no webhook.")]
    result = run("webhooks", "redeliver", ID)
    assert result.exit_code == 1
    assert "has no webhook" in result.stderr
