"""Progress: a pace that can be trusted, a line a second at most, a bar that fits."""

from __future__ import annotations

import io

from cli_support import batch
from rich.console import Console

from pressroom_cli.model import Batch
from pressroom_cli.progress import Bar, Lines, Meter, pace
from pressroom_cli.show import size


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def at(settled: int, total: int = 100, state: str = "rendering") -> Batch:
    raw = batch(state, total)
    raw["rows"] |= {"succeeded": settled, "failed": 0}
    return Batch.of(raw)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.update(at(0))
    assert pace(meter) == ""
    for second in range(1, 31):
        clock.now = float(second)
        meter.update(at(second if second <= 15 else 15 + 3 * (second - 15)))
    assert meter.rate == 3
    assert meter.seconds_left is not None
    assert round(meter.seconds_left) == 13
    assert pace(meter) == ", 3.0 rows/s, 0:13 left"


def test_lines_come_once_a_second_and_at_the_end() -> None:
    clock, out = Clock(), io.StringIO()
    lines = Lines(Console(file=out, width=80), clock)
    for tenth in range(25):
        clock.now = tenth / 10
        lines.show(at(tenth))
    lines.show(at(100, state="completed"))
    shown = out.getvalue().splitlines()
    assert [line.split()[1] for line in shown] == ["0/100", "10/100", "20/100", "100/100"]


def test_nothing_new_is_not_said_again() -> None:
    clock, out = Clock(), io.StringIO()
    lines = Lines(Console(file=out, width=80), clock)
    for second in range(5):
        clock.now = float(second)
        lines.show(at(0, state="queued"))
    assert out.getvalue() == "queued 0/100 rows\n"


def test_the_bar_fits_80_columns() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with Bar(console) as bar:
        bar.show(at(10, 100_000))
        bar.show(at(99_000, 100_000, "partiallyFailed"))
    last = out.getvalue().replace("\r", "\n").splitlines()
    assert any("99000/100000 rows" in line for line in last)


def test_sizes_are_for_people() -> None:
    assert [size(n) for n in (0, 999, 1000, 1_234_567, 5 * 10**9)] == [
        "0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "5.0 GB",
    ]  # fmt: skip
