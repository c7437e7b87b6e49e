"""Tenants' accounts: nothing is lost, booked twice or promised twice, whoever else is writing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from operator_support import NAMESPACE

from pressroom import accounts, names
from pressroom.accounts import Order
from pressroom.errors import Code, ConflictError, UnavailableError, UserError
from pressroom.model.base import now
from pressroom.model.batchjob import BatchJob, Dialect, job_of
from pressroom.model.conditions import Status, find
from pressroom.model.ledger import UsageRecord
from pressroom.model.tenant import (
    CreditMode,
    Credits,
    MonthUsage,
    TenantLimits,
    TenantSpec,
    TenantStatus,
)
from pressroom.ports import TENANTS, Json, Kind
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_store import MemoryStore
from pressroom_operator.accounts import READY, Accounts

AT = datetime(2026, 11, 24, tzinfo=UTC)


def order(uid: str = "u", price: int = 5, dialect: Dialect = Dialect.NATIVE) -> Order:
    return Order(uid, "acme", dialect, price)


def record(cost: int = 3, ended_at: datetime = AT) -> UsageRecord:
    return UsageRecord(
        uid="u",
        tenant="acme",
        job="j",
        dialect="Native",
        rows=9,
        succeeded=cost,
        failed=2,
        cancelled=1,
        pages=7,
        bytes=70,
        credits=cost,
        ended_at=ended_at,
    )


def metered(granted: int | None) -> TenantSpec:
    return TenantSpec(credits=Credits(mode=CreditMode.METERED, granted=granted))


# --- the bookings --------------------------------------------------------------------------------
def test_reserving_and_settling_twice_books_once() -> None:
    spec = metered(10)
    once = accounts.reserve(spec, TenantStatus(), order(), AT)
    assert accounts.reserve(spec, once, order(), AT) == once
    assert accounts.available(spec, once) == 5
    done = accounts.settle(once, "u", record())
    assert accounts.settle(done, "u", record()) == done
    assert (done.spent, done.reserved, accounts.available(spec, done)) == (3, {}, 7)
    assert done.usage == [MonthUsage(month="2026-11", jobs=1, rows=5, pages=7, credits=3)]


def test_a_job_that_used_nothing_gives_all_back() -> None:
    status = accounts.settle(TenantStatus(reserved={"u": 5, "v": 1}), "u", None)
    assert (status.reserved, status.spent, status.usage) == ({"v": 1}, 0, [])


def test_credits_that_are_not_there_are_not_promised() -> None:
    status = TenantStatus(spent=4, reserved={"v": 3})
    with pytest.raises(UserError, match=r"needs 5 credits; the tenant acme has 3 available") as no:
        accounts.reserve(metered(10), status, order(), AT)
    assert no.value.code is Code.INSUFFICIENT_CREDITS
    assert accounts.available(metered(None), status) == 0
    assert accounts.available(TenantSpec(), status) is None


def test_thirteen_months_are_kept() -> None:
    status = TenantStatus()
    for month in range(15):
        uid, at = f"u{month}", datetime(2026 + month // 12, month % 12 + 1, 28, tzinfo=UTC)
        status = accounts.settle(status.evolve(reserved={uid: 1}), uid, record(1, at))
    assert [one.month for one in status.usage][::12] == ["2026-03", "2027-03"]
    assert len(status.usage) == 13


@pytest.mark.parametrize(
    ("spec", "dialect", "code"),
    [
        (TenantSpec(features=["other"]), Dialect.IMAGINE_PDF, Code.FEATURE_NOT_ALLOWED),
        (TenantSpec(limits=TenantLimits(pages_per_month=7)), None, Code.PAGE_QUOTA_EXCEEDED),
        (TenantSpec(limits=TenantLimits(active_jobs=1)), None, Code.LIMIT_EXCEEDED),
    ],
)
def test_what_a_tenant_may_not_have_is_refused(
    spec: TenantSpec, dialect: Dialect | None, code: Code
) -> None:
    used = [MonthUsage(month="2026-10", pages=99), MonthUsage(month="2026-11", pages=7)]
    status = TenantStatus(reserved={"v": 1}, usage=used)
    with pytest.raises(UserError) as no:
        accounts.reserve(spec, status, order(dialect=dialect or Dialect.NATIVE), AT)
    assert no.value.code is code


def test_last_months_pages_and_other_dialects_features_do_not_count() -> None:
    spec = TenantSpec(limits=TenantLimits(pages_per_month=7), features=["other"])
    status = TenantStatus(usage=[MonthUsage(month="2026-10", pages=99)])
    assert accounts.reserve(spec, status, order(), AT).reserved == {"u": 5}


# --- the writing ---------------------------------------------------------------------------------
class SlowJobs(MemoryJobs):
    """Answers after others had their turn; counts the writes to Tenants, and can lose answers."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.reads = 0
        self.lose_answers = 0
        self.others_are_faster = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        self.reads += kind == TENANTS
        found = await super().get(kind, namespace, name)
        await asyncio.sleep(0)
        return found

    async def patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        await asyncio.sleep(0)
        if self.others_are_faster:
            raise ConflictError("Another was first.")
        made = await super().patch(kind, namespace, name, patch, subresource=subresource)
        if kind == TENANTS and subresource:
            self.writes += 1
            if self.lose_answers:
                self.lose_answers -= 1
                raise UnavailableError("The answer is lost.")
        await asyncio.sleep(0)
        return made


