"""Creating a BatchJob: the commit point of every batch, and what makes a repeat harmless."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from pressroom import names
from pressroom.errors import Code, ConflictError, NotFoundError, PressroomError, UserError
from pressroom.model.batchjob import BatchJobSpec, Dialect, SecretRef
from pressroom.ports import BATCH_JOBS, SECRETS, Json
from pressroom_gateway import coverage, uploads
from pressroom_gateway.services import Services

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """A BatchJob about to be created.

    ``sha256`` is the fingerprint of the request, ``secret`` the text that signs its webhook, and
    ``labels`` are the client's own.
    """

    name: str
    spec: BatchJobSpec
    sha256: str
    secret: str | None = None
    labels: Mapping[str, str] | None = None
    lane: str = names.LANE_BULK
    #: The key that asked for it.
    key: str | None = None
    #: An earlier job of this name is the answer, whatever this request says.
    any_request: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)


def name_for(
    services: Services, tenant: str, key: str | None, dialect: Dialect = Dialect.NATIVE
) -> str:
    """The name of the job to create: fixed by an idempotency key, else random."""
    if key is None:
        return names.job_name(names.random_job_id())
    return names.job_name(names.keyed_job_id(services.namespace, tenant, dialect, key))


async def place(services: Services, order: Order) -> tuple[Json, bool]:
    """Create the job; its JSON, and whether an earlier request of the same kind had made it.

    UserError 422 ``idempotency_key_reused`` or 409 ``previous_job_is_being_deleted`` where the
    name is taken, 402 ``insufficient_credits``. Wherever the job is not made, its upload and its
    Secret go.
    """
    secret: str | None = None
    try:
        coverage.refuse_uncovered(services, order.spec)
        if order.secret is not None:
            secret = await _create_secret(services, order.name, order.secret)
        body = await services.jobs.create(BATCH_JOBS, services.namespace, _resource(order, secret))
    except ConflictError:
        await _undo(services, order, secret)
        return await _earlier(services, order), True
    except UserError:
        await _undo(services, order, secret)
        raise
    # Any other error leaves open whether the job was made, so its upload stays: unused ones are
    # swept after a day.
    services.batches.put(body)
    services.metrics.intake(order.spec)
    log.info("batch created", extra={"action": "batch_created", "batch": order.name})
    if secret is not None:
        await _adopt(services, secret, body)
    return await coverage.accepted(services, body), False


def _resource(order: Order, secret: str | None) -> Json:
    spec = order.spec
    if secret is not None and spec.webhook is not None:
        spec = spec.evolve(webhook=spec.webhook.evolve(secret_ref=SecretRef(name=secret)))
    moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    annotations = {
        names.ANNOTATION_REQUEST_SHA256: order.sha256,
        names.ANNOTATION_SUBMITTED_AT: moment,
        **order.annotations,
    }
    if order.labels:
        annotations[names.ANNOTATION_ROW_LABELS] = orjson.dumps(dict(order.labels)).decode()
    labels = {names.LABEL_TENANT: spec.tenant or names.DEFAULT_TENANT}
    if order.key is not None:
        labels[names.LABEL_KEY] = order.key
    if order.lane != names.LANE_BULK:
        labels[names.LABEL_LANE] = order.lane
    return {
        "apiVersion": BATCH_JOBS.api_version,
        "kind": BATCH_JOBS.kind,
        "metadata": {
            "name": order.name,
            "finalizers": [names.PURGE_FINALIZER],
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec.wire(),
    }


async def _earlier(services: Services, order: Order) -> Json:
    try:
        body = await services.jobs.get(BATCH_JOBS, services.namespace, order.name)
    except NotFoundError:
        raise _being_deleted() from None
    if services.batches.is_going(body):
        raise _being_deleted()
    annotations = body["metadata"].get("annotations") or {}
    same = annotations.get(names.ANNOTATION_REQUEST_SHA256) == order.sha256
    if not same and not order.any_request:
        raise UserError(
            Code.IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key came with another request before. Use a new key.",
            status=422,
        )
    services.batches.put(body)
    return body


def _being_deleted() -> UserError:
    return UserError(
        Code.PREVIOUS_JOB_IS_BEING_DELETED,
        "The batch that this Idempotency-Key made is being deleted. Try again, or use a new key.",
        status=409,
        retry_after=5,
    )


async def _undo(services: Services, order: Order, secret: str | None) -> None:
    if order.spec.manifest is not None:
        await uploads.drop(services.store, order.spec.manifest)
    if secret is None:
        return
    try:
        await services.jobs.delete(SECRETS, services.namespace, secret)
    except NotFoundError:
        return
    except PressroomError as error:  # unowned Secrets are swept
        log.warning(error.log, extra={"action": "secret_left", "secret": secret})


# --- the webhook's secret ------------------------------------------------------------------------
async def _create_secret(services: Services, job: str, text: str) -> str:
    name = f"{job}-{secrets.token_hex(4)}"
    resource = {
        "apiVersion": "v1",
        "kind": SECRETS.kind,
        "metadata": {"name": name, "labels": {names.LABEL_WEBHOOK: "true"}},
        "type": "Opaque",
        "stringData": {"secret": text},
    }
    await services.jobs.create(SECRETS, services.namespace, resource)
    return name


async def _adopt(services: Services, secret: str, job: Json) -> None:
    owner = {
        "apiVersion": BATCH_JOBS.api_version,
        "kind": BATCH_JOBS.kind,
        "name": job["metadata"]["name"],
        "uid": job["metadata"]["uid"],
    }
    patch = {"metadata": {"ownerReferences": [owner]}}
    try:
        await services.jobs.patch(SECRETS, services.namespace, secret, patch)
    except PressroomError as error:  # the batch stands; the sweep finds the owner by its spec
        log.warning(error.log, extra={"action": "secret_unowned", "secret": secret})
