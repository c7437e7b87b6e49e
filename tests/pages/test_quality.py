"""The quality gate on real pages: what each check finds, and what it leaves alone."""

from __future__ import annotations

import pytest
from press import Press, Sheet

from pressroom.errors import Code
from pressroom.model.checks import Check, Checks, Finding, Policy
from pressroom.model.page import PageOptions

INVOICE = (
    "<style>table{width:100%;border-collapse:collapse}td,th{border-bottom:1px solid #ccc;"
    "padding:4px}h1{background:#eef}.end{text-align:right}</style><h1>Invoice 7</h1>"
    "<table><tr><th>Item<th class=end>Price"
    + "".join(f"<tr><td>Thing {n} 发票 नमस्ते 😀<td class=end>{n}.00 €" for n in range(60))
    + "</table>"
)
BREAK = "<div style='break-before:page'></div>"


def findings(pages: Press, html: str, **options: object) -> list[Finding]:
    page = PageOptions.model_validate({"scripts": False, **options})
    return list(pages.outcome(Sheet(html, page=page)).findings)


def checks(found: list[Finding]) -> set[Check]:
    return {finding.check for finding in found}


def test_an_ordinary_page_is_left_alone(pages: Press) -> None:
    assert findings(pages, INVOICE) == []


@pytest.mark.parametrize("furniture", [{}, {"footerHtml": "page <span class=pageNumber></span>"}])
@pytest.mark.parametrize("shade", ["", "<style>body{background:#eee}</style>"])
def test_a_blank_page_is_found(pages: Press, furniture: dict[str, str], shade: str) -> None:
    found = findings(pages, f"{shade}<p>one{BREAK}{BREAK}<p>three", **furniture)
    assert [(one.check, one.page) for one in found] == [(Check.BLANK_PAGES, 2)]
    assert found[0].message == "Page 2 is blank."


@pytest.mark.parametrize(
    "content",
    [
        "<hr>",
        "<svg><circle cx=20 cy=20 r=9 /></svg><svg><rect width=5 height=5 /></svg>",
        "<table border=1><tr><td>&nbsp;</table>",
    ],
)
def test_a_page_with_a_mark_is_not_blank(pages: Press, content: str) -> None:
    assert findings(pages, f"<p>one{BREAK}{content}") == []


def test_characters_without_a_glyph_are_named(pages: Press) -> None:
    found = findings(pages, "<p>fine \U000f1234 and\ue000\ue001")
    assert [one.check for one in found] == [Check.MISSING_GLYPHS]
    assert found[0].page == 1
    assert "U+E000" in found[0].message
    assert "3 characters" in found[0].message


def test_what_is_too_wide_to_shrink_is_cut(pages: Press) -> None:
    wide = "".join(f"<td style='min-width:200px'>cell{n}" for n in range(8))
    (found,) = findings(pages, f"<table><tr>{wide}</table>")
    assert found.check is Check.CUT_CONTENT
    assert "too wide" in found.message


@pytest.mark.parametrize("width", [700, 900])
def test_what_the_browser_shrinks_to_the_paper_is_not_cut(pages: Press, width: int) -> None:
    assert findings(pages, f"<table><tr><td style='min-width:{width}px'>cell</table>") == []


def test_the_width_is_that_of_the_paper(pages: Press) -> None:
    html = "<table><tr><td style='min-width:1300px'>cell</table>"
    assert findings(pages, html)
    assert findings(pages, html, landscape=True) == []
    assert findings(pages, html, scalePercent=50) == []


def test_a_box_that_cuts_its_text_is_named(pages: Press) -> None:
    html = "<div style='width:90px;height:20px;overflow:hidden'>" + "long words " * 9 + "</div>"
    (found,) = findings(pages, html)
    assert found.check is Check.CUT_CONTENT
    assert '"long words long words' in found.message


@pytest.mark.parametrize(
    "box",
    [
        "<div style='overflow:hidden'>fits</div>",
        "<div style='position:absolute;width:1px;height:1px;overflow:hidden'>for readers</div>",
        "<div style='overflow:hidden;height:40px'><i style='display:block;height:90px'></i></div>",
        "<div style='overflow:hidden;height:20px;line-height:20px'>one line</div>",
    ],
)
def test_a_box_that_cuts_no_text_is_left_alone(pages: Press, box: str) -> None:
    assert findings(pages, f"<p>text{box}") == []


