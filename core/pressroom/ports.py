"""What the parts need from the outside: Kubernetes resources, a queue and an object store.

Each port has one real adapter (``adapters/``) and one in-memory twin (``testing/``), and one
contract suite runs on both. Every call has a deadline; a dependency that is away raises
UnavailableError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pressroom.names import GROUP, VERSION

Json = dict[str, Any]


# --- Kubernetes ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Kind:
    """A kind of resource and where the API serves it. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As in a resource's ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version


BATCH_JOBS = Kind(GROUP, VERSION, "batchjobs", "BatchJob")
TEMPLATES = Kind(GROUP, VERSION, "templates", "Template")
TENANTS = Kind(GROUP, VERSION, "tenants", "Tenant")
SECRETS = Kind("", "v1", "secrets", "Secret")
CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Kind("", "v1", "events", "Event")
PODS = Kind("", "v1", "pods", "Pod")
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")


@dataclass(frozen=True)
class Listing:
    """One whole list (all pages) and the resourceVersion to watch from."""

    items: list[Json]
    resource_version: str


@dataclass(frozen=True)
class WatchEvent:
    """``type`` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Json


class WatchExpired(Exception):  # noqa: N818 - the API's own word
    """The resourceVersion is too old (410): list again."""


class Jobs(Protocol):
    """Kubernetes resources of the kinds that the farm uses, as JSON.

    Errors: NotFoundError (404), ConflictError (409: stale resourceVersion, other uid, exists),
    UserError with INVALID_REQUEST (422 and 400), UnavailableError (429, 5xx, no answer in time).
    """

    async def get(
        self, kind: Kind, namespace: str, name: str, *, subresource: str = ""
    ) -> Json: ...

    async def list(
        self, kind: Kind, namespace: str | None, *, label_selector: str = ""
    ) -> Listing: ...

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json: ...

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """A JSON merge patch (RFC 7396). With ``metadata.resourceVersion`` in it: conditional."""
        ...

    async def replace(self, kind: Kind, namespace: str, name: str, body: Json) -> Json:
        """A PUT; ``body`` carries the resourceVersion it was read with."""
        ...

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None
    ) -> None: ...

    def watch(
        self, kind: Kind, namespace: str | None, resource_version: str, *, label_selector: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """Events after ``resource_version`` until the server ends the watch (a clean end).

        Raises WatchExpired where the version is too old.
        """
        ...

    async def check(self) -> None:
        """Ask for the API's version. UnavailableError if it does not answer."""
        ...


# --- the queue -----------------------------------------------------------------------------------
class Delivery(Protocol):
    """A message taken from a work queue, not settled yet."""

    @property
    def subject(self) -> str: ...

    @property
    def data(self) -> bytes: ...

    async def in_progress(self) -> None:
        """Ask for another ack wait. UnavailableError if the queue is away."""
        ...

    async def ack(self) -> None:
        """Settle, and wait until the server has said so. UnavailableError if it does not."""
        ...

    async def nak(self, delay: float = 0) -> None:
        """Hand the message back, to be delivered again after ``delay`` seconds."""
        ...


@dataclass(frozen=True)
class Message:
    """A core-NATS message: a hint, delivered at most once."""

    subject: str
    data: bytes


#: Seconds that a taken message stays another's before it is delivered again.
ACK_WAIT = 15.0


class Queue(Protocol):
    """Work queues (WORK by lanes, TASKS by kinds) and hints. UnavailableError if it is away."""

    async def ensure(self) -> None:
        """Create or update both streams and their consumers; idempotent."""
        ...

    async def put_work(self, lane: str, uid: str, shard: int, data: bytes) -> bool:
        """Queue a shard. False where its subject is queued already."""
        ...

    async def queued_work(self, uid: str | None = None) -> set[tuple[str, int]]:
        """(uid, shard) of all that lies in WORK, taken by a worker or not; of one job or of all."""
        ...

    async def purge_work(self, uid: str) -> None:
        """Take all queued shards of a job out of WORK, taken ones included."""
        ...

    async def take_work(self, lane: str, timeout: float) -> Delivery | None:
        """The next shard of a lane; None where none came within ``timeout`` seconds."""
        ...

    async def put_task(self, kind: str, uid: str, data: bytes) -> bool:
        """Queue a task. False where one of this kind is queued for the job already."""
        ...

    async def take_task(self, kind: str, timeout: float) -> Delivery | None:
        """The next task of a kind; None where none came within ``timeout`` seconds."""
        ...

    async def hint(self, subject: str, data: bytes = b"") -> None:
        """Publish to core NATS: whoever listens now gets it, nobody else."""
        ...

    def listen(self, subject: str) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Subscribe to core-NATS messages; the subscription stands once the context is entered.

        Survives reconnects. At most 65,536 messages wait; older ones are dropped then: hints.
        """
        ...

    @property
    def connections(self) -> int:
        """Rises with every (re)connection, so that callers can re-check what may have been lost."""
        ...

    async def check(self) -> None:
        """Ask for the streams. UnavailableError if the server is away or has lost them."""
        ...


# --- counters ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Entry:
    """A counter's value and its revision."""

    value: bytes
    revision: int


class Counters(Protocol):
    """Small values that all replicas share and that may be lost: a key-value bucket with revisions.

    Entries go by themselves some minutes after their last write. UnavailableError: it is away.
    """

    async def read(self, key: str) -> Entry | None: ...

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Write over ``revision`` (0: there is none yet); the new one. ConflictError if it is not
        the latest."""
        ...


# --- the object store ----------------------------------------------------------------------------
@dataclass(frozen=True)
class ObjectInfo:
    """An object as a listing shows it."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Stored:
    """What an upload left: its size in bytes and the SHA-256 of its content in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Disposition:
    """How a presigned download presents itself to a browser."""

    file_name: str
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


class Store(Protocol):
    """An S3-like store. NotFoundError: no such object; UnavailableError: the store is away."""

    async def ensure(self) -> None:
        """Create the bucket where it is absent; idempotent."""
        ...

    async def put(
        self, key: str, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> None: ...

    async def create(
        self, key: str, data: bytes, *, content_type: str = "application/json"
    ) -> bool:
        """Write with ``If-None-Match: *``. False where the key exists: exactly one writer wins."""
        ...

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes: ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """The object in pieces of at most 1 MiB."""
        ...

    async def stat(self, key: str) -> ObjectInfo | None: ...

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[ObjectInfo]:
        """Objects below ``prefix`` in key order, from the first key greater than ``after``."""
        ...

    async def upload(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        content_type: str = "application/octet-stream",
    ) -> Stored:
        """A multipart upload in constant memory; aborted if ``chunks`` raises or the task ends."""
        ...

    async def upload_file(
        self, key: str, path: Path, *, content_type: str = "application/octet-stream"
    ) -> Stored: ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete; keys that do not exist are no error."""
        ...

    async def abort_uploads(self, prefix: str) -> None:
        """Abort multipart uploads below ``prefix``."""
        ...

    def prefixes(self, prefix: str) -> AsyncIterator[str]:
        """The next level below ``prefix`` (which ends in a slash): ``jobs/`` → ``jobs/<uid>/``."""
        ...

    async def presign(self, key: str, *, seconds: int, disposition: Disposition) -> str:
        """A URL on the public endpoint that fetches the object for so many seconds."""
        ...

    async def check(self) -> None:
        """Ask for the bucket. UnavailableError if the store is away or the bucket gone."""
        ...
