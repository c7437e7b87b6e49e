"""The Queue port in memory: what tests of the parts run on."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pressroom import names
from pressroom.errors import UnavailableError
from pressroom.ports import ACK_WAIT, Delivery, Message

_WAITING_HINTS = 65_536
#: How often a take that waits looks at the clock: an injected one does not wake it.
_LOOK_SECONDS = 0.02


@dataclass
class _Entry:
    """A queued message. It may be taken again from ``free_at`` on."""

    subject: str
    data: bytes
    free_at: float = 0.0
    deliveries: int = 0


class MemoryQueue:
    """``away``: set it and every call raises UnavailableError, as with a server that is gone.

    ``clock`` tells the seconds that ack waits and delays run by. ``hints`` are all messages that
    were published to core NATS.
    """

    def __init__(
        self, *, ack_wait: float = ACK_WAIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.away = False
        self.hints: list[Message] = []
        self._ack_wait = ack_wait
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._changed = asyncio.Event()
        self._listeners: list[tuple[str, deque[Message], asyncio.Event]] = []
        self._connections = 1

    def lose_everything(self) -> None:
        """What a server does that comes back without its disk; counts as a reconnection."""
        self._entries.clear()
        self.reconnect()

    def reconnect(self) -> None:
        """Be there (again), on a new connection."""
        self.away = False
        self._connections += 1

    @property
    def connections(self) -> int:
        return self._connections

    async def ensure(self) -> None:
        self._answer_or_raise()

    async def put_work(self, lane: str, uid: str, shard: int, data: bytes) -> bool:
        return await self._put(names.work_subject(lane, uid, shard), data)

    async def put_task(self, kind: str, uid: str, data: bytes) -> bool:
        return await self._put(names.task_subject(kind, uid), data)

    async def queued_work(self, uid: str | None = None) -> set[tuple[str, int]]:
        self._answer_or_raise()
        parsed = (names.parse_work_subject(each) for each in self._subjects("work.>"))
        return {(of, shard) for _, of, shard in parsed if uid in (None, of)}

    async def purge_work(self, uid: str) -> None:
        self._answer_or_raise()
        for subject in self._subjects(names.work_subjects_of(uid)):
            del self._entries[subject]

    async def take_work(self, lane: str, timeout: float) -> Delivery | None:
        return await self._take(f"work.{lane}.>", timeout)

    async def take_task(self, kind: str, timeout: float) -> Delivery | None:
        return await self._take(f"tasks.{kind}.>", timeout)

    async def hint(self, subject: str, data: bytes = b"") -> None:
        self._answer_or_raise()
        message = Message(subject, data)
        self.hints.append(message)
        for wanted, waiting, arrived in self._listeners:
            if matches(wanted, subject):
                waiting.append(message)
                arrived.set()

    @asynccontextmanager
    async def listen(self, subject: str) -> AsyncIterator[AsyncIterator[Message]]:
        self._answer_or_raise()
        listener = (subject, deque[Message](maxlen=_WAITING_HINTS), asyncio.Event())
        self._listeners.append(listener)
        try:
            yield _messages(listener[1], listener[2])
        finally:
            self._listeners = [each for each in self._listeners if each is not listener]

    async def check(self) -> None:
        self._answer_or_raise()

    async def _put(self, subject: str, data: bytes) -> bool:
        self._answer_or_raise()
        if subject in self._entries:
            return False
        self._entries[subject] = _Entry(subject, data)
        self._wake()
        return True

    async def _take(self, subjects: str, timeout: float) -> Delivery | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            self._answer_or_raise()
            for subject in self._subjects(subjects):
                entry = self._entries[subject]
                if entry.free_at <= self._clock():
                    return self._deliver(entry)
            left = deadline - loop.time()
            if left <= 0:
                return None
            await self._wait(min(left, _LOOK_SECONDS))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _deliver(self, entry: _Entry) -> Delivery:
        entry.deliveries += 1
        entry.free_at = self._clock() + self._ack_wait
        return _MemoryDelivery(self, entry)

    def _subjects(self, wanted: str) -> list[str]:
        return [subject for subject in self._entries if matches(wanted, subject)]

    def _answer_or_raise(self) -> None:
        if self.away:
            raise UnavailableError("The queue is away.")

    async def _settle(self, entry: _Entry, free_at: float | None) -> None:
        """Take ``entry`` out, or let it be taken again from ``free_at`` on.

        Like NATS, this does not ask whose delivery it was; only a message that has gone stays gone.
        """
        self._answer_or_raise()
        if self._entries.get(entry.subject) is not entry:
            return
        if free_at is None:
            del self._entries[entry.subject]
        else:
            entry.free_at = free_at
        self._wake()


class _MemoryDelivery:
    def __init__(self, queue: MemoryQueue, entry: _Entry) -> None:
        self._queue = queue
        self._entry = entry

    @property
    def subject(self) -> str:
        return self._entry.subject

    @property
    def data(self) -> bytes:
        return self._entry.data

    async def in_progress(self) -> None:
        await self._queue._settle(self._entry, self._queue._clock() + self._queue._ack_wait)

    async def ack(self) -> None:
        await self._queue._settle(self._entry, None)

    async def nak(self, delay: float = 0) -> None:
        await self._queue._settle(self._entry, self._queue._clock() + delay)


async def _messages(
    waiting: deque[Message], arrived: asyncio.Event
) -> AsyncGenerator[Message, None]:
    while True:
        await arrived.wait()
        arrived.clear()
        while waiting:
            yield waiting.popleft()


def matches(wanted: str, subject: str) -> bool:
    """Whether ``wanted`` covers a subject; ``*`` is any one token, ``>`` all that follow."""
    wants, tokens = wanted.split("."), subject.split(".")
    if wants[-1] == ">":
        wants = wants[:-1]
        if len(tokens) <= len(wants):
            return False
        tokens = tokens[: len(wants)]
    pairs = zip(wants, tokens, strict=False)
    return len(wants) == len(tokens) and all(want in ("*", token) for want, token in pairs)
