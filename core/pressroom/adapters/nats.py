"""The Queue and Counters ports on NATS JetStream.

It knows streams, subjects and deliveries, nothing of what lies in them. NATS may be away at the
start and at any time after; calls raise UnavailableError then, and the streams are made again when
the server comes back without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError, StaleConnectionError, UnexpectedEOF

from pressroom import names
from pressroom.adapters.nats_streams import STREAMS, Stream, consumer_config, stream_config
from pressroom.causes import cause_of
from pressroom.errors import ConflictError, UnavailableError
from pressroom.lifecycle import backoff
from pressroom.ports import Counters, Delivery, Entry, Json, Message
from pressroom.settings import NatsSettings

_log = logging.getLogger(__name__)

_API = "$JS.API."
#: JetStream's codes: stream not found, consumer not found, one message a subject is there already.
_NO_STREAM, _NO_CONSUMER, _QUEUED_ALREADY, _STREAM_EXISTS = 10059, 10014, 10077, 10058
_WRONG_REVISION = 10071
#: Seconds past a pull's own expiry in which the server must have said that it expired.
_GRACE = 2.0
#: Seconds between two looks at whether the client has closed for good.
_LOOK = 1.0
#: Seconds after which a connection has stood long enough for the next to be made without a wait.
_STEADY = 30.0
_WAITING_HINTS = 65_536
_AWAY = "The queue is not connected."
#: Seconds after which the log repeats why it is not.
_SAY_AGAIN = 30.0


@asynccontextmanager
async def open_queue(
    settings: NatsSettings, *, name: str, timeout: float
) -> AsyncIterator[NatsQueue]:
    """The queue; ``timeout`` is the deadline of one call in seconds, ``name`` shows in the server.

    Enters at once where the server is away, and goes on connecting in the background.
    """
    queue = NatsQueue(settings, timeout)
    keeper = asyncio.create_task(queue.keep_connected(name))
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await queue.tried.wait()
        yield queue
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})
        await queue.close()


class _MissingError(Exception):
    """The server answers, but the stream or the consumer is not there."""


class NatsQueue:
    """Made by :func:`open_queue`."""

    def __init__(self, settings: NatsSettings, timeout: float) -> None:
        self._settings = settings
        self._timeout = timeout
        self._client = Client()
        self._connections = 0
        self._connected = asyncio.Event()
        self._ensuring = asyncio.Lock()
        self._ensured = 0
        self._pulls: set[asyncio.Future[Msg]] = set()
        self._listeners: set[asyncio.Event] = set()
        #: Why the server cannot be reached, while it cannot.
        self._away = _AWAY
        self._said = -math.inf
        self.tried = asyncio.Event()

    # --- the connection --------------------------------------------------------------------------
    async def keep_connected(self, name: str) -> None:
        """Connect, and make the streams after every (re)connection, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_client(name))
            group.create_task(self._keep_streams())

    async def _keep_client(self, name: str) -> None:
        """Put a new client in the place of one that has closed for good.

        A client reconnects by itself when it loses the server, but closes at most errors that the
        server sends: credentials that ran out, too many connections. It is looked at now and then
        too, since it does not call back where closing fails half way.
        """
        delays = backoff()
        clock = asyncio.get_running_loop().time
        while True:
            client, closed = Client(), asyncio.Event()
            self._client = client
            await self._connect(client, name, closed)
            began = clock()
            while not client.is_closed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await closed.wait()
            _log.warning("NATS closed: %r", client.last_error, extra={"action": "nats-closed"})
            await self._on_disconnected()
            for arrived in self._listeners:
                arrived.set()
            if clock() - began > _STEADY:
                delays = backoff()
            await asyncio.sleep(next(delays))

    async def _connect(self, client: Client, name: str, closed: asyncio.Event) -> None:
        async def on_closed() -> None:
            closed.set()

        password = self._settings.password
        await client.connect(
            self._settings.url,
            name=name,
            user=self._settings.user,
            password=password.get_secret_value() if password else None,
            connect_timeout=5,
            reconnect_time_wait=1,
            max_reconnect_attempts=-1,
            ping_interval=20,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_connected,
            closed_cb=on_closed,
        )
        await self._on_connected()

    async def _keep_streams(self) -> None:
        delays = backoff()
        while True:
            await self._connected.wait()
            try:
                await self.ensure()
            except UnavailableError as error:
                _log.warning("Streams not made: %s", error.log, extra={"action": "nats-ensure"})
                self.tried.set()
                await asyncio.sleep(next(delays))
                continue
            delays = backoff()
            self.tried.set()
            self._connected.clear()

    async def close(self) -> None:
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            await self._client.close()

    async def _on_connected(self) -> None:
        self._connections += 1
        self._away = _AWAY
        self._said = -math.inf
        self._connected.set()
        _log.info("Connected to NATS", extra={"action": "nats-connected"})

    async def _on_disconnected(self) -> None:
        # Their requests died with the connection: no answer will come.
        for pull in self._pulls:
            if not pull.done():
                pull.set_exception(UnavailableError("The connection to the queue was lost."))

    async def _on_error(self, error: Exception) -> None:
        """Say once, and again now and then, what keeps us from the server."""
        self.tried.set()
        text = _reason(error)
        if isinstance(error, ConnectionResetError | UnexpectedEOF) and self._away != _AWAY:
            return  # how the server ends a connection that it has just refused
        now = asyncio.get_running_loop().time()
        if text != self._away or now - self._said > _SAY_AGAIN:
            server = urlsplit(self._settings.url).netloc.rpartition("@")[2]
            _log.warning("%s", text, extra={"action": "nats-error", "server": server})
            self._said = now
        self._away = text

    @property
    def connections(self) -> int:
        return self._connections

    @property
    def counters(self) -> Counters:
        """The counters that all who are connected share."""
        return NatsCounters(self)

    # --- streams ---------------------------------------------------------------------------------
    async def ensure(self) -> None:
        before = self._ensured
        async with self._ensuring:
            if self._ensured != before:
                return  # another caller has just done it
            try:
                for stream in STREAMS:
                    await self._ensure_stream(stream)
            except _MissingError as error:
                raise UnavailableError("The queue has no streams.", log=str(error)) from error
            self._ensured += 1

    async def _ensure_stream(self, stream: Stream) -> None:
        config = stream_config(stream, self._settings.replicas)
        answer = await self._api(f"STREAM.CREATE.{stream.name}", config)
        if _code(answer) == _STREAM_EXISTS:
            answer = await self._api(f"STREAM.UPDATE.{stream.name}", config)
        _raise_error(answer)
        for consumer, subjects in stream.consumers.items():
            body = {"stream_name": stream.name, "config": consumer_config(consumer, subjects)}
            path = f"CONSUMER.CREATE.{stream.name}.{consumer}.{subjects}"
            _raise_error(await self._api(path, body))

    async def check(self) -> None:
        for stream in STREAMS:
            try:
                _raise_error(await self._api(f"STREAM.INFO.{stream.name}", {}))
            except _MissingError as error:
                raise UnavailableError("The queue has no streams.", log=str(error)) from error

    # --- work and tasks --------------------------------------------------------------------------
    async def put_work(self, lane: str, uid: str, shard: int, data: bytes) -> bool:
        return await self._put(names.work_subject(lane, uid, shard), data)

    async def put_task(self, kind: str, uid: str, data: bytes) -> bool:
        return await self._put(names.task_subject(kind, uid), data)

    async def queued_work(self, uid: str | None = None) -> set[tuple[str, int]]:
        subjects = names.work_subjects_of(uid) if uid else "work.>"
        found: set[tuple[str, int]] = set()
        offset = 0
        while True:
            body = {"subjects_filter": subjects, "offset": offset}
            answer = await self._known(f"STREAM.INFO.{names.STREAM_WORK}", body)
            page = answer.get("state", {}).get("subjects") or {}
            found.update(names.parse_work_subject(subject)[1:] for subject in page)
            offset += len(page)
            if not page or offset >= answer.get("total", 0):
                return found

    async def purge_work(self, uid: str) -> None:
        body = {"filter": names.work_subjects_of(uid)}
        await self._known(f"STREAM.PURGE.{names.STREAM_WORK}", body)

    async def take_work(self, lane: str, timeout: float) -> Delivery | None:
        return await self._take(names.STREAM_WORK, f"work-{lane}", timeout)

    async def take_task(self, kind: str, timeout: float) -> Delivery | None:
        return await self._take(names.STREAM_TASKS, kind, timeout)

    async def _put(self, subject: str, data: bytes) -> bool:
        try:
            answer = await self._request(subject, data)
        except _MissingError:
            await self.ensure()
            answer = await self._request_or_away(subject, data)
        if _code(answer) == _QUEUED_ALREADY:
            return False
        _raise_error(answer)
        return True

    async def _take(self, stream: str, consumer: str, timeout: float) -> Delivery | None:
        try:
            return await self._pull(stream, consumer, timeout)
        except _MissingError:
            await self.ensure()
        try:
            return await self._pull(stream, consumer, timeout)
        except _MissingError as error:
            raise UnavailableError("The queue has no streams.", log=str(error)) from error

    async def _pull(self, stream: str, consumer: str, timeout: float) -> Delivery | None:
        """One request for one message, answered on an inbox of its own.

        The inbox goes with the request, so the server sees that nobody waits any more and no
        message is sent into the void; and no subscription can be dead after a restart.
        """
        client = self._ready()
        body = {"batch": 1, "expires": int(timeout * 1e9)} if timeout > 0 else {"no_wait": True}
        subject = f"{_API}CONSUMER.MSG.NEXT.{stream}.{consumer}"
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()

        async def settle(message: Msg) -> None:
            if not answer.done():
                answer.set_result(message)

        self._pulls.add(answer)
        taken = False
        with _mapped():
            inbox = client.new_inbox()
            subscription = await client.subscribe(inbox, cb=settle)
            try:
                await client.publish(subject, orjson.dumps(body), reply=inbox)
                async with asyncio.timeout(timeout + _GRACE):
                    message = await answer
                taken = True
            finally:
                self._pulls.discard(answer)
                with contextlib.suppress(NatsError):
                    await subscription.unsubscribe()
                    if not taken and _holds_message(answer):
                        await client.publish(answer.result().reply, b"-NAK")
        return self._delivery(message)

    def _delivery(self, message: Msg) -> Delivery | None:
        status = (message.headers or {}).get("Status")
        if not status:
            return NatsDelivery(self, message)
        if status in ("404", "408"):
            return None
        text = f"{status} {(message.headers or {}).get('Description', '')}"
        if status == "503" or "Consumer Deleted" in text:
            raise _MissingError(text)
        raise UnavailableError("The queue handed nothing out.", log=text)

    # --- hints -----------------------------------------------------------------------------------
    async def hint(self, subject: str, data: bytes = b"") -> None:
        with _mapped():
            await self._ready().publish(subject, data)

    @asynccontextmanager
    async def listen(self, subject: str) -> AsyncIterator[AsyncIterator[Message]]:
        waiting: deque[Message] = deque(maxlen=_WAITING_HINTS)
        arrived = asyncio.Event()

        async def keep(message: Msg) -> None:
            waiting.append(Message(message.subject, message.data))
            arrived.set()

        client = self._ready()
        self._listeners.add(arrived)
        try:
            with _mapped():
                subscription = await client.subscribe(subject, cb=keep)
                await client.flush(max(1, int(self._timeout)))  # the server has it once it answers
            try:
                yield _hints(client, waiting, arrived)
            finally:
                with contextlib.suppress(NatsError):
                    await subscription.unsubscribe()
        finally:
            self._listeners.discard(arrived)

    # --- requests --------------------------------------------------------------------------------
    async def settle(self, reply: str, what: bytes) -> None:
        """Send ``what`` about a delivery and wait until the server has confirmed it."""
        with _mapped():
            try:
                await self._ready().request(reply, what, timeout=self._timeout)
            except NoRespondersError as error:
                raise UnavailableError("The queue has lost the delivery.") from error

    async def _known(self, path: str, body: Json) -> Json:
        """An API request about a stream, which is made where it is missing."""
        for _ in range(2):
            answer = await self._api(path, body)
            if _code(answer) != _NO_STREAM:
                break
            await self.ensure()
        try:
            _raise_error(answer)
        except _MissingError as error:
            raise UnavailableError("The queue has no streams.", log=str(error)) from error
        return answer

    async def _api(self, path: str, body: Json) -> Json:
        return await self._request_or_away(_API + path, orjson.dumps(body))

    async def _request_or_away(self, subject: str, data: bytes) -> Json:
        try:
            return await self._request(subject, data)
        except _MissingError as error:
            raise UnavailableError("JetStream is not there.", log=str(error)) from error

    async def _request(self, subject: str, data: bytes) -> Json:
        answer = await self.exchange(subject, data)
        decoded: Json = orjson.loads(answer.data)
        return decoded

    async def exchange(
        self, subject: str, data: bytes, headers: dict[str, str] | None = None
    ) -> Msg:
        """A request's answer. _MissingError where nothing listens there."""
        with _mapped():
            try:
                return await self._ready().request(
                    subject, data, timeout=self._timeout, headers=headers
                )
            except NoRespondersError as error:
                raise _MissingError(subject) from error

    def _ready(self) -> Client:
        if not self._client.is_connected:
            raise UnavailableError(self._away)
        return self._client


