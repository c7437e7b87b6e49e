"""Requests about what a document says: hiding, renaming, its title, dates, currency."""

from __future__ import annotations

import re

from pressroom.model.edits import Edit, EditKind
from pressroom.modifiers.rewriting import CODES, SIGNS
from pressroom.modifiers.words import Change, Clause, Rule, rule

#: What no part of a document is called; hiding it would do nothing.
_NO_PART = re.compile(
    r"(?:everything|anything|all|it|them|this|background|colou?rs?|fonts?|margins?)\b.*"
    r"|.*\b(?:except|but|unless|first|second|third|last)\b.*",
    re.I,
)
_AND = re.compile(r",\s*(?:and )?|\s+and\s+|\s+&\s+")
_KINDS = re.compile(r"\s+(?:sections?|lines?|rows?|fields?|columns?|blocks?)$", re.I)


def _names(clause: Clause, text: str) -> list[str]:
    """The names in a list of them, without articles and kinds. Empty where one cannot be one."""
    found = []
    for part in _AND.split(text):
        bare = re.sub(r"^(?:the|all|any|our|my)\s+", "", part.strip(), flags=re.I)
        name = clause.said(_KINDS.sub("", bare))
        quoted = bare.startswith("⟦")
        if not name or len(name.split()) > 6 or (not quoted and _NO_PART.fullmatch(name)):
            return []
        found.append(name)
    return found


def _hide(clause: Clause, match: re.Match[str]) -> Change | None:
    done, edits = [], []
    for name in _names(clause, match["name"]):
        edits.append(Edit(kind=EditKind.HIDE, text=name))
        done.append(f"{name!r}")
    if not edits:
        return None
    return Change(f"Hidden, where the document has it: {', '.join(done)}.", tuple(edits))


def _hide_column(clause: Clause, match: re.Match[str]) -> Change | None:
    names = _names(clause, match["name"])
    if not names:
        return None
    edits = tuple(Edit(kind=EditKind.HIDE_COLUMN, text=name) for name in names)
    return Change(f"Columns hidden, where the document has them: {', '.join(names)}.", edits)


def _rename(clause: Clause, match: re.Match[str]) -> Change | None:
    old, new = clause.said(match["old"]), clause.said(match["new"])
    if not old or not new or re.fullmatch(r"(?:logo|image|picture|photo|font|colou?r)s?", old):
        return None
    edit = Edit(kind=EditKind.RENAME, text=old, to=new)
    return Change(f"{old!r}, where the document says so, is called {new!r}.", (edit,))


def _rename_column(clause: Clause, match: re.Match[str]) -> Change | None:
    old, new = clause.said(match["old"]), clause.said(match["new"])
    if not old or not new:
        return None
    edit = Edit(kind=EditKind.RENAME_COLUMN, text=old, to=new)
    return Change(f"The column {old!r}, where there is one, is headed {new!r}.", (edit,))


def _title(clause: Clause, match: re.Match[str]) -> Change | None:
    new = clause.said(match["new"])
    if not new:
        return None
    return Change(f"The title is {new!r}.", (Edit(kind=EditKind.TITLE, to=new),))


# --- dates ---------------------------------------------------------------------------------------
_NAMED = {
    "european": "dd/MM/yyyy",
    "british": "dd/MM/yyyy",
    "uk": "dd/MM/yyyy",
    "us": "MM/dd/yyyy",
    "american": "MM/dd/yyyy",
    "german": "dd.MM.yyyy",
    "iso": "yyyy-MM-dd",
    "long": "d MMMM yyyy",
    "short": "d MMM yyyy",
}
_LETTERS = {"dd": "dd", "d": "d", "mmmm": "MMMM", "mmm": "MMM", "mm": "MM", "m": "M"}
_LETTERS |= {"yyyy": "yyyy", "yy": "yy", "month": "MMMM", "day": "d", "year": "yyyy"}
_FULL_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
)
_EXAMPLES = (
    (
        re.compile(
            rf"\d{{1,2}}(?:st|nd|rd|th)?(\.?) (?:{_FULL_MONTH}),?"
            rf" \d{{4}}",
            re.I,
        ),
        "d{} MMMM yyyy",
    ),
    (
        re.compile(
            rf"(?:{_FULL_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?(,?)"
            rf" \d{{4}}",
            re.I,
        ),
        "MMMM d{} yyyy",
    ),
    (re.compile(r"\d{1,2}(\.?)[ -][a-z]{3}[ -]\d{4}", re.I), "d{} MMM yyyy"),
    (re.compile(r"[a-z]{3} \d{1,2}(,?) \d{4}", re.I), "MMM d{} yyyy"),
    (re.compile(r"\d{4}-\d{2}-\d{2}()"), "yyyy-MM-dd{}"),
)