class Bank:
    """A Tenant, and accounts over twins."""

    def __init__(self) -> None:
        self.jobs = SlowJobs()
        self.store = MemoryStore()
        self.accounts = Accounts(self.jobs, self.store)

    async def open(self, **spec: Any) -> Accounts:
        body = {"metadata": {"name": "acme"}, "spec": spec}
        await self.jobs.create(TENANTS, NAMESPACE, body)
        return self.accounts

    async def edit(self, **spec: Any) -> None:
        await self.jobs.patch(TENANTS, NAMESPACE, "acme", {"spec": spec})

    async def status(self) -> TenantStatus:
        body = await self.jobs.get(TENANTS, NAMESPACE, "acme")
        return TenantStatus.model_validate(body.get("status") or {})


def job(number: int = 0) -> BatchJob:
    metadata = {
        "name": f"job-{number}",
        "namespace": NAMESPACE,
        "uid": f"uid-{number}",
        "resourceVersion": "1",
        "creationTimestamp": "2026-11-24T00:00:00Z",
    }
    spec = {"tenant": "acme", "html": "", "rows": [{}]}
    return job_of({"metadata": metadata, "spec": spec})


async def use(bank: Bank, number: int, cost: int) -> None:
    """Leave the record of an ended job."""
    done = record(cost).evolve(uid=f"uid-{number}")
    key = names.usage_key("acme", done.uid)
    await bank.store.put(key, orjson.dumps(done.wire()))


async def test_many_at_once_are_booked_in_few_writes() -> None:
    bank = Bank()
    book = await bank.open()
    await asyncio.gather(*(book.reserve(job(number), 2) for number in range(50)))
    assert (await bank.status()).reserved == {f"uid-{number}": 2 for number in range(50)}
    assert bank.jobs.writes <= 3
    for number in range(50):
        await use(bank, number, 1)
    await asyncio.gather(*(book.settle(job(number)) for number in range(50)))
    status = await bank.status()
    assert (status.reserved, status.spent, status.usage[0].jobs) == ({}, 50, 50)
    assert bank.jobs.writes <= 6


async def test_one_job_after_another_costs_one_write_each_and_no_read() -> None:
    bank = Bank()
    book = await bank.open()
    await book.reserve(job(0), 1)
    reads = bank.jobs.reads
    for number in range(1, 5):
        await book.reserve(job(number), 1)
    assert (bank.jobs.reads, bank.jobs.writes) == (reads, 5)


async def test_what_is_granted_is_promised_once() -> None:
    bank = Bank()
    book = await bank.open(credits={"mode": "Metered", "granted": 30})
    results = await asyncio.gather(
        *(book.reserve(job(number), 1) for number in range(50)), return_exceptions=True
    )
    refused = [one for one in results if one is not None]
    assert len(refused) == 20
    assert all(isinstance(one, UserError) for one in refused)
    assert len((await bank.status()).reserved) == 30


async def test_a_refusal_is_never_based_on_what_was_so_before() -> None:
    bank = Bank()
    book = await bank.open(credits={"mode": "Metered", "granted": 1})
    await book.reserve(job(0), 1)
    await bank.edit(credits={"mode": "Metered", "granted": 2})
    await book.reserve(job(1), 1)
    await bank.edit(credits={"mode": "Metered", "granted": 0})
    with pytest.raises(UserError):
        await book.reserve(job(2), 1)


