"""The quality gate: what is wrong with a row's pages, by signs that cost next to nothing. Pure.

Pages and glyphs are judged by what the PDF draws; what does not fit its place by asking the page
itself before it is printed, laid out at the width of the paper.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pressroom.errors import Code, PressroomError, RowError
from pressroom.model.checks import MAX_FINDINGS, Check, Checks, Finding, Policy
from pressroom.model.page import Output, PageOptions
from pressroom_worker import skia

#: Characters of the page's text shown in a message.
_EXCERPT = 40
#: The browser shrinks what is too wide for the paper, down to two thirds; the rest is cut.
_SHRINKS_TO = 1.5
#: Elements looked at in one page.
_MOST_ELEMENTS = 20_000

_HEX = re.compile(rb"<([0-9A-F]{4,})> Tj")
_ACTUAL = re.compile(rb"/ActualText <FEFF([0-9A-F]+)> >> BDC\s+(?:[-\d. ]+ Td )?$")
_MARK = re.compile(rb"(?:^|[\s>\]])(?:Tj|TJ|Do|S|s|B|b|B\*|b\*|sh)\s")
_FILL = re.compile(rb"\s(?:f|f\*|F)\s")
#: Header and footer come last, in a clip of the whole paper.
_FURNITURE = b"q\n0 0 "

#: What does not fit: [kind, text, pixels] of the first few, and how many there are.
_PROBE = """(() => {
  const root = document.documentElement, width = root.clientWidth, found = [];
  let count = 0;
  const note = (kind, element, by) => {
    if (count++ < 5) found.push([kind, (element.innerText || '').trim().slice(0, 80), by]);
  };
  const wide = Math.max(root.scrollWidth, document.body ? document.body.scrollWidth : 0);
  if (wide > width * SHRINKS + 1) {
    let widest = document.body, right = 0;
    for (const element of document.querySelectorAll('table, pre, p, div, span, td, img, svg')) {
      const edge = element.getBoundingClientRect().right;
      if (edge > right && (element.innerText || '').trim()) { right = edge; widest = element; }
    }
    note('right', widest, Math.round(wide - width * SHRINKS));
  }
  const all = document.body ? document.body.getElementsByTagName('*') : [];
  for (let i = 0; i < all.length && i < MOST; i++) {
    const element = all[i];
    const height = element.clientHeight, across = element.clientWidth;
    if (height < 3 || across < 3) continue;
    const down = element.scrollHeight - height, over = element.scrollWidth - across;
    if (down < 5 && over < 3) continue;
    const style = getComputedStyle(element);
    const cutDown = down >= 5 && style.overflowY !== 'visible';
    const cutOver = over >= 3 && style.overflowX !== 'visible';
    if (!cutDown && !cutOver || style.visibility === 'hidden') continue;
    const box = element.getBoundingClientRect(), range = document.createRange();
    range.selectNodeContents(element);
    for (const rect of range.getClientRects()) {
      if (rect.width < 1 || rect.height < 1) continue;
      if (cutDown && rect.bottom > box.bottom + rect.height / 2
          || cutOver && rect.right > box.right + 2) {
        if ((element.innerText || '').trim()) note('box', element, cutDown ? down : over);
        break;
      }
    }
  }
  return [count, found];
})()""".replace("SHRINKS", str(_SHRINKS_TO)).replace("MOST", str(_MOST_ELEMENTS))


@dataclass(frozen=True)
class Noticed:
    """What the browser noticed while it showed a row; ``layout`` is what the probe answered."""

    failed_assets: tuple[str, ...] = ()
    console_errors: tuple[str, ...] = ()
    layout: object = None


def probe(page: PageOptions) -> str | None:
    """JavaScript to ask the loaded page; None where there is nothing to ask."""
    if page.kind is not Output.PDF or not _wanted(page, Check.CUT_CONTENT):
        return None
    return _PROBE


def inspect(
    data: bytes, pages: int, page: PageOptions, noticed: Noticed, *, ends: float = math.inf
) -> list[Finding]:
    """What is wrong with a row's file, of all that is looked for; at most MAX_FINDINGS.

    TimeoutError where looking takes longer than until ``ends``, by ``time.perf_counter``.
    """
    found: list[Finding] = []
    if page.kind is Output.PDF:
        found += _page_count(pages, page)
        found += _drawn(data, page, ends)
        if _wanted(page, Check.CUT_CONTENT):
            found += _cut(noticed.layout)
    if _wanted(page, Check.FAILED_ASSETS):
        found += _listed(Check.FAILED_ASSETS, "Not loaded:", noticed.failed_assets)
    if _wanted(page, Check.CONSOLE_ERRORS):
        found += _listed(Check.CONSOLE_ERRORS, "The page's script says:", noticed.console_errors)
    if len(found) > MAX_FINDINGS:
        last = found[MAX_FINDINGS - 1]
        more = f"{last.message} And {len(found) - MAX_FINDINGS} findings more."
        found[MAX_FINDINGS - 1 :] = [last.evolve(message=more)]
    return found


def judge(findings: Sequence[Finding], page: PageOptions) -> RowError | None:
    """The error of a row with a finding whose policy is Fail; None where there is none."""
    checks = page.checks or _DEFAULTS
    for finding in findings:
        if checks.policy(finding.check) is Policy.FAIL:
            message = (
                f"{finding.message} This fails the row, as checks.{finding.check.value} is Fail."
            )
            return RowError(Code.QUALITY, message)
    return None


_DEFAULTS = Checks()


def _wanted(page: PageOptions, check: Check) -> bool:
    return (page.checks or _DEFAULTS).policy(check) is not Policy.OFF


def _page_count(pages: int, page: PageOptions) -> Iterator[Finding]:
    checks = page.checks
    if checks is None or not _wanted(page, Check.PAGE_COUNT):
        return
    if checks.min_pages is not None and pages < checks.min_pages:
        bound = f"at least {checks.min_pages}"
    elif checks.max_pages is not None and pages > checks.max_pages:
        bound = f"at most {checks.max_pages}"
    else:
        return
    yield Finding(
        check=Check.PAGE_COUNT, message=f"The document has {pages} pages; {bound} are expected."
    )


def _drawn(data: bytes, page: PageOptions, ends: float) -> Iterator[Finding]:
    """Blank pages and missing glyphs, by what each page draws."""
    wanted = [one for one in (Check.BLANK_PAGES, Check.MISSING_GLYPHS) if _wanted(page, one)]
    if not wanted:
        return
    blanks, glyphs = Check.BLANK_PAGES in wanted, Check.MISSING_GLYPHS in wanted
    furnished = bool(page.header_html or page.footer_html or page.first_header_html)
    try:
        for number, content in enumerate(skia.contents(data), start=1):
            if time.perf_counter() > ends:
                raise TimeoutError
            if blanks and is_blank(content, furnished=furnished):
                yield Finding(
                    check=Check.BLANK_PAGES, message=f"Page {number} is blank.", page=number
                )
            if glyphs and (missing := list(missing_glyphs(content))):
                yield _missing(missing, number)
    except PressroomError as error:
        for check in wanted:
            yield Finding(check=check, message=f"The pages were not checked: {error}")


def is_blank(content: bytes, *, furnished: bool) -> bool:
    """Whether a page shows nothing: no text, picture or line, and one filled area at most.

    ``furnished``: what header and footer draw is not counted.
    """
    if furnished:
        start = content.rfind(_FURNITURE)
        content = content[:start] if start >= 0 else content
    if b"> Tj" in content or _MARK.search(content):
        return False
    return len(_FILL.findall(content)) <= 1


def missing_glyphs(content: bytes) -> Iterator[str]:
    """Each character shown by the font's sign for "no such glyph"; "" where it is not known."""
    if b"0000" not in content:
        return
    for shown in _HEX.finditer(content):
        codes = shown[1]
        if b"0000" not in codes:
            continue
        count = sum(codes[at : at + 4] == b"0000" for at in range(0, len(codes), 4))
        if not count:
            continue
        actual = _ACTUAL.search(content, max(0, shown.start() - 120), shown.start())
        yield _text(actual[1]) if actual and count == 1 else ""
        for _ in range(count - 1):
            yield ""


