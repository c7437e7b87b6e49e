"""Batches and rows as tables for people and as JSON for machines; never wider than 80 columns."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pressroom_cli.model import Batch, Row, Webhook

WIDTH = 80
_GAP = 2
#: A reason gets so much before anything spare is shown, and so much before an id stays whole.
_ROOMY, _NARROW = 30, 12
_UNITS = ("kB", "MB", "GB", "TB")


def console_for(*, stderr: bool = False) -> Console:
    """A console of at most 80 columns that prints text as it stands."""
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


def print_json(value: Any) -> None:
    """Indented JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class _Column:
    """A column of whole cells; a ``spare`` one goes where the width does not reach."""

    name: str
    justify: Literal["left", "right"] = "left"
    spare: bool = False


_ROW, _ID, _ERROR = _Column("row", "right"), _Column("id"), _Column("error")


def batch_table(batches: Sequence[Batch], width: int) -> Table:
    """One line a batch, in ``width`` columns."""
    columns = (
        _ID,
        _Column("state"),
        _Column("rows", "right"),
        _Column("failed", "right", spare=True),
        _Column("created", spare=True),
    )
    cells = [
        (
            one.id,
            one.state,
            f"{one.settled}/{one.total}",
            str(one.failed),
            _moment(one.created_at),
        )
        for one in batches
    ]
    return _table(columns, cells, width)


def webhook_table(webhooks: Sequence[Webhook], width: int) -> Table:
    """One line a webhook, with where it goes, and why the last call failed, in the last column."""
    goes = _Column("to")
    columns = (
        _ID,
        _Column("state"),
        _Column("tries", "right", spare=True),
        _Column("next", spare=True),
        goes,
    )
    cells = [
        (
            one.batch,
            one.state,
            str(one.attempts),
            _moment(one.next_attempt_at),
            f"{one.url} ({one.error})" if one.error else one.url,
        )
        for one in webhooks
    ]
    return _table(columns, cells, width, folded=goes)


def _moment(text: str) -> str:
    """A time without its year and seconds; empty for none."""
    return text[len("2026-") : len("2026-01-02T03:04")].replace("T", " ")


def row_table(rows: Sequence[Row], width: int) -> Table:
    """One line a row, with why it failed below one another in the last column."""
    columns = (
        _ROW,
        _ID,
        _Column("state"),
        _Column("tries", "right", spare=True),
        _Column("pages", "right", spare=True),
        _ERROR,
    )
    cells = [
        (str(row.index), row.id, row.state, str(row.attempts), str(row.pages), _error(row))
        for row in rows
    ]
    return _table(columns, cells, width, folded=_ERROR)


def failure_table(rows: Sequence[Row], width: int) -> Table:
    """The rows that failed: which, and why."""
    cells = [(str(row.index), row.id, _error(row)) for row in rows]
    return _table((_ROW, _ID, _ERROR), cells, width, folded=_ERROR)


def _error(row: Row) -> str:
    return f"{row.code}: {row.message}" if row.code else ""


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
        "webhook": _webhook(raw.get("webhook")),
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


def _webhook(hook: Any) -> str:
    return f"{hook['state']}: {hook['message']}" if hook else ""


def _counted(artifact: Any) -> str:
    # In a merged PDF a file is a row.
    counts = ("rows", "pages") if artifact.get("rows") else ("files", "pages")
    words = [f"{artifact[word]} {word}" for word in counts if artifact.get(word)]
    return f", {', '.join(words)}" if words else ""


def plain_table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    """Cells below their heads; the first column is folded where it is long."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, no_wrap=place > 0, overflow="fold")
    for line in cells:
        table.add_row(*map(Text, line))
    return table


def _table(
    columns: Sequence[_Column],
    cells: Sequence[Sequence[str]],
    width: int,
    *,
    folded: _Column | None = None,
) -> Table:
    """Cells stay whole, the ``folded`` column's aside; what is spare goes first, from the right.

    Only ids that leave no room even so are folded: a part of one would be no use.
    """
    widths = {
        column: max(cell_len(text) for text in (column.name, *(line[place] for line in cells)))
        for place, column in enumerate(columns)
    }

    def needed(least: int) -> int:
        parts = (min(widths[one], least) if one is folded else widths[one] for one in shown)
        return sum(parts) + _GAP * (len(shown) - 1)

    shown = list(columns)
    spare = [column for column in columns if column.spare]
    while spare and needed(_ROOMY) > width:
        shown.remove(spare.pop())
    whole = needed(_NARROW) <= width
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        wraps = column is folded or (column is _ID and not whole)
        table.add_column(column.name, justify=column.justify, no_wrap=not wraps, overflow="fold")
    for line in cells:
        kept = zip(columns, line, strict=True)
        table.add_row(*(Text(text) for column, text in kept if column in shown))
    return table
