"""Data sorted into what a built-in page shows. Pure; nothing of the data is lost.

What a kind of document is known for (who sells to whom, the lines, the sums, the letter's parts)
has its place; everything else follows as blocks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from pressroom.documents.blocks import (
    Block,
    facts,
    is_picture,
    of_object,
    of_value,
    section,
    titled,
)
from pressroom.documents.fields import Fields, split
from pressroom.documents.kinds import KINDS, SELF_KEYS, DocType, plain
from pressroom.documents.parties import FROM, TO, party
from pressroom.documents.sale import View, currency_of, sale
from pressroom.documents.words import is_number, label, paragraphs, text

#: Figures from here on have their thousands apart.
_MANY = 10_000
#: Sections within sections.
_MOST_LEVELS = 4
#: Of so many letters it is told which way they run.
_MOST_LETTERS = 10_000


def view(kind: DocType, data: Mapping[str, Any], style: str, padding: str = "") -> View:
    """What the page of this kind prints: the value that it knows as ``doc``.

    ``padding`` is a CSS shorthand for the room around the page where nothing else makes it.
    """
    fields = Fields(data)
    for name in SELF_KEYS:
        found = fields.pair(name)
        said = text(found[1]) if found else ""
        if found is None or plain(said) == kind.value:
            continue
        if KINDS.get(plain(said)) is kind:  # such as a credit note
            fields.left["documentTitle"] = label(said)
        else:
            fields.left[found[0]] = found[1]
    shown: View = {"kind": kind.value, "style": style, "padding": padding}
    shown["rtl"] = _from_the_right(data)
    shown["picture"] = _logo(fields)
    makers = {DocType.LETTER: _letter, DocType.REPORT: _report, DocType.DOCUMENT: _document}
    shown.update(makers.get(kind, sale)(kind, fields))
    return shown


def _from_the_right(data: Mapping[str, Any]) -> bool:
    """Whether most letters of the texts are of scripts such as Arabic or Hebrew."""
    balance, left = 0, _MOST_LETTERS
    todo: list[Any] = [data]
    while todo and left > 0:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, str) and not is_picture(value):
            kinds = [unicodedata.bidirectional(letter) for letter in value[:left]]
            balance += sum((kind in ("R", "AL")) - (kind == "L") for kind in kinds)
            left -= len(kinds)
    return balance > 0


def _logo(fields: Fields) -> str | None:
    """A picture, or the address of one: it is fetched where the farm may."""
    found = fields.pair("logo", "logourl", "companylogo")
    if found is None:
        return None
    key, value = found
    if is_picture(value) or (isinstance(value, str) and value.startswith(("https:", "http:"))):
        return str(value)
    fields.left[key] = value
    return None


# --- letters -------------------------------------------------------------------------------------
def _letter(kind: DocType, fields: Fields) -> View:
    date = fields.word("date", "letterdate")
    subject = fields.word("subject", "re", "title")
    greeting = fields.word("salutation", "greeting")
    closing = fields.word("closing", "valediction", "signoff", "complimentaryclose")
    signature = fields.take("signature", "signedby", "signatory", "author")
    body = fields.take("body", "content", "message", "text", "paragraphs")
    return {
        "heading": subject,
        "date": date,
        "sender": party("", fields, FROM),
        "recipient": party("", fields, TO),
        "subject": subject,
        "greeting": greeting,
        "body": of_value(body) if isinstance(body, dict) else _prose(body),
        "closing": closing,
        "signature": _signature(signature),
        "blocks": of_object(fields.left),
    }


def _prose(value: Any) -> list[Block]:
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return of_value(value)
    found = paragraphs(value)
    return [{"kind": "text", "paragraphs": found}] if found else []


def _signature(value: Any) -> list[View]:
    if is_picture(value):
        return [{"picture": value, "text": ""}]
    given = value.values() if isinstance(value, dict) else [value]
    return [
        {"picture": one if is_picture(one) else None, "text": "" if is_picture(one) else text(one)}
        for one in given
        if text(one)
    ]


# --- reports and everything else -----------------------------------------------------------------
def _report(kind: DocType, fields: Fields) -> View:
    _, currency = currency_of(fields)
    summary = _prose(fields.take("summary", "executivesummary", "abstract", "overview"))
    figures = _figures(fields)
    given = fields.take("sections", "chapters")
    sections = _sections(given) if isinstance(given, list) else of_value(given)
    ending = _ending(fields)
    head = _headed(fields, "Report", currency)
    blocks = sections + of_object(fields.left, currency) + ending
    return {**head, "summary": summary, "figures": figures, "blocks": blocks}


def _ending(fields: Fields) -> list[Block]:
    """What a report comes to, which is short at times, but never a fact of its head."""
    names = ("findings", "analysis", "recommendations", "nextsteps", "conclusion", "conclusions")
    found = [fields.pair(name) for name in names]
    return [section(label(one[0]), _prose(one[1])) for one in found if one]


def _document(kind: DocType, fields: Fields) -> View:
    _, currency = currency_of(fields)
    head = _headed(fields, "Document", currency)
    return head | {"blocks": of_object(fields.left, currency)}


def _headed(fields: Fields, default: str, currency: str) -> View:
    title = fields.word("title", "name", "heading", "reporttitle", "report", "subject")
    subtitle = fields.word("subtitle", "tagline")
    short, fields.left = split(fields.left)
    head = {"title": title or default, "heading": title or default, "subtitle": subtitle}
    return head | {"facts": facts(short.items(), currency)}


def _figures(fields: Fields) -> list[View]:
    """Single figures, each with its name; a table of metrics stays a table."""
    found = fields.pair("metrics", "kpis", "highlights", "keyfigures")
    if found is None:
        return []
    pairs: list[tuple[str, Any]] = []
    if isinstance(found[1], dict):
        pairs = list(found[1].items())
    elif isinstance(found[1], list) and all(_is_figure(one) for one in found[1]):
        pairs = [tuple(one.values()) for one in found[1]]
    if not pairs or any(isinstance(value, dict | list) for _, value in pairs):
        fields.left = {found[0]: found[1], **fields.left}
        return []
    return [{"label": label(text(key)), "value": _figure(value)} for key, value in pairs]


def _is_figure(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and len(one) == 2
        and plain(next(iter(one))) in {"name", "label", "metric", "title", "kpi"}
    )


def _figure(value: Any) -> str:
    if not is_number(value) or abs(value) < _MANY:
        return text(value)
    return f"{int(value) if value == int(value) else value:,}"


def _sections(given: Iterable[Any], level: int = 1) -> list[Block]:
    """A report's own sections, each under its own heading, and those within them."""
    blocks: list[Block] = []
    for one in given:
        if not isinstance(one, dict):
            blocks += of_value(one, level=level)
            continue
        title, rest = titled(one, "")
        inner = Fields(rest)
        prose = inner.take("content", "body", "text", "paragraphs")
        found = of_value(prose, level=level + 1) if isinstance(prose, dict) else _prose(prose)
        within = inner.pair("sections", "subsections")
        if within and isinstance(within[1], list) and level < _MOST_LEVELS:
            found += _sections(within[1], level + 1)
        elif within:
            inner.left[within[0]] = within[1]
        found += of_object(inner.left, level=level + 1)
        blocks.append(section(title, found, level))
    return blocks
