"""Instructions as clauses, the texts quoted in them put aside; and texts safe for CSS and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from pressroom.model.edits import Edit, EditKind
from pressroom.model.page import PageOptions

#: Characters of a text that is put into a document.
MOST_TEXT = 300

_QUOTED = re.compile(
    r"\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|‘([^’]*)’"
    r"|(?<!\w)'((?:[^']|(?<=\w)'(?=\w))*)'(?!\w)"
)
_VERBS = (
    "add|insert|include|make|use|set|change|hide|remove|delete|drop|omit|rename|call|show|display|"
    "move|put|place|replace|format|print|write|turn|switch|align|centre|center|increase|decrease|"
    "reduce|enlarge|shrink|apply|stamp|watermark|colour|color|convert|rotate|title|number|mark|"
    "get|don't|do not|dont"
)
#: A further thing to add, which needs no verb of its own.
_THING = (
    r"(?:an? |the )(?:page )?(?:header|footer)(?: line| text)?"
    r"(?: saying| that says| reading| with|:)"
    r"|an? (?:\S+ )?watermark|page numbers"
)
_SPLIT = re.compile(
    rf"[;\n]+|[.!?]+(?=\s|$)|,?\s+(?:and|then|and then|but)\s+(?:also\s+)?(?=(?:{_VERBS})\b)"
    rf"|,\s*(?=(?:{_VERBS})\b)|,?\s+(?:and|plus)\s+(?=(?:{_THING})\b)",
    re.I,
)
_POLITE = re.compile(
    r"^(?:(?:please|kindly|also|then|and|now|next|finally|first|just|hi|hello|thanks|"
    r"(?:can|could|would|will) you|i(?:'d| would)? (?:like|want|need)(?: you)? to|"
    r"i(?:'d| would)? (?:like|want|need)|let's|we (?:need|want)(?: to)?)\b[\s,]*)+",
    re.I,
)
_END = re.compile(
    r"(?:,\s*(?:please|thanks|thank you)|\s(?:please|instead|throughout|everywhere))?[\s,.!?]*$",
    re.I,
)
#: Words that are often written so by mistake.
_SLIPS = {
    "landscape": "lanscape landscpe landcape landscap",
    "portrait": "potrait portait protrait",
    "watermark": "watermrk watermak wattermark",
    "footer": "foter foooter footr",
    "header": "heder haeder",
    "column": "colum coloumn collumn",
    "colour": "coulour colr colur",
    "currency": "curency currancy currencey",
    "background": "backround backgroud",
    "quantity": "quanity qunatity",
    "invoice": "invioce invoce",
}
_MEANT = {slip: word for word, slips in _SLIPS.items() for slip in slips.split()}
_SLIP = re.compile(rf"\b(?:{'|'.join(_MEANT)})(?=s?\b)", re.I)


@dataclass(frozen=True)
class Change:
    """What a clause asks for: edits, page options over those there are, and what that does."""

    done: str
    edits: tuple[Edit, ...] = ()
    page: PageOptions | None = None


@dataclass(frozen=True)
class Clause:
    """One request. ``text`` has ``⟦n⟧`` where it quotes ``quoted[n]``."""

    text: str
    quoted: tuple[str, ...]
    page: PageOptions

    def said(self, part: str) -> str:
        """A part of the clause as a text: what was quoted, or the words themselves."""
        whole = re.fullmatch(r"\s*⟦(\d+)⟧\s*", part)
        text = self.quoted[int(whole[1])] if whole else self.shown(part)
        return " ".join(text.split())[:MOST_TEXT]

    def shown(self, part: str | None = None) -> str:
        """The clause, or a part of it, as it was written."""
        text = self.text if part is None else part
        return re.sub(r"⟦(\d+)⟧", lambda match: f"'{self.quoted[int(match[1])]}'", text).strip()


#: What a clause asks for; None where the rule does not know it after all.
Handler = Callable[[Clause, "re.Match[str]"], Change | None]
Rule = tuple["re.Pattern[str]", Handler]


def clauses(instruction: str, page: PageOptions) -> list[Clause]:
    """The requests in an instruction."""
    quoted: list[str] = []

    def aside(match: re.Match[str]) -> str:
        quoted.append(next(group for group in match.groups() if group is not None))
        return f"⟦{len(quoted) - 1}⟧"

    text = _QUOTED.sub(aside, re.sub("[⟦⟧\x00]", "", instruction))
    text = _SLIP.sub(lambda match: _MEANT[match[0].lower()], text)
    found = []
    for piece in _SPLIT.split(text):
        bare = _END.sub("", _POLITE.sub("", " ".join(piece.split()))).strip(" ,:.")
        if bare:
            found.append(Clause(bare, tuple(quoted), page))
    return found


def rule(pattern: str, handler: Handler) -> Rule:
    """A rule for clauses that match ``pattern`` as a whole."""
    return re.compile(pattern, re.I), handler


def css_text(text: str) -> str:
    """A text as a CSS string, which nothing in it can end."""
    safe = re.sub(
        r"[^\w .,:;!?()/+*=#%€£$-]", lambda match: f"\\{ord(match[0]):x} ", text, flags=re.ASCII
    )
    return f'"{safe}"'


def template_text(text: str) -> str:
    """A text as HTML that no template engine finds anything in."""
    return re.sub(r"[{}%#]", lambda match: f"&#{ord(match[0])};", html.escape(text))


def style(css: str) -> Edit:
    """An edit that adds a style sheet."""
    return Edit(kind=EditKind.STYLE, text=css)
