"""A PDF that cannot be read, or not in time, has not passed the checks of its pages."""

from __future__ import annotations

import pytest

from pressroom.model.checks import Check, Checks, Policy
from pressroom.model.page import PageOptions
from pressroom_worker import quality


@pytest.mark.parametrize(
    ("checks", "found"),
    [
        (Checks(), [Check.BLANK_PAGES, Check.MISSING_GLYPHS]),
        (Checks(blank_pages=Policy.OFF), [Check.MISSING_GLYPHS]),
        (Checks(blank_pages=Policy.OFF, missing_glyphs=Policy.OFF), []),
    ],
)
def test_each_check_that_is_wanted_says_that_it_could_not_be_made(
    checks: Checks, found: list[Check]
) -> None:
    page = PageOptions(checks=checks)
    findings = quality.inspect(b"%PDF-1.4 and nothing else", 1, page, quality.Noticed())
    assert [one.check for one in findings] == found
    assert all("not checked" in one.message for one in findings)
