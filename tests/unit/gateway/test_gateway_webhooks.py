"""Webhooks over the HTTP API: what became of them, sending them again, and whom they may reach."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import orjson
import pytest
from gateway_support import NAMESPACE, OTHER_KEY, Farm

from pressroom import names
from pressroom.model.base import now, rfc3339
from pressroom.model.ledger import WebhookRecord
from pressroom.ports import BATCH_JOBS, SECRETS, TENANTS, Json

HOOK = {"url": "https://hooks.test/x"}
LOCAL = "http://127.0.0.1:9/hook"


async def batch(farm: Farm, **more: Any) -> str:
    return str((await farm.submit(rows=[{"n": 1}], webhook=HOOK, **more))["id"])


async def ended(farm: Farm, name: str, delivered: str | None, **status: Any) -> None:
    """What the operator says once the batch has ended; ``delivered`` is the condition's status."""
    await farm.set_status(name, "Completed", completionTime=rfc3339(now()))
    if delivered is not None:
        await condition(farm, name, delivered, **status)


async def condition(farm: Farm, name: str, delivered: str, **status: Any) -> None:
    job = await farm.job(name)
    about = {
        "type": "WebhookDelivered",
        "status": delivered,
        "reason": "Retrying",
        "message": "Attempt 2 failed: HTTP 500.",
        "lastTransitionTime": rfc3339(now()),
    }
    kept = [one for one in job["status"]["conditions"] if one["type"] != "WebhookDelivered"]
    patch = {"status": {"conditions": [*kept, about], **status}}
    changed = await farm.jobs.patch(BATCH_JOBS, NAMESPACE, name, patch, subresource="status")
    farm.services.batches.put(changed)


async def recorded(farm: Farm, name: str, **values: Any) -> None:
    """What the finalizer left of its calls."""
    record = WebhookRecord(**{"delivered": False, "attempts": 2, "updated_at": now(), **values})
    key = names.webhook_key(await farm.uid(name))
    await farm.store.put(key, orjson.dumps(record.wire()))


async def hooks(farm: Farm, query: str = "") -> list[Json]:
    status, answer = await farm.call("GET", f"/v1/webhooks{query}")
    assert status == 200, answer
    found: list[Json] = answer["webhooks"]
    return found


async def test_a_webhook_is_shown_with_its_calls(farm: Farm) -> None:
    name = await batch(farm)
    await farm.submit(rows=[{"n": 1}])  # has none
    [open_one] = await hooks(farm)
    assert (open_one["batch"], open_one["state"], open_one["attempts"]) == (name, "pending", 0)
    assert (open_one["event"], open_one["nextAttemptAt"]) == (None, None)
    await ended(farm, name, "Unknown")
    later = now().replace(microsecond=0) + timedelta(minutes=5)
    await recorded(farm, name, last_status=500, last_error="HTTP 500", next_attempt_at=later)
    [one] = await hooks(farm)
    assert (one["url"], one["state"], one["event"]) == (HOOK["url"], "pending", "batch.completed")
    assert (one["attempts"], one["lastStatus"], one["lastError"]) == (2, 500, "HTTP 500")
    assert one["nextAttemptAt"] == rfc3339(later)


async def test_webhooks_are_listed_by_state_a_page_at_a_time_and_by_tenant(farm: Farm) -> None:
    made = [await batch(farm) for _ in range(6)]
    for name, status in zip(made, ["True", "False", "Unknown"] * 2, strict=True):
        await ended(farm, name, status)
    for state, first in (("delivered", 0), ("failed", 1), ("pending", 2)):
        found = await hooks(farm, f"?state={state}")
        assert [one["batch"] for one in found] == [made[first + 3], made[first]]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        status, page = await farm.call("GET", f"/v1/webhooks?limit=4&cursor={cursor}")
        assert status == 200
        seen += [one["batch"] for one in page["webhooks"]]
        cursor = page["nextCursor"]
    assert seen == made[::-1]
    assert (await farm.call("GET", "/v1/webhooks", key=OTHER_KEY))[1]["webhooks"] == []


@pytest.mark.parametrize(
    ("query", "status"), [("state=sent", 422), ("limit=0", 422), ("cursor=x", 400), ("a=b", 400)]
)
async def test_a_query_that_means_nothing_is_refused(farm: Farm, query: str, status: int) -> None:
    assert (await farm.call("GET", f"/v1/webhooks?{query}"))[0] == status


