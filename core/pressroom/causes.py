"""What stands behind a client's error, in a few words for people. Pure.

No addresses: the words may reach users of the API. They are the same whenever the cause is.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator


def cause_of(error: BaseException) -> str:
    """``connection refused``, ``no answer in time`` and so on; else the error's own name."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLError):
            return f"TLS: {one.reason or type(one).__name__}"
        if isinstance(one, socket.gaierror):
            return "the host's name is not known"
        if isinstance(one, TimeoutError):
            return "no answer in time"
        if isinstance(one, OSError) and one.errno:
            return os.strerror(one.errno).lower()
    return type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised for, outermost first; clients hide it in various places."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [*one.args, one.__context__, one.__cause__, getattr(one, "reason", None)]
