"""Ledgers and records: what the parts leave in the object store. Purely data.

Every report has one of these behind it; a message is only a hint that it is there.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from pressroom.errors import Code
from pressroom.model.base import Record, Time
from pressroom.model.checks import Finding


class RowState(StrEnum):
    """What became of a row."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class RowFault(Record):
    """Why a row failed: a stable code and a message for the user."""

    code: Code
    message: str


class RowOutcome(Record):
    """One row of a ledger. ``file`` is the object that counts, ``name`` the name for people.

    ``template`` says which stored template it was made of, and which version: ``invoice@3``.
    """

    index: int
    id: str
    state: RowState
    attempts: int = 1
    file: str | None = None
    name: str | None = None
    bytes: int = 0
    pages: int = 0
    sha256: str | None = None
    millis: int = 0
    error: RowFault | None = None
    template: str | None = None
    findings: list[Finding] = Field(default_factory=list)


class ShardLedger(Record):
    """A shard's ledger: whole or absent, written with ``If-None-Match: *``, rows in order."""

    version: int = 1
    uid: str
    shard: int
    attempt: int
    writer: str = Field(description="The worker's name, or 'operator' for a closing ledger.")
    started_at: Time
    finished_at: Time
    rows: list[RowOutcome]


class ShardAttempt(Record):
    """Written before an attempt at a shard starts. ``handed_back`` blames nobody."""

    attempt: int
    worker: str
    started_at: Time
    handed_back: bool = False


class RowMark(Record):
    """Around a row of a shard's second and later attempts."""

    index: int
    attempt: int
    outcome: RowOutcome | None = None


class ShardDone(Record):
    """The payload of the hint ``done.<uid>``."""

    uid: str
    shard: int


class WorkItem(Record):
    """The payload of a WORK message. Everything else is in the plan."""

    uid: str
    shard: int


class WorkerBeat(Record):
    """A worker's heartbeat: how many shards it renders at once, and how many it does now."""

    worker: str
    slots: int
    busy: int
    version: str


class Task(Record):
    """The payload of a TASKS message.

    ``purge`` names what to delete besides the job's own prefix: its upload.
    """

    uid: str
    namespace: str
    name: str
    tenant: str
    outputs: list[str] = Field(default_factory=list)
    shards: int = 0
    upload: str | None = None
    webhook: WebhookTask | None = None


class WebhookTask(Record):
    """What the finalizer needs to call a webhook: the secret is read from its Secret.

    ``signature_header`` is where a dialect wants the hex HMAC-SHA-256 of the body as well.
    ``admitted`` lists hosts and networks that the tenant may call though they are not public.
    ``redelivery`` names the round of calls, if not the first.
    """

    url: str
    secret_ref: str | None = None
    event: str
    body: str
    attempt: int = 1
    signature_header: str | None = None
    admitted: list[str] = Field(default_factory=list)
    redelivery: str | None = None


class Artifact(Record):
    """A finished output."""

    key: str
    bytes: int
    sha256: str
    files: int | None = None
    rows: int | None = None
    pages: int | None = None


class Artifacts(Record):
    """``artifacts.json``: the outputs that count; ``zip`` and ``merged`` only if asked for."""

    version: int = 1
    attempt: str
    ledger: Artifact
    zip: Artifact | None = None
    merged: Artifact | None = None
    finished_at: Time
    error: RowFault | None = None


class UsageRecord(Record):
    """``usage/<tenant>/<uid>.json``: what a job used, from its row ledgers; written once.

    ``succeeded`` and ``failed`` count rows that were tried, ``cancelled`` the others.
    """

    version: int = 1
    uid: str
    tenant: str
    job: str
    dialect: str
    rows: int
    succeeded: int
    failed: int
    cancelled: int
    pages: int
    bytes: int
    credits: int
    ended_at: Time


class WebhookRecord(Record):
    """``webhook.json``: what became of a webhook so far. ``refused``: its address, for good.

    ``attempts`` are those of the round of calls that ``redelivery`` names; None for the first.
    """

    delivered: bool
    attempts: int
    last_status: int | None = None
    last_error: str | None = None
    next_attempt_at: Time | None = None
    gave_up: bool = False
    refused: bool = False
    redelivery: str | None = None
    updated_at: datetime
