"""Requests about the sheet: orientation, paper, margins, header and footer lines, page numbers."""

from __future__ import annotations

import re

from pydantic import ValidationError

from pressroom.model.page import Margin, Output, PageOptions, PaperFormat
from pressroom.modifiers.words import (
    Change,
    Clause,
    Rule,
    css_text,
    rule,
    style,
    template_text,
)

_LINE = "width:100%;font:8pt Helvetica,Arial,sans-serif;color:#555;padding:0 12mm"
_NUMBERS = '<span class="pageNumber"></span> / <span class="totalPages"></span>'
_NUMBER = re.compile(
    r"<div[^<>]*>(?:<span[^<>]*class=\"(?:page|total)Pages?(?:Number)?\"[^<>]*></span>[ /]*)+</div>"
    r"|<span[^<>]*class=\"?(?:pageNumber|totalPages)\"?[^<>]*></span>"
)
_PLACES = {"bottom": "footer", "foot": "footer", "top": "header", "head": "header"}
#: What a line needs of the margin that it is printed in.
_ROOM = "0.5in"


def _orientation(_clause: Clause, match: re.Match[str]) -> Change | None:
    landscape = match["way"].casefold() in ("landscape", "horizontal", "horizontally", "sideways")
    way = "landscape" if landscape else "portrait"
    return Change(f"The page is in {way} orientation.", page=PageOptions(landscape=landscape))


def _rotated(clause: Clause, _match: re.Match[str]) -> Change | None:
    landscape = not clause.page.landscape
    return Change("The page is turned by 90 degrees.", page=PageOptions(landscape=landscape))


def _sheet(_clause: Clause, match: re.Match[str]) -> Change | None:
    """Orientation and paper in one."""
    way, paper = _orientation(_clause, match), _paper(_clause, match)
    if way is None or way.page is None or paper is None or paper.page is None:
        return None
    return Change(f"{way.done} {paper.done}", page=way.page.over(paper.page))


def _paper(_clause: Clause, match: re.Match[str]) -> Change | None:
    name = match["paper"].casefold().removeprefix("us ")
    found = next((one for one in PaperFormat if one.value.casefold() == name), None)
    if found is None:
        return None
    return Change(f"The paper is {found.value}.", page=PageOptions(format=found))


_UNITS = {"inch": "in", "inches": "in", '"': "in", "millimetres": "mm", "millimeters": "mm"}
_UNITS |= {"centimetres": "cm", "centimeters": "cm", "points": "pt", "pixels": "px"}
_NAMED = {"no": "0mm", "zero": "0mm", "narrow": "0.25in", "small": "0.25in", "smaller": "0.25in"}
_NAMED |= {"normal": "0.5in", "wide": "1in", "wider": "1in", "large": "1in", "larger": "1in"}
_NAMED |= {"bigger": "1in", "big": "1in"}


def _margins(clause: Clause, match: re.Match[str]) -> Change | None:
    parts = match.groupdict()
    if parts.get("more"):
        length = "1in" if re.match("incr|wid|enl", parts["more"], re.I) else "0.25in"
    elif parts.get("named"):
        length = _NAMED[parts["named"].casefold()]
    else:
        unit = (parts.get("unit") or "mm").casefold()
        length = f"{parts.get('size') or 0}{_UNITS.get(unit, unit)}"
    named = [parts.get("side"), parts.get("other")]
    sides = [side.casefold() for side in named if side] or ["top", "right", "bottom", "left"]
    try:
        margin = Margin.model_validate(dict.fromkeys(sides, length))
        page = PageOptions(margin=margin)
        if not page.over(clause.page).has_room():
            return None
    except ValidationError:
        return None
    return Change(f"The margins ({', '.join(sides)}) are {length}.", page=page)


def _line(clause: Clause, match: re.Match[str]) -> Change | None:
    text = re.sub(r"^(?:the (?:text|words?|line) )", "", match["text"].strip(), flags=re.I)
    said = clause.said(text)
    if not said or re.fullmatch(r"(?:an? |the )?(?:logo|image|picture|line|date)", said, re.I):
        return None
    where = _PLACES.get(match["where"].casefold(), match["where"].casefold())
    return _with_line(clause, where, template_text(said), said, f"The {where} says {said!r}.")