def _dates(clause: Clause, match: re.Match[str]) -> Change | None:
    pattern = date_pattern(clause.said(match["pattern"]))
    if pattern is None:
        return None
    edit = Edit(kind=EditKind.DATES, to=pattern)
    text = f"Dates such as 2026-03-31 or 31 March 2026 are written as {pattern}."
    return Change(text + " Others, which could be read in two ways, stay.", (edit,))


def date_pattern(text: str) -> str | None:
    """What is meant by ``DD/MM/YYYY``, ``3 March 2026``, ``US``, as a pattern; None if unclear."""
    text = re.sub(r"\s*\b(?:date|format|style|dates)\b", "", text, flags=re.I).strip()
    named = _NAMED.get(text.casefold())
    if named:
        return named
    for example, pattern in _EXAMPLES:
        if found := example.fullmatch(text):
            return pattern.format(found[1])
    if not re.fullmatch(
        r"(?:[dmy]{1,4}|day|month|year)(?:["
        r" ./,-]{1,2}(?:[dmy]{1,4}|day|month|year)){2}",
        text,
        re.I,
    ):
        return None
    words = re.findall(r"[a-z]+", text, re.I)
    if {word[0].casefold() for word in words} != {"d", "m", "y"}:
        return None
    if not all(word.casefold() in _LETTERS for word in words):
        return None
    return re.sub(r"[a-z]+", lambda word: _LETTERS[word[0].casefold()], text, flags=re.I)


# --- currency ------------------------------------------------------------------------------------
_CURRENCY_WORDS = {
    "euro": "EUR",
    "dollar": "USD",
    "us dollar": "USD",
    "pound": "GBP",
    "british pound": "GBP",
    "pound sterling": "GBP",
    "yen": "JPY",
    "rupee": "INR",
    "indian rupee": "INR",
    "swiss franc": "CHF",
    "franc": "CHF",
    "zloty": "PLN",
    "canadian dollar": "CAD",
    "australian dollar": "AUD",
}


def _currency(clause: Clause, match: re.Match[str]) -> Change | None:
    text = clause.said(match["currency"])
    code = text.upper() if text.upper() in CODES else None
    code = code or next((known for known, sign in SIGNS.items() if sign == text), None)
    code = code or _CURRENCY_WORDS.get(text.casefold().removesuffix("s"))
    if code is None:
        return None
    edit = Edit(kind=EditKind.CURRENCY, to=code)
    return Change(f"Amounts bear {SIGNS.get(code, code)} or {code}; none was converted.", (edit,))


_TO = r"(?:to|as|into|with|by|=|->|→)"
_OLD = r"(?P<old>⟦\d+⟧|.+?)"
_NEW = r"(?P<new>⟦\d+⟧|.+)"
_HIDING = (
    r"(?:hide|remove|delete|drop|omit|leave out|take out|get rid of|don't show|do not"
    r" show|(?:don't|dont|do not) (?:show|display|print|include)|skip)"
)
_MONEY = (
    r"(?:prices?|currency|amounts?|totals?|money|sums?|figures|everything|all prices|all"
    r" amounts|numbers)"
)
_CURRENCY = r"(?P<currency>⟦\d+⟧|[$€£¥₹₩₪₺₴₫]|[a-z]+(?: [a-z]+)?)"
_PATTERN = r"(?P<pattern>⟦\d+⟧|[\w ./,-]+?)"
_PART = r"(?: (?:section|block|part|paragraph|row|line|field|area|element|box|table|text))?"

