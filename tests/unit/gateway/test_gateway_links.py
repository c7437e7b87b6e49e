"""A batch links to what can be done with it: all that works, and nothing that does not."""

from __future__ import annotations

from collections.abc import Set

import pytest
from gateway_support import Farm

from pressroom.model.base import now, rfc3339

CHANGES = ("cancel", "suspend", "resume", "retry")
READS = ("rows", "zip", "merged")


async def links_of(farm: Farm, batch: str) -> set[str]:
    _, shown = await farm.call("GET", f"/v1/batches/{batch}")
    assert all(path.endswith(f"/{word}") for word, path in shown["links"].items() if word != "self")
    return set(shown["links"]) - {"self"}


async def refused(farm: Farm, batch: str, words: Set[str]) -> set[str]:
    found = set()
    for word in words:
        method = "POST" if word in CHANGES else "GET"
        status, _ = await farm.call(method, f"/v1/batches/{batch}/{word}")
        if status >= 400:
            found.add(word)
    return found


@pytest.mark.parametrize(
    ("reason", "spec", "links"),
    [
        ("Queued", {}, {"rows", "cancel", "suspend"}),
        ("Rendering", {}, {"rows", "cancel", "suspend"}),
        ("Rendering", {"suspend": True}, {"rows", "cancel", "resume"}),
        ("Suspended", {"suspend": True}, {"rows", "cancel", "resume"}),
        ("Rendering", {"cancel": True}, {"rows"}),
        ("Finalizing", {}, {"rows"}),
        ("Rejected", {}, {"rows"}),
        ("Failed", {}, {"rows"}),
        ("Expired", {}, set()),
    ],
)
async def test_links_of_a_state(
    farm: Farm, reason: str, spec: dict[str, bool], links: set[str]
) -> None:
    batch = (await farm.submit(rows=[{}, {}], outputs=["zip", "merged"]))["id"]
    if spec:
        verb = next(iter(spec))
        await farm.call("POST", f"/v1/batches/{batch}/{verb}")
    await farm.set_status(batch, reason, rows={"total": 2, "settled": 0})
    assert await links_of(farm, batch) == links
    assert await refused(farm, batch, links) == set()
    assert await refused(farm, batch, {"zip", "merged", "retry"}) == {"zip", "merged", "retry"}


@pytest.mark.parametrize(
    ("failing", "cancelled", "made", "links"),
    [
        (set(), set(), {"zip", "merged"}, {"rows", "zip", "merged"}),
        ({1}, set(), {"zip", "merged"}, {"rows", "zip", "merged", "retry"}),
        ({0, 1}, set(), {"zip"}, {"rows", "zip", "retry"}),
        (set(), {1}, {"zip", "merged"}, {"rows", "zip", "merged", "retry"}),
    ],
)
async def test_links_after_the_end(
    farm: Farm, failing: set[int], cancelled: set[int], made: set[str], links: set[str]
) -> None:
    batch = (await farm.submit(rows=[{}, {}], outputs=["zip", "merged"]))["id"]
    await farm.finish(batch, failing=failing, cancelled=cancelled, made=made)
    assert await links_of(farm, batch) == links
    everything = {*CHANGES, *READS}
    assert await refused(farm, batch, everything) == everything - links


@pytest.mark.parametrize(
    ("status", "reason", "shown"),
    [
        (None, "Rendering", ("pending", "Called once the batch has ended.")),
        ("Unknown", "Completed", ("pending", "Attempt 1 failed.")),
        ("True", "Completed", ("delivered", "Attempt 1 failed.")),
        ("False", "Completed", ("failed", "Attempt 1 failed.")),
        ("Unknown", "Expired", ("failed", "expired before it was delivered")),
    ],
)
async def test_a_webhook_shows_how_far_it_is(
    farm: Farm, status: str | None, reason: str, shown: tuple[str, str]
) -> None:
    hook = {"url": "https://hooks.test/", "secret": "whsec_never"}
    batch = (await farm.submit(rows=[{}], webhook=hook))["id"]
    base = {"lastTransitionTime": rfc3339(now()), "message": "Attempt 1 failed."}
    conditions = [{"type": "Succeeded", "status": "Unknown", "reason": reason, **base}]
    if status is not None:
        conditions.append({"type": "WebhookDelivered", "status": status, "reason": "R", **base})
    await farm.set_status(batch, reason, conditions=conditions)
    _, answer = await farm.call("GET", f"/v1/batches/{batch}")
    word, message = shown
    assert answer["webhook"].keys() == {"url", "state", "message"}
    assert answer["webhook"]["url"] == "https://hooks.test/"
    assert answer["webhook"]["state"] == word
    assert message in answer["webhook"]["message"]
    assert "whsec_never" not in str(answer)


async def test_a_batch_without_a_webhook_shows_none(farm: Farm) -> None:
    assert "webhook" not in await farm.submit(rows=[{}])


async def test_a_merged_pdf_says_how_many_rows_it_has(farm: Farm) -> None:
    batch = (await farm.submit(rows=[{}], outputs=["merged"]))["id"]
    merged = {"key": "k", "bytes": 9, "sha256": "0" * 64, "files": 2, "rows": 2, "pages": 5}
    await farm.set_status(batch, "Completed", artifacts={"merged": merged})
    _, answer = await farm.call("GET", f"/v1/batches/{batch}")
    assert answer["artifacts"]["merged"]["rows"] == 2
