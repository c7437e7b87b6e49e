"""The gateway's own metrics."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


@dataclass(frozen=True)
class Metrics:
    """Counters and histograms on one registry."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    alone: Gauge


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
        Gauge(
            "pressroom_gateway_rate_limits_alone",
            "1 while NATS is away and this replica counts requests for itself.",
            registry=registry,
        ),
    )