RULES: tuple[Rule, ...] = (
    # dates and currencies have words that the others would take for names
    rule(
        rf"(?:use|apply|switch to|prefer|print|show) (?:the |an? )?{_PATTERN} (?:format"
        rf" )?(?:for )?"
        r"(?:the |all )?dates?(?: format| style)?",
        _dates,
    ),
    rule(
        rf"(?:use|apply|switch to) (?:the )?dates? (?:format|style) (?:of"
        rf" )?{_PATTERN}",
        _dates,
    ),
    rule(
        r"(?:format|show|write|print|display|put|make|convert|set|change) (?:the |all |all"
        r" the )?(?:dates|date(?: format| style))"
        rf"(?: from [\w./-]+)? (?:to|as|like|in|into) (?:the |an? )?{_PATTERN}(?: format|"
        rf" style)?",
        _dates,
    ),
    rule(
        rf"(?:format|show|write|print|display) (?:the )?date (?:as|like|in) {_PATTERN}"
        r"(?: format| style)?",
        _dates,
    ),
    rule(
        r"(?:all |the )?dates? (?:format |style )?(?:(?:should|must) be (?:written |shown |printed"
        rf" |formatted )?(?:like |as |in )?|as |in |: ?){_PATTERN}(?: format| style)?",
        _dates,
    ),
    rule(
        rf"(?:show|print|display|write|put|give|format|set|make|use) (?:the |all )?(?:the"
        rf" )?{_MONEY}"
        rf" (?:in|as|with|to) (?:an? |the )?{_CURRENCY}(?: signs?| symbols?|"
        rf" currency)?(?: (?:instead of|not) {_CURRENCY.replace('currency', 'from')})?",
        _currency,
    ),
    rule(
        rf"(?:change|switch|set) (?:the )?(?:currency|currency (?:sign|symbol|code))"
        rf"(?: of (?:the |all )?{_MONEY})?(?: from {_CURRENCY.replace('currency', 'from')})?"
        rf" (?:to|as|into) (?:the )?{_CURRENCY}(?: signs?| symbols?)?",
        _currency,
    ),
    rule(
        rf"(?:use|apply) (?:the |an? )?{_CURRENCY}(?: (?:as|for) the)? (?:currency(?: sign|"
        rf" symbol)?|"
        rf"signs?|symbols?)(?: (?:for|on) (?:the |all )?{_MONEY})?",
        _currency,
    ),
    rule(
        rf"(?:use|switch to) {_CURRENCY}(?: instead of"
        rf" {_CURRENCY.replace('currency', 'from')})?"
        rf"(?: (?:for|on|in) (?:the |all )?{_MONEY})?",
        _currency,
    ),
    rule(
        rf"(?:replace|change) {_CURRENCY.replace('currency', 'from')} {_TO}"
        rf" (?P<currency>[$€£¥₹₩₪₺₴₫]|[A-Z]{{3}})",
        _currency,
    ),
    # columns
    rule(
        rf"{_HIDING} (?:the )?columns? (?:named |called |headed |for"
        rf" )?(?P<name>.+)",
        _hide_column,
    ),
    rule(rf"{_HIDING} (?P<name>.+?) columns?(?: from the table)?", _hide_column),
    rule(
        rf"(?:rename|change|call) (?:the )?columns? (?:named |called |header )?{_OLD}"
        rf" (?:{_TO} )?{_NEW}",
        _rename_column,
    ),
    rule(
        rf"(?:rename|change|call) (?:the )?{_OLD} column(?:'s)?(?:"
        rf" (?:header|heading|name|title|label))?"
        rf" (?:{_TO} )?{_NEW}",
        _rename_column,
    ),
    # the title
    rule(
        r"(?:change|set|rename) (?:the )?(?:document |page |main )?(?:title|heading)"
        rf"(?: of (?:the |this )?\w+)? (?:{_TO}|say|read) {_NEW}",
        _title,
    ),
    rule(
        r"make (?:the )?(?:document |page |main )?(?:title|heading) (?:say|read) (?P<new>.+)",
        _title,
    ),
    rule(
        r"(?:the )?(?:document |page |main )?title(?: (?:should|must) (?:be|say|read)| ?:)"
        r" (?P<new>.+)",
        _title,
    ),
    rule(
        rf"(?:title|call) (?:it|(?:the|this)"
        rf" (?:document|page|invoice|report|letter|quote|receipt)) {_NEW}",
        _title,
    ),
    # names and texts
    rule(
        rf"rename (?:the )?(?:word |text |label |heading |section |phrase )?{_OLD}{_PART}"
        rf" {_TO} {_NEW}",
        _rename,
    ),
    rule(
        rf"replace (?:the |every |all )?(?:words? |text |label |phrase )?{_OLD} (?:with|by) "
        rf"(?:the (?:words?|text) )?{_NEW}",
        _rename,
    ),
    rule(
        rf"(?:change|translate) (?:the )?(?:word|text|label|phrase|heading|name) {_OLD}"
        rf" {_TO} {_NEW}",
        _rename,
    ),
    rule(rf"change (?P<old>⟦\d+⟧) {_TO} {_NEW}", _rename),
    rule(
        r"(?:say|write|print|show|use|put) (?P<new>⟦\d+⟧) (?:instead of|rather than|in"
        r" place of|for) "
        rf"(?:the (?:word|label|text) )?{_OLD}",
        _rename,
    ),
    rule(rf"call (?:the )?{_OLD} (?P<new>⟦\d+⟧)", _rename),
    # last: nearly anything can be hidden
    rule(
        rf"{_HIDING} (?:the |any |all )?(?:section|block|part|row|line|field) (?:named"
        rf" |called |headed |"
        rf"titled |with )?(?P<name>.+)",
        _hide,
    ),
    rule(
        rf"{_HIDING} (?P<name>.+?){_PART}(?: from (?:the |this"
        rf" )?(?:page|document|invoice|report|table))?",
        _hide,
    ),
)
