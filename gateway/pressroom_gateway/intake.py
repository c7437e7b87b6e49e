"""From a dialect's submission to a BatchJob, and back from a dialect's id to the job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from aiohttp import web

from pressroom import names
from pressroom.dialects import ids
from pressroom.dialects.ceilings import Ceilings
from pressroom.dialects.submission import Submission
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import (
    BatchJob,
    BatchJobSpec,
    Dialect,
    Manifest,
    OutputKind,
    TemplateRef,
    Webhook,
    job_of,
)
from pressroom.model.template import MissingValues
from pressroom_gateway import uploads
from pressroom_gateway.admission import owner_of
from pressroom_gateway.create import Order, place
from pressroom_gateway.limits import Tenant, job_tenant, ttl_within
from pressroom_gateway.route import ROUTE
from pressroom_gateway.services import HEADERS, IDENTITY, SERVICES, TENANT
from pressroom_gateway.view import order_of


@dataclass(frozen=True)
class Submitted:
    """The job, and whether an earlier request had made it."""

    job: BatchJob
    replayed: bool = False


async def submit(
    request: web.Request, submission: Submission, *, lane: str = names.LANE_BULK
) -> Submitted:
    """Store the rows and create the job; with an idempotency key, the job it made before.

    UserError where the tenant's limits or credits do not cover it; nothing is stored then.
    """
    key = submission.idempotency_key
    made = await earlier(request, submission.dialect, key)
    if made is not None:
        return Submitted(made, replayed=True)
    services, tenant = request.app[SERVICES], request[TENANT]
    owner = owner_of(request[IDENTITY], submission.dialect)
    ceilings = request[ROUTE].ceilings or Ceilings()
    name = _name(request, submission.dialect, key)
    async with services.admission.job(name, tenant, owner, ceilings):
        await services.admission.count_job(tenant, owner, request[HEADERS], ceilings)
        manifest = await uploads.upload_lines(services.store, tenant.name, submission.rows)
        order = Order(
            name=name,
            spec=_spec(submission, tenant, manifest),
            sha256="",
            secret=submission.webhook_secret if submission.webhook_url else None,
            lane=lane,
            key=owner.key,
            any_request=True,
            annotations={names.ANNOTATION_ECHO: orjson.dumps(submission.echo).decode()},
        )
        created, replayed = await place(services, order)
    return Submitted(job_of(created), replayed)


def _spec(submission: Submission, tenant: Tenant, manifest: Manifest) -> BatchJobSpec:
    return BatchJobSpec(
        tenant=tenant.name,
        dialect=submission.dialect,
        manifest=manifest,
        template=TemplateRef(name=submission.template) if submission.template else None,
        html=submission.html,
        templates=sorted(submission.templates) or None,
        missing_values=MissingValues.LENIENT,
        page=submission.page,
        outputs=[kind for kind in OutputKind if kind in submission.outputs],
        merge=submission.merge,
        file_name_pattern=submission.file_name_pattern,
        parallelism=submission.parallelism,
        ttl_seconds_after_finished=ttl_within(tenant, submission.ttl_seconds),
        webhook=Webhook(url=submission.webhook_url) if submission.webhook_url else None,
    )


async def earlier(request: web.Request, dialect: Dialect, key: str | None) -> BatchJob | None:
    """The job that this idempotency key of the tenant made before, if it made one."""
    if key is None:
        return None
    found = await request.app[SERVICES].batches.get(_name(request, dialect, key))
    return job_of(found) if found is not None else None


def _name(request: web.Request, dialect: Dialect, key: str | None) -> str:
    if key is None:
        return names.job_name(names.random_job_id())
    namespace, tenant = request.app[SERVICES].namespace, request[TENANT].name
    return names.job_name(names.keyed_job_id(namespace, tenant, dialect, key))


async def job_from(request: web.Request, dialect: Dialect, public_id: str) -> BatchJob:
    """The job of this id, made by this dialect for this tenant. 404 for any other."""
    services, tenant = request.app[SERVICES], request[TENANT]
    name = ids.name_of(dialect, public_id)
    found = await services.batches.get(name) if name is not None else None
    if found is None or not _is_of(found, tenant.name, dialect):
        raise UserError(Code.NOT_FOUND, f"There is no job {public_id!r}.", status=404)
    return job_of(found)


def jobs_of(request: web.Request, dialect: Dialect) -> Iterable[BatchJob]:
    """The tenant's jobs that this dialect made, newest first."""
    services, tenant = request.app[SERVICES], request[TENANT]
    mine = [
        one
        for one in services.batches.items()
        if _is_of(one, tenant.name, dialect) and names.job_id(one["metadata"]["name"]) is not None
    ]
    mine.sort(key=order_of, reverse=True)
    return [job_of(one) for one in mine]


def _is_of(body: dict[str, object], tenant: str, dialect: Dialect) -> bool:
    spec = body["spec"]
    assert isinstance(spec, dict)
    return job_tenant(body) == tenant and spec.get("dialect") == dialect
