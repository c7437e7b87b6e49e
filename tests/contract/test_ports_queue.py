"""The Queue port: the same on the twin and on a real NATS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from servers import NatsServer, RefusingProxy, nats_server

from pressroom import names
from pressroom.adapters import nats_streams
from pressroom.adapters.nats import open_queue
from pressroom.errors import UnavailableError
from pressroom.ports import Delivery, Queue
from pressroom.testing.memory_queue import MemoryQueue, matches

TIMEOUT = 5.0
SOON = 5.0
UID = "0a2b6c7e-1111-4c4c-9d9d-000000000001"
OTHER = "0a2b6c7e-1111-4c4c-9d9d-000000000002"
FAST, BULK = names.LANES


@pytest.fixture(params=["twin", "real"])
async def queue(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Queue]:
    if request.param == "twin":
        yield MemoryQueue()
        return
    server = nats_server(tmp_path)
    await server.start()
    async with open_queue(server.settings, name="test", timeout=TIMEOUT) as found:
        yield found
    await server.stop()


async def take(queue: Queue, lane: str = BULK) -> Delivery:
    found = await queue.take_work(lane, SOON)
    assert found is not None
    return found


async def nothing(queue: Queue, lane: str = BULK) -> bool:
    return await queue.take_work(lane, 0.3) is None


async def eventually(call: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Until the call no longer finds the server away."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await call()
            except UnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_work_is_taken_in_order_and_only_once(queue: Queue) -> None:
    for shard in range(3):
        assert await queue.put_work(BULK, UID, shard, b"%d" % shard)
    taken = [await take(queue) for _ in range(3)]
    assert [each.data for each in taken] == [b"0", b"1", b"2"]
    assert taken[0].subject == names.work_subject(BULK, UID, 0)
    assert await nothing(queue)


async def test_lanes_are_apart(queue: Queue) -> None:
    await queue.put_work(FAST, UID, 0, b"fast")
    assert await nothing(queue, BULK)
    assert (await take(queue, FAST)).data == b"fast"


async def test_a_shard_is_queued_once_until_it_is_settled(queue: Queue) -> None:
    assert await queue.put_work(BULK, UID, 7, b"a")
    assert not await queue.put_work(BULK, UID, 7, b"b")
    delivery = await take(queue)
    assert not await queue.put_work(BULK, UID, 7, b"c")
    assert delivery.data == b"a"
    await delivery.ack()
    assert await queue.put_work(BULK, UID, 7, b"d")
    assert (await take(queue)).data == b"d"


async def test_what_is_queued_includes_what_is_taken(queue: Queue) -> None:
    assert await queue.queued_work() == set()
    for shard in range(3):
        await queue.put_work(BULK, UID, shard, b"")
    await queue.put_work(FAST, OTHER, 5, b"")
    delivery = await take(queue)
    assert await queue.queued_work(UID) == {(UID, 0), (UID, 1), (UID, 2)}
    assert await queue.queued_work() == {(UID, 0), (UID, 1), (UID, 2), (OTHER, 5)}
    await delivery.ack()
    assert await queue.queued_work(UID) == {(UID, 1), (UID, 2)}


async def test_a_purge_takes_out_one_job_and_it_can_be_queued_again(queue: Queue) -> None:
    for shard in range(2):
        await queue.put_work(BULK, UID, shard, b"old")
    await queue.put_work(FAST, UID, 2, b"old")
    await queue.put_work(BULK, OTHER, 0, b"other")
    held = await take(queue)
    await queue.purge_work(UID)
    assert await queue.queued_work() == {(OTHER, 0)}
    assert await queue.put_work(BULK, UID, 0, b"new")
    await held.ack()  # of a message that has gone: no error, and not the new one's
    assert await queue.queued_work(UID) == {(UID, 0)}
    assert {(await take(queue)).data for _ in range(2)} == {b"other", b"new"}


async def test_a_message_handed_back_comes_again(queue: Queue) -> None:
    await queue.put_work(BULK, UID, 0, b"x")
    await (await take(queue)).nak()
    assert (await take(queue)).data == b"x"


async def test_a_message_handed_back_with_a_delay_comes_after_it(queue: Queue) -> None:
    await queue.put_work(BULK, UID, 0, b"x")
    began = time.monotonic()
    await (await take(queue)).nak(0.8)
    assert await nothing(queue)
    await take(queue)
    assert time.monotonic() - began >= 0.75


async def test_in_progress_is_confirmed(queue: Queue) -> None:
    await queue.put_work(BULK, UID, 0, b"x")
    delivery = await take(queue)
    await delivery.in_progress()
    assert await nothing(queue)
    await delivery.ack()
    assert await queue.queued_work() == set()


async def test_an_empty_lane_waits_for_what_comes(queue: Queue) -> None:
    waiting = asyncio.create_task(queue.take_work(BULK, SOON))
    assert await nothing(queue, FAST)
    await queue.put_work(BULK, UID, 0, b"x")
    delivery = await waiting
    assert delivery is not None
    assert delivery.data == b"x"


async def test_a_take_that_was_given_up_takes_nothing(queue: Queue) -> None:
    waiting = asyncio.create_task(queue.take_work(BULK, 30))
    assert await nothing(queue, FAST)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await queue.put_work(BULK, UID, 0, b"x")
    assert (await take(queue)).data == b"x"


async def test_many_takers_share_the_work(queue: Queue) -> None:
    async def work() -> list[bytes]:
        done = []
        while (delivery := await queue.take_work(BULK, 0.5)) is not None:
            done.append(delivery.data)
            await delivery.ack()
        return done

    for shard in range(100):
        await queue.put_work(BULK, UID, shard, b"%d" % shard)
    shares = await asyncio.gather(*(work() for _ in range(8)))
    assert sorted(int(each) for share in shares for each in share) == list(range(100))
    assert await queue.queued_work() == set()


async def test_tasks_have_a_queue_for_each_kind(queue: Queue) -> None:
    for kind in names.TASK_KINDS:
        assert await queue.put_task(kind, UID, kind.encode())
        assert not await queue.put_task(kind, UID, b"again")
    for kind in names.TASK_KINDS:
        delivery = await queue.take_task(kind, SOON)
        assert delivery is not None
        assert delivery.data == kind.encode()
        await delivery.ack()
        assert await queue.take_task(kind, 0.2) is None
        assert await queue.put_task(kind, UID, b"again")
    assert await queue.queued_work() == set()


async def test_hints_reach_whoever_listens(queue: Queue) -> None:
    await queue.hint(names.done_subject(UID), b"too early")
    async with queue.listen("done.*") as all_done, queue.listen(f"done.{UID}") as done:
        await queue.hint(names.done_subject(OTHER), b"1")
        await queue.hint(names.done_subject(UID), b"2")
        async with asyncio.timeout(SOON):
            assert [(await anext(all_done)).data for _ in range(2)] == [b"1", b"2"]
            message = await anext(done)
    assert (message.subject, message.data) == (names.done_subject(UID), b"2")


async def test_check(queue: Queue) -> None:
    await queue.ensure()
    await queue.check()
    assert queue.connections == 1


@pytest.mark.parametrize(
    ("wanted", "subject", "covers"),
    [
        ("done.*", "done.a", True),
        ("done.*", "done.a.b", False),
        ("done.>", "done.a.b", True),
        ("done.>", "done", False),
        ("*.b", "a.b", True),
        ("a.b", "a.c", False),
    ],
)
def test_subjects_match_as_in_nats(wanted: str, subject: str, covers: bool) -> None:
    assert matches(wanted, subject) is covers


# --- redelivery ----------------------------------------------------------------------------------
async def test_the_twins_ack_wait_runs_out() -> None:
    now = 0.0
    queue = MemoryQueue(ack_wait=30, clock=lambda: now)
    await queue.put_work(BULK, UID, 0, b"x")
    delivery = await take(queue)
    now = 20.0
    await delivery.in_progress()
    now = 45.0
    assert await nothing(queue)
    now = 51.0
    await take(queue)


async def test_the_ack_wait_runs_out(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_streams, "ACK_WAIT", 1.0)
    async with open_queue(nats.settings, name="test", timeout=TIMEOUT) as queue:
        await queue.put_work(BULK, UID, 0, b"x")
        delivery = await take(queue)
        began = time.monotonic()
        await asyncio.sleep(0.7)  # most of the ack wait
        await delivery.in_progress()
        assert await queue.take_work(BULK, 0.6) is None
        await take(queue)
        assert time.monotonic() - began >= 1.6


# --- a real server that goes away ----------------------------------------------------------------
async def test_a_queue_opens_while_the_server_is_away(nats: NatsServer) -> None:
    await nats.stop()
    async with open_queue(nats.settings, name="test", timeout=TIMEOUT) as queue:
        for call in (
            queue.check(),
            queue.put_work(BULK, UID, 0, b""),
            queue.take_work(BULK, 1),
            queue.queued_work(),
            queue.hint("a"),
        ):
            with pytest.raises(UnavailableError):
                await call
        assert queue.connections == 0
        await nats.start()
        await eventually(queue.check)
        assert queue.connections == 1
        assert await queue.put_work(BULK, UID, 0, b"x")


async def test_work_survives_a_restart_and_takers_go_on(nats: NatsServer) -> None:
    async with open_queue(nats.settings, name="test", timeout=TIMEOUT) as queue:
        await queue.put_work(FAST, UID, 0, b"before")
        async with queue.listen("done.*") as hints:
            waiting = asyncio.create_task(queue.take_work(BULK, 30))
            assert await nothing(queue, BULK)
            await nats.stop()
            # The request died with the server: the taker is told, long before its 30 s are over.
            with pytest.raises(UnavailableError):
                await asyncio.wait_for(waiting, SOON)
            await nats.start()
            await eventually(queue.check)
            assert queue.connections == 2
            assert (await take(queue, FAST)).data == b"before"
            await queue.put_work(BULK, UID, 1, b"after")
            assert (await take(queue)).data == b"after"
            await queue.hint("done.x", b"heard")
            async with asyncio.timeout(SOON):
                assert (await anext(hints)).data == b"heard"


@pytest.mark.parametrize(
    "error", ["User Authentication Expired", "Authorization Violation", "Stale Connection"]
)
async def test_a_connection_that_the_server_refuses_to_keep_is_made_anew(
    nats: NatsServer, error: str
) -> None:
    async with (
        RefusingProxy(nats.port) as proxy,
        open_queue(proxy.settings, name="test", timeout=TIMEOUT) as queue,
    ):
        await queue.put_work(BULK, UID, 0, b"before")
        held = await take(queue)
        waiting = asyncio.create_task(queue.take_work(BULK, 30))
        assert await nothing(queue, FAST)
        await proxy.refuse(error)
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(waiting, SOON)
        await eventually(queue.check)
        assert queue.connections == 2
        await held.ack()
        assert await queue.put_work(BULK, UID, 0, b"after")
        assert (await take(queue)).data == b"after"


async def test_who_listens_is_told_when_the_server_refuses_and_can_listen_again(
    nats: NatsServer,
) -> None:
    async with (
        RefusingProxy(nats.port) as proxy,
        open_queue(proxy.settings, name="test", timeout=TIMEOUT) as queue,
    ):
        async with queue.listen("done.*") as hints:
            await queue.hint("done.x", b"last")
            async with asyncio.timeout(SOON):
                assert (await anext(hints)).data == b"last"
            await proxy.refuse("User Authentication Expired")
            with pytest.raises(UnavailableError):
                await asyncio.wait_for(anext(hints), SOON)
        await eventually(queue.check)
        async with queue.listen("done.*") as hints:
            await queue.hint("done.x", b"heard")
            async with asyncio.timeout(SOON):
                assert (await anext(hints)).data == b"heard"


async def test_a_server_that_lost_everything_gets_its_streams_back(nats: NatsServer) -> None:
    async with open_queue(nats.settings, name="test", timeout=TIMEOUT) as queue:
        await queue.put_work(BULK, UID, 0, b"lost")
        held = await take(queue)
        await nats.stop()
        nats.move_store()
        await nats.start()
        await eventually(queue.check)
        assert await queue.queued_work() == set()
        with pytest.raises(UnavailableError):
            await held.ack()
        assert await queue.put_work(BULK, UID, 0, b"again")
        assert (await take(queue)).data == b"again"


@pytest.mark.parametrize("way", ["take", "put", "queued", "purge"])
async def test_deleted_streams_are_made_again(nats: NatsServer, way: str) -> None:
    from nats.aio.client import Client

    async with open_queue(nats.settings, name="test", timeout=TIMEOUT) as queue:
        client = Client()
        await client.connect(nats.settings.url)
        for stream in nats_streams.STREAMS:
            await client.jetstream().delete_stream(stream.name)
        await client.close()
        with pytest.raises(UnavailableError):
            await queue.check()
        if way == "take":
            assert await nothing(queue)
        elif way == "put":
            assert await queue.put_work(BULK, UID, 0, b"")
        elif way == "queued":
            assert await queue.queued_work() == set()
        else:
            await queue.purge_work(UID)
        await queue.check()


async def test_a_deleted_stream_wakes_who_waits(nats: NatsServer) -> None:
    from nats.aio.client import Client

    async with open_queue(nats.settings, name="test", timeout=TIMEOUT) as queue:
        waiting = asyncio.create_task(queue.take_work(BULK, 20))
        assert await nothing(queue, FAST)
        client = Client()
        await client.connect(nats.settings.url)
        await client.jetstream().delete_stream(names.STREAM_WORK)
        await client.close()
        await eventually(lambda: queue.put_work(BULK, UID, 0, b"x"))
        async with asyncio.timeout(SOON):
            delivery = await waiting
        assert delivery is not None


async def test_two_parts_may_open_the_queue_at_once(nats: NatsServer) -> None:
    opened = [open_queue(nats.settings, name=f"part {n}", timeout=TIMEOUT) for n in range(4)]
    async with opened[0] as one, opened[1] as two, opened[2], opened[3] as four:
        await asyncio.gather(one.ensure(), two.ensure(), four.ensure())
        await one.put_work(BULK, UID, 0, b"x")
        assert await two.queued_work(UID) == {(UID, 0)}


async def test_the_twin_can_be_away_and_lose_everything() -> None:
    twin = MemoryQueue()
    await twin.put_work(BULK, UID, 0, b"x")
    twin.away = True
    with pytest.raises(UnavailableError):
        await twin.take_work(BULK, 1)
    twin.lose_everything()
    assert await twin.queued_work() == set()
    assert twin.connections == 2
