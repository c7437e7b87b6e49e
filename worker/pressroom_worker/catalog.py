"""Plans and template snapshots, read from the store once and kept while they are in use.

Both are written once and never change, so a copy is never stale. Both caches are bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pressroom import names
from pressroom.model.plan import Plan
from pressroom.model.template import Snapshot
from pressroom.ports import Store

T = TypeVar("T")
PLANS = 64
#: A snapshot may weigh up to 1.8 MB.
SNAPSHOTS = 32


class _Recent(Generic[T]):
    """The values used last, at most ``most`` of them."""

    def __init__(self, most: int, load: Callable[[str], Awaitable[T]]) -> None:
        self._most = most
        self._load = load
        self._kept: OrderedDict[str, T] = OrderedDict()

    async def get(self, key: str) -> T:
        if key not in self._kept:
            self._kept[key] = await self._load(key)
        self._kept.move_to_end(key)
        value = self._kept[key]
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value


class Catalog:
    """Reads plans and snapshots. NotFoundError, UnavailableError as the store raises them."""

    def __init__(self, store: Store, *, plans: int = PLANS, snapshots: int = SNAPSHOTS) -> None:
        async def load_plan(uid: str) -> Plan:
            return Plan.model_validate_json(await store.get(names.plan_key(uid)))

        async def load_snapshot(digest: str) -> Snapshot:
            return Snapshot.model_validate_json(await store.get(names.template_key(digest)))

        self._plans = _Recent(plans, load_plan)
        self._snapshots = _Recent(snapshots, load_snapshot)

    async def plan(self, uid: str) -> Plan:
        """The plan of a job."""
        return await self._plans.get(uid)

    async def snapshot(self, digest: str) -> Snapshot:
        """The template snapshot of this digest."""
        return await self._snapshots.get(digest)