class NatsDelivery:
    """A message that this process holds until it settles it or the ack wait runs out."""

    def __init__(self, queue: NatsQueue, message: Msg) -> None:
        self._queue = queue
        self._message = message

    @property
    def subject(self) -> str:
        return self._message.subject

    @property
    def data(self) -> bytes:
        return self._message.data

    async def in_progress(self) -> None:
        await self._queue.settle(self._message.reply, b"+WPI")

    async def ack(self) -> None:
        await self._queue.settle(self._message.reply, b"+ACK")

    async def nak(self, delay: float = 0) -> None:
        what = b"-NAK"
        if delay > 0:
            what += b" " + orjson.dumps({"delay": int(delay * 1e9)})
        await self._queue.settle(self._message.reply, what)


class NatsCounters:
    """The Counters port on a queue's connection: a key-value bucket, read directly."""

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue

    async def read(self, key: str) -> Entry | None:
        path = f"{_API}DIRECT.GET.{names.STREAM_COUNTERS}.{names.counter_subject(key)}"
        try:
            found = await self._queue.exchange(path, b"")
        except _MissingError as error:
            raise UnavailableError("The queue has no counters.", log=str(error)) from error
        headers = found.headers or {}
        if headers.get("Status") == "404":
            return None
        try:
            return Entry(found.data, int(headers["Nats-Sequence"]))
        except (KeyError, ValueError) as error:
            raise UnavailableError("The queue read no counter.", log=str(headers)) from error

    async def write(self, key: str, value: bytes, revision: int) -> int:
        expected = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        try:
            found = await self._queue.exchange(names.counter_subject(key), value, expected)
            answer: Json = orjson.loads(found.data)
            if _code(answer) == _WRONG_REVISION:
                raise ConflictError("Another writer was first.")
            _raise_error(answer)
        except _MissingError as error:
            raise UnavailableError("The queue has no counters.", log=str(error)) from error
        return int(answer["seq"])