def _page_numbers(clause: Clause, match: re.Match[str]) -> Change | None:
    where = (match.groupdict().get("where") or "footer").casefold()
    where = _PLACES.get(where, where)
    if clause.page.kind is not Output.PDF:
        return None  # an image has no pages
    side = (match.groupdict().get("side") or "center").casefold()
    side = "center" if side in ("centre", "middle") else side
    done = f"Page numbers are in the {where}."
    return _with_line(clause, where, _NUMBERS, "", done, align=side)


def _no_page_numbers(clause: Clause, _match: re.Match[str]) -> Change | None:
    """Take the numbers out of the lines that have them. What the page itself says stays."""
    lines = {"header_html": clause.page.header_html, "footer_html": clause.page.footer_html}
    without = {name: _NUMBER.sub("", line or "") for name, line in lines.items()}
    changed = {name: line or " " for name, line in without.items() if line != (lines[name] or "")}
    if not changed:
        return None
    return Change("There are no page numbers.", page=PageOptions.model_validate(changed))


def _with_line(
    clause: Clause, where: str, inside: str, said: str, done: str, *, align: str = "center"
) -> Change | None:
    """A further line of the header or footer: in the margin of each page; on images on the page."""
    page = clause.page
    if page.kind is not Output.PDF:
        side = "before" if where == "header" else "after"
        css = f"body::{side}{{content:{css_text(said)};display:block;text-align:center;"
        return Change(done, (style(css + "font-size:8pt;color:#555;padding:6pt 0}"),))
    before = (page.header_html if where == "header" else page.footer_html) or ""
    line = f'<div style="{_LINE};text-align:{align}">{inside}</div>'
    if len(before) + len(line) > 60_000:
        return None
    side = "top" if where == "header" else "bottom"
    given = getattr(page.margin or Margin(), side)
    room = PageOptions(margin=Margin.model_validate({side: _ROOM}))
    options = PageOptions.model_validate({f"{where}_html": before + line})
    if given is None or given.strip("0.") in ("", "px", "mm", "in", "cm", "pt", "pc"):
        options = options.over(room)
    return Change(done, page=options)


def _no_line(_clause: Clause, match: re.Match[str]) -> Change | None:
    where = match["where"].casefold()
    css = f"body>{where}{{display:none!important}}"
    page = PageOptions.model_validate({f"{where}_html": " "})
    return Change(f"There is no {where}.", (style(css),), page)


_WAY = r"(?P<way>landscape|portrait|horizontal(?:ly)?|vertical(?:ly)?|sideways|upright)"
_PAPER = r"(?P<paper>a[0-6]|(?:us )?letter|(?:us )?legal|tabloid|ledger)"
_LENGTH = (
    r"(?P<size>\d{1,3}(?:\.\d{1,3})?) ?"
    r"(?P<unit>mm|cm|in|pt|px|inch(?:es)?|millimet(?:re|er)s|centimet(?:re|er)s|points|pixels|\")?"
)
_SIDE = r"(?P<side>top|bottom|left|right)"
_WHERE = r"(?P<where>header|footer)"
_SAYING = (
    r"(?::|,)? ?(?:saying|that says|which says|reading|that reads|with the"
    r" (?:text|words?|line)|"
    r"with|of|containing|showing|text|line|:)"
)
_NOT = r"do(?: not|n't|nt) (?:show|print|display|include)"
_PUT = r"(?:add|put|place|insert|include|write|print|show|set|make|use|have|display)"

_OF_PAGES = r" of (?:the |each |every |all (?:the )?)?(?:pages?|documents?|invoice)"

