"""What the operator counts as it goes. The gauges, which look at it from outside, are in metrics.

The counters belong to no registry until ``register``: an operator in a test needs none.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from pressroom.errors import PressroomError
from pressroom.model.conditions import TERMINAL, Reason

#: ``Expired`` comes after an end and is none.
ENDS = TERMINAL - {Reason.EXPIRED}
CAUSES = ("dependency", "fault")


class Counts:
    """Ends of jobs, and reconciliations that failed."""

    def __init__(self) -> None:
        self._finished = Counter(
            "pressroom_operator_jobs_finished",
            "Jobs that ended, by the reason of their condition Succeeded.",
            ["reason"],
            registry=None,
        )
        self._failures = Counter(
            "pressroom_operator_reconcile_failures",
            "Looks at a job that failed and are repeated, by cause: "
            "dependency (one was away or answered oddly), fault (an error of the operator's own).",
            ["cause"],
            registry=None,
        )
        # A series that first appears with its first event hides that event from rate().
        for reason in ENDS:
            self._finished.labels(reason.value)
        for cause in CAUSES:
            self._failures.labels(cause)

    def register(self, registry: CollectorRegistry) -> None:
        """Show the counters on ``registry``."""
        registry.register(self._finished)
        registry.register(self._failures)

    def wrote(self, before: Reason, after: Reason) -> None:
        """A status was written: count the job's end, if this was it."""
        if after in ENDS and before not in TERMINAL:
            self._finished.labels(after.value).inc()

    def failed(self, error: Exception) -> None:
        """A reconciliation raised ``error``."""
        cause = "dependency" if isinstance(error, PressroomError) else "fault"
        self._failures.labels(cause).inc()
