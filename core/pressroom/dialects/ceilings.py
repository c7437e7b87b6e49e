"""The ceilings that an API documents for itself. Pure: data only; the gateway enforces them.

Each holds for the requests of its own dialect, beside the tenant's limits: the lower one counts.
Polling, downloads and retries that make no new job cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ceilings:
    """How much of each an API admits; None where it names no ceiling."""

    #: Jobs that a tenant may create in a minute.
    new_jobs_per_minute: int | None = None
    #: Create requests that one key may send in a minute, whatever becomes of them.
    requests_per_minute: int | None = None
    #: Jobs of a tenant that may be active at once.
    active_jobs: int | None = None
    #: Jobs made by one key that may be active at once.
    active_jobs_per_key: int | None = None
    #: Rows of one job.
    rows: int | None = None
