"""The jobs that are being worked on, as the operator remembers them. Memory only.

All of it can be built anew from the resources and the store; a restart does so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pressroom.model.batchjob import BatchJob
from pressroom.names import LABEL_LANE, LANE_BULK, LANE_FAST
from pressroom_operator.progress import Progress
from pressroom_operator.schedule import Candidate

Key = tuple[str, str]


@dataclass
class ActiveJob:
    """A job that has a plan and no last word yet.

    ``held`` keeps the dispatcher off. ``stopped``: the stop object may lie in the store, and must
    go before the job can go on. ``silenced``: workers and queue have been told to stop.
    ``broken``: why the job cannot go on at all.
    """

    key: Key
    job: BatchJob
    progress: Progress
    held: bool = False
    stopped: bool = False
    silenced: bool = False
    broken: str | None = None

    @property
    def lane(self) -> str:
        """Where its shards are queued."""
        return LANE_FAST if self.job.metadata.labels.get(LABEL_LANE) == LANE_FAST else LANE_BULK

    def candidate(self) -> Candidate:
        """As the schedule sees it."""
        spec = self.job.spec
        return Candidate(
            uid=self.job.uid,
            tenant=self.job.tenant,
            lane=self.lane,
            priority=5 if spec.priority is None else spec.priority,
            created=self.job.metadata.creation_timestamp,
            parallelism=spec.parallelism,
            progress=self.progress,
        )


class ActiveJobs:
    """By UID, and by namespace and name."""

    def __init__(self) -> None:
        self._by_uid: dict[str, ActiveJob] = {}

    def __iter__(self) -> Iterator[ActiveJob]:
        return iter(list(self._by_uid.values()))

    def get(self, uid: str) -> ActiveJob | None:
        """The job of this UID, if it is being worked on."""
        return self._by_uid.get(uid)

    def add(self, active: ActiveJob) -> None:
        """Remember a job."""
        self._by_uid[active.job.uid] = active

    def drop(self, uid: str) -> None:
        """It has its last word, or is gone."""
        self._by_uid.pop(uid, None)

    def of_tenant(self, namespace: str, tenant: str) -> int:
        """How many active jobs a tenant has."""
        return sum(
            one.job.tenant == tenant and one.job.metadata.namespace == namespace for one in self
        )
