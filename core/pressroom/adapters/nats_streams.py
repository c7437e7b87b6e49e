"""The streams and consumers of the farm, as JetStream's API takes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pressroom import names
from pressroom.ports import ACK_WAIT, Json

_MAX_ACK_PENDING = 100_000
#: Pull requests that may wait at one consumer: one for every free slot of the farm.
_MAX_WAITING = 10_000


#: How long a counter outlives its last write: more than any window that is counted in.
BUCKET_SECONDS = 600


@dataclass(frozen=True)
class Stream:
    """``consumers`` maps a consumer's name to the subjects it takes; they must not overlap.

    A ``bucket`` keeps the last value of each of its subjects, in memory, for some minutes.
    """

    name: str
    subjects: str
    consumers: Mapping[str, str]
    bucket: bool = False


STREAMS = (
    Stream(names.STREAM_WORK, "work.>", {f"work-{lane}": f"work.{lane}.>" for lane in names.LANES}),
    Stream(names.STREAM_TASKS, "tasks.>", {kind: f"tasks.{kind}.>" for kind in names.TASK_KINDS}),
    Stream(names.STREAM_COUNTERS, names.counter_subject(">"), {}, bucket=True),
)


def stream_config(stream: Stream, replicas: int) -> Json:
    """One message a subject at most, and a second one is refused instead of replacing it.

    No message ids are sent: a purge does not clear their window, so a shard queued again within it
    would be swallowed.
    """
    if stream.bucket:
        return _bucket_config(stream, replicas)
    return {
        "name": stream.name,
        "subjects": [stream.subjects],
        "retention": "workqueue",
        "storage": "file",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "discard": "new",
        "discard_new_per_subject": True,
    }


def _bucket_config(stream: Stream, replicas: int) -> Json:
    """A key-value bucket (NATS ADR-8) with a history of one."""
    return {
        "name": stream.name,
        "subjects": [stream.subjects],
        "retention": "limits",
        "storage": "memory",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "max_age": int(BUCKET_SECONDS * 1e9),
        "discard": "new",
        "allow_direct": True,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
    }


def consumer_config(name: str, subjects: str) -> Json:
    """Deliveries are not limited: attempts are counted in the object store."""
    return {
        "name": name,
        "durable_name": name,
        "filter_subject": subjects,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": int(ACK_WAIT * 1e9),
        "max_deliver": -1,
        "max_ack_pending": _MAX_ACK_PENDING,
        "max_waiting": _MAX_WAITING,
    }
