"""Reading and changing batches: lists, rows, files, cancel, suspend, retry, delete."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from gateway_support import OTHER_KEY, Farm

from pressroom import names
from pressroom.ports import BATCH_JOBS


async def test_newest_first_page_by_page(farm: Farm) -> None:
    made = [(await farm.submit(rows=[{"n": n}]))["id"] for n in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        _, page = await farm.call("GET", "/v1/batches", params=query)
        seen += [batch["id"] for batch in page["batches"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_filters(farm: Farm) -> None:
    a = await farm.submit(rows=[{}], labels={"team": "a"})
    b = await farm.submit(rows=[{}], labels={"team": "b"})
    await farm.set_status(b["id"], "Completed")

    async def ids(**query: str) -> list[str]:
        _, page = await farm.call("GET", "/v1/batches", params=query)
        return [batch["id"] for batch in page["batches"]]

    assert await ids(label="team:a") == [a["id"]]
    assert await ids(state="completed") == [b["id"]]
    assert await ids(state="completed", label="team:a") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "x"}, 400),
        ({"limit": "0"}, 422),
        ({"state": "odd"}, 422),
        ({"cursor": "?"}, 400),
        ({"cursor": "WzFd"}, 400),
        ({"page": "1"}, 400),
    ],
)
async def test_bad_queries(farm: Farm, query: dict[str, str], status: int) -> None:
    got, problem = await farm.call("GET", "/v1/batches", params=query)
    assert got == status
    assert problem["path"] == next(iter(query))


async def test_another_tenants_batch_is_not_there(farm: Farm) -> None:
    batch = await farm.submit(rows=[{}])
    me = f"/v1/batches/{batch['id']}"
    for method, path in (
        ("GET", me),
        ("DELETE", me),
        ("GET", f"{me}/rows"),
        ("GET", f"{me}/zip"),
        ("GET", f"{me}/rows/0/file"),
        ("POST", f"{me}/cancel"),
        ("POST", f"{me}/retry"),
    ):
        status, problem = await farm.call(method, path, key=OTHER_KEY)
        assert (status, problem["code"]) == (404, "not_found"), (method, path)
    assert (await farm.call("GET", "/v1/batches", key=OTHER_KEY))[1]["batches"] == []
    assert "cancel" not in (await farm.job(batch["id"]))["spec"]


async def test_a_finished_batch(farm: Farm) -> None:
    batch = await farm.submit(rows=[{"n": n} for n in range(3)], outputs=["zip", "merged"])
    await farm.finish(batch["id"], failing={1})
    _, shown = await farm.call("GET", f"/v1/batches/{batch['id']}")
    assert (shown["state"], shown["reason"]) == ("partiallyFailed", "PartiallyFailed")
    assert shown["progress"] == 100
    assert shown["artifacts"]["zip"] == {"bytes": 7, "sha256": "0" * 64}
    assert "retry" in shown["links"]


async def test_progress_stays_below_100_until_the_end(farm: Farm) -> None:
    batch = await farm.submit(rows=[{}] * 3)
    path = f"/v1/batches/{batch['id']}"
    for settled, reason, share in (
        (2, "Rendering", 66),
        (3, "Finalizing", 99),
        (3, "Completed", 100),
    ):
        await farm.set_status(batch["id"], reason, rows={"total": 3, "settled": settled})
        assert (await farm.call("GET", path))[1]["progress"] == share


class TestRows:
    async def rows(self, farm: Farm, batch: str, **query: str) -> list[Any]:
        """All pages."""
        found: list[Any] = []
        while True:
            _, page = await farm.call("GET", f"/v1/batches/{batch}/rows", params=query)
            found += page["rows"]
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]

    async def test_before_any_plan(self, farm: Farm) -> None:
        batch = await farm.submit(rows=None, items=[{"id": "a"}, {}, {"id": "c"}])
        rows = await self.rows(farm, batch["id"], limit="2")
        assert [(row["row"], row["id"], row["state"]) for row in rows] == [
            (0, "a", "pending"),
            (1, "1", "pending"),
            (2, "c", "pending"),
        ]

    async def test_while_some_shards_are_open(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{"n": n} for n in range(90)])
        plan = await farm.plan(batch["id"])
        await farm.render_shard(plan, 1, failing={plan.shards[1].first})
        rows = await self.rows(farm, batch["id"], limit="7")
        assert [row["row"] for row in rows] == list(range(90))
        settled = range(plan.shards[1].first, plan.shards[1].first + plan.shards[1].rows)
        assert [row["row"] for row in rows if row["state"] != "pending"] == list(settled)
        failed = await self.rows(farm, batch["id"], state="failed")
        assert failed == [
            {
                "row": settled[0],
                "id": str(settled[0]),
                "state": "failed",
                "attempts": 1,
                "pages": 0,
                "bytes": 0,
                "name": None,
                "template": None,
                "error": {"code": "template_undefined", "message": "'n' is undefined"},
                "findings": [],
            }
        ]
        assert len(await self.rows(farm, batch["id"], state="pending")) == 90 - len(settled)

    async def test_a_bad_state_is_refused(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}])
        status, problem = await farm.call("GET", f"/v1/batches/{batch['id']}/rows?state=odd")
        assert (status, problem["path"]) == (422, "state")
        status, problem = await farm.call("GET", f"/v1/batches/{batch['id']}/rows?flagged=maybe")
        assert (status, problem["path"]) == (422, "flagged")


class TestFiles:
    async def code(self, farm: Farm, path: str) -> tuple[int, str]:
        status, problem = await farm.call("GET", path)
        return status, problem["code"]

    async def test_row_files_by_id_and_by_position(self, farm: Farm) -> None:
        batch = await farm.submit(rows=None, items=[{"id": "b/ü"}, {"id": "7"}, {}])
        me = f"/v1/batches/{batch['id']}/rows"
        assert await self.code(farm, f"{me}/7/file") == (409, "not_ready")
        await farm.finish(batch["id"])
        for asked, row_id in (
            ("b%2F%C3%BC", "b/ü"),
            ("7", "7"),
            ("0", "b/ü"),
            ("1", "7"),
            ("2", "2"),
        ):
            async with farm.client.get(f"{me}/{asked}/file?stream=1", headers=farm.headers) as got:
                assert (await got.read()).decode() == f"%PDF row {row_id}"
                assert got.content_type == "application/pdf"
        for asked in ("3", "nobody", "-1", "٣", "00"):
            assert await self.code(farm, f"{me}/{asked}/file") == (404, "not_found")

    async def test_a_failed_rows_file_says_why(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}, {}])
        await farm.finish(batch["id"], failing={1})
        path = f"/v1/batches/{batch['id']}/rows/1/file"
        assert await self.code(farm, path) == (409, "template_undefined")

    @pytest.mark.parametrize("word", ["zip", "merged"])
    async def test_artifacts(self, farm: Farm, word: str) -> None:
        batch = await farm.submit(rows=[{}], outputs=["zip", "merged"])
        path = f"/v1/batches/{batch['id']}/{word}"
        assert await self.code(farm, path) == (409, "not_ready")
        plan = await farm.finish(batch["id"])
        async with farm.client.get(path, headers=farm.headers, allow_redirects=False) as answer:
            assert answer.status == 302
            assert answer.headers["Location"].startswith("https://store.test/jobs/")
        async with farm.client.get(f"{path}?stream=1", headers=farm.headers) as answer:
            assert await answer.text() == f"the {word}"
            assert answer.headers["Content-Length"] == str(len(f"the {word}"))
            assert batch["id"] in answer.headers["Content-Disposition"]
        for key in list(farm.store.objects):
            if key.startswith(f"jobs/{plan.uid}/"):
                await farm.store.delete([key])
        assert await self.code(farm, path) == (410, "gone")

    async def test_what_was_not_asked_for(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}], outputs=["zip"])
        status, problem = await farm.call("GET", f"/v1/batches/{batch['id']}/merged")
        assert (status, problem["code"]) == (404, "not_found")
        assert "not asked for a merged PDF" in problem["detail"]

    @pytest.mark.parametrize(
        ("failing", "why"),
        [({0, 1}, "no row of it succeeded"), ({0}, "images, which cannot be merged")],
    )
    async def test_why_there_is_no_merged_pdf(
        self, farm: Farm, failing: set[int], why: str
    ) -> None:
        batch = await farm.submit(rows=[{}, {}], outputs=["zip", "merged"])
        await farm.finish(batch["id"], failing=failing, made={"zip"})
        status, problem = await farm.call("GET", f"/v1/batches/{batch['id']}/merged")
        assert (status, problem["code"]) == (404, "not_found")
        assert why in problem["detail"]

    @pytest.mark.parametrize(("reason", "why"), [("Rejected", "rejected"), ("Failed", "finished")])
    async def test_why_a_batch_that_broke_has_no_zip(
        self, farm: Farm, reason: str, why: str
    ) -> None:
        batch = await farm.submit(rows=[{}])
        await farm.set_status(batch["id"], reason)
        status, problem = await farm.call("GET", f"/v1/batches/{batch['id']}/zip")
        assert status == 404
        assert why in problem["detail"]

    async def test_after_expiry(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}])
        await farm.set_status(batch["id"], "Expired")
        for path in ("zip", "rows", "rows/0/file"):
            assert await self.code(farm, f"/v1/batches/{batch['id']}/{path}") == (410, "gone")
        assert (await farm.call("GET", f"/v1/batches/{batch['id']}"))[1]["state"] == "expired"


class TestChanges:
    async def test_cancel_suspend_resume(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}])
        me = f"/v1/batches/{batch['id']}"
        for verb, field, value in (
            ("suspend", "suspend", True),
            ("resume", "suspend", False),
            ("cancel", "cancel", True),
        ):
            status, shown = await farm.call("POST", f"{me}/{verb}")
            assert (status, shown["id"]) == (202, batch["id"])
            assert (await farm.job(batch["id"]))["spec"][field] is value

    @pytest.mark.parametrize("verb", ["cancel", "suspend"])
    async def test_twice_is_as_good_as_once(self, farm: Farm, verb: str) -> None:
        batch = await farm.submit(rows=[{}])
        for _ in range(2):
            status, _ = await farm.call("POST", f"/v1/batches/{batch['id']}/{verb}")
            assert status == 202

    @pytest.mark.parametrize("verb", ["cancel", "suspend", "resume"])
    @pytest.mark.parametrize("reason", ["Completed", "Cancelled", "Rejected", "Expired"])
    async def test_an_ended_batch_refuses_and_stays_as_it_is(
        self, farm: Farm, verb: str, reason: str
    ) -> None:
        batch = await farm.submit(rows=[{}])
        await farm.set_status(batch["id"], reason)
        before = (await farm.job(batch["id"]))["spec"]
        status, problem = await farm.call("POST", f"/v1/batches/{batch['id']}/{verb}")
        assert (status, problem["code"]) == (409, "batch_ended")
        assert reason.lower() in problem["detail"]
        assert (await farm.job(batch["id"]))["spec"] == before

    async def test_a_deleted_batch_is_gone_at_once(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}])
        me = f"/v1/batches/{batch['id']}"
        assert (await farm.call("DELETE", me))[0] == 204
        # The finalizer still holds the resource; clients do not see it.
        assert "deletionTimestamp" in (await farm.job(batch["id"]))["metadata"]
        for method, path in (("GET", me), ("DELETE", me), ("POST", f"{me}/cancel")):
            assert (await farm.call(method, path))[0] == 404
        assert (await farm.call("GET", "/v1/batches"))[1]["batches"] == []

    async def test_retry_takes_the_failed_rows_only(self, farm: Farm) -> None:
        batch = await farm.submit(
            rows=None,
            items=[{"id": "a", "data": {"n": 0}}, {"data": {"n": 1}}, {"data": {"n": 2}}],
            priority=8,
            labels={"team": "a"},
            webhook={"url": "https://hooks.test/", "secret": "s"},
        )
        me = f"/v1/batches/{batch['id']}/retry"
        status, problem = await farm.call("POST", me)
        assert (status, problem["code"]) == (409, "conflict")
        await farm.finish(batch["id"], failing={0, 2})
        status, again = await farm.call("POST", me)
        assert status == 202, again
        assert (again["retryOf"], again["rows"]["total"]) == (batch["id"], 2)
        assert again["labels"] == {"team": "a"}
        old, new = await farm.job(batch["id"]), await farm.job(again["id"])
        assert new["spec"]["priority"] == 8
        old_hook, new_hook = old["spec"]["webhook"], new["spec"]["webhook"]
        assert old_hook["secretRef"] != new_hook["secretRef"]
        data = farm.store.objects[new["spec"]["manifest"]["key"]].data
        assert data == b'{"id":"a","data":{"n":0}}\n{"id":"2","data":{"n":2}}\n'

    async def test_retry_takes_rows_that_were_never_rendered(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{"n": n} for n in range(20)])
        # Rows 10 and on were cancelled; of the last shard there is not even a ledger.
        plan = await farm.finish(batch["id"], failing={1}, cancelled=set(range(10, 20)))
        await farm.store.delete([names.shard_key(plan.uid, len(plan.shards) - 1)])
        status, again = await farm.call("POST", f"/v1/batches/{batch['id']}/retry")
        assert status == 202, again
        spec = (await farm.job(again["id"]))["spec"]
        lines = farm.store.objects[spec["manifest"]["key"]].data.splitlines()
        left = [1, *range(10, 20)]
        assert [orjson.loads(line) for line in lines] == [
            {"id": str(n), "data": {"n": n}} for n in left
        ]

    async def test_retry_of_a_rejected_batch_says_why_not(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}])
        await farm.set_status(batch["id"], "Rejected")
        status, problem = await farm.call("POST", f"/v1/batches/{batch['id']}/retry")
        assert (status, problem["code"]) == (422, "no_rows")
        assert "rejected" in problem["detail"]

    async def test_retry_of_a_batch_without_failures(self, farm: Farm) -> None:
        batch = await farm.submit(rows=[{}])
        await farm.finish(batch["id"])
        status, problem = await farm.call("POST", f"/v1/batches/{batch['id']}/retry")
        assert (status, problem["code"]) == (422, "no_rows")
        assert len((await farm.jobs.list(BATCH_JOBS, "farm")).items) == 1
