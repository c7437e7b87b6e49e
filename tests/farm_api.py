"""The HTTP API of a farm, wherever it runs, as the tests of whole farms use it."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

TERMINAL = {"completed", "partiallyFailed", "failed", "cancelled", "rejected", "expired"}
PAGE = "<h1>Invoice {{ number }}</h1><p>for {{ name }}</p>"
Json = dict[str, Any]


def rows(count: int) -> list[Json]:
    return [{"number": f"N-{index:05d}", "name": f"Customer {index}"} for index in range(count)]


@dataclass(frozen=True)
class Api:
    """A farm's HTTP API with one key."""

    http: httpx.Client

    def submit(self, **request: Any) -> Json:
        answer = self.http.post("/v1/batches", json={"html": PAGE, **request})
        assert answer.status_code == 202, answer.text
        batch: Json = answer.json()
        assert answer.headers["Location"] == f"/v1/batches/{batch['id']}"
        return batch

    def batch(self, batch_id: str) -> Json:
        answer = self.http.get(f"/v1/batches/{batch_id}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def until(self, batch_id: str, holds: Callable[[Json], bool], seconds: float = 90) -> Json:
        return until(lambda: self.batch(batch_id), holds, seconds)

    def ended(self, batch_id: str, seconds: float = 90) -> Json:
        return self.until(batch_id, lambda batch: batch["state"] in TERMINAL, seconds)

    def rows(self, batch_id: str, **query: Any) -> list[Json]:
        found: list[Json] = []
        cursor: str | None = None
        while True:
            page = {"cursor": cursor} if cursor else {}
            answer = self.http.get(f"/v1/batches/{batch_id}/rows", params={**query, **page})
            assert answer.status_code == 200, answer.text
            found += answer.json()["rows"]
            cursor = answer.json().get("nextCursor")
            if not cursor:
                return found

    def archive(self, batch_id: str) -> zipfile.ZipFile:
        answer = self.http.get(f"/v1/batches/{batch_id}/zip", follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return zipfile.ZipFile(io.BytesIO(answer.content))


def until(look: Callable[[], Any], holds: Callable[[Any], bool], seconds: float) -> Any:
    """Look until it holds. An outside state can only be polled."""
    deadline = time.monotonic() + seconds
    while not holds(found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {found}"
        time.sleep(0.05)
    return found


def settled_once(api: Api, batch: Json, count: int) -> None:
    """Every row has one outcome and one file, and the files are the rows' own."""
    assert batch["state"] == "completed", batch
    assert batch["rows"]["total"] == batch["rows"]["succeeded"] == count
    listed = api.rows(batch["id"])
    assert [row["row"] for row in listed] == list(range(count))
    assert {row["state"] for row in listed} == {"succeeded"}
    with api.archive(batch["id"]) as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == count
