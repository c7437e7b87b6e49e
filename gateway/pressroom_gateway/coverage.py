"""Credits, as far as a client must hear of them at once. The operator keeps the accounts.

What plainly is not covered is refused before anything is stored. Then the operator, who alone
reserves, is waited for a moment, so that its refusal is the answer too.
"""

from __future__ import annotations

import asyncio

from pressroom.errors import Code, ConflictError, NotFoundError, UserError
from pressroom.model.batchjob import BatchJobSpec, Dialect, OutputKind, job_of
from pressroom.model.conditions import ConditionType, Reason, find
from pressroom.ports import BATCH_JOBS, Json
from pressroom.pricing import price
from pressroom_gateway.limits import Tenant, tenant_of
from pressroom_gateway.services import Services

#: How long a job of a metered tenant is waited for; what is not known by then is a 202.
WAIT_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_STATUSES = {
    Code.INSUFFICIENT_CREDITS: 402,
    Code.PAGE_QUOTA_EXCEEDED: 429,
    Code.LIMIT_EXCEEDED: 429,
    Code.FEATURE_NOT_ALLOWED: 403,
}


def refuse_uncovered(services: Services, spec: BatchJobSpec) -> None:
    """402 where the tenant's credits, as last seen, do not cover the whole job."""
    left = _tenant(services, spec.tenant).credits_left
    if left is None:
        return
    rows = spec.manifest.rows if spec.manifest is not None else len(spec.rows or ())
    needed = price(
        spec.dialect or Dialect.NATIVE, rows, merged=OutputKind.MERGED in spec.outputs_or_default()
    )
    if needed > left:
        text = f"This needs {needed} credits, and {max(0, left)} are left. Nothing was started."
        raise UserError(Code.INSUFFICIENT_CREDITS, text, status=402)


async def accepted(services: Services, body: Json) -> Json:
    """The job once it is known whether it was accepted; a rejected one is taken back and raised."""
    if _tenant(services, body["spec"].get("tenant")).credits_left is None:
        return body
    name = body["metadata"]["name"]
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                found = services.batches.cached(name) or body
                job = job_of(found)
                if find(job.status.conditions, ConditionType.ACCEPTED) is not None:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        return body
    if job.status.reason() is not Reason.REJECTED:
        return found
    await _take_back(services, found)
    condition = find(job.status.conditions, ConditionType.ACCEPTED)
    code = _code_of(condition.reason if condition else "")
    message = condition.message if condition else "The job was rejected."
    raise UserError(code, message, status=_STATUSES.get(code, 422))


async def _take_back(services: Services, body: Json) -> None:
    """Delete a rejected job: its client was told, and may use the same idempotency key again."""
    meta = body["metadata"]
    try:
        await services.jobs.delete(BATCH_JOBS, services.namespace, meta["name"], uid=meta["uid"])
    except (NotFoundError, ConflictError):
        return
    services.batches.forget(body)


def _code_of(reason: str) -> Code:
    """The code behind a condition's CamelCase reason."""
    word = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in reason)
    try:
        return Code(word.removeprefix("_"))
    except ValueError:
        return Code.INVALID_REQUEST


def _tenant(services: Services, name: str | None) -> Tenant:
    known = name or "default"
    return tenant_of(known, services.tenants.get(services.namespace, known))
