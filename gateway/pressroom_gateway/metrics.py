"""The gateway's own metrics."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import hdrs
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pressroom.model.batchjob import BatchJobSpec, Dialect


@dataclass(frozen=True)
class Metrics:
    """Counters and histograms on one registry. No label holds what a client made up."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    batches: Counter
    intake_rows: Counter
    intake_bytes: Counter
    alone: Gauge

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; ``route`` is its pattern, empty where none matched."""
        method = method if method in hdrs.METH_ALL else "other"
        route = route or "unknown"
        self.requests.labels(method, route, status).inc()
        self.seconds.labels(method, route).observe(seconds)

    def intake(self, spec: BatchJobSpec) -> None:
        """Count a batch that was created, and the rows that it brought."""
        dialect = (spec.dialect or Dialect.NATIVE).value
        self.batches.labels(dialect).inc()
        if spec.manifest is not None:
            self.intake_rows.labels(dialect).inc(spec.manifest.rows)
            self.intake_bytes.labels(dialect).inc(spec.manifest.bytes)
        else:
            self.intake_rows.labels(dialect).inc(len(spec.rows or ()))


def make_metrics(registry: CollectorRegistry) -> Metrics:
    """Register the gateway's metrics."""
    return Metrics(
        registry,
        Counter(
            "pressroom_gateway_requests",
            "Requests, by route and status.",
            ("method", "route", "status"),
            registry=registry,
        ),
        Histogram(
            "pressroom_gateway_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("method", "route"),
            registry=registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30, 100),
        ),
        Counter(
            "pressroom_gateway_batches",
            "Batches created, by the API that they came by; single documents too.",
            ("dialect",),
            registry=registry,
        ),
        Counter(
            "pressroom_gateway_intake_rows",
            "Rows of the batches created.",
            ("dialect",),
            registry=registry,
        ),
        Counter(
            "pressroom_gateway_intake_bytes",
            "Bytes of the row files stored for the batches created.",
            ("dialect",),
            registry=registry,
        ),
        Gauge(
            "pressroom_gateway_rate_limits_alone",
            "1 while NATS is away and this replica counts requests for itself.",
            registry=registry,
        ),
    )
