"""Logs: one line an event, a structured ``action`` first, as text for people or as JSON."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from pressroom.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "action"}


def configure_logging(settings: Settings, part: str) -> None:
    """Send this process's log to standard error, each line naming its part."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(part) if settings.log_format == "json" else _Text(part))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for chatty in ("kopf", "aiohttp.access", "pyppeteer", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of every retry; what comes of them is ours to say.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class _Text(logging.Formatter):
    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        extras = "".join(f" {key}={value}" for key, value in _extras(record).items())
        line = f"{at} {record.levelname[0]} {self._part}: {record.getMessage()}{extras}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "part": self._part,
            "action": getattr(record, "action", None),
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()
