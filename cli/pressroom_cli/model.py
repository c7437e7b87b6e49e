"""What the native API answers, as far as the command line reads it. Purely data.

``raw`` is the whole answer, for ``--json``. Fields that a newer farm adds are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ENDED = frozenset({"completed", "partiallyFailed", "failed", "cancelled", "rejected", "expired"})
#: Ended with every row accounted for.
RENDERED = frozenset({"completed", "partiallyFailed"})


@dataclass(frozen=True)
class Batch:
    """A batch. ``total``, ``succeeded``, ``failed`` and ``pages`` are counts."""

    id: str
    state: str
    reason: str
    message: str
    total: int
    succeeded: int
    failed: int
    pages: int
    created_at: str
    artifacts: Mapping[str, Mapping[str, Any]]
    raw: Json

    @classmethod
    def of(cls, raw: Json) -> Batch:
        """From the JSON of an answer."""
        rows = raw.get("rows") or {}
        return cls(
            id=raw["id"],
            state=raw["state"],
            reason=raw.get("reason") or "",
            message=raw.get("message") or "",
            total=rows.get("total", 0),
            succeeded=rows.get("succeeded", 0),
            failed=rows.get("failed", 0),
            pages=rows.get("pages", 0),
            created_at=raw.get("createdAt") or "",
            artifacts=raw.get("artifacts") or {},
            raw=raw,
        )

    @property
    def settled(self) -> int:
        """Rows with an outcome."""
        return self.succeeded + self.failed

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def every_row_failed(self) -> bool:
        """Failed because of its rows, not as a batch."""
        return self.state == "failed" and self.total > 0 and self.failed == self.total


@dataclass(frozen=True)
class Row:
    """A row of a batch; ``code`` and ``message`` are empty unless it failed."""

    index: int
    id: str
    state: str
    attempts: int
    pages: int
    bytes: int
    code: str
    message: str
    raw: Json

    @classmethod
    def of(cls, raw: Json) -> Row:
        """From the JSON of an answer."""
        error = raw.get("error") or {}
        return cls(
            index=raw["row"],
            id=str(raw["id"]),
            state=raw["state"],
            attempts=raw.get("attempts", 0),
            pages=raw.get("pages", 0),
            bytes=raw.get("bytes", 0),
            code=error.get("code", ""),
            message=error.get("message", ""),
            raw=raw,
        )


@dataclass(frozen=True)
class Webhook:
    """What became of a batch's webhook. Empty: no call failed last, none is due."""

    batch: str
    url: str
    state: str
    attempts: int
    error: str
    next_attempt_at: str
    raw: Json

    @classmethod
    def of(cls, raw: Json) -> Webhook:
        """From the JSON of an answer."""
        return cls(
            batch=raw["batch"],
            url=raw["url"],
            state=raw["state"],
            attempts=raw.get("attempts", 0),
            error=raw.get("lastError") or "",
            next_attempt_at=raw.get("nextAttemptAt") or "",
            raw=raw,
        )
