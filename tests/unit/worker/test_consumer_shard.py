"""One shard: what is left in the store and the queue when it is done, stopped or interrupted."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from worker_support import (
    CRASH,
    HANG,
    OVERSLEEP,
    UID,
    FakeRenderer,
    World,
    data_error,
    first,
    print_error,
    rows,
    timeout_error,
    until,
)

from pressroom import names
from pressroom.errors import Code
from pressroom.model.ledger import RowOutcome, RowState, ShardDone, ShardLedger
from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import Row
from pressroom_worker.shard import Outcome, ShardRun


@pytest.fixture
def world() -> World:
    return World()


async def test_a_shard_leaves_a_whole_ledger_then_a_hint_then_no_message(world: World) -> None:
    await world.job(rows(5))
    async with world.queue.listen(names.done_subject(UID)) as hints:
        outcome, settled = await world.run(FakeRenderer())
        hint = ShardDone.model_validate_json((await first(hints)).data)

    assert (outcome, settled) == (Outcome.DONE, ["ack"])
    assert (hint.uid, hint.shard) == (UID, 0)
    assert await world.queue.queued_work(UID) == set()
    ledger = await world.ledger()
    assert [row.index for row in ledger.rows] == [0, 1, 2, 3, 4]
    assert (ledger.writer, ledger.attempt) == ("w1", 1)
    row = ledger.rows[3]
    assert row.file is not None
    data = await world.store.get(row.file)
    assert data == b'{"n":3}'
    assert (row.bytes, row.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (row.id, row.name, row.pages, row.attempts) == ("3", "3.pdf", 1, 1)


async def test_bad_rows_fail_alone_and_say_why(world: World) -> None:
    await world.job(
        [
            Row(id="good", data={"n": 1}),
            b"{nonsense\n",
            Row(id="lost", template="gone"),
            Row(id="own", html="<b>hi</b>"),
        ],
        page=PageOptions(output=Output.PNG).wire(),
    )
    await world.run(FakeRenderer())
    good, bad, lost, own = (await world.ledger()).rows
    assert good.state is own.state is RowState.SUCCEEDED
    assert own.file is not None
    assert own.file.endswith(".png")
    assert bad.error is not None
    assert (bad.id, bad.error.code) == ("1", Code.ROW_INVALID)
    assert lost.error is not None
    assert (lost.id, lost.error.code) == ("lost", Code.TEMPLATE_NOT_FOUND)
    assert "'gone'" in lost.error.message


async def test_rows_that_are_missing_from_the_manifest_are_accounted_for(world: World) -> None:
    await world.job(rows(3))
    assert world.plan is not None
    await world.store.put(world.plan.manifest, rows(1)[0].line())
    await world.run(FakeRenderer())
    states = [(row.index, row.error and row.error.code) for row in (await world.ledger()).rows]
    assert states == [(0, None), (1, Code.ROW_INVALID), (2, Code.ROW_INVALID)]


async def test_a_manifest_that_is_gone_fails_every_row(world: World) -> None:
    await world.job(rows(2))
    assert world.plan is not None
    await world.store.delete([world.plan.manifest])
    await world.run(FakeRenderer())
    codes = {row.error and row.error.code for row in (await world.ledger()).rows}
    assert codes == {Code.MANIFEST_INVALID}


async def test_a_failed_print_is_tried_again_alone_as_often_as_the_job_says(world: World) -> None:
    await world.job(rows(3), row_retries=2)
    renderer = FakeRenderer(r1=[print_error()], r2=[print_error()] * 3)
    await world.run(renderer)
    ok, again, failed = (await world.ledger()).rows
    assert (ok.state, ok.attempts) == (RowState.SUCCEEDED, 1)
    assert (again.state, again.attempts) == (RowState.SUCCEEDED, 2)
    assert (failed.state, failed.attempts) == (RowState.FAILED, 3)
    assert failed.error is not None
    assert failed.error.code is Code.RENDER_FAILED
    assert renderer.seen[0] == ((0, 1, 2), False)
    assert all(alone and len(indices) == 1 for indices, alone in renderer.seen[1:])


async def test_a_row_that_hangs_takes_its_time_once(world: World) -> None:
    await world.job(rows(3), row_retries=5)
    renderer = FakeRenderer(r1=[timeout_error()])
    await world.run(renderer)
    before, hung, after = (await world.ledger()).rows
    assert (before.state, after.state) == (RowState.SUCCEEDED, RowState.SUCCEEDED)
    assert hung.error is not None
    assert (hung.error.code, hung.attempts) == (Code.RENDER_TIMEOUT, 1)
    assert renderer.tries == {0: 1, 1: 1, 2: 1}


async def test_a_row_with_wrong_data_is_tried_once(world: World) -> None:
    await world.job(rows(2), row_retries=5)
    renderer = FakeRenderer(r0=[data_error()])
    await world.run(renderer)
    assert renderer.tries == {0: 1, 1: 1}
    assert (await world.ledger()).rows[0].state is RowState.FAILED


async def test_a_worker_that_comes_second_leaves_one_ledger_and_no_files(world: World) -> None:
    await world.job(rows(3))
    slow = FakeRenderer(r2=[HANG])
    late = ShardRun(world.farm(slow, worker="late"), await world.taken())
    running = asyncio.create_task(late.run())
    await slow.hangs.wait()
    # The queue gave the message to another as well; that one is done first.
    await world.queue.purge_work(UID)
    outcome, _ = await world.run(FakeRenderer(), worker="quick")
    assert outcome is Outcome.DONE
    slow.release()
    assert await running is Outcome.LOST_RACE

    ledger = await world.ledger()
    assert ledger.writer == "quick"
    assert await world.keys("rows/") == sorted(str(row.file) for row in ledger.rows)


async def test_files_that_the_winning_ledger_names_are_left_alone(world: World) -> None:
    await world.job(rows(2))
    slow = FakeRenderer(r1=[HANG])
    late = ShardRun(world.farm(slow, worker="late"), await world.taken())
    running = asyncio.create_task(late.run())
    await slow.hangs.wait()
    file = await _eventually_a_file(world)
    row = RowOutcome(index=0, id="0", state=RowState.SUCCEEDED, file=file)
    closing = (await _any_ledger(world)).evolve(rows=[row], writer="operator")
    await world.store.create(
        names.shard_key(UID, 0), closing.model_dump_json(by_alias=True).encode()
    )
    slow.release()
    assert await running is Outcome.LOST_RACE
    assert await world.keys("rows/") == [file]


async def test_a_ledger_that_is_there_is_hinted_at_again(world: World) -> None:
    await world.job(rows(2))
    await world.run(FakeRenderer())
    renderer = FakeRenderer()
    async with world.queue.listen(names.done_subject(UID)) as hints:
        outcome, settled = await world.run(renderer)
        await first(hints)
    assert (outcome, settled, renderer.seen) == (Outcome.ALREADY_DONE, ["ack"], [])


async def test_a_stopped_job_is_not_rendered(world: World) -> None:
    await world.job(rows(2))
    await world.store.put(names.stop_key(UID), b"{}")
    renderer = FakeRenderer()
    outcome, settled = await world.run(renderer)
    assert (outcome, settled, renderer.seen) == (Outcome.STOPPED, ["ack"], [])
    assert await world.keys("attempts/") == []


async def test_a_job_without_a_plan_is_dropped(world: World) -> None:
    assert await world.run(FakeRenderer()) == (Outcome.NO_PLAN, ["ack"])


async def test_a_message_that_is_no_work_item_is_dropped(world: World) -> None:
    await world.queue.put_work(names.LANE_BULK, UID, 0, b"nonsense")
    assert await world.run(FakeRenderer()) == (Outcome.MALFORMED, ["ack"])


async def test_a_lost_heartbeat_abandons_the_shard(world: World) -> None:
    world = world.with_ack_wait(0.15)
    await world.job(rows(2))
    renderer = FakeRenderer(r1=[HANG])
    delivery = await world.taken(beats=False)
    async with asyncio.timeout(5):
        outcome = await ShardRun(world.farm(renderer), delivery).run()
    assert (outcome, delivery.settled) == (Outcome.ABANDONED, [])
    assert renderer.closed.is_set()
    assert await world.keys("shards/") == []
    assert await world.keys("rows/") == []
    assert [attempt.handed_back for attempt in await world.attempts()] == [True]


async def test_a_worker_that_slept_through_its_ack_wait_writes_no_ledger(world: World) -> None:
    world = world.with_ack_wait(0.05)
    await world.job(rows(1))
    renderer = FakeRenderer(r0=[OVERSLEEP])
    delivery = await world.taken()
    outcome = await ShardRun(world.farm(renderer), delivery).run()
    assert (outcome, delivery.settled) == (Outcome.ABANDONED, [])
    assert await world.keys("shards/") == []


async def test_a_cancelled_job_is_given_up_at_once(world: World) -> None:
    await world.job(rows(3))
    renderer = FakeRenderer(r2=[HANG])
    delivery = await world.taken()
    run = ShardRun(world.farm(renderer), delivery)
    running = asyncio.create_task(run.run())
    await renderer.hangs.wait()
    run.cancel()
    async with asyncio.timeout(1):
        assert await running is Outcome.CANCELLED
    assert delivery.settled == ["ack"]
    assert renderer.closed.is_set()
    assert await world.keys("rows/") == []
    assert await world.keys("shards/") == []


@pytest.mark.parametrize("hangs", [True, False])
async def test_a_stop_whose_broadcast_was_lost_is_seen_all_the_same(
    world: World, hangs: bool
) -> None:
    world = world.with_ack_wait(0.6) if hangs else world
    await world.job(rows(3))
    renderer = FakeRenderer(r2=[HANG])
    delivery = await world.taken()
    running = asyncio.create_task(ShardRun(world.farm(renderer), delivery).run())
    await renderer.hangs.wait()
    await world.store.put(names.stop_key(UID), b"{}")
    if not hangs:
        renderer.release()
    async with asyncio.timeout(3):
        assert await running is Outcome.CANCELLED
    assert await world.keys("rows/") == []
    assert await world.keys("shards/") == []


async def test_a_drained_shard_goes_back_and_blames_nobody(world: World) -> None:
    await world.job(rows(3))
    renderer = FakeRenderer(r1=[HANG])
    delivery = await world.taken()
    run = ShardRun(world.farm(renderer), delivery)
    running = asyncio.create_task(run.run())
    await renderer.hangs.wait()
    run.drain()
    assert await running is Outcome.DRAINED
    assert delivery.settled == ["nak 0"]
    assert await world.keys("shards/") == []

    again = FakeRenderer()
    assert (await world.run(again))[0] is Outcome.DONE
    # The next attempt is rendered at full speed, and nobody carries blame.
    assert again.seen == [((0, 1, 2), False)]
    assert (await world.ledger()).attempt == 2
    assert await world.keys("marks/") == []


async def test_a_store_that_goes_away_hands_the_shard_back(world: World) -> None:
    await world.job(rows(3))
    renderer = FakeRenderer(r1=[HANG])
    delivery = await world.taken()
    running = asyncio.create_task(ShardRun(world.farm(renderer), delivery).run())
    await renderer.hangs.wait()
    world.store.away = True
    renderer.release()
    await world.store.missed.wait()
    assert await running is Outcome.HANDED_BACK
    assert delivery.settled == ["nak 5"]
    world.store.away = False
    assert await world.keys("shards/") == []


async def test_an_attempt_is_handed_back_once_the_store_is_there_again(world: World) -> None:
    await world.job(rows(1))
    world.store.puts_fail = 4
    outcome, _ = await world.run(FakeRenderer())
    assert outcome is Outcome.HANDED_BACK
    assert [attempt.handed_back for attempt in await world.attempts()] == [True]


async def test_a_crash_never_fails_a_row_in_the_first_attempt(world: World) -> None:
    await world.job(rows(4))
    renderer = FakeRenderer(r2=[CRASH])
    outcome, settled = await world.run(renderer)
    assert (outcome, settled) == (Outcome.DONE, ["ack"])
    ledger = await world.ledger()
    assert {row.state for row in ledger.rows} == {RowState.SUCCEEDED}
    assert ledger.attempt == 2
    assert ledger.rows[2].attempts == 2
    # The neighbour that had not been reached, then the suspect.
    assert renderer.seen == [((0, 1, 2, 3), False), ((3, 2), True)]


async def test_a_row_that_crashes_twice_fails_and_its_neighbours_come_out(world: World) -> None:
    await world.job(rows(4))
    renderer = FakeRenderer(r1=[CRASH] * 9)
    await world.run(renderer)
    ledger = await world.ledger()
    poison = ledger.rows[1]
    assert poison.error is not None
    assert (poison.error.code, poison.attempts) == (Code.RENDER_CRASHED, 2)
    assert renderer.tries[1] == 2
    assert [row.index for row in ledger.rows if row.state is RowState.SUCCEEDED] == [0, 2, 3]
    assert await world.keys("rows/") == sorted(row.file for row in ledger.rows if row.file)


async def _eventually_a_file(world: World) -> str:
    async def there() -> bool:
        return bool(await world.keys("rows/"))

    await until(there)
    return (await world.keys("rows/"))[0]


async def _any_ledger(world: World) -> ShardLedger:
    attempt = (await world.attempts())[0]
    return ShardLedger(
        uid=UID,
        shard=0,
        attempt=1,
        writer="",
        started_at=attempt.started_at,
        finished_at=attempt.started_at,
        rows=[],
    )
