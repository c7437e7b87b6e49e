"""Requests about the watermark and the logo, answered by style sheets."""

from __future__ import annotations

import re

from pressroom.modifiers import colours
from pressroom.modifiers.colours import colour
from pressroom.modifiers.words import Change, Clause, Rule, css_text, rule, style

_WATERMARK_TAIL = re.compile(
    r"\s+(?:in|with) (?:the )?(?:colou?r )?(?P<colour>" + colours.PATTERN + r")"
    r"(?: (?:letters|text|colou?r))?$",
    re.I,
)
_WATERMARK_WHERE = re.compile(
    r"\s+(?:on|across|over|to|behind|through|in) (?:all|each|every|the|its|it)?\s*"
    r"(?:whole |entire |background|middle|cent(?:er|re)|text|content)?\s*(?:of )?"
    r"(?:the |each |every )?(?:pages?|documents?|background|middle|cent(?:er|re)|invoice|text|"
    r"content)?$|\s+(?:diagonally|faintly|lightly|across)$",
    re.I,
)


def _watermark(clause: Clause, match: re.Match[str]) -> Change | None:
    text = match["text"].strip()
    tint = match.groupdict().get("colour")
    for _ in range(3):
        if tail := _WATERMARK_TAIL.search(text):
            if colour(clause.said(tail["colour"])):
                tint, text = tail["colour"], text[: tail.start()]
        elif where := _WATERMARK_WHERE.search(text):
            text = text[: where.start()]
    words = text.split()
    if not tint and len(words) > 1 and colour(words[0]) and not words[0].isupper():
        tint, text = words[0], " ".join(words[1:])
    text = re.sub(r"^(?:the (?:text|words?) |faint |light |large |big |diagonal )+", "", text)
    said = clause.said(text)
    found = colour(clause.said(tint)) if tint else "#888"
    if not said or found is None or said.casefold() in ("a", "the", "it", "diagonal", "faint"):
        return None
    size = max(20, min(130, round(760 / max(1, len(said)))))
    css = (
        f"html::before{{content:{css_text(said)};position:fixed;inset:0;z-index:2147483647;"
        "display:flex;align-items:center;justify-content:center;pointer-events:none;"
        f"transform:rotate(-35deg);font:700 {size}pt Helvetica,Arial,sans-serif;"
        f"white-space:nowrap;letter-spacing:.04em;opacity:.22;color:{found}}}"
    )
    return Change(f"A watermark says {said!r}.", (style(css),))


def _watermark_colour(clause: Clause, match: re.Match[str]) -> Change | None:
    """Of the one that was asked for before, or the template has."""
    found = colour(clause.said(match["colour"]))
    if found is None:
        return None
    css = f"html::before,.watermark,#watermark{{color:{found}!important}}"
    return Change(f"The watermark, where there is one, is {found}.", (style(css),))


def _no_watermark(_clause: Clause, _match: re.Match[str]) -> Change | None:
    css = "html::before{content:none!important}.watermark,#watermark{display:none!important}"
    return Change("There is no watermark.", (style(css),))


_SIDES = {
    "left": "order:-1;margin-left:0!important;margin-right:auto!important;text-align:left",
    "right": "order:9;margin-left:auto!important;margin-right:0!important;text-align:right",
    "center": "order:-1;flex:0 0 100%;max-width:none;margin-left:auto!important;"
    "margin-right:auto!important;text-align:center",
}


def _logo(_clause: Clause, match: re.Match[str]) -> Change | None:
    side = match["side"].casefold().replace("centre", "center").replace("middle", "center")
    side = side.replace("centered", "center").replace("centred", "center")
    css = (
        f".brand,img.logo,#logo,header>img,header>*>img:only-child{{display:block;{_SIDES[side]}}}"
    )
    css += "header:has(img,.brand){flex-wrap:wrap}"
    if side == "center":
        css += ".brand img.logo{display:inline-block}header>:has(>img.logo){flex:0 0 100%}"
    return Change(f"The logo is at the {side}.", (style(css),))


def _logo_size(_clause: Clause, match: re.Match[str]) -> Change | None:
    smaller = re.match("small|shrink|reduc|hal", match["way"], re.I)
    zoom = {"twice": 2, "double": 2, "half": 0.5, "halve": 0.5}.get(match["way"].casefold())
    css = f"img.logo,#logo,header img{{zoom:{zoom or (0.75 if smaller else 1.35)}}}"
    return Change("The logo is " + ("smaller." if smaller else "larger."), (style(css),))


