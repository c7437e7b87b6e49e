"""The quality gate: what is looked for in a row's pages, and what was found. Purely data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from pressroom.model.base import Model, Record, Rule

#: Findings of one row at most; the last says how many more there were.
MAX_FINDINGS = 20


class Policy(StrEnum):
    """What a finding means to its row."""

    OFF = "Off"
    WARN = "Warn"
    FAIL = "Fail"


class Check(StrEnum):
    """What is looked for. The names are those of :class:`Checks` and of the status."""

    BLANK_PAGES = "blankPages"
    MISSING_GLYPHS = "missingGlyphs"
    CUT_CONTENT = "cutContent"
    FAILED_ASSETS = "failedAssets"
    CONSOLE_ERRORS = "consoleErrors"
    PAGE_COUNT = "pageCount"


_Pages = Annotated[int, Field(ge=1, le=1_000_000)]


class Checks(Model):
    """What is looked for in a row's pages. Off: not looked for; Fail: a finding fails the row."""

    blank_pages: Policy | None = Field(None, description="Pages without a mark. Default Warn.")
    missing_glyphs: Policy | None = Field(
        None, description="Characters that no font has. Default Warn."
    )
    cut_content: Policy | None = Field(
        None, description="Text or tables beyond the page's edge. Default Warn."
    )
    failed_assets: Policy | None = Field(
        None, description="Images, fonts, style sheets that did not load. Default Warn."
    )
    console_errors: Policy | None = Field(
        None, description="Errors of the page's scripts. Default Warn."
    )
    page_count: Policy | None = Field(
        None, description="Fewer pages than minPages, more than maxPages. Default Fail."
    )
    min_pages: _Pages | None = None
    max_pages: _Pages | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.minPages) || !has(self.maxPages) || self.minPages <= self.maxPages",
            "minPages must not be above maxPages",
            lambda c: None in (c.min_pages, c.max_pages) or c.min_pages <= c.max_pages,
        ),
    )

    def policy(self, check: Check) -> Policy:
        """What a finding of this check means, the default filled in."""
        stated: Policy | None = {
            Check.BLANK_PAGES: self.blank_pages,
            Check.MISSING_GLYPHS: self.missing_glyphs,
            Check.CUT_CONTENT: self.cut_content,
            Check.FAILED_ASSETS: self.failed_assets,
            Check.CONSOLE_ERRORS: self.console_errors,
            Check.PAGE_COUNT: self.page_count,
        }[check]
        return stated or (Policy.FAIL if check is Check.PAGE_COUNT else Policy.WARN)


class Finding(Record):
    """Something found in a row's pages: which check, what, and on which page (from 1)."""

    check: Check
    message: str
    page: int | None = None


class FindingCounts(Record):
    """How many rows have a finding of each check."""

    blank_pages: int = 0
    missing_glyphs: int = 0
    cut_content: int = 0
    failed_assets: int = 0
    console_errors: int = 0
    page_count: int = 0
