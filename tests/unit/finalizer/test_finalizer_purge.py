"""A purge takes all of one job and nothing of any other."""

from __future__ import annotations

import pytest
from finalizer_support import UID, task

from pressroom import names
from pressroom.testing.memory_store import MemoryStore
from pressroom_finalizer.purge import purge


async def keys_of(store: MemoryStore) -> list[str]:
    return [info.key async for info in store.list("")]


async def test_everything_of_the_job_and_its_upload_goes() -> None:
    store = MemoryStore()
    upload = names.upload_key("acme", "one")
    for key in (names.plan_key(UID), upload, *(names.row_key(UID, n, "a") for n in range(1200))):
        await store.put(key, b"x")
    await purge(store, task().evolve(upload=upload))
    assert await keys_of(store) == []


async def test_other_jobs_other_uploads_and_templates_stay() -> None:
    store = MemoryStore()
    kept = sorted(
        [
            names.plan_key(UID + "0"),
            names.plan_key("another"),
            names.upload_key("acme", "two"),
            names.template_key("ab"),
            names.usage_key("acme", UID),
        ]
    )
    for key in kept:
        await store.put(key, b"x")
    await purge(store, task().evolve(upload=names.upload_key("acme", "one")))
    assert await keys_of(store) == kept


@pytest.mark.parametrize(
    "upload",
    [
        "uploads/other/one.ndjson",
        "uploads/acme/",
        "uploads/acme/../other/one.ndjson",
        "templates/ab.json",
        "uploads/acme-2/one.ndjson",
    ],
)
async def test_an_upload_that_is_not_the_tenants_stays(upload: str) -> None:
    store = MemoryStore()
    await store.put(upload, b"x")
    await purge(store, task().evolve(upload=upload))
    assert await keys_of(store) == [upload]


@pytest.mark.parametrize("uid", ["", "/", "..", "a/b"])
async def test_a_uid_that_is_none_deletes_nothing(uid: str) -> None:
    store = MemoryStore()
    await store.put("jobs//x", b"x")
    await store.put(names.plan_key(UID), b"x")
    with pytest.raises(ValueError, match="not a UID"):
        await purge(store, task(uid=uid))
    assert len(await keys_of(store)) == 2


async def test_purging_twice_is_no_error() -> None:
    store = MemoryStore()
    await purge(store, task())
    await purge(store, task())
    assert await keys_of(store) == []
