"""Core-NATS messages of a worker: its heartbeats out, the stopping of jobs in. Hints, all of them.

Both go on for ever; whoever starts them cancels them.
"""

from __future__ import annotations

import asyncio
import logging

import orjson

from pressroom import __version__, names
from pressroom.errors import UnavailableError
from pressroom.lifecycle import backoff
from pressroom.model.ledger import WorkerBeat
from pressroom.ports import Queue
from pressroom_worker.consumer import Consumer

_log = logging.getLogger(__name__)
BEAT_SECONDS = 2.0
#: Changes closer together than this make one heartbeat.
_AT_MOST_EVERY = 0.2
#: Seconds at most between two tries to listen: until then a stop goes unheard.
_LISTEN_AGAIN = 2.0


async def send_beats(queue: Queue, consumer: Consumer, worker: str) -> None:
    """Say how many slots there are and how many are taken: at once, on changes, every 2 s."""
    while True:
        consumer.changed.clear()
        await send_beat(queue, consumer, worker)
        await asyncio.sleep(_AT_MOST_EVERY)
        try:
            async with asyncio.timeout(BEAT_SECONDS - _AT_MOST_EVERY):
                await consumer.changed.wait()
        except TimeoutError:
            continue


async def send_beat(queue: Queue, consumer: Consumer, worker: str) -> None:
    """One heartbeat; lost if the queue is away."""
    beat = WorkerBeat(worker=worker, slots=consumer.slots, busy=consumer.busy, version=__version__)
    try:
        await queue.hint(names.beat_subject(worker), orjson.dumps(beat.wire()))
    except UnavailableError as error:
        _log.debug("%s", error.log, extra={"action": "beat_failed"})


async def obey_stops(queue: Queue, consumer: Consumer) -> None:
    """Give up the shards of every job whose stop is broadcast."""
    delays = backoff(most=_LISTEN_AGAIN)
    while True:
        try:
            async with queue.listen(names.control_subject("*")) as messages:
                delays = backoff(most=_LISTEN_AGAIN)
                async for message in messages:
                    consumer.cancel(message.subject.split(".", 1)[1])
        except UnavailableError as error:
            # The fetches, which fail as well, warn of it.
            _log.debug("%s", error.log, extra={"action": "stops_unheard"})
        await asyncio.sleep(next(delays))
