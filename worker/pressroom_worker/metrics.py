"""The worker's metrics, on a registry that main made. No metric is registered anywhere else."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pressroom.model.checks import Check
from pressroom.model.ledger import RowOutcome, RowState

_ROW_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class WorkerMetrics:
    """What a worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter(
            "pressroom_worker_rows",
            "Rows in shard ledgers that this worker wrote, by state and error code.",
            ["state", "code"],
            registry=registry,
        )
        self._findings = Counter(
            "pressroom_worker_findings",
            "Rows in which a check of the quality gate found something, by check.",
            ["check"],
            registry=registry,
        )
        for check in Check:
            self._findings.labels(check.value)
        self._seconds = Histogram(
            "pressroom_worker_row_seconds",
            "Time from a row's start to its document, in seconds.",
            buckets=_ROW_SECONDS,
            registry=registry,
        )
        self._shards = Counter(
            "pressroom_worker_shards",
            "Shards that this worker took, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self.crashes = Counter(
            "pressroom_worker_browser_crashes",
            "Times that a browser or a tab died while it rendered a shard.",
            registry=registry,
        )
        self._starts = Counter(
            "pressroom_worker_browser_starts",
            "Starts of browsers, by outcome (started, failed); worn out ones are replaced too.",
            ["outcome"],
            registry=registry,
        )
        # A series that first appears with its first event hides that event from rate().
        self._rows.labels(RowState.SUCCEEDED.value, "")
        for outcome in ("started", "failed"):
            self._starts.labels(outcome)
        self.memory = Gauge(
            "pressroom_worker_browser_memory_bytes",
            "Memory of the shared browsers' processes, without what they share with files.",
            registry=registry,
        )
        self.busy = Gauge(
            "pressroom_worker_busy_slots", "Slots that render a shard now.", registry=registry
        )

    def row(self, outcome: RowOutcome) -> None:
        """Count a row of a ledger that this worker wrote."""
        code = outcome.error.code.value if outcome.error else ""
        self._rows.labels(outcome.state.value, code).inc()
        self._seconds.observe(outcome.millis / 1000)
        for check in {finding.check for finding in outcome.findings}:
            self._findings.labels(check.value).inc()

    def browser_start(self, *, worked: bool) -> None:
        """Count a browser's start."""
        self._starts.labels("started" if worked else "failed").inc()

    def shard(self, outcome: str) -> None:
        """Count a shard."""
        self._shards.labels(outcome).inc()
