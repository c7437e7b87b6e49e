"""The native HTTP API for the command line: one method a call, typed answers, clear errors.

Every call has a deadline. It may not print.
"""

from __future__ import annotations

import contextlib
import json
import mimetypes
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from pressroom_cli.data import Artifact, Rows
from pressroom_cli.errors import CliError, Refused, Unreachable
from pressroom_cli.model import Batch, Json, Row, Webhook

Verb = Literal["cancel", "suspend", "resume", "retry"]

#: Seconds: to connect, and between two pieces of a body.
_TIMEOUT = httpx.Timeout(30, connect=5)
#: A page may take a while to be rendered.
_PREVIEW = httpx.Timeout(120, connect=5)
#: How long a farm that answered before may be away while a batch is watched.
PATIENCE_SECONDS = 60.0
_AWAY = frozenset({429, 502, 503, 504})
_PAGE = 500


class Client:
    """A farm at ``url``, with one API key. Every method may raise Refused and Unreachable."""

    def __init__(
        self, url: str, api_key: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url.rstrip("/")
        # Redirects to the object store lose this header: httpx keeps it to one origin.
        headers = {"Authorization": f"Bearer {api_key}", "User-Agent": "pressroom-cli"}
        self._http = httpx.Client(
            base_url=self._url,
            headers=headers,
            timeout=_TIMEOUT,
            transport=transport,
            follow_redirects=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def submit(self, request: Json, rows: Rows) -> Batch:
        """Send a batch: options, and rows that are streamed from their file."""
        key = str(uuid.uuid4())  # a repeat after a lost answer is the same batch
        options = json.dumps(request).encode()

        def send() -> Json:
            with rows.open() as content:
                form: list[tuple[str, Any]] = [
                    ("request", (None, options, "application/json")),
                    ("rows", (rows.name, content, rows.content_type)),
                ]
                headers = {"Idempotency-Key": key}
                return self._json("POST", "/v1/batches", files=form, headers=headers)

        return Batch.of(_patiently(send, unreachable_too=False))

    def batch(self, batch_id: str) -> Batch:
        """A batch as it is now."""
        return Batch.of(self._json("GET", _path(batch_id)))

    def watch(self, batch_id: str) -> Iterator[Batch]:
        """The batch again and again until it has ended; a farm that restarts is waited for."""
        pause = 0.2
        while True:
            found = Batch.of(_patiently(lambda: self._json("GET", _path(batch_id))))
            yield found
            if found.ended:
                return
            sleep(pause)
            pause = min(pause * 1.3, 1.0)

    def batches(self, *, state: str | None = None, most: int = 50) -> Iterator[Batch]:
        """The newest batches, at most so many."""
        for raw in self._pages("/v1/batches", "batches", state=state, most=most):
            yield Batch.of(raw)

    def rows(
        self, batch_id: str, *, state: str | None = None, most: int | None = None
    ) -> Iterator[Row]:
        """A batch's rows in order, all of them or at most so many."""
        for raw in self._pages(f"{_path(batch_id)}/rows", "rows", state=state, most=most):
            yield Row.of(raw)

    def act(self, batch_id: str, verb: Verb) -> Batch:
        """Cancel, suspend, resume or retry; the batch after it (for retry: the new one)."""
        return Batch.of(self._json("POST", f"{_path(batch_id)}/{verb}"))

    def webhooks(self, *, state: str | None = None, most: int = 50) -> Iterator[Webhook]:
        """The webhooks of the newest batches, at most so many."""
        for raw in self._pages("/v1/webhooks", "webhooks", state=state, most=most):
            yield Webhook.of(raw)

    def redeliver(self, batch_id: str) -> Webhook:
        """Have the webhook of a batch that has ended sent again; as it is then."""
        return Webhook.of(self._json("POST", f"{_path(batch_id)}/webhook/redeliver"))

    def templates(self) -> list[Json]:
        """All templates of the key's tenant, without their texts."""
        found: list[Json] = self._json("GET", "/v1/templates")["templates"]
        return found

    def template(self, template_id: str) -> Json:
        """A template as it is now."""
        return self._json("GET", _template(template_id))

    def put_template(self, template_id: str, spec: Json, assets: Mapping[str, Path]) -> Json:
        """Write a template with all of its assets; as it is then."""
        with contextlib.ExitStack() as files:
            form: list[tuple[str, Any]] = [
                ("template", (None, json.dumps(spec).encode(), "application/json"))
            ]
            for name, path in assets.items():
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                form.append(("assets", (name, files.enter_context(path.open("rb")), kind)))
            return self._json("PUT", _template(template_id), files=form)

    def asset(self, template_id: str, name: str) -> bytes:
        """The bytes of a template's asset."""
        return self._answer(
            "GET", f"{_template(template_id)}/assets/{quote(name, safe='')}"
        ).content

    def versions(self, template_id: str) -> list[Json]:
        """A template's versions, as the farm lists them."""
        found: list[Json] = self._json("GET", f"{_template(template_id)}/versions")["versions"]
        return found

    def roll_back(self, template_id: str, version: int) -> Json:
        """Make an earlier version the current one, as a new version; the template then."""
        path = f"{_template(template_id)}/rollback"
        return self._json("POST", path, json={"version": version})

    def preview(self, template_id: str, request: Json) -> tuple[bytes, list[Json]]:
        """One document of a template, and what the checks of its pages found.

        ``data`` and ``page`` are the request's; without data it is made of the sample data.
        """
        path = f"{_template(template_id)}/preview"
        answer = self._answer("POST", path, json=request, timeout=_PREVIEW)
        findings: list[Json] = json.loads(answer.headers.get("X-Pressroom-Findings", "[]"))
        return answer.content, findings

    def delete_template(self, template_id: str) -> None:
        """Delete a template."""
        self._answer("DELETE", _template(template_id))

    def usage(self) -> Json:
        """Credits, months and limits of the key's tenant."""
        return self._json("GET", "/v1/usage")

    def delete(self, batch_id: str) -> None:
        """Delete a batch and what it rendered."""
        self._answer("DELETE", _path(batch_id))

    def download(self, batch_id: str, artifact: Artifact, target: Path) -> int:
        """Stream an artifact into ``target``, which is there whole or not at all; its bytes."""
        path = f"{_path(batch_id)}/{artifact}"
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self._talk(), self._http.stream("GET", path) as answer:
                _refuse(answer)
                with beside.open("wb") as file:
                    for piece in answer.iter_bytes(256 * 1024):
                        file.write(piece)
            size = beside.stat().st_size
            beside.replace(target)
        except OSError as error:
            raise CliError(f"{target} cannot be written: {error.strerror or error}.") from error
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        return size

    def _pages(
        self, path: str, items: str, *, state: str | None, most: int | None
    ) -> Iterator[Json]:
        left = most
        cursor: str | None = None
        while left is None or left > 0:
            wanted = {
                "limit": _PAGE if left is None else min(left, _PAGE),
                "state": state,
                "cursor": cursor,
            }
            params = {name: value for name, value in wanted.items() if value is not None}
            page = self._json("GET", path, params=params)
            yield from page[items]
            left = None if left is None else left - len(page[items])
            cursor = page.get("nextCursor")
            if cursor is None:
                return

    def _json(self, method: str, path: str, **how: Any) -> Json:
        answer = self._answer(method, path, **how)
        try:
            found: Json = answer.json()
        except ValueError as error:
            raise CliError(f"{self._url} does not answer as a Pressroom farm does.") from error
        return found

    def _answer(self, method: str, path: str, **how: Any) -> httpx.Response:
        with self._talk():
            answer = self._http.request(method, path, **how)
        _refuse(answer)
        return answer

    @contextlib.contextmanager
    def _talk(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise Unreachable(
                f"Nothing answers at {self._url}. Start a farm with `pressroom local`, or name "
                "one with --url."
            ) from error
        except httpx.TransportError as error:
            raise Unreachable(f"{self._url} broke off ({type(error).__name__}).") from error
        except httpx.InvalidURL as error:
            raise CliError(f"{self._url} is no URL: {error}.") from error


def _path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"


def _template(template_id: str) -> str:
    return f"/v1/templates/{quote(template_id, safe='')}"


def _refuse(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answer.read()
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    after = answer.headers.get("Retry-After", "")
    raise Refused(
        answer.status_code,
        problem if isinstance(problem, dict) else {},
        retry_after=float(after) if after.isdecimal() else None,
    )


def _patiently(call: Any, *, unreachable_too: bool = True) -> Json:
    """Call again while the farm is away or busy, up to PATIENCE_SECONDS."""
    until = monotonic() + PATIENCE_SECONDS
    pause = 0.2
    while True:
        try:
            found: Json = call()
        except Unreachable:
            if not unreachable_too or monotonic() + pause > until:
                raise
        except Refused as error:
            pause = max(pause, error.retry_after or 0)
            if error.status not in _AWAY or monotonic() + pause > until:
                raise
        else:
            return found
        sleep(pause)
        pause = min(pause * 2, 2.0)
