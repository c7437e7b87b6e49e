"""How many jobs a tenant has made in the last minute, for those that no gateway let in.

A gateway admits before it creates. What kubectl creates is there already: it is counted here, by
creation times, so that it does not matter when the operator comes to look at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pressroom.errors import Code, UserError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType
from pressroom.model.tenant import TenantSpec
from pressroom.names import job_id
from pressroom_operator.reconcile import is_true

_MINUTE = timedelta(minutes=1)
#: Jobs that are gone are remembered so long, so that deleting them makes no room.
_REMEMBERED = timedelta(minutes=5)


class Rate:
    """Accepted jobs by tenant, each with its creation time."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], dict[str, datetime]] = {}

    def renew(self, jobs: Iterable[BatchJob]) -> None:
        """Learn from a list of all jobs; forget what is old and no longer in it."""
        old = now() - _REMEMBERED
        for account, made in list(self._made.items()):
            self._made[account] = {uid: at for uid, at in made.items() if at >= old}
        for job in jobs:
            if is_true(job, ConditionType.ACCEPTED):
                self.note(job)

    def note(self, job: BatchJob) -> None:
        """The job is accepted."""
        self._made.setdefault(_account(job), {})[job.uid] = job.metadata.creation_timestamp

    def check(self, job: BatchJob, tenant: TenantSpec) -> None:
        """UserError for a job of kubectl's that is one too many for its minute."""
        most = tenant.limits.new_jobs_per_minute if tenant.limits else None
        if most is None or job_id(job.metadata.name) is not None:
            return
        to = job.metadata.creation_timestamp
        others = self._made.get(_account(job), {}).items()
        if sum(to - _MINUTE < at <= to for uid, at in others if uid != job.uid) >= most:
            raise UserError(
                Code.LIMIT_EXCEEDED,
                f"The tenant {job.tenant} may make {most} jobs a minute; create it again later.",
            )


def _account(job: BatchJob) -> tuple[str, str]:
    return job.metadata.namespace, job.tenant
