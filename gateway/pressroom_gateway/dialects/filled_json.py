"""JSON answers with files in them, as base64.

The files are streamed into the answer one after another: it may be of any size, and needs little
memory.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import orjson
from aiohttp import web

from pressroom.dialects.lightningpdf import Json, Pdf
from pressroom.errors import PressroomError
from pressroom.ports import Store
from pressroom_gateway.services import SERVICES

log = logging.getLogger(__name__)
#: Bytes that are written at once, unless there are no more.
PIECE_BYTES = 64 * 1024


async def send_with_files(request: web.Request, answer: Json) -> web.StreamResponse:
    """``answer`` with each :class:`Pdf` in it filled in.

    Raises the store's error where the answer cannot be begun. A file that fails later breaks the
    connection off: only so does the client know that the rest is missing.
    """
    store = request.app[SERVICES].store
    async with aclosing(_pieces(store, answer)) as pieces:
        # The first piece before the head: files that cannot be read are still a proper error.
        first = await anext(pieces)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            await response.write(first)
            async for piece in pieces:
                await response.write(piece)
        except PressroomError as error:
            log.warning(error.log, extra={"action": "answer_broken_off"})
            if request.transport is not None:
                request.transport.abort()
            return response
    await response.write_eof()
    return response


async def _pieces(store: Store, answer: Json) -> AsyncGenerator[bytes, None]:
    """The answer's bytes, in pieces that are worth writing."""
    held: list[bytes] = []
    size = 0
    async with aclosing(_filled(store, answer)) as parts:
        async for part in parts:
            held.append(part)
            size += len(part)
            if size >= PIECE_BYTES:
                yield b"".join(held)
                held, size = [], 0
    if held:
        yield b"".join(held)


async def _filled(store: Store, answer: Json) -> AsyncGenerator[bytes, None]:
    for part in _parts(answer):
        if isinstance(part, bytes):
            yield part
            continue
        rest = b""
        async for chunk in store.stream(part.key):
            data = rest + chunk
            whole = len(data) - len(data) % 3  # base64 goes by three bytes
            rest = data[whole:]
            yield base64.b64encode(data[:whole])
        yield base64.b64encode(rest)


def _parts(value: Any) -> Iterator[bytes | Pdf]:
    """The JSON text of ``value``, with its files standing in their quotes."""
    if isinstance(value, Pdf):
        yield from (b'"', value, b'"')
    elif isinstance(value, dict):
        yield b"{"
        for number, (key, inner) in enumerate(value.items()):
            yield (b"," if number else b"") + orjson.dumps(key) + b":"
            yield from _parts(inner)
        yield b"}"
    elif isinstance(value, list):
        yield b"["
        for number, inner in enumerate(value):
            yield b"," if number else b""
            yield from _parts(inner)
        yield b"]"
    else:
        yield orjson.dumps(value)
