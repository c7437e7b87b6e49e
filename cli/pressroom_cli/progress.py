"""How far a batch is: a bar in a terminal, else plain lines, at most one a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from pressroom_cli.model import Batch

_WINDOW_SECONDS = 10.0


class Meter:
    """Rows a second over the last seconds, and the time left at that pace."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: list[tuple[float, int]] = []
        self._left: int = 0

    def update(self, batch: Batch) -> None:
        """Take notice of where the batch is."""
        now = self._clock()
        self._left = batch.total - batch.settled
        if batch.ended:  # how fast it went at last says nothing now
            self._seen.clear()
        self._seen.append((now, batch.settled))
        while len(self._seen) > 2 and self._seen[1][0] < now - _WINDOW_SECONDS:
            del self._seen[0]

    @property
    def rate(self) -> float:
        """Rows a second; 0 until that is known."""
        if len(self._seen) < 2:
            return 0.0
        (since, before), (now, after) = self._seen[0], self._seen[-1]
        return (after - before) / (now - since) if now > since else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None where nobody can tell."""
        return self._left / self.rate if self.rate > 0 else None


class Display(Protocol):
    """Shows a batch's progress while it is entered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, batch: Batch) -> None: ...


def display_on(console: Console) -> Display:
    """The one that fits the console."""
    return Bar(console) if console.is_terminal else Lines(console)


class Bar:
    """A rich progress bar with rows, rows a second and the time left."""

    def __init__(self, console: Console) -> None:
        self._meter = Meter()
        self._progress = Progress(
            TextColumn("{task.description:<15}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f} rows"),
            _Pace(self._meter),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("sent", total=0)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, trace)

    def show(self, batch: Batch) -> None:
        """Move the bar."""
        self._meter.update(batch)
        self._progress.update(
            self._task, description=batch.state, total=batch.total, completed=batch.settled
        )


class Lines:
    """One line a second at most, and one at every change of state."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._meter = Meter(clock)
        self._last = float("-inf")
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def show(self, batch: Batch) -> None:
        """Print a line if it is time and it says something new."""
        self._meter.update(batch)
        if not batch.ended and self._clock() - self._last < 1:
            return
        line = f"{batch.state} {batch.settled}/{batch.total} rows{pace(self._meter)}"
        if line != self._shown:
            self._console.print(line, markup=False, highlight=False)
        self._last, self._shown = self._clock(), line


class _Pace(ProgressColumn):
    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def render(self, task: Task) -> Text:
        return Text(pace(self._meter).removeprefix(", ").rjust(23))


def pace(meter: Meter) -> str:
    """``, 71.4 rows/s, 0:12 left``; empty while nothing is known."""
    left = meter.seconds_left
    if left is None:
        return ""
    rate = f", {meter.rate:.1f} rows/s"
    return f"{rate}, {int(left) // 60}:{int(left) % 60:02d} left" if left >= 1 else rate