@pytest.mark.parametrize("delivered", ["True", "False", "Unknown", None])
async def test_a_webhook_is_sent_again_whatever_became_of_it(
    farm: Farm, delivered: str | None
) -> None:
    name = await batch(farm)
    await ended(farm, name, delivered)
    await recorded(farm, name, delivered=delivered == "True", attempts=2)
    status, answer = await farm.call("POST", f"/v1/batches/{name}/webhook/redeliver")
    assert (status, answer["state"], answer["attempts"]) == (202, "pending", 0)
    asked = (await farm.job(name))["metadata"]["annotations"][names.ANNOTATION_REDELIVER]
    assert (await farm.call("GET", f"/v1/batches/{name}"))[1]["webhook"]["state"] == "pending"
    # Once it was made, its outcome is told.
    await recorded(farm, name, delivered=True, attempts=1, redelivery=asked)
    await condition(farm, name, "True", webhookRedelivery=asked)
    [one] = await hooks(farm, "?state=delivered")
    assert (one["batch"], one["attempts"]) == (name, 1)
    # And it can be asked for once more.
    await farm.call("POST", f"/v1/batches/{name}/webhook/redeliver")
    again = (await farm.job(name))["metadata"]["annotations"][names.ANNOTATION_REDELIVER]
    assert again > asked


async def test_a_webhook_of_an_expired_batch_can_be_sent_again(farm: Farm) -> None:
    name = await batch(farm)
    await farm.set_status(name, "Expired", endedAs="AllRowsFailed")
    [one] = await hooks(farm, "?state=failed")
    assert "expired before" in one["message"]
    status, answer = await farm.call("POST", f"/v1/batches/{name}/webhook/redeliver")
    assert (status, answer["state"], answer["event"]) == (202, "pending", "batch.failed")


async def test_what_cannot_be_sent_again_says_why(farm: Farm) -> None:
    name = await batch(farm)
    me = f"/v1/batches/{name}/webhook/redeliver"
    status, problem = await farm.call("POST", me)
    assert (status, problem["code"]) == (409, "conflict")
    assert "not ended" in problem["detail"]
    assert (await farm.call("POST", me, key=OTHER_KEY))[0] == 404
    without = (await farm.submit(rows=[{"n": 1}]))["id"]
    await farm.set_status(without, "Completed")
    status, problem = await farm.call("POST", f"/v1/batches/{without}/webhook/redeliver")
    assert (status, problem["code"]) == (409, "conflict")
    assert "no webhook" in problem["detail"]


async def test_a_tenant_may_reach_what_its_egress_allows_and_no_other_tenant_may(
    farm: Farm,
) -> None:
    patch = {"spec": {"egress": {"allow": ["127.0.0.1"]}}}
    await farm.jobs.patch(TENANTS, NAMESPACE, "default", patch)
    request = {"html": "x", "rows": [{}], "webhook": {"url": LOCAL}}
    for _ in range(500):  # lets the watch go on
        if "egress" in (farm.services.tenants.get(NAMESPACE, "default") or {})["spec"]:
            break
        await farm.call("GET", "/v1/batches")
    assert (await farm.call("POST", "/v1/batches", json=request))[0] == 202
    status, problem = await farm.call("POST", "/v1/batches", json=request, key=OTHER_KEY)
    assert (status, problem["path"]) == (422, "webhook.url")
    inside = request | {"webhook": {"url": "http://169.254.169.254/"}}
    assert (await farm.call("POST", "/v1/batches", json=inside))[0] == 422


async def test_a_retry_names_a_shared_secret_and_copies_none(farm: Farm) -> None:
    shared = {"metadata": {"name": "shared"}, "stringData": {"secret": "s"}}
    await farm.jobs.create(SECRETS, NAMESPACE, shared)
    spec = {
        "html": "x",
        "rows": [{}, {}],
        "webhook": {**HOOK, "secretRef": {"name": "shared"}},
    }
    body = {"metadata": {"name": "letters"}, "spec": spec}
    farm.services.batches.put(await farm.jobs.create(BATCH_JOBS, NAMESPACE, body))
    await farm.finish("letters", failing={1})
    status, again = await farm.call("POST", "/v1/batches/letters/retry")
    assert status == 202, again
    hook = (await farm.job(again["id"]))["spec"]["webhook"]
    assert hook == {**HOOK, "secretRef": {"name": "shared"}}
    kept = await farm.jobs.get(SECRETS, NAMESPACE, "shared")
    assert base64.b64decode(kept["data"]["secret"]) == b"s"
    assert not kept["metadata"].get("ownerReferences")
