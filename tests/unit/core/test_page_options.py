"""Page options and outputs that the API server refuses too, so that kubectl users are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pressroom.crds import structural, validators
from pressroom.model.page import PageOptions
from pressroom.model.tenant import DEFAULT_MAX_TTL_SECONDS, kept_seconds


def complaints(**spec: Any) -> list[str]:
    body = {"spec": {"html": "<p>", "rows": [{}], **spec}}
    return validators()["BatchJob"](body, None)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"page": {"width": "0", "height": "1in"}}, "spec.page.width: must be above 0"),
        ({"page": {"width": "1in", "height": "509cm"}}, "spec.page.height: must be above 0"),
        ({"page": {"pageRanges": "5-2"}}, "5-2 must not run backwards"),
        ({"page": {"pageRanges": "0"}}, "spec.page.pageRanges"),
        (
            {"page": {"emulatedMediaFeatures": [{"name": "colour-scheme", "value": "dark"}]}},
            "spec.page.emulatedMediaFeatures.0.name",
        ),
        (
            {"page": {"output": "Png"}, "outputs": ["Merged"]},
            "images and encrypted PDFs cannot be merged",
        ),
        (
            {"rows": [{}, {"page": {"output": "Webp"}}], "outputs": ["Zip", "Merged"]},
            "images and encrypted PDFs cannot be merged",
        ),
    ],
)
def test_what_cannot_come_out_is_refused(spec: dict[str, Any], words: str) -> None:
    [complaint] = complaints(**spec)
    assert words in complaint


@pytest.mark.parametrize(
    "spec",
    [
        {"page": {"width": "0.5in", "height": "5080mm", "pageRanges": "1-3, 5-"}},
        {"page": {"output": "Png"}, "outputs": ["Zip"]},
        {"page": {"output": "Pdf"}, "outputs": ["Merged"]},
    ],
)
def test_what_can_come_out_is_not(spec: dict[str, Any]) -> None:
    assert complaints(**spec) == []


@pytest.mark.parametrize(
    ("ranges", "fits"),
    [("1", True), ("1-", True), ("2 , 3-10", True), ("01", True), ("0-1", False), ("1-0", False)],
)
def test_the_schema_has_no_page_0(ranges: str, fits: bool) -> None:
    pattern = structural(PageOptions)["properties"]["pageRanges"]["pattern"]
    assert bool(re.match(pattern, ranges)) is fits


@pytest.mark.parametrize(
    ("stated", "most", "kept"),
    [
        (None, None, 86_400),
        (None, 300, 300),
        (None, 200_000, 86_400),
        (100, 300, 100),
        (400, 300, 300),
        (0, 300, 0),
        (10**9, None, DEFAULT_MAX_TTL_SECONDS),
    ],
)
def test_how_long_data_is_kept(stated: int | None, most: int | None, kept: int) -> None:
    assert kept_seconds(stated, most) == kept
