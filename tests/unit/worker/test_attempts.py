"""Who is to blame after attempts that ended without a ledger, and what of them is kept."""

from __future__ import annotations

import pytest
from worker_support import CRASH, HANG, UID, FakeRenderer, World, rows

from pressroom.errors import Code
from pressroom.model.ledger import RowOutcome, RowState
from pressroom_worker.attempts import MAX_CRASHES, Attempts, History
from pressroom_worker.shard import Outcome


@pytest.fixture
async def world() -> World:
    world = World()
    await world.job(rows(3))
    return world


def attempts_of(world: World, worker: str = "w1") -> Attempts:
    return Attempts(world.store, UID, 0, worker)


def outcome(index: int, file: str | None = None) -> RowOutcome:
    return RowOutcome(index=index, id=str(index), state=RowState.SUCCEEDED, file=file)


async def died(world: World, *, settled: list[int], within: int | None = None) -> History:
    """An attempt whose worker vanished, perhaps within a row."""
    attempts = attempts_of(world)
    history = await attempts.begin()
    for index in settled:
        await attempts.started(index)
        await attempts.settled(outcome(index, f"jobs/{UID}/rows/kept-{index}"))
    if within is not None:
        await attempts.started(within)
    return history


async def test_attempts_are_counted_and_name_their_worker(world: World) -> None:
    first = await attempts_of(world, "a").begin()
    second = await attempts_of(world, "b").begin()
    assert (first.number, first.careful) == (1, False)
    assert (second.number, second.careful) == (2, True)
    assert [attempt.worker for attempt in await world.attempts()] == ["a", "b"]


async def test_a_handed_back_attempt_blames_nobody(world: World) -> None:
    await died(world, settled=[])
    attempts = attempts_of(world)
    await attempts.begin()
    await attempts.started(1)
    await attempts.hand_back()
    assert (await attempts_of(world).begin()).blames == {}


async def test_only_handed_back_attempts_do_not_slow_the_next_one_down(world: World) -> None:
    attempts = attempts_of(world)
    await attempts.begin()
    await attempts.hand_back()
    assert await attempts_of(world).begin() == History(2, crashes=0, blames={}, settled={})


async def test_a_start_without_an_end_blames_the_row_once_an_attempt(world: World) -> None:
    await died(world, settled=[])
    await died(world, settled=[0], within=1)
    await died(world, settled=[], within=1)
    history = await attempts_of(world).begin()
    assert history.blames == {1: 2}
    assert set(history.settled) == {0}


async def test_rows_settled_by_an_attempt_that_died_are_kept_as_they_are(world: World) -> None:
    await died(world, settled=[])
    await died(world, settled=[0, 2])
    renderer = FakeRenderer()
    await world.run(renderer)
    assert renderer.tries == {1: 1}
    ledger = await world.ledger()
    assert ledger.rows[0].file == f"jobs/{UID}/rows/kept-0"
    assert ledger.attempt == 3


async def test_a_row_that_took_two_workers_down_is_never_rendered_again(world: World) -> None:
    await died(world, settled=[])
    await died(world, settled=[], within=1)
    await died(world, settled=[], within=1)
    renderer = FakeRenderer()
    result, _ = await world.run(renderer)
    assert result is Outcome.DONE
    assert renderer.tries == {0: 1, 2: 1}
    poison = (await world.ledger()).rows[1]
    assert poison.error is not None
    assert (poison.error.code, poison.attempts) == (Code.RENDER_CRASHED, 2)


async def test_a_suspect_row_is_rendered_after_its_neighbours(world: World) -> None:
    await died(world, settled=[])
    await died(world, settled=[], within=0)
    renderer = FakeRenderer(r0=[CRASH])
    await world.run(renderer)
    assert renderer.seen == [((1, 2, 0), True)]
    failed = (await world.ledger()).rows[0]
    assert failed.error is not None
    assert failed.error.code is Code.RENDER_CRASHED


async def test_every_row_of_a_careful_attempt_stands_between_two_marks(world: World) -> None:
    await died(world, settled=[])
    await world.run(FakeRenderer())
    marks = [key.rsplit("/", 1)[1] for key in await world.keys("marks/")]
    assert marks == [
        f"{index:06d}.002.{what}.json" for index in range(3) for what in ("end", "start")
    ]


async def test_a_drained_careful_attempt_leaves_what_it_settled(world: World) -> None:
    await died(world, settled=[])
    renderer = FakeRenderer(r1=[HANG])
    delivery = await world.taken()
    run = world.start(renderer, delivery)
    await renderer.hangs.wait()
    run.run.drain()
    assert await run.task is Outcome.DRAINED
    files = await world.keys("rows/")
    assert len(files) == 1
    again = FakeRenderer()
    await world.run(again)
    assert (await world.ledger()).rows[0].file == files[0]
    assert again.tries == {1: 1, 2: 1}


async def test_a_shard_that_crashes_without_end_is_given_up(world: World) -> None:
    await died(world, settled=[0])
    for _ in range(MAX_CRASHES - 1):
        await died(world, settled=[])
    renderer = FakeRenderer()
    await world.run(renderer)
    assert renderer.tries == {}
    rows_of_ledger = (await world.ledger()).rows
    assert [row.state for row in rows_of_ledger] == [RowState.SUCCEEDED, *[RowState.FAILED] * 2]
    assert {row.error.code for row in rows_of_ledger if row.error} == {Code.SHARD_GAVE_UP}
