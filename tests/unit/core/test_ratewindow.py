"""The sliding window of a minute: what is let through, and how long to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressroom.ratewindow import Window, parse, take


def taken(limit: int, *times: float) -> list[bool]:
    window, found = None, []
    for at in times:
        verdict = take(window, limit, at)
        window = verdict.window
        found.append(verdict.allowed)
    return found


def test_within_a_minute_the_count_is_exact() -> None:
    assert taken(3, 0, 10, 59, 59.9) == [True, True, True, False]


def test_a_burst_at_the_border_is_not_let_through_twice() -> None:
    assert taken(2, 59, 59.5, 60.5, 61) == [True, True, False, False]


def test_after_a_quiet_minute_all_is_forgotten() -> None:
    assert taken(2, 1, 2, 121, 122) == [True, True, True, True]


def test_what_is_left_is_told() -> None:
    assert [take(Window(0, n, 0), 5, 30).left for n in range(5)] == [4, 3, 2, 1, 0]


@given(
    limit=st.integers(1, 100),
    current=st.integers(0, 120),
    previous=st.integers(0, 120),
    second=st.floats(0, 59.9),
)
def test_after_the_wait_one_more_fits(
    limit: int, current: int, previous: int, second: float
) -> None:
    verdict = take(Window(10, current, previous), limit, 600 + second)
    if not verdict.allowed:
        later = take(verdict.window, limit, 600 + second + verdict.wait + 0.01)
        assert later.allowed
        assert 0 <= verdict.wait <= 120


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_it_is_stored_and_read(minute: int, current: int, previous: int) -> None:
    window = Window(minute, current, previous)
    assert parse(window.wire()) == window


@pytest.mark.parametrize("value", [b"", b"1 2", b"1 2 x", b"-1 2 3"])
def test_other_bytes_are_no_window(value: bytes) -> None:
    assert parse(value) is None


def test_a_clock_that_lags_counts_in_the_later_minute() -> None:
    assert not take(Window(10, 2, 0), 2, 599).allowed
