"""Errors as RFC 9457 problem details, and the mapping of every exception to one.

An envelope is a function from a :class:`Fault` to a response: another API mounted on the gateway
brings its own, and errors that arise before its handlers take that form too.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import ClientError, http_exceptions, web

from pressroom.dialects.fault import ErrorWords, Fault
from pressroom.errors import (
    Code,
    ConflictError,
    NotFoundError,
    PressroomError,
    UnavailableError,
    UserError,
)

log = logging.getLogger(__name__)


Envelope = Callable[[Fault], web.Response]


def problem(fault: Fault) -> web.Response:
    """The native envelope: ``application/problem+json`` with a stable ``code``."""
    body: dict[str, Any] = {
        "type": f"urn:pressroom:problem:{fault.code}",
        "title": _title(fault.status),
        "status": fault.status,
        "detail": fault.detail,
        "code": fault.code,
    }
    if fault.path is not None:
        body["path"] = fault.path
    if fault.line is not None:
        body["line"] = fault.line
    return web.Response(
        body=orjson.dumps(body),
        status=fault.status,
        headers={**fault.headers, "Content-Type": "application/problem+json"},
    )


def envelope(words: ErrorWords) -> Envelope:
    """The envelope of another API, in whose words every error of its addresses is told."""

    def answer(fault: Fault) -> web.Response:
        status, body = words(fault)
        return web.Response(
            body=orjson.dumps(body),
            status=status,
            headers={**fault.headers, "Content-Type": "application/json"},
        )

    return answer


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # 499: the client hung up; nobody reads it but the metrics
        return "Client Closed Request"


_HTTP_CODES = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.REQUEST_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
}


def fault_of(error: Exception) -> Fault:
    """The fault that an exception stands for; one that nobody foresaw is logged and is a 500."""
    if isinstance(error, web.HTTPException):
        return _of_http(error)
    if isinstance(error, PressroomError):
        return _of_ours(error)
    if isinstance(error, http_exceptions.HttpProcessingError | ClientError | ConnectionError):
        return Fault(400, Code.INVALID_REQUEST, "The request's body is broken off or malformed.")
    if isinstance(error, TimeoutError):
        return _away(UnavailableError("a dependency did not answer in time"))
    log.error("an unforeseen error", exc_info=error, extra={"action": "request_failed"})
    return Fault(500, Code.INTERNAL, "Something went wrong inside the farm. Please try again.")


def _of_ours(error: PressroomError) -> Fault:
    if isinstance(error, UserError):
        return _of_user(error)
    if isinstance(error, NotFoundError):
        return Fault(404, Code.NOT_FOUND, error.message)
    if isinstance(error, ConflictError):
        return Fault(409, Code.CONFLICT, error.message)
    if isinstance(error, UnavailableError):
        return _away(error)
    log.error(error.log, exc_info=error, extra={"action": "request_failed"})
    return Fault(500, Code.INTERNAL, error.message)


def _of_user(error: UserError) -> Fault:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="pressroom"'
    return Fault(error.status, error.code, error.message, error.path, error.line, headers)


def _away(error: UnavailableError) -> Fault:
    log.warning(error.log, extra={"action": "dependency_away"})
    text = "A part of the farm is not answering. Please try again."
    return Fault(503, Code.UNAVAILABLE, text, headers={"Retry-After": "1"})


def _of_http(error: web.HTTPException) -> Fault:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    code = _HTTP_CODES.get(error.status, Code.INVALID_REQUEST)
    detail = {
        404: "There is nothing at this address.",
        405: f"This address takes {headers.get('Allow', 'other methods')}.",
    }.get(error.status, error.reason)
    return Fault(error.status, code, detail, headers=headers)