async def _hints(
    client: Client, waiting: deque[Message], arrived: asyncio.Event
) -> AsyncGenerator[Message, None]:
    """What arrives; UnavailableError once the client has closed, as its subscriptions went too."""
    while True:
        await arrived.wait()
        arrived.clear()
        while waiting:
            yield waiting.popleft()
        if client.is_closed:
            raise UnavailableError("The connection to the queue was closed.")


def _reason(error: Exception) -> str:
    """Why the server cannot be reached, in words without addresses."""
    if not isinstance(error, NatsError) or isinstance(error, OSError | TimeoutError):
        return f"The queue does not answer: {cause_of(error)}."
    if isinstance(error, UnexpectedEOF | StaleConnectionError):
        return "The queue does not answer: the connection was lost."
    said = str(error).removeprefix("nats: ").strip("'")
    if "auth" in said.lower():
        return f"The queue refuses our credentials: {said}."
    return f"The queue says: {said}."


def _holds_message(answer: asyncio.Future[Msg]) -> bool:
    if not answer.done() or answer.cancelled() or answer.exception() is not None:
        return False
    message = answer.result()
    return bool(message.reply) and "Status" not in (message.headers or {})


def _code(answer: dict[str, Any]) -> int:
    return int(answer.get("error", {}).get("err_code", 0))


def _raise_error(answer: dict[str, Any]) -> None:
    error = answer.get("error")
    if error is None:
        return
    if _code(answer) in (_NO_STREAM, _NO_CONSUMER):
        raise _MissingError(str(error))
    raise UnavailableError("The queue refused.", log=str(error))


@contextmanager
def _mapped() -> Iterator[None]:
    """Turns what the client raises into our errors."""
    try:
        yield
    except (NatsError, OSError, TimeoutError) as error:
        text = "The queue did not answer."
        raise UnavailableError(text, log=f"{text} ({error or type(error).__name__})") from error
