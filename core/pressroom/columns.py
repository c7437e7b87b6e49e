"""The columns of a sheet that people made: some without a name, rows of any length. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """The names of the columns; ``""`` for one that has none, which must then be without values."""

    names: Sequence[str]

    def twice(self) -> int | None:
        """The first column (from 0) that is named like one before it."""
        seen: set[str] = set()
        for index, name in enumerate(self.names):
            if name and name in seen:
                return index
            seen.add(name)
        return None

    def stray(self, record: Sequence[str]) -> int | None:
        """The first column (from 0) with a value in this record and without a name."""
        for index, value in enumerate(record):
            if value.strip() and (index >= len(self.names) or not self.names[index]):
                return index
        return None

    def row(self, record: Sequence[str]) -> dict[str, str]:
        """The record's values by name; those left off at its end are empty."""
        return {
            name: record[index] if index < len(record) else ""
            for index, name in enumerate(self.names)
            if name
        }
