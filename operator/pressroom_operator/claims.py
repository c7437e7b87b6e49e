"""Which job an upload belongs to: one only, so that no purge takes the rows of another. Pure.

Built anew from the resources at the start and at every resync; accepted jobs come first.
"""

from __future__ import annotations

from collections.abc import Iterable

from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import ConditionType
from pressroom.names import upload_prefix
from pressroom_operator.reconcile import is_true


class Claims:
    """Uploads by key, each with the UID of its job."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def renew(self, jobs: Iterable[BatchJob]) -> None:
        """Forget all and claim anew, accepted jobs first, then the oldest."""
        self._owners.clear()
        for job in sorted(
            jobs,
            key=lambda job: (
                not is_true(job, ConditionType.ACCEPTED),
                job.metadata.creation_timestamp,
                job.uid,
            ),
        ):
            self.claim(job)

    def claim(self, job: BatchJob) -> bool:
        """Whether the job's upload, if it has one, is its own; it is from now on if it was free."""
        upload = upload_of(job)
        return upload is None or self._owners.setdefault(upload, job.uid) == job.uid

    def own(self, job: BatchJob) -> str | None:
        """The job's upload, if it is its own."""
        upload = upload_of(job)
        return upload if upload is not None and self.claim(job) else None


def upload_of(job: BatchJob) -> str | None:
    """The job's upload, if it lies where its tenant's uploads lie."""
    manifest = job.spec.manifest
    if manifest is None or not manifest.key.startswith(upload_prefix(job.tenant)):
        return None
    return manifest.key
