"""Which shard goes next: weighted deficit round robin over tenants, then priority, then age. Pure.

A shard costs its rows. A tenant that has nothing to send keeps no credit (Shreedhar and Varghese,
"Efficient fair queueing using deficit round robin", 1995).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pressroom.model.tenant import DEFAULT_WEIGHT
from pressroom_operator.progress import Progress

#: Rows of credit per round and unit of weight; one full shard at the default weight.
_QUANTUM = 40 / DEFAULT_WEIGHT


@dataclass(frozen=True)
class Candidate:
    """A job that may have shards to send."""

    uid: str
    tenant: str
    lane: str
    priority: int
    created: datetime
    parallelism: int | None
    progress: Progress

    def ready(self) -> bool:
        """It has a shard that may go now."""
        if not self.progress.pending:
            return False
        return self.parallelism is None or len(self.progress.queued) < self.parallelism

    def rows_queued(self) -> int:
        """Rows of its shards in the queue."""
        shards = self.progress.plan.shards
        return sum(shards[number].rows for number in self.progress.queued)

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Within a tenant: urgent first, then old first."""
        return (-self.priority, self.created, self.uid)


@dataclass(frozen=True)
class Share:
    """A tenant's part in the farm."""

    weight: int = DEFAULT_WEIGHT
    rows_in_flight: int | None = None


@dataclass
class Schedule:
    """The round robin's memory: whose turn it is and how much credit each tenant has left."""

    _turns: deque[str] = field(default_factory=deque)
    _credit: dict[str, float] = field(default_factory=dict)

    def pick(
        self, candidates: Iterable[Candidate], shares: dict[str, Share]
    ) -> tuple[Candidate, int] | None:
        """The job and the shard to send next; None if no job has one that may go."""
        by_tenant = self._ready_by_tenant(candidates, shares)
        self._enlist(by_tenant)
        while self._turns:
            tenant = self._turns[0]
            best = min(by_tenant[tenant], key=lambda one: one.order)
            shard = min(best.progress.pending)
            cost = best.progress.plan.shards[shard].rows
            if self._credit[tenant] >= cost:
                self._credit[tenant] -= cost
                return best, shard
            self._credit[tenant] += _QUANTUM * shares.get(tenant, Share()).weight
            self._turns.rotate(-1)
        return None

    def _enlist(self, by_tenant: dict[str, list[Candidate]]) -> None:
        self._turns = deque(tenant for tenant in self._turns if tenant in by_tenant)
        self._turns.extend(sorted(by_tenant.keys() - set(self._turns)))
        self._credit = {tenant: self._credit.get(tenant, 0.0) for tenant in self._turns}

    def _ready_by_tenant(
        self, candidates: Iterable[Candidate], shares: dict[str, Share]
    ) -> dict[str, list[Candidate]]:
        ready: dict[str, list[Candidate]] = {}
        rows: dict[str, int] = {}
        for one in candidates:
            rows[one.tenant] = rows.get(one.tenant, 0) + one.rows_queued()
            if one.ready():
                ready.setdefault(one.tenant, []).append(one)
        for tenant in list(ready):
            most = shares.get(tenant, Share()).rows_in_flight
            if most is not None and rows[tenant] >= most:
                del ready[tenant]
        return ready
