"""What the operator says of itself. Looks at its memory when it is asked; changes nothing.

Whoever does not lead, or has not looked at everything yet, knows nothing of the farm: its gauges
are NaN, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge

from pressroom.model.base import now
from pressroom.model.conditions import ConditionType, find
from pressroom_operator.active import ActiveJob
from pressroom_operator.farm import Operator
from pressroom_operator.lease import Lease


def metrics(operator: Operator, lease: Lease) -> CollectorRegistry:
    """A registry with the operator's gauges and counters."""
    registry = CollectorRegistry()
    operator.counts.register(registry)
    leading = Gauge("pressroom_operator_leading", "1 while the Lease is held.", registry=registry)
    leading.set_function(lambda: float(lease.held))

    def gauge(name: str, text: str, value: Callable[[], float]) -> None:
        def known() -> float:
            return float(value()) if lease.held and operator.synced else math.nan

        Gauge(name, text, registry=registry).set_function(known)

    gauge("pressroom_backlog_rows", "Rows that wait for workers.", operator.dispatcher.backlog)
    gauge(
        "pressroom_oldest_wait_seconds",
        "Seconds since the oldest job with shards to hand out was accepted; 0 without one.",
        lambda: oldest_wait(operator.active, now()),
    )
    gauge(
        "pressroom_active_jobs",
        "Jobs with a plan and no last word.",
        lambda: sum(1 for _ in operator.active),
    )
    gauge(
        "pressroom_shards_in_flight",
        "Shards that were handed out and have no ledger yet.",
        lambda: sum(len(one.progress.queued) for one in operator.active),
    )
    gauge("pressroom_workers", "Live workers.", lambda: len(operator.workers.slots()))
    gauge("pressroom_worker_slots", "Slots of live workers.", lambda: sum(operator.workers.slots()))
    gauge(
        "pressroom_workers_needed",
        "Workers that the backlog can use, within the limits of autoscaling.",
        operator.autoscaler.needed,
    )
    return registry


def oldest_wait(jobs: Iterable[ActiveJob], at: datetime) -> float:
    """Seconds at ``at`` since the oldest job with undispatched shards was accepted, held ones not.

    The clock of a large job runs until its last shard is handed out, also while it is rendered.
    """
    since = min((_accepted(one) for one in jobs if _waits(one)), default=at)
    return max(0.0, (at - since).total_seconds())


def _waits(one: ActiveJob) -> bool:
    return bool(one.progress.pending) and not one.held


def _accepted(one: ActiveJob) -> datetime:
    found = find(one.job.status.conditions, ConditionType.ACCEPTED)
    return found.last_transition_time if found else one.job.metadata.creation_timestamp
