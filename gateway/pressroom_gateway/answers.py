"""Small helpers for answers, pages and cursors that several handlers share."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from aiohttp import web

from pressroom.errors import Code, UserError

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000


def json_answer(
    body: Any, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers={**(headers or {}), "Content-Type": "application/json"},
    )


def refuse_unknown_parameters(request: web.Request, known: set[str]) -> None:
    """400 for a query parameter that means nothing here."""
    for name in request.query:
        if name not in known:
            raise UserError(
                Code.INVALID_REQUEST, f"{name} is not a parameter of this address.", path=name
            )


def limit_of(request: web.Request, default: int = DEFAULT_LIMIT) -> int:
    """The page's size. 400 where it is no number, 422 where it is out of range."""
    text = request.query.get("limit")
    if text is None:
        return default
    if not text.removeprefix("-").isdecimal():
        raise UserError(Code.INVALID_REQUEST, "limit must be a number.", path="limit")
    if not 1 <= int(text) <= MAX_LIMIT:
        raise UserError(
            Code.INVALID_OPTION, f"limit must be from 1 to {MAX_LIMIT}.", path="limit", status=422
        )
    return int(text)


def cursor_of(request: web.Request) -> list[Any] | None:
    """What :func:`make_cursor` was given. 400 for anything else."""
    text = request.query.get("cursor")
    if not text:
        return None
    try:
        value = orjson.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        raise bad_cursor() from None
    if not isinstance(value, list):
        raise bad_cursor()
    return value


def make_cursor(*values: str | int) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode()


def bad_cursor() -> UserError:
    """400: not a cursor of ours."""
    return UserError(Code.INVALID_REQUEST, "cursor is not one that was given out.", path="cursor")
