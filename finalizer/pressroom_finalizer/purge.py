"""Deletes what a job has in the object store, and its upload. Never anything else.

What the job used is written down before, where no finalizing has done so.
"""

from __future__ import annotations

import re

import orjson
from pydantic import ValidationError

from pressroom import names, usage
from pressroom.errors import NotFoundError
from pressroom.model.batchjob import Dialect
from pressroom.model.ledger import Task
from pressroom.model.plan import Plan
from pressroom.ports import Store

_BATCH = 500
_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
_TENANT = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


async def purge(store: Store, task: Task) -> None:
    """Abort the job's uploads, then delete below its prefix until the listing is empty.

    The task's upload goes too, if it lies among its tenant's uploads. ValueError for a UID that is
    none: an empty one would name every job's data.
    """
    if not _UID.fullmatch(task.uid):
        raise ValueError(f"not a UID: {task.uid!r}")
    prefix = names.job_prefix(task.uid)
    await _leave_usage(store, task)
    await store.abort_uploads(prefix)
    while await _delete_listed(store, prefix):
        pass
    if task.upload is not None and _is_upload_of(task.tenant, task.upload):
        await store.delete([task.upload])


async def _leave_usage(store: Store, task: Task) -> None:
    """A usage record of the rows that were settled, before their ledgers go.

    Where the plan is gone, an earlier attempt at this purge has been here already.
    """
    if await store.stat(names.artifacts_key(task.uid)) is not None:
        return  # finalized, so it has one
    try:
        plan = Plan.model_validate(orjson.loads(await store.get(names.plan_key(task.uid))))
    except NotFoundError:
        return
    except (orjson.JSONDecodeError, ValidationError):
        subject = usage.Subject(task.uid, task.tenant, task.name, Dialect.NATIVE)
    else:
        subject = usage.Subject.of_plan(plan)
    if _TENANT.fullmatch(subject.tenant):
        await usage.leave(store, subject)


async def _delete_listed(store: Store, prefix: str) -> bool:
    """Delete what one listing shows. False where it shows nothing."""
    keys: list[str] = []
    found = False
    async for info in store.list(prefix):
        found = True
        keys.append(info.key)
        if len(keys) == _BATCH:
            await store.delete(keys)
            keys.clear()
    if keys:
        await store.delete(keys)
    return found


def _is_upload_of(tenant: str, key: str) -> bool:
    prefix = names.upload_prefix(tenant)
    name = key.removeprefix(prefix)
    return bool(_TENANT.fullmatch(tenant) and key.startswith(prefix) and name and "/" not in name)
