"""What went wrong with a request, before it takes the words of the API that was asked. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pressroom.errors import Code


@dataclass(frozen=True)
class Fault:
    """An HTTP status, a stable code, a text for the user, and where in the request it is.

    ``path`` is written ``items[1].data``; ``line`` is counted from 1.
    """

    status: int
    code: Code
    detail: str
    path: str | None = None
    line: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


#: A dialect's words for a fault: the HTTP status and the JSON body of the answer.
ErrorWords = Callable[[Fault], tuple[int, dict[str, Any]]]
