"""The DevTools protocol over a pair of pipes: messages out, answers and events in.

Knows framing (JSON, each message ended by a zero byte), ids and flat sessions; nothing of pages.
Long base64 payloads are never turned into Python strings: an answer's ``data`` comes as a view of
the bytes received.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable
from typing import Any

import orjson

Json = dict[str, Any]
OnEvent = Callable[[str, Json, str | None], None]

#: An answer's bytes at most: 256 MiB of output as base64.
MAX_FRAME = 360 * 1024 * 1024
#: Bytes of any other message at most. A page's script chooses how much it says.
MAX_TALK = 64 * 1024 * 1024
PIPE_BYTES = 1 << 20
#: The head of an answer that carries a payload, and how far into the frame it may start.
_PAYLOAD = b'"result":{"data":"'
_HEAD = 64


class BrowserGoneError(Exception):
    """The browser has closed its pipe: it died or was killed."""


class TabGoneError(Exception):
    """The tab crashed or was closed while it owed an answer."""


class ProtocolError(Exception):
    """The browser answered with an error."""


class FrameTooLargeError(Exception):
    """An answer was over MAX_FRAME and was dropped."""


class Channel(asyncio.Protocol):
    """One connection. What is sent is bounded by the callers: a tab has one document in flight."""

    def __init__(self, on_event: OnEvent, on_closed: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[asyncio.Future[Json], str | None]] = {}
        self._id = 0
        self._buffer = bytearray()
        self._dropping = False
        self._write: asyncio.WriteTransport | None = None
        self._read: asyncio.ReadTransport | None = None
        self.closed = False

    async def attach(self, read_fd: int, write_fd: int) -> None:
        """Take over both ends of the pipes; closes them at the end."""
        for fd in (read_fd, write_fd):
            try:
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            except OSError:  # over the system's limit for this user: the default size does
                continue
        self._read, _ = await self._loop.connect_read_pipe(
            lambda: self, os.fdopen(read_fd, "rb", 0)
        )
        self._write, _ = await self._loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(write_fd, "wb", 0)
        )

    def send(
        self, method: str, params: Json | None = None, session: str | None = None
    ) -> asyncio.Future[Json]:
        """Send a command. The answer comes in order with all others of its session.

        The future raises ProtocolError, TabGoneError, FrameTooLargeError or BrowserGoneError. The
        caller sets the deadline.
        """
        future: asyncio.Future[Json] = self._loop.create_future()
        if self.closed or self._write is None:
            future.set_exception(BrowserGoneError("the browser is gone"))
            return future
        self._id += 1
        message: Json = {"id": self._id, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        self._waiting[self._id] = (future, session)
        self._write.write(orjson.dumps(message) + b"\0")
        return future

    def forget(self, session: str) -> None:
        """Fail all that waits for a session that is gone: the browser never answers for it."""
        for number, (future, owner) in list(self._waiting.items()):
            if owner == session:
                del self._waiting[number]
                _fail(future, TabGoneError("the tab is gone"))

    def close(self) -> None:
        """Close both pipes and fail what waits. May be called again."""
        if self.closed:
            return
        self.closed = True
        for transport in (self._read, self._write):
            if transport is None or transport.is_closing():
                continue
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
            else:
                transport.close()
        waiting, self._waiting = self._waiting, {}
        for future, _ in waiting.values():
            _fail(future, BrowserGoneError("the browser is gone"))
        self._on_closed()

    # --- asyncio.Protocol -----------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        start = 0
        while (end := data.find(b"\0", start)) >= 0:
            if self._buffer:
                self._buffer += data[start:end]
                frame = bytes(self._buffer)
                self._buffer.clear()
            else:
                frame = data[start:end]
            start = end + 1
            if self._dropping:
                self._dropping = False
            else:
                self._frame(frame)
        self._keep(data[start:])

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    def _keep(self, rest: bytes) -> None:
        if not rest or self._dropping:
            return
        self._buffer += rest
        if len(self._buffer) > MAX_TALK:
            self._drop(bytes(self._buffer[:_HEAD]))

    def _drop(self, head: bytes) -> None:
        """Drop the message that begins like this, if it is too large."""
        error: Exception = FrameTooLargeError("the answer is too large")
        if _PAYLOAD not in head:
            error = ProtocolError("the page answers with too much")
        elif len(self._buffer) <= MAX_FRAME:
            return
        self._buffer.clear()
        self._dropping = True
        number = head.removeprefix(b'{"id":').partition(b",")[0]
        found = self._waiting.pop(int(number), None) if number.isdigit() else None
        if found is not None:
            _fail(found[0], error)

    def _frame(self, frame: bytes) -> None:
        start = frame.find(_PAYLOAD, 0, _HEAD)
        if start < 0:
            self._message(_parsed(frame))
            return
        start += len(_PAYLOAD)
        end = frame.index(b'"', start)
        message = orjson.loads(frame[:start] + frame[end:])
        message["result"]["data"] = memoryview(frame)[start:end]
        self._message(message)

    def _message(self, message: Json) -> None:
        number = message.get("id")
        if number is None:
            self._on_event(message["method"], message.get("params", {}), message.get("sessionId"))
            return
        found = self._waiting.pop(number, None)
        if found is None or found[0].done():
            return
        if "error" in message:
            _fail(found[0], ProtocolError(str(message["error"].get("message", "unknown"))))
        else:
            found[0].set_result(message["result"])


def _parsed(frame: bytes) -> Json:
    """A message. Half a surrogate pair, which pages may cut a text to, becomes U+FFFD."""
    try:
        message: Json = orjson.loads(frame)
    except orjson.JSONDecodeError:
        whole = json.dumps(json.loads(frame), ensure_ascii=False)
        message = orjson.loads(whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return message


def _fail(future: asyncio.Future[Json], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever waits gets it; whoever left needs no warning in the log
