"""How many jobs of a tenant, a key or a dialect are active, kept up with every change seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pressroom import names
from pressroom.model.batchjob import Dialect
from pressroom.model.conditions import TERMINAL
from pressroom.ports import Json
from pressroom_gateway.limits import job_tenant, reason_of


@dataclass(frozen=True)
class Owner:
    """Whose a job is. ``key`` is the name of the key's Secret, None for kubectl or a token."""

    tenant: str
    dialect: Dialect
    key: str | None = None


class ActiveJobs:
    """Counts. Jobs under creation here are counted before anybody can see them."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}
        self._starting: dict[str, Owner] = {}
        self._counts: Counter[tuple[str, ...]] = Counter()

    def seen(self, type_: str, body: Json) -> None:
        """A job was added, modified or deleted."""
        uid = body["metadata"]["uid"]
        ended = type_ == "DELETED" or reason_of(body) in TERMINAL
        if ended or "deletionTimestamp" in body["metadata"]:
            owner = self._owners.pop(uid, None)
            if owner is not None:
                self._add(owner, -1)
        elif uid not in self._owners:
            self._started(body["metadata"]["name"])
            self._owners[uid] = owner = _owner(body)
            self._add(owner, 1)

    @contextmanager
    def starting(self, name: str, owner: Owner) -> Iterator[None]:
        """Count the job of this name, which is about to be created, until it is seen."""
        if name in self._starting:  # another request with the same idempotency key
            yield
            return
        self._starting[name] = owner
        self._add(owner, 1)
        try:
            yield
        finally:
            self._started(name)

    def _started(self, name: str) -> None:
        owner = self._starting.pop(name, None)
        if owner is not None:
            self._add(owner, -1)

    def of_tenant(self, owner: Owner) -> int:
        """Active jobs of the tenant."""
        return self._counts[(owner.tenant,)]

    def of_key(self, owner: Owner) -> int:
        """Active jobs that this key made; 0 where there is no key."""
        return self._counts[("key", owner.tenant, owner.key)] if owner.key else 0

    def of_dialect(self, owner: Owner) -> int:
        """Active jobs of the tenant that this dialect made."""
        return self._counts[("dialect", owner.tenant, owner.dialect)]

    def of_dialect_key(self, owner: Owner) -> int:
        """Active jobs that this key made through this dialect."""
        if owner.key is None:
            return 0
        return self._counts[("both", owner.tenant, owner.dialect, owner.key)]

    def _add(self, owner: Owner, number: int) -> None:
        places: list[tuple[str, ...]] = [
            (owner.tenant,),
            ("dialect", owner.tenant, owner.dialect),
        ]
        if owner.key is not None:
            places.append(("key", owner.tenant, owner.key))
            places.append(("both", owner.tenant, owner.dialect, owner.key))
        for place in places:
            self._counts[place] += number
            if not self._counts[place]:
                del self._counts[place]


def _owner(body: Json) -> Owner:
    labels = body["metadata"].get("labels") or {}
    dialect = body["spec"].get("dialect") or Dialect.NATIVE
    known = dialect if dialect in set(Dialect) else Dialect.NATIVE
    return Owner(job_tenant(body), Dialect(known), labels.get(names.LABEL_KEY))
