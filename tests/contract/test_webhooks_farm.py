"""Webhooks of a real farm, as a receiver that knows Standard Webhooks sees them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from dialects_support import PATIENCE, DialectFarm, Json, Received, Receiver
from standardwebhooks import Webhook

pytestmark = pytest.mark.integration
HTML = "<p>{{ n }}</p>"


def submit(farm: DialectFarm, url: str, **more: Any) -> str:
    body = {"html": HTML, "rows": [{"n": 1}], "webhook": {"url": url}, **more}
    answer = farm.native("POST", "/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def verified(farm: DialectFarm, call: Received) -> Json:
    """The body, once its signature was found to be right."""
    found: Json = Webhook(farm.webhook_secret).verify(call.body, dict(call.headers))
    return found


def until_hook(farm: DialectFarm, batch: str, holds: Callable[[Json], bool]) -> Json:
    """The webhook in the list, once it holds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        listed = farm.native("GET", "/v1/webhooks", params={"limit": 1000}).json()["webhooks"]
        [found] = [one for one in listed if one["batch"] == batch]
        if holds(found):
            return dict(found)
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("rows", "state"),
    [([{"n": 1}], "completed"), ([{}], "failed"), ([{"n": 1}, {}], "partiallyFailed")],
)
def test_every_outcome_is_told_with_a_signature_of_the_tenant(
    farm: DialectFarm, receiver: Receiver, rows: list[Json], state: str
) -> None:
    batch = submit(farm, receiver.url, rows=rows)
    said = verified(farm, receiver.next())
    assert (said["type"], said["data"]["id"]) == (f"batch.{state}", batch)
    assert said["data"]["rows"]["failed"] == sum("n" not in row for row in rows)
    until_hook(farm, batch, lambda hook: hook["state"] == "delivered")


def test_a_cancelled_batch_is_told_of(farm: DialectFarm, receiver: Receiver) -> None:
    batch = submit(farm, receiver.url, rows=[{"n": n} for n in range(5000)])
    farm.native("POST", f"/v1/batches/{batch}/cancel").raise_for_status()
    assert verified(farm, receiver.next())["type"] == "batch.cancelled"


def test_a_secret_of_the_batchs_own_signs_alone(farm: DialectFarm, receiver: Receiver) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    submit(farm, receiver.url, webhook={"url": receiver.url, "secret": secret})
    call = receiver.next()
    Webhook(secret).verify(call.body, dict(call.headers))
    assert " " not in call.headers["webhook-signature"]


def test_a_failed_call_is_made_again_with_its_id_though_the_farm_was_killed(
    farm: DialectFarm, receiver: Receiver
) -> None:
    receiver.answers.append(500)
    batch = submit(farm, receiver.url)
    first = receiver.next()
    waiting = until_hook(farm, batch, lambda hook: hook["nextAttemptAt"] is not None)
    assert (waiting["state"], waiting["attempts"], waiting["lastStatus"]) == ("pending", 1, 500)
    for part in ("operator", "finalizer"):
        os.kill(farm.local.pids[part], signal.SIGKILL)
    second = receiver.next()
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body
    verified(farm, second)
    done = until_hook(farm, batch, lambda hook: hook["state"] == "delivered")
    assert (done["attempts"], done["lastError"]) == (2, None)


def test_a_receiver_that_is_gone_is_called_no_more_until_that_is_asked_for(
    farm: DialectFarm, receiver: Receiver
) -> None:
    receiver.answers.append(410)
    batch = submit(farm, receiver.url)
    first = receiver.next()
    given_up = until_hook(farm, batch, lambda hook: hook["state"] == "failed")
    assert (given_up["lastStatus"], given_up["nextAttemptAt"]) == (410, None)
    for _ in range(2):
        answer = farm.native("POST", f"/v1/batches/{batch}/webhook/redeliver")
        assert answer.status_code == 202, answer.text
        again = receiver.next()
        assert again.headers["webhook-id"] == first.headers["webhook-id"]
        assert verified(farm, again) == verified(farm, first)
        until_hook(farm, batch, lambda hook: hook["state"] == "delivered")
    assert len(receiver.calls) == 3


def test_a_redirect_is_a_failure(farm: DialectFarm, receiver: Receiver) -> None:
    receiver.answers.append(308)
    batch = submit(farm, receiver.url)
    receiver.next()
    hook = until_hook(farm, batch, lambda hook: hook["attempts"] > 0)
    assert (hook["state"], hook["lastStatus"]) == ("pending", 308)
    assert "redirect" in hook["lastError"]


def test_an_address_that_nobody_admitted_is_never_called(farm: DialectFarm) -> None:
    body = {"html": HTML, "rows": [{"n": 1}], "webhook": {"url": "http://169.254.169.254/"}}
    answer = farm.native("POST", "/v1/batches", json=body)
    assert (answer.status_code, answer.json()["path"]) == (422, "webhook.url")
