"""What can go wrong for the command line, as sentences that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What to do, by the farm's error code. Where the detail says it already, nothing is added.
_ADVICE: Mapping[str, str] = {
    "unauthenticated": "Give a valid key with --api-key, PRESSROOM_API_KEY or --state-dir.",
    "forbidden": "This key may not do that. Use another key.",
    "bad_encoding": "Save the file as UTF-8.",
    "malformed_csv": "Mend the line, or quote the field if it holds a comma or a line break.",
    "duplicate_row_id": "Give every row an id of its own, or leave the column id out.",
    "no_rows": "The data needs at least one row below its header.",
    "template_not_found": "Give an HTML file, or a template of `pressroom templates list`; its "
    "versions are in `pressroom templates versions ID`.",
    "too_many_requests": "Wait a little and try again.",
    "unavailable": "Wait a little and try again; look into the logs if it stays so.",
}


class CliError(Exception):
    """A message for the terminal."""


class Unreachable(CliError):  # noqa: N818 - a state, not a fault
    """Nothing answers at the farm's URL, or it breaks off."""


class Refused(CliError):  # noqa: N818 - what happened
    """The farm answered with a problem (RFC 9457)."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.code = str(problem.get("code") or "")
        self.detail = str(problem.get("detail") or "")
        self.path = str(problem.get("path") or "")
        self.line = problem.get("line")
        self.retry_after = retry_after
        super().__init__(_sentence(status, self.code, problem))


def _sentence(status: int, code: str, problem: Mapping[str, Any]) -> str:
    detail = str(problem.get("detail") or problem.get("title") or f"The answer was {status}.")
    places = [f"{word} {problem[word]}" for word in ("line", "path") if problem.get(word)]
    lines = [detail]
    named = f"({', '.join((code or str(status), *places))})"
    lines.append(named)
    if code in _ADVICE:
        lines.append(_ADVICE[code])
    return "\n".join(lines)