def test_an_asset_that_does_not_come_is_named(pages: Press) -> None:
    (found,) = findings(pages, "<img src='https://nowhere.example/logo.png'>text")
    assert found.check is Check.FAILED_ASSETS
    assert "https://nowhere.example/logo.png" in found.message


def test_what_a_script_complains_of(pages: Press) -> None:
    html = "text<script>console.error('no data');undefinedFunction()</script>"
    found = findings(pages, html, scripts=True)
    assert [one.check for one in found] == [Check.CONSOLE_ERRORS] * 2
    assert any("no data" in one.message for one in found)
    assert any("undefinedFunction" in one.message for one in found)


@pytest.mark.parametrize(
    ("wanted", "fails"),
    [({"minPages": 2}, False), ({"maxPages": 1}, True), ({"minPages": 3}, True)],
)
def test_the_number_of_pages(pages: Press, wanted: dict[str, int], fails: bool) -> None:
    outcome = pages.outcome(
        Sheet(f"one{BREAK}two", page=PageOptions(checks=Checks(**_snake(wanted))))
    )
    assert (getattr(outcome, "error", None) is not None) is fails
    assert bool(outcome.findings) is fails


@pytest.mark.parametrize("policy", list(Policy))
def test_what_a_policy_means(pages: Press, policy: Policy) -> None:
    page = PageOptions(checks=Checks(blank_pages=policy))
    outcome = pages.outcome(Sheet(f"one{BREAK}{BREAK}two", page=page))
    assert bool(outcome.findings) is (policy is not Policy.OFF)
    error = getattr(outcome, "error", None)
    assert (error is not None) is (policy is Policy.FAIL)
    if error is not None:
        assert error.code is Code.QUALITY
        assert "Page 2 is blank." in error.message
        assert "checks.blankPages" in error.message


@pytest.mark.parametrize(
    ("check", "html"),
    [
        ("missingGlyphs", "\ue000"),
        ("cutContent", "<div style='width:9px;height:9px;overflow:hidden'>long words</div>"),
        ("failedAssets", "text<img src='https://nowhere.example/logo.png'>"),
        ("consoleErrors", "text<script>console.error('no data')</script>"),
    ],
)
def test_every_check_can_fail_a_row_or_be_left_out(pages: Press, check: str, html: str) -> None:
    for policy in (Policy.FAIL, Policy.OFF):
        page = PageOptions.model_validate({"scripts": True, "checks": {check: policy}})
        outcome = pages.outcome(Sheet(html, page=page))
        assert (getattr(outcome, "error", None) is not None) is (policy is Policy.FAIL)
        assert checks(list(outcome.findings)) == (
            {Check(check)} if policy is Policy.FAIL else set()
        )


@pytest.mark.parametrize("check", ["failedAssets", "consoleErrors"])
def test_pictures_are_looked_at_too(pages: Press, check: str) -> None:
    html = "<img src='https://nowhere.example/x.png'><script>console.error('no data')</script>"
    page = {"scripts": True, "output": "Png", "checks": {check: Policy.FAIL}}
    outcome = pages.outcome(Sheet(html, page=PageOptions.model_validate(page)))
    error = getattr(outcome, "error", None)
    assert error is not None
    assert f"checks.{check}" in error.message


def _snake(wanted: dict[str, int]) -> dict[str, int]:
    return {name.replace("P", "_p"): value for name, value in wanted.items()}


def test_cut_text_is_found_where_the_excerpt_ends_within_a_character(pages: Press) -> None:
    text = "x " * 39 + "x" + "😀" * 50
    box = f"<div style='width:100px;height:20px;overflow:hidden'>{text}</div>"
    assert checks(findings(pages, box)) == {Check.CUT_CONTENT}


def test_a_picture_whose_name_is_cut_within_a_character_is_named(pages: Press) -> None:
    found = findings(pages, f"text<img src='{'x' * 199}😀😀'>")
    assert checks(found) == {Check.FAILED_ASSETS}


def test_a_script_may_say_half_a_character(pages: Press) -> None:
    html = "<p>text<script>console.error('before \\ud83d after')</script>"
    (found,) = findings(pages, html, scripts=True)
    assert found.message == "The page's script says: before \ufffd after"
