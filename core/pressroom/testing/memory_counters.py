"""The Counters port in memory."""

from __future__ import annotations

from pressroom.errors import ConflictError, UnavailableError
from pressroom.ports import Entry


class MemoryCounters:
    """Entries by key; ``away`` makes every call fail as if the server had gone."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.away = False
        self._revision = 0

    async def read(self, key: str) -> Entry | None:
        self._check()
        return self.entries.get(key)

    async def write(self, key: str, value: bytes, revision: int) -> int:
        self._check()
        latest = self.entries.get(key)
        if (latest.revision if latest else 0) != revision:
            raise ConflictError("Another writer was first.")
        self._revision += 1
        self.entries[key] = Entry(value, self._revision)
        return self._revision

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("The counters are away.")
