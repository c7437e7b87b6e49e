"""Plans, template snapshots and assets, read from the store once and kept while in use.

All are written once and never change, so a copy is never stale. The caches are bounded.
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
#: Bytes of assets kept.
ASSET_BYTES = 64 * 1024 * 1024


def _one(_: object) -> int:
    return 1


class _Recent(Generic[T]):
    """The values used last, those of them that weigh at most ``most`` together."""

    def __init__(
        self, most: int, load: Callable[[str], Awaitable[T]], weigh: Callable[[T], int] = _one
    ) -> None:
        self._most = most
        self._load = load
        self._weigh = weigh
        self._weight = 0
        self._kept: OrderedDict[str, T] = OrderedDict()

    async def get(self, key: str) -> T:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        value = await self._load(key)
        if key not in self._kept:  # nobody else was quicker
            self._kept[key] = value
            self._weight += self._weigh(value)
        while self._weight > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._weight -= self._weigh(oldest)
        return value


class Catalog:
    """Reads plans, snapshots and assets. Errors as the store raises them."""

    def __init__(
        self,
        store: Store,
        *,
        plans: int = PLANS,
        snapshots: int = SNAPSHOTS,
        asset_bytes: int = ASSET_BYTES,
    ) -> None:
        async def load_plan(uid: str) -> Plan:
            return Plan.model_validate_json(await store.get(names.plan_key(uid)))

        async def load_snapshot(digest: str) -> Snapshot:
            return Snapshot.model_validate_json(await store.get(names.template_key(digest)))

        self._plans = _Recent(plans, load_plan)
        self._snapshots = _Recent(snapshots, load_snapshot)
        self._assets = _Recent(asset_bytes, store.get, len)

    async def plan(self, uid: str) -> Plan:
        """The plan of a job."""
        return await self._plans.get(uid)

    async def snapshot(self, digest: str) -> Snapshot:
        """The template snapshot of this digest."""
        return await self._snapshots.get(digest)

    async def asset(self, key: str) -> bytes:
        """The bytes of a snapshot's asset, by its key."""
        return await self._assets.get(key)