def _watermark_named(clause: Clause, match: re.Match[str]) -> Change | None:
    """``add a DRAFT watermark in red``: what comes after the word belongs to it too."""
    whole = f"{match['text']}{match['tail'] or ''}"
    found = re.fullmatch(r"(?P<text>.+)", re.sub(r"\s+", " ", whole))
    return _watermark(clause, found) if found else None


_SAYING = (
    r"(?::| (?:saying|that says|which says|reading|that reads|with the"
    r" (?:text|words?)|with|of|text))"
)
_SIDE = r"(?P<side>left|right|cent(?:er|re)(?:ed|d)?|middle)"
_STEP = r"(?:(?P<step>a bit|a little|slightly|somewhat|much|a lot|way|far) )?"
_BIGGER = r"(?P<way>larger|bigger|smaller|tinier)"

_NO_VERB = (
    r"(?!(?:add|put|place|insert|include|apply|use|show|print|set|make|change|move|turn|rotate|"
    r"remove|delete|hide|resize|enlarge|shrink)\b)"
)
_DOCUMENT = (
    r"(?:(?:the |this |each |every |all )?(?:pages?|documents?|invoice|quote|receipt)|it|this)"
)

RULES: tuple[Rule, ...] = (
    rule(
        rf"(?:make|set|change|turn|colou?r) (?:the )?watermark(?:'s)?(?: colou?r)?"
        rf" (?:to |in )?(?P<colour>{colours.PATTERN})",
        _watermark_colour,
    ),
    rule(rf"mark {_DOCUMENT} as (?P<text>.+)", _watermark),
    rule(
        r"(?:overlay|superimpose) (?:the (?:text|words?) )?(?P<text>.+?)"
        rf"(?: (?:on|over|across) {_DOCUMENT})?(?: diagonally)?",
        _watermark,
    ),
    rule(
        r"(?:add|put|insert|include|apply|use|show|print) (?:an? |the )?watermark:?"
        r" (?P<text>⟦\d+⟧|"
        r"(?!(?:saying|that|which|reading|with|of|text|in|to|from|on)\b)[\w ]+)",
        _watermark,
    ),
    rule(r"(?:remove|hide|delete|drop) (?:the |any )?watermarks?", _no_watermark),
    rule(
        r"(?:add|put|place|insert|include|apply|use|show|print|make|set)? ?(?:an? |the )?"
        rf"(?:(?P<colour>{colours.PATTERN}) )?(?:diagonal |faint |text )*watermarks?{_SAYING}"
        rf" (?P<text>.+)",
        _watermark,
    ),
    rule(
        r"(?:(?:add|put|place|insert|include|apply|use|show|print|set) )?(?:an? |the"
        rf" )?{_NO_VERB}(?P<text>.+?) "
        r"(?:as (?:a |the )?)?(?:diagonal )?(?:water ?mark|stamp)(?P<tail> .+)?",
        lambda clause, match: _watermark_named(clause, match),
    ),
    rule(
        r"(?:watermark|stamp) (?:it|this|(?:the |each |every |all"
        r" )?(?:pages?|documents?|invoice)) "
        r"(?:as |with |in )?(?:the (?:text|words?) )?(?P<text>.+)",
        _watermark,
    ),
    rule(r"(?:stamp|watermark) (?P<text>.+)", _watermark),
    rule(
        r"(?:(?:move|put|place|align|set|show) )?(?:the |our )?logo"
        rf" (?:to|at|on|in|onto)? ?(?:the )?(?:(?:top|upper)[ -]?)?{_SIDE}"
        r"(?:-hand)?(?: side| corner| hand side)?(?: of the (?:page|header|document))?",
        _logo,
    ),
    rule(rf"{_SIDE}(?:-align| align)? the logo", _logo),
    rule(rf"make the logo {_SIDE}(?: ?-?aligned)?", _logo),
    rule(rf"make the logo {_STEP}{_BIGGER}", _logo_size),
    rule(r"make the logo (?P<way>twice|half) (?:as (?:big|large)|the size|its size)", _logo_size),
    rule(r"(?P<way>double|halve) the (?:size of the logo|logo(?:'s size)?)", _logo_size),
    rule(r"(?P<way>enlarge|shrink|reduce) the logo", _logo_size),
)
