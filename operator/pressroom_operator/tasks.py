"""What the operator asks of the finalizer. Pure."""

from __future__ import annotations

from typing import Any

from pressroom.model.batchjob import BatchJob
from pressroom.model.ledger import Task
from pressroom.model.plan import Plan


def finalize_task(job: BatchJob, plan: Plan) -> dict[str, Any]:
    """The payload of a finalize task."""
    return Task(
        uid=job.uid,
        namespace=job.metadata.namespace,
        name=job.metadata.name,
        tenant=job.tenant,
        outputs=sorted(kind.value for kind in job.spec.outputs_or_default()),
        shards=len(plan.shards),
    ).wire()
