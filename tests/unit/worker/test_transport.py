"""What comes from the browser: messages beyond their bounds are dropped, those after them not."""

from __future__ import annotations

from typing import Any

import pytest

from pressroom_worker import transport
from pressroom_worker.transport import Channel

PIECE = 64 * 1024


async def heard(*messages: bytes) -> tuple[list[str], list[int]]:
    """The events that are told of, and how much was kept of a message at most."""
    told: list[str] = []
    kept: list[int] = []

    def event(method: str, params: dict[str, Any], session: str | None) -> None:
        told.append(method)

    channel = Channel(event, lambda: None)
    stream = b"".join(message + b"\0" for message in messages)
    for start in range(0, len(stream), PIECE):
        channel.data_received(stream[start : start + PIECE])
        kept.append(len(channel._buffer))
    return told, kept


async def test_what_a_page_says_at_any_length_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_TALK", 10 * PIECE)
    long = b'{"method":"Runtime.consoleAPICalled","params":{"text":"%s"}}' % (b"x" * 100 * PIECE)
    told, kept = await heard(b'{"method":"before"}', long, b'{"method":"after"}')
    assert told == ["before", "after"]
    assert max(kept) <= 11 * PIECE


async def test_a_file_may_be_longer_than_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_TALK", 10 * PIECE)
    file = b'{"id":1,"result":{"data":"%s"}}' % (b"x" * 100 * PIECE)
    told, kept = await heard(file, b'{"method":"after"}')
    assert told == ["after"]
    assert max(kept) > 90 * PIECE
