"""What a dialect makes of a foreign request, and what it keeps to show the job again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pressroom import names
from pressroom.model.batchjob import BatchJob, Dialect, OutputKind
from pressroom.model.finish import MergeOptions
from pressroom.model.page import PageOptions

#: Results of every documented API can be fetched for 24 hours.
TTL_SECONDS = 86_400


@dataclass(frozen=True)
class Submission:
    """A foreign request in native words.

    ``rows`` are lines of a manifest (:meth:`pressroom.model.rows.Row.line`). ``template`` is the
    id as it was sent; ``templates`` those that rows name themselves. Without ``webhook_secret``
    the tenant's own signs. ``echo`` is what the dialect needs to show the job again, at most a
    few KiB of JSON. ``idempotency_key`` makes the job's id. ``parallelism`` bounds how many of the
    job's shards are in work at once.
    """

    dialect: Dialect
    rows: list[bytes]
    template: str | None = None
    html: str | None = None
    templates: frozenset[str] = frozenset()
    page: PageOptions | None = None
    outputs: frozenset[OutputKind] = frozenset({OutputKind.FILES})
    merge: MergeOptions | None = None
    file_name_pattern: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    ttl_seconds: int = TTL_SECONDS
    echo: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    parallelism: int | None = None


def echo_of(job: BatchJob) -> dict[str, Any]:
    """What the dialect kept at the job's creation; empty for a job that kubectl made."""
    try:
        kept = orjson.loads(job.metadata.annotations.get(names.ANNOTATION_ECHO, "{}"))
    except orjson.JSONDecodeError:
        return {}
    return kept if isinstance(kept, dict) else {}
