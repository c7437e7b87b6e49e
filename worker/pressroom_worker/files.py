"""The row files that one run of a shard puts into the store, and their removal if they don't count.

A file that an end mark names is no longer the run's own: a later attempt or the operator may name
it in a ledger, so it is never removed here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from pressroom import names
from pressroom.errors import UnavailableError
from pressroom.lifecycle import backoff
from pressroom.model.ledger import RowOutcome, RowState
from pressroom.model.page import Output
from pressroom.ports import Store
from pressroom_worker.render import Rendered

T = TypeVar("T")
#: Uploads of one shard that may run at once, and so documents that wait in memory.
PUTS = 6
_TRIES = 3
_LARGE = 1024 * 1024


async def persistently(call: Callable[[], Awaitable[T]]) -> T:
    """Call up to three times within about a second; UnavailableError if the last one fails too."""
    delays = backoff(0.2, 1.0)
    for _ in range(_TRIES - 1):
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(next(delays))
    return await call()


class RowFiles:
    """Uploads row files under names that no other attempt uses."""

    def __init__(self, store: Store, uid: str) -> None:
        self._store = store
        self.uid = uid
        self._own: set[str] = set()

    async def put(self, rendered: Rendered, *, row_id: str, kind: Output, token: str) -> RowOutcome:
        """Upload one document. UnavailableError if the store stays away."""
        key = names.row_key(self.uid, rendered.index, token, kind.extension)
        self._own.add(key)
        await persistently(
            lambda: self._store.put(key, rendered.data, content_type=kind.content_type)
        )
        return RowOutcome(
            index=rendered.index,
            id=row_id,
            state=RowState.SUCCEEDED,
            file=key,
            name=rendered.name,
            bytes=len(rendered.data),
            pages=rendered.pages,
            sha256=await _sha256(rendered.data),
            millis=rendered.millis,
        )

    def let_go(self, key: str | None) -> None:
        """An end mark names this file now."""
        if key is not None:
            self._own.discard(key)

    async def discard(self, keep: Collection[str | None] = ()) -> None:
        """Delete the run's own files, except those in ``keep``."""
        unwanted = sorted(self._own.difference(keep))
        if unwanted:
            await self._store.delete(unwanted)
            self._own.difference_update(unwanted)


async def _sha256(data: bytes) -> str:
    if len(data) < _LARGE:
        return hashlib.sha256(data).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