@pytest.mark.parametrize("method", ["reserve", "settle"])
async def test_a_write_whose_answer_was_lost_is_not_made_again(method: str) -> None:
    bank = Bank()
    book = await bank.open()
    if method == "settle":
        await book.reserve(job(), 4)
        await use(bank, 0, 3)

    async def call() -> None:
        await (book.reserve(job(), 4) if method == "reserve" else book.settle(job()))

    bank.jobs.lose_answers = 1
    with pytest.raises(UnavailableError):
        await call()
    await call()
    status = await bank.status()
    assert (status.reserved, status.spent) == (
        ({"uid-0": 4}, 0) if method == "reserve" else ({}, 3)
    )


async def test_others_writing_to_the_same_tenant_lose_nothing() -> None:
    bank = Bank()
    book = await bank.open()
    other = Accounts(bank.jobs, bank.store)
    edits = (bank.edit(weight=weight) for weight in range(1, 6))
    calls = [(book, other)[number % 2].reserve(job(number), 1) for number in range(20)]
    await asyncio.gather(*calls, *edits)
    assert len((await bank.status()).reserved) == 20


async def test_a_caller_that_gives_up_takes_nobody_with_it() -> None:
    bank = Bank()
    book = await bank.open()
    calls = [asyncio.ensure_future(book.reserve(job(number), 1)) for number in range(3)]
    await asyncio.sleep(0)
    calls[0].cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    for number, result in enumerate(results):
        if isinstance(result, UnavailableError | asyncio.CancelledError):
            await book.reserve(job(number), 1)
    assert (await bank.status()).reserved == {f"uid-{number}": 1 for number in range(3)}


async def test_without_its_tenant_a_job_is_refused_and_an_ended_one_settled() -> None:
    bank = Bank()
    with pytest.raises(UserError) as no:
        await bank.accounts.reserve(job(), 1)
    assert no.value.code is Code.TENANT_NOT_FOUND
    await bank.accounts.settle(job())


async def test_a_tenant_that_changes_all_the_time_is_come_back_to() -> None:
    bank = Bank()
    book = await bank.open()
    bank.jobs.others_are_faster = True
    with pytest.raises(ConflictError):
        await book.reserve(job(), 1)


# --- looking over --------------------------------------------------------------------------------
async def look(bank: Bank, *present: str) -> None:
    listing = await bank.jobs.list(TENANTS, NAMESPACE)
    await bank.accounts.look_over(listing.items, present)


async def test_what_jobs_that_are_gone_reserved_is_settled_at_the_second_look() -> None:
    bank = Bank()
    book = await bank.open()
    for number in range(3):
        await book.reserve(job(number), 4)
    await use(bank, 1, 3)
    await bank.store.put(names.shard_key("uid-2", 0), b"{}")
    await look(bank, "uid-0")
    assert len((await bank.status()).reserved) == 3
    await look(bank, "uid-0")
    status = await bank.status()
    assert (status.reserved, status.spent) == ({"uid-0": 4, "uid-2": 4}, 3)
    # The purge has come to the last one as well.
    await bank.store.delete([names.shard_key("uid-2", 0)])
    await look(bank, "uid-0")
    status = await bank.status()
    assert (status.reserved, status.spent) == ({"uid-0": 4}, 3)


async def test_a_job_that_was_missing_from_one_list_keeps_its_credits() -> None:
    bank = Bank()
    book = await bank.open()
    await book.reserve(job(), 4)
    await look(bank)
    await look(bank, "uid-0")
    await look(bank)
    assert (await bank.status()).reserved == {"uid-0": 4}


async def test_a_tenant_says_whether_it_can_be_read() -> None:
    bank = Bank()
    await bank.open()
    await look(bank)
    ready = find((await bank.status()).conditions, READY)
    assert ready is not None
    assert ready.status is Status.TRUE
    writes = bank.jobs.writes
    await look(bank)
    assert bank.jobs.writes == writes
    await bank.edit(weight="heavy")
    await look(bank)
    status = await bank.status()
    ready = find(status.conditions, READY)
    assert ready is not None
    assert ready.status is Status.FALSE
    assert "weight" in ready.message
    assert status.observed_generation == 2
    assert now() - ready.last_transition_time < timedelta(minutes=1)
