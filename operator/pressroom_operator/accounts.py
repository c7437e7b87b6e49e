"""The accounts of tenants: the operator reserves and settles credits in Tenant status, alone.

Each write is a compare-and-swap on the resource's version. Bookings of one tenant that come while
another is being written are written together, so many jobs at once cost few writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from pressroom import accounts, usage
from pressroom.accounts import Order
from pressroom.errors import (
    Code,
    ConflictError,
    NotFoundError,
    PressroomError,
    UnavailableError,
    UserError,
)
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob
from pressroom.model.conditions import Condition, Status, find, put
from pressroom.model.ledger import UsageRecord
from pressroom.model.rows import brief
from pressroom.model.tenant import TenantSpec, TenantStatus
from pressroom.names import job_prefix
from pressroom.ports import TENANTS, Jobs, Json, Store

log = logging.getLogger(__name__)

READY = "Ready"
#: Writes lost to others in a row before the caller has to come again.
_TRIES = 8


@dataclass(frozen=True)
class Account:
    """A Tenant as it was read. ``spec`` is None where it is not one that we can read: ``fault``."""

    spec: TenantSpec | None
    status: TenantStatus
    generation: int
    fault: str = ""

    @classmethod
    def of(cls, body: Json) -> Account:
        """From the API's JSON."""
        status = TenantStatus.model_validate(body.get("status") or {})
        generation = body["metadata"].get("generation", 1)
        try:
            return cls(TenantSpec.model_validate(body.get("spec") or {}), status, generation)
        except ValidationError as error:
            return cls(None, status, generation, brief(error))


#: A booking: the status that it makes, the same one if it has nothing to do, or a UserError.
Change = Callable[[Account], TenantStatus]


