"""Reading a request: bodies within their limit, options from a query, the parts of a form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import BodyPartReader, web

from pressroom.dialects import native_rows
from pressroom.dialects.json_lines import line_of
from pressroom.dialects.validating import json_object
from pressroom.errors import Code, UserError
from pressroom_gateway.rowsource import Reader, is_rows, reader_of

#: Bodies above this are parsed in a thread, so that other requests go on.
THREAD_BYTES = 256 * 1024
_NUMBERS = frozenset(
    {"priority", "parallelism", "rowTimeoutSeconds", "templateVersion", "ttlSeconds"}
)
_OBJECTS = frozenset({"page", "labels", "webhook", "merge", "document"})


async def chunks(request: web.Request, most: int) -> AsyncIterator[bytes]:
    """The body in pieces. 413 past ``most`` bytes, counted after any decompression."""
    if request.content_length is not None and request.content_length > most:
        raise too_large(most)
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > most:
            raise too_large(most)
        yield chunk


async def read(request: web.Request, most: int) -> bytes:
    """The whole body. 413 past ``most`` bytes."""
    return b"".join([chunk async for chunk in chunks(request, most)])


def too_large(most: int) -> UserError:
    """413, naming the limit and the way around it."""
    return UserError(
        Code.REQUEST_TOO_LARGE,
        f"The body may have {most} bytes at most. Stream many rows as NDJSON or CSV, "
        "or send several batches.",
        status=413,
    )


@asynccontextmanager
async def json_request(request: web.Request, most: int) -> AsyncIterator[dict[str, Any]]:
    """A JSON object. 400 ``malformed_json`` with its line, 413, 415.

    What is refused of it within the block is told with the line on which it stands.
    """
    if "Content-Type" in request.headers and request.content_type != "application/json":
        raise UserError(Code.UNSUPPORTED_MEDIA_TYPE, "Send application/json here.", status=415)
    text = await read(request, most)
    async with lines_of(text):
        yield json_object(await offload(len(text), native_rows.parse_json, text))


@asynccontextmanager
async def lines_of(text: bytes) -> AsyncIterator[None]:
    """Give a UserError about a part of this JSON text the line of its path."""
    try:
        yield
    except UserError as error:
        if error.line is None and error.path is not None:
            error.line = await offload(len(text), line_of, text, error.path)
        raise


async def offload(size: int, work: Any, *arguments: Any, **options: Any) -> Any:
    """Call ``work``, in a thread where it is about many bytes."""
    if size > THREAD_BYTES:
        return await asyncio.to_thread(work, *arguments, **options)
    return work(*arguments, **options)


def query_options(request: web.Request) -> dict[str, Any]:
    """The options of a batch whose body is nothing but rows."""
    raw: dict[str, Any] = {}
    for name, text in request.query.items():
        if name in raw:
            raise UserError(Code.INVALID_REQUEST, f"{name} is given twice.", path=name)
        raw[name] = _from_text(name, text)
    return raw


def _from_text(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return int(text) if text.removeprefix("-").isdecimal() else text
    if name == "outputs":
        return [word.strip() for word in text.split(",") if word.strip()]
    if name in _OBJECTS:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UserError(
                Code.MALFORMED_JSON, f"{name} is not JSON: {error.msg}.", path=name
            ) from None
    return text


@dataclass(frozen=True)
class Streamed:
    """Options read, and rows still to come.

    ``text`` is the JSON that the options came in, empty where they came in the query.
    """

    options: dict[str, Any]
    text: bytes
    reader: Reader
    chunks: AsyncIterator[bytes]


async def read_stream(request: web.Request, most: int) -> Streamed:
    """A body whose rows are streamed: NDJSON, CSV, or a form of ``request`` and ``rows``."""
    if request.content_type == "multipart/form-data":
        return await _form(request, most)
    reader = reader_of(request.content_type, request.charset)
    return Streamed(query_options(request), b"", reader, chunks(request, most))


def is_stream(request: web.Request) -> bool:
    """Whether the rows of this request are streamed."""
    return request.content_type == "multipart/form-data" or is_rows(request.content_type)


async def _form(request: web.Request, most: int) -> Streamed:
    try:
        form = await request.multipart()
        first = await form.next()
        text = await _request_part(first, most)
        second = await form.next()
    except (ValueError, AssertionError) as error:
        raise broken_form() from error
    if not isinstance(second, BodyPartReader) or second.name != "rows":
        raise UserError(
            Code.INVALID_REQUEST, "The form's second part must be called rows.", path="rows"
        )
    content_type = second.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    options = json_object(native_rows.parse_json(text), "part request")
    charset = second.get_charset("") or None
    reader = reader_of(content_type, charset, second.filename)
    return Streamed(options, text, reader, part_chunks(second, most))


async def _request_part(part: Any, most: int) -> bytes:
    if not isinstance(part, BodyPartReader) or part.name != "request":
        raise UserError(
            Code.INVALID_REQUEST, "The form's first part must be called request.", path="request"
        )
    # Options are small, save for a template text of the job's own.
    return b"".join([chunk async for chunk in part_chunks(part, min(most, 4 * 1024 * 1024))])


async def part_chunks(part: BodyPartReader, most: int) -> AsyncIterator[bytes]:
    """A part of a form in pieces. 413 past ``most`` bytes."""
    size = 0
    while True:
        try:
            chunk = await part.read_chunk(64 * 1024)
        except (ValueError, AssertionError) as error:
            raise broken_form() from error
        if not chunk:
            return
        size += len(chunk)
        if size > most:
            raise too_large(most)
        yield chunk


def broken_form() -> UserError:
    """400 for a form that cannot be read on."""
    return UserError(Code.INVALID_REQUEST, "The multipart form is malformed or broken off.")