RULES: tuple[Rule, ...] = (
    rule(
        rf"(?:{_PUT} |print )?(?:it |this |the (?:page|document) |page size )?(?:to |in |on |as )?"
        rf"{_WAY}(?: orientation| mode)?,? (?:on |in |and )?{_PAPER}(?: paper| size)?",
        _sheet,
    ),
    rule(
        rf"(?:{_PUT} |print )?(?:it |this |the (?:page|document) |(?:the )?(?:page|paper) size )?"
        rf"(?:to |in |on |as )?{_PAPER}(?: paper| size)?,? (?:in |and )?{_WAY}"
        r"(?: orientation| mode| format)?",
        _sheet,
    ),
    rule(rf"(?:remove|hide|delete|drop|{_NOT}) (?:the |all )?page numbers?", _no_page_numbers),
    rule(
        rf"{_PUT} (?:the )?page (?:x|n|1|number) of (?:y|n|total|the total)"
        r"(?: (?:to|in|at|on) (?:the )?(?P<where>header|footer|bottom|top)"
        rf"(?:{_OF_PAGES})?)?",
        _page_numbers,
    ),
    rule(
        rf"(?:{_PUT} )?(?:the )?page numbers? (?:to|in|at|on) (?:the )?(?P<where>bottom|top)"
        rf"[ -](?P<side>left|right|cent(?:er|re)|middle)(?: corner)?(?:{_OF_PAGES})?",
        _page_numbers,
    ),
    rule(
        rf"{_PUT} (?:the (?:text|words?|line) )?(?P<text>.+?) (?:to|in|at|on) the"
        rf" (?P<where>bottom|top|foot|head){_OF_PAGES}",
        _line,
    ),
    rule(
        rf"(?:set|change|make|use|have) (?:the )?{_SIDE} and (?P<other>top|bottom|left|right)"
        rf" (?:page )?margins? (?:to |of |at )?{_LENGTH}",
        _margins,
    ),
    rule(
        r"(?P<more>increase|widen|enlarge|decrease|reduce|shrink|narrow) (?:the |all )?"
        rf"(?:{_SIDE} )?(?:page )?margins?",
        _margins,
    ),
    rule(
        rf"(?:(?:make|turn|set|print|use|switch|change|put|render|lay out|format) )?"
        r"(?:it |this |(?:the )?(?:page|document|pages|paper|orientation|page orientation) )?"
        rf"(?:to |in |into |on |as |out )?(?:an? |the )?{_WAY}(?:"
        rf" (?:orientation|mode|format|layout|page|paper))?",
        _orientation,
    ),
    rule(
        r"(?:rotate|turn) (?:the )?(?:page|document|paper|it)(?: (?:by )?90(?:"
        r" degrees|°)?)?",
        _rotated,
    ),
    rule(
        rf"(?:(?:use|print|set|make|change|switch|put|format) )?(?:it |this |the"
        rf" (?:page|document) )?"
        rf"(?:to |on |in |for |as |onto )?(?:the )?(?:paper |page )?(?:size |format )?(?:to"
        rf" |of )?{_PAPER}"
        r"(?: (?:paper|size|format|page|sized|paper size|page size))*",
        _paper,
    ),
    rule(
        r"(?:set|change|make|switch) the (?:paper|page)(?: size| format)? (?:to |as )?"
        rf"{_PAPER}(?: (?:paper|size|format))?",
        _paper,
    ),
    rule(
        rf"(?:set|change|make|increase|decrease|reduce|use|have) (?:the |all |an?"
        rf" )?(?:{_SIDE} )?(?:page )?"
        rf"margins? (?:to |of |at |be )?{_LENGTH}",
        _margins,
    ),
    rule(
        rf"(?:set|use|make|have|with|give it) (?:an? )?{_LENGTH} (?:{_SIDE} )?(?:page"
        rf" )?margins?",
        _margins,
    ),
    rule(
        rf"(?:use |with |have |make )?(?:the )?(?P<named>{'|'.join(_NAMED)}) (?:page"
        rf" )?margins?",
        _margins,
    ),
    rule(rf"make (?:the )?(?:{_SIDE} )?margins? (?P<named>{'|'.join(_NAMED)})", _margins),
    rule(r"(?:remove|hide|delete|drop) (?:the |all )?(?:page )?margins?", _margins),
    rule(rf"(?:remove|hide|delete|drop) (?:the )?(?:page )?{_WHERE}(?: line)?", _no_line),
    rule(
        rf"(?:{_PUT} )?(?:the )?page numbers?(?: (?:to|in|at|on) (?:the )?"
        r"(?P<where>header|footer|bottom|top)(?: of (?:the |each |every"
        r" )?pages?)?)?",
        _page_numbers,
    ),
    rule(r"number the pages", _page_numbers),
    rule(
        rf"(?:{_PUT} )?(?:an? |the )?(?:page )?{_WHERE}(?: line| text| note)?{_SAYING}"
        rf" (?P<text>.+)",
        _line,
    ),
    rule(
        rf"(?:set|change|make) (?:the )?(?:page )?{_WHERE}(?: line| text)?(?: to(?: say)?|"
        rf" say| read) (?P<text>.+)",
        _line,
    ),
    rule(rf"{_WHERE}(?: line| text)? ?: ?(?P<text>.+)", _line),
    rule(
        rf"{_PUT} (?:the (?:text|words?|line) )?(?P<text>.+?) (?:to|in|into|as|at) (?:the"
        rf" |an? )?(?:page )?{_WHERE}"
        r"(?: line)?(?: of (?:the |each |every )?pages?)?",
        _line,
    ),
)
