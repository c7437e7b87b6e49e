"""Batches and rows as tables for people and as JSON for machines; never wider than 80 columns."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pressroom_cli.model import Batch, Row

WIDTH = 80
_UNITS = ("kB", "MB", "GB", "TB")


def console_for(*, stderr: bool = False) -> Console:
    """A console of at most 80 columns that prints text as it stands."""
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


def print_json(value: Any) -> None:
    """Indented JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def batch_table(batches: Sequence[Batch]) -> Table:
    """One line a batch."""
    table = _table(("id", "left"), ("state", "left"), ("rows", "right"), ("failed", "right"))
    table.add_column("created", no_wrap=True)
    for one in batches:
        rows = f"{one.settled}/{one.total}"
        created = one.created_at.replace("T", " ").removesuffix("Z")
        table.add_row(Text(one.id), one.state, rows, str(one.failed), created)
    return table


def row_table(rows: Sequence[Row]) -> Table:
    """One line a row, with why it failed."""
    table = _table(("row", "right"), ("id", "left"), ("state", "left"), ("tries", "right"))
    table.add_column("pages", justify="right")
    table.add_column("error", ratio=1, overflow="fold")
    for row in rows:
        error = f"{row.code}: {row.message}" if row.code else ""
        table.add_row(
            str(row.index), Text(row.id), row.state, str(row.attempts), str(row.pages), Text(error)
        )
    return table


def failure_table(rows: Sequence[Row]) -> Table:
    """The rows that failed: which, and why."""
    table = _table(("row", "right"), ("id", "left"), ("code", "left"))
    table.add_column("message", ratio=1, overflow="fold")
    for row in rows:
        table.add_row(str(row.index), Text(row.id), row.code, Text(row.message))
    return table


def batch_facts(batch: Batch) -> Table:
    """Everything of one batch, a line each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    raw = batch.raw
    facts: dict[str, str] = {
        "id": batch.id,
        "state": batch.state + (f" ({batch.reason})" if batch.reason else ""),
        "message": batch.message,
        "rows": f"{batch.total}: {batch.succeeded} succeeded, {batch.failed} failed",
        "pages": str(batch.pages),
        "created": raw.get("createdAt") or "",
        "started": raw.get("startedAt") or "",
        "completed": raw.get("completedAt") or "",
        "expires": raw.get("expiresAt") or "",
        "retry of": raw.get("retryOf") or "",
    }
    for name, artifact in batch.artifacts.items():
        facts[name] = size(artifact.get("bytes", 0)) + _counted(artifact)
    for name, text in facts.items():
        if text:
            table.add_row(name, Text(text))
    return table


def size(count: int) -> str:
    """Bytes for people: ``1.2 MB`` (10^6)."""
    if count < 1000:
        return f"{count} bytes"
    power = min((len(str(count)) - 1) // 3, len(_UNITS))
    return f"{count / 1000**power:.1f} {_UNITS[power - 1]}"


def _counted(artifact: Any) -> str:
    words = [f"{artifact[word]} {word}" for word in ("files", "pages") if artifact.get(word)]
    return f", {', '.join(words)}" if words else ""


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")
    return table