class Accounts:
    """All tenants' accounts. Every method may be repeated at will: a job is booked by its UID."""

    def __init__(self, jobs: Jobs, store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self._desks: dict[tuple[str, str], _Desk] = {}
        self._orphans: frozenset[tuple[str, str]] = frozenset()

    async def reserve(self, job: BatchJob, rows: int) -> None:
        """Reserve what a job of so many rows may come to cost.

        UserError where its tenant may not have it now; nothing is reserved then.
        """
        order, at = Order.of(job, rows), now()

        def change(account: Account) -> TenantStatus:
            if account.spec is None:
                raise UnavailableError(f"Tenant {order.tenant} cannot be read: {account.fault}")
            return accounts.reserve(account.spec, account.status, order, at)

        try:
            await self._desk(job.metadata.namespace, job.tenant).apply(change)
        except NotFoundError as error:
            text = f"There is no Tenant {job.tenant}; create it first."
            raise UserError(Code.TENANT_NOT_FOUND, text, path="spec.tenant") from error

    async def settle(self, job: BatchJob, *, merged: bool = False) -> None:
        """Turn the job's reservation into what it used, by its record or its shard ledgers.

        ``merged``: it left a merged PDF. To be called before the job's end is shown.
        """
        record = await usage.leave(self._store, usage.Subject.of_job(job), merged=merged)
        await self._settle(job.metadata.namespace, job.tenant, job.uid, record)

    async def look_over(self, tenants: Iterable[Json], present: Iterable[str]) -> None:
        """Say of each Tenant whether it can be read; settle what jobs that are gone have left.

        ``present``: the UIDs of a list of all BatchJobs that was made after that of the tenants.
        A reservation without a job is settled at the second look, once nothing of the job is left
        in the store: by then whatever purged it has written its usage record.
        """
        uids = frozenset(present)
        gone: set[tuple[str, str]] = set()
        for body in tenants:
            namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
            account = Account.of(body)
            orphans = {(name, uid) for uid in account.status.reserved.keys() - uids}
            gone |= orphans
            try:
                await self._say_ready(namespace, name, account)
                for _, uid in orphans & self._orphans:
                    await self._settle_orphan(namespace, name, uid)
            except PressroomError as error:
                log.warning("Not looked over", extra={"tenant": name, "error": error.log})
        self._orphans = frozenset(gone)

    async def _settle_orphan(self, namespace: str, name: str, uid: str) -> None:
        record = await usage.read(self._store, name, uid)
        if record is None and await self._has_data(uid):
            return
        log.warning("Settling for a job that is gone", extra={"uid": uid, "tenant": name})
        await self._settle(namespace, name, uid, record)

    async def _has_data(self, uid: str) -> bool:
        async for _ in self._store.list(job_prefix(uid)):
            return True
        return False

    async def _settle(
        self, namespace: str, name: str, uid: str, record: UsageRecord | None
    ) -> None:
        def change(account: Account) -> TenantStatus:
            return accounts.settle(account.status, uid, record)

        try:
            await self._desk(namespace, name).apply(change)
        except NotFoundError:
            log.warning("No Tenant to settle with", extra={"uid": uid, "tenant": name})

    async def _say_ready(self, namespace: str, name: str, account: Account) -> None:
        if _ready(account) == account.status:
            return
        try:
            await self._desk(namespace, name).apply(_ready)
        except NotFoundError:
            log.debug("A Tenant is gone", extra={"tenant": name})

    def _desk(self, namespace: str, name: str) -> _Desk:
        return self._desks.setdefault((namespace, name), _Desk(self._jobs, namespace, name))


@dataclass(frozen=True)
class _Booking:
    """A change that waits to be written."""

    change: Change
    done: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def finish(self, error: PressroomError | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class _Desk:
    """One tenant's account. Whoever gets the lock writes for all who wait."""

    def __init__(self, jobs: Jobs, namespace: str, name: str) -> None:
        self._jobs = jobs
        self._place = namespace, name
        self._lock = asyncio.Lock()
        self._waiting: list[_Booking] = []
        self._known: Json | None = None

    async def apply(self, change: Change) -> None:
        """Return once the change is in the resource, or was found to be there already.

        Raises what the change raises, NotFoundError without such a Tenant, ConflictError or
        UnavailableError where it should be tried again.
        """
        booking = _Booking(change)
        self._waiting.append(booking)
        try:
            async with self._lock:
                if not booking.done.done():
                    await self._write_waiting()
        except BaseException:
            if not booking.done.cancel():
                booking.done.exception()  # it is being raised, or its caller is gone
            raise
        await booking.done

    async def _write_waiting(self) -> None:
        bookings = [one for one in self._waiting if not one.done.done()]
        self._waiting = []
        failure: PressroomError = UnavailableError("The writing of a Tenant was broken off")
        try:
            errors = await self._commit([one.change for one in bookings])
        except PressroomError as error:
            failure = error
        else:
            for booking, outcome in zip(bookings, errors, strict=True):
                booking.finish(outcome)
        finally:
            for booking in bookings:
                booking.finish(failure)

    async def _commit(self, changes: list[Change]) -> list[PressroomError | None]:
        """Write all changes at once; for each, why it was refused, if it was."""
        for _ in range(_TRIES):
            body, fresh = self._known, self._known is None
            # What is known is used up: only a write that succeeded says what is known after it.
            self._known = None
            if body is None:
                body = await self._jobs.get(TENANTS, *self._place)
            old = Account.of(body)
            new, errors, idle = _applied(old, changes)
            if idle and not fresh:
                continue  # "no" and "nothing to do" are said of nothing but the latest
            if new == old.status:
                self._known = body
                return errors
            try:
                self._known = await self._jobs.patch(
                    TENANTS, *self._place, _patch(body, old, new), subresource="status"
                )
            except ConflictError:
                continue
            return errors
        raise ConflictError(f"Tenant {self._place[1]} changes faster than it can be written")


def _applied(
    account: Account, changes: list[Change]
) -> tuple[TenantStatus, list[PressroomError | None], bool]:
    """The status after all changes, why each was refused, and whether any made no difference."""
    errors: list[PressroomError | None] = []
    idle = False
    status = account.status
    for change in changes:
        error: PressroomError | None = None
        changed = status
        try:
            changed = change(Account(account.spec, status, account.generation, account.fault))
        except PressroomError as refusal:
            error = refusal
        idle = idle or changed == status
        status = changed
        errors.append(error)
    return status, errors, idle


def _patch(body: Json, old: Account, new: TenantStatus) -> Json:
    """A merge patch of what differs, conditional on the version that was read."""
    before, after = old.status.wire(), new.wire()
    reserved: dict[str, int | None] = dict.fromkeys(
        old.status.reserved.keys() - new.reserved.keys()
    )
    for uid, credit in new.reserved.items():
        if old.status.reserved.get(uid) != credit:
            reserved[uid] = credit
    status: dict[str, Any] = {
        name: value
        for name, value in after.items()
        if name != "reserved" and before.get(name) != value
    }
    return {
        "metadata": {"resourceVersion": body["metadata"]["resourceVersion"]},
        "status": {**status, "reserved": reserved, "observedGeneration": old.generation},
    }


def _ready(account: Account) -> TenantStatus:
    """The status with the condition Ready as it should be; the same where it is."""
    conditions = account.status.conditions
    status, reason, message = Status.TRUE, "Ready", "The spec is in force."
    if account.spec is None:
        status, reason, message = Status.FALSE, "InvalidSpec", account.fault
    is_now = find(conditions, READY)
    if (
        is_now is not None
        and (is_now.status, is_now.message) == (status, message)
        and is_now.observed_generation == account.generation
    ):
        return account.status
    new = Condition(
        type=READY,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=now(),
        observed_generation=account.generation,
    )
    return account.status.evolve(conditions=put(conditions, new))
