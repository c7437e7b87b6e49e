"""docs/templates.md: what it says of filters and page options is so, and nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from pressroom.filters import FILTERS
from pressroom.model.page import PageOptions
from pressroom_worker.templates import Engine

DOCS = (Path(__file__).parents[3] / "docs" / "templates.md").read_text()
EXAMPLES = re.findall(r"^\| `(\{\{ ['\d].*?\}\})` \| `(.*?)` \|$", DOCS, re.M)


@pytest.mark.parametrize(("text", "wanted"), EXAMPLES)
def test_examples_give_what_is_written_beside_them(text: str, wanted: str) -> None:
    made = Engine().page(text.replace(r"\|", "|"), None, {}, lenient=False)
    assert re.sub(r"[\u00a0\u202f]", " ", made) == wanted


def test_every_filter_is_there() -> None:
    assert len(EXAMPLES) >= 10
    assert [name for name in FILTERS if not re.search(rf"\b{name}\b", DOCS)] == []


def test_every_page_option_has_a_line() -> None:
    documented = set(
        re.findall(r"^\| `([\w.\[\]]+)` \|", DOCS.partition("## Page options")[2], re.M)
    )
    assert documented == set(options(PageOptions))


def options(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for field, facts in model.model_fields.items():
        name = f"{prefix}{facts.alias or field}"
        inner = [one for one in types(facts.annotation) if one.__name__ not in ("Header", "Cookie")]
        if not inner or name == "margin":
            yield name
        for one in inner if name != "margin" else ():
            yield from options(one, f"{name}{'[]' if 'list' in str(facts.annotation) else ''}.")


def types(annotation: Any) -> list[type[BaseModel]]:
    """The models within an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for one in get_args(annotation) for found in types(one)]
