"""What texts of a request must look like, in words instead of the models' patterns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from pressroom.model.batchjob import TemplateId
from pressroom.model.finish import AssetName, Colour
from pressroom.model.page import Length, PageRanges
from pressroom.model.rows import PageUrl


def _pattern(kind: Any) -> str:
    return str(TypeAdapter(kind).json_schema()["pattern"])


_WORDS: Mapping[str, str] = {
    _pattern(Length): "must be a length such as 20mm, 1.5cm, 0.5in, 36pt, 3pc or 96px",
    _pattern(PageRanges): "must be pages from 1, such as 1-3, 5",
    _pattern(TemplateId): "must be 1 to 128 letters, digits, dots, colons, dashes or underscores",
    _pattern(AssetName): "must be a name of 1 to 128 letters, digits, spaces, dots, dashes or "
    "underscores",
    _pattern(Colour): "must be a colour such as #1a2b3c",
    _pattern(PageUrl): "must be an http or https URL",
}


def in_words(context: Mapping[str, Any] | None) -> str | None:
    """What the pattern asks for of which pydantic's complaint tells; None where nobody has said."""
    return _WORDS.get(str((context or {}).get("pattern")))