def _text(utf16: bytes) -> str:
    try:
        return bytes.fromhex(utf16.decode()).decode("utf-16-be")
    except ValueError:
        return ""


def _missing(characters: Sequence[str], number: int) -> Finding:
    known = dict.fromkeys(f"U+{ord(text[0]):04X}" for text in characters if text)
    names = f": {', '.join([*known][:5])}" if known else ""
    what = "A character" if len(characters) == 1 else f"{len(characters)} characters"
    verb = "is" if len(characters) == 1 else "are"
    message = f"{what} of page {number} {verb} in no font{names}; a box is printed instead."
    return Finding(check=Check.MISSING_GLYPHS, message=message, page=number)


def _cut(layout: object) -> Iterator[Finding]:
    """From what the probe answered, which is the page's word: nothing of it is relied upon."""
    if not (isinstance(layout, list) and len(layout) == 2 and isinstance(layout[1], list)):
        return
    for entry in layout[1][:5]:
        if not (isinstance(entry, list) and len(entry) == 3):
            continue
        kind, text, pixels = entry
        if not (isinstance(text, str) and isinstance(pixels, (int, float))):
            continue
        shown = _excerpt(text[:1000])
        if kind == "right":
            message = f"The page is {pixels} px too wide for its paper: {shown} is cut off."
        else:
            message = f"A box cuts off its text: {shown}."
        yield Finding(check=Check.CUT_CONTENT, message=message)


def _listed(check: Check, intro: str, entries: Iterable[str]) -> Iterator[Finding]:
    for entry in entries:
        yield Finding(check=check, message=f"{intro} {' '.join(entry.split())[:300]}")


def _excerpt(text: str) -> str:
    plain = " ".join(text.split())
    if not plain:
        return "something"
    return f'"{plain[:_EXCERPT]}…"' if len(plain) > _EXCERPT else f'"{plain}"'
