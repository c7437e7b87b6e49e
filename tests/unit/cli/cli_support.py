"""A farm's native API in memory, as far as the command line uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]
KEY = "pr_test"
URL = "http://farm.test"
STORE = "http://store.test"
ID = "jabc"


def batch(state: str = "completed", total: int = 3, failed: int = 0, **more: Any) -> Json:
    done = 0 if state in ("queued", "rendering", "cancelled", "rejected") else total
    rows = {"total": total, "succeeded": done - failed, "failed": failed, "pages": done - failed}
    return {
        "id": ID,
        "state": state,
        "reason": state.capitalize(),
        "message": "",
        "rows": {**rows, "bytes": 0},
        "createdAt": "2026-01-02T03:04:05Z",
        "artifacts": {"zip": {"bytes": 2_500_000, "files": 3}} if state == "completed" else {},
        **more,
    }


def row(index: int, message: str = "", code: str = "template_undefined") -> Json:
    return {
        "row": index,
        "id": f"INV-{index}",
        "state": "failed" if message else "succeeded",
        "attempts": 1,
        "pages": 0 if message else 1,
        "bytes": 1000,
        "name": f"INV-{index}.pdf",
        "error": {"code": code, "message": message} if message else None,
    }


def problem(status: int, code: str, detail: str, **more: Any) -> httpx.Response:
    headers = {"Retry-After": "1"} if status in (429, 503) else {}
    return httpx.Response(status, json={"detail": detail, "code": code, **more}, headers=headers)


@dataclass
class FakeFarm:
    """``states`` are what polling sees, one after the other; the last one stays."""

    states: list[Json] = field(default_factory=lambda: [batch()])
    rows: list[Json] = field(default_factory=list)
    listed: list[Json] = field(default_factory=list)
    answers: list[httpx.Response | Exception] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    page: int = 2

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.read())
        self.requests.append(request)
        if request.url.host == "store.test":
            return httpx.Response(200, content=b"%PDF" if "merged" in request.url.path else b"PK")
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return problem(401, "unauthenticated", "This key is not known.")
        for pattern, handler in self._routes():
            if re.fullmatch(pattern, f"{request.method} {request.url.path}"):
                return handler(request)
        return problem(404, "not_found", "There is nothing at this address.")

    def _routes(self) -> Iterator[tuple[str, Callable[[httpx.Request], httpx.Response]]]:
        one = f"/v1/batches/{ID}"
        yield "POST /v1/batches", lambda _: httpx.Response(202, json=batch("queued"))
        yield "GET /v1/batches", lambda request: self._page(request, "batches", self.listed)
        yield f"GET {one}", lambda _: httpx.Response(200, json=self._next())
        yield f"GET {one}/rows", lambda request: self._page(request, "rows", self.rows)
        yield f"GET {one}/(zip|merged)", self._redirect
        yield f"POST {one}/.*", lambda _: httpx.Response(202, json=batch("rendering"))
        yield f"DELETE {one}", lambda _: httpx.Response(204)

    def _next(self) -> Json:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def _redirect(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": f"{STORE}{request.url.path}?sig=1"})

    def _page(self, request: httpx.Request, items: str, found: list[Json]) -> httpx.Response:
        state = request.url.params.get("state")
        first = int(request.url.params.get("cursor", 0))
        wanted = [one for one in found if state in (None, one["state"])]
        size = min(self.page, int(request.url.params["limit"]))
        after = first + size if first + size < len(wanted) else None
        cursor = None if after is None else str(after)
        body = {items: wanted[first : first + size], "nextCursor": cursor}
        return httpx.Response(200, content=json.dumps(body))
