"""Requests about looks, answered by style sheets: colours, fonts, sizes."""

from __future__ import annotations

import re

from pressroom.modifiers import colours
from pressroom.modifiers.colours import colour
from pressroom.modifiers.words import Change, Clause, Rule, css_text, rule, style

# --- what may be meant ---------------------------------------------------------------------------
_ALL_TEXT = "body,p,td,th,li,dt,dd,address,span,h1,h2,h3,h4,h5,h6"
_TARGETS = {
    "title": "h1",
    "heading": "h1,h2,h3,h4,h5,h6",
    "header": "header,header *,h1",
    "table header": "thead th",
    "column heading": "thead th",
    "table": "table,td,th",
    "text": "body,p,td,li,dd,address,span",
    "total": ".sums .strong>*,.sums:not(:has(.strong)) *,.total,.total *,.totals,.totals *,"
    "tfoot td,tfoot th",
    "company name": ".brand,.brand *,address:first-of-type strong",
    "footer": "footer,footer *",
    "link": "a",
    "number": "td.number,td.num",
}
_TARGET = (
    r"(?P<target>accents?|colou?r (?:scheme|theme|palette)s?|company name|themes?|brand|primary|"
    r"main|highlights?|(?:page |document )?titles?|(?:section |sub)?headings?|headlines?|"
    r"table head(?:er)? rows?|total rows?|table head(?:er|ing)s?|column head(?:er|ing)s?|"
    r"table head|headers?|(?:page |table )?footers?|tables?|(?:body |main )?text|body|everything|"
    r"(?:page |whole )?document|page|it|invoice|totals?|links?|borders?|lines?|background|"
    r"page background|numbers?|fonts?|letters)(?:'s)?"
)
_ACCENT = re.compile(
    r"accents?|colou?r (?:scheme|theme|palette)s?|themes?|brand|primary|main|highlights?", re.I
)


def _target(words: str) -> str:
    """The one of _TARGETS that is meant, or ``text``."""
    name = re.sub(r"^(?:page|document|section|sub|body|main|whole) ?", "", words.casefold())
    name = name.removesuffix("s").removesuffix(" row")
    if name in ("headline",):
        return "heading"
    if name in ("table heading", "table head", "column header"):
        return "table header"
    return name if name in _TARGETS else "text"


# --- colours -------------------------------------------------------------------------------------
def _colour(clause: Clause, match: re.Match[str]) -> Change | None:
    found = colour(clause.said(match["colour"]))
    if found is None:
        return None
    parts = match.groupdict()
    words = (parts.get("target") or "accent").casefold()
    if parts.get("ground") or "background" in words:
        return _background(words, found)
    if _ACCENT.fullmatch(words) or words in ("it", "document", "page", "invoice"):
        css = f":root,body{{--accent:{found}!important}}"
        css += f":root{{--on-accent:{_readable_on(found)}}}"
        css += f"h1:not(.bold .head *),h2,a,.headline,.total{{color:{found}!important}}"
        css += f"hr,thead th{{border-color:{found}!important}}"
        return Change(f"The accent colour is {found}.", (style(css),))
    if re.match("(?:border|line)s?$", words):
        css = f":root,body{{--line:{found}!important}}"
        css += f"table,tr,td,th,hr,header,section{{border-color:{found}!important}}"
        return Change(f"Lines are {found}.", (style(css),))
    target = _target(words)
    selector = _ALL_TEXT if words == "everything" else _TARGETS[target]
    css = f"{selector}{{color:{found}!important}}"
    return Change(f"The colour of the {target} is {found}.", (style(css),))


def _background(words: str, found: str) -> Change:
    target = _target(words.replace("background", "page").strip())
    selector = {"text": "html,body", "header": "header"}.get(target, _TARGETS[target])
    css = f"{selector}{{background:{found}!important;print-color-adjust:exact}}"
    if target in ("header", "table header", "total", "footer"):
        inner = ",".join(f"{part} *" for part in selector.split(",") if not part.endswith("*"))
        css += f"{selector},{inner}{{color:{_readable_on(found)}!important}}"
        css += f":where({selector.split(',')[0]}){{padding:8pt 12pt}}"
    where = "page" if target == "text" else target
    return Change(f"The background of the {where} is {found}.", (style(css),))


def _readable_on(ground: str) -> str:
    """Black or white, whichever can be read on a colour: the browser computes it."""
    return f"oklch(from {ground} clamp(0,(.7 - l)*1000,1) 0 0)"


# --- fonts and sizes -----------------------------------------------------------------------------
_GENERIC = {
    "serif": "Georgia,'Times New Roman',serif",
    "sans-serif": "Helvetica,Arial,sans-serif",
    "monospace": "'Courier New',monospace",
    "cursive": "cursive",
}
_SERIFS = ("georgia", "times", "garamond", "palatino", "cambria", "baskerville", "serif", "book")
_MONOS = ("mono", "courier", "consolas", "menlo", "code")
_NO_FONTS_TEXT = (
    "larger bigger smaller bold bolder italic different nicer better new other same another nice "
    "modern big small large tiny huge readable elegant professional fancy good size "
    "colour color weight to pt px"
)
_NO_FONTS = frozenset(_NO_FONTS_TEXT.split())


def _is_no_font(name: str) -> bool:
    return re.fullmatch(_KNOWN, name) is None and not _NO_FONTS.isdisjoint(name.split())


def _font(clause: Clause, match: re.Match[str]) -> Change | None:
    name = clause.said(match["font"]).strip(" -")
    name = re.sub(r"^(?:the|a|an|something)\s+|\s+(?:font|typeface)$", "", name, flags=re.I)
    plain = name.casefold().replace("sans serif", "sans-serif")
    plain = {"monospaced": "monospace", "mono": "monospace", "sans": "sans-serif"}.get(plain, plain)
    if not re.fullmatch(r"[\w][\w .+-]{0,60}", name) or _is_no_font(plain):
        return None
    if colour(plain) or re.fullmatch(r"[\d.]+\s*\w*", plain):
        return None
    family = _GENERIC.get(plain)
    if family is None:
        last = "monospace" if any(word in plain for word in _MONOS) else "sans-serif"
        if "sans" not in plain and any(word in plain for word in _SERIFS):
            last = "serif"
        family = f"{css_text(name)},{last}"
    words = match.groupdict().get("target") or "text"
    target = _target(words)
    selector = f"html,{_ALL_TEXT},table,div" if target == "text" else _TARGETS[target]
    css = f":root,body{{--face:{family}}}" if target == "text" else ""
    css += f"{selector}{{font-family:{family}!important}}"
    done = f"The font of the {target} is {name}, where the farm has it."
    return Change(done, (style(css),))


def _alignment(_clause: Clause, match: re.Match[str]) -> Change | None:
    target = _target(match["target"])
    side = re.sub(r"cent(?:er|re)(?:ed|d)?|middle", "center", match["side"].casefold())
    side = side.removesuffix("-align")
    selector = "h1,.title" if target == "title" else _TARGETS[target]
    css = f"{selector}{{text-align:{side}!important}}"
    if target == "title":
        css += ".head>.title{flex:1 1 auto!important;max-width:none!important}"
    return Change(f"The {target} is at the {side}.", (style(css),))


def _borders(_clause: Clause, match: re.Match[str]) -> Change | None:
    without = re.match("remove|hide|delete|drop", match["way"], re.I)
    css = "table,tr,td,th{border-width:0!important}"
    if not without:
        css = "table,td,th{border:.75pt solid var(--line,#999)!important}"
    return Change(f"Tables have {'no ' if without else ''}borders.", (style(css),))


def _weight(clause: Clause, match: re.Match[str]) -> Change | None:
    target = _target(match["target"])
    word = match["weight"].casefold()
    word = {"italicise": "italic", "italicize": "italic", "underline": "underlined"}.get(word, word)
    css = {"italic": "font-style:italic", "uppercase": "text-transform:uppercase"}.get(word)
    css = css or {"underlined": "text-decoration:underline"}.get(word, "font-weight:700")
    change = style(f"{_TARGETS[target]}{{{css}!important}}")
    return Change(f"The {target} is {word}.", (change,))


_UNITS = {"pt": (4, 96), "px": (5, 128), "mm": (1, 34), "em": (0.3, 6), "rem": (0.3, 6)}


def _exact_size(_clause: Clause, match: re.Match[str]) -> Change | None:
    unit = {"point": "pt", "pixel": "px"}.get(
        (match["unit"] or "pt").casefold().removesuffix("s"), (match["unit"] or "pt").casefold()
    )
    size = float(match["size"])
    least, most = _UNITS[unit]
    if not least <= size <= most:
        return None
    target = _target(match.groupdict().get("target") or "text")
    selector = "body,p,td,th,li,dt,dd,address" if target == "text" else _TARGETS[target]
    css = f"{selector}{{font-size:{size:g}{unit}!important}}"
    return Change(f"The {target} has a size of {size:g} {unit}.", (style(css),))


_FACTORS = {"twice": 2.0, "double": 2.0, "half": 0.5, "halve": 0.5}
_STEPS = {"a bit": 1.07, "a little": 1.07, "slightly": 1.07, "somewhat": 1.1}
_STEPS |= {"much": 1.4, "a lot": 1.4, "way": 1.4, "far": 1.4}


def _relative_size(_clause: Clause, match: re.Match[str]) -> Change | None:
    parts = match.groupdict()
    factor = _FACTORS.get(parts["way"].casefold().split()[0]) or _STEPS.get(
        " ".join((parts.get("step") or "").casefold().split()), 1.2
    )
    percent = parts.get("percent") or parts.get("more")
    if percent:
        factor = 1 + min(200.0, float(percent)) / 100
    if re.match(r"small|decreas|reduc|shrink|tin|lower|scale d", match["way"], re.I):
        factor = max(0.3, 2 - factor) if percent else 1 / factor
    target = _target(parts.get("target") or "text")
    # An element within another of them would be magnified twice.
    outer = [part for part in _TARGETS[target].split(",") if not part.endswith(" *")]
    whole = {"text": "body", "table": "table"}
    selector = whole.get(target) or ",".join(outer)
    change = style(f"{selector}{{zoom:{factor:.3g}}}")
    return Change(f"The {target} is {factor:.0%} of its size.", (change,))


_KNOWN = (
    "georgia|arial|helvetica|times new roman|times|courier new|courier|verdana|garamond|roboto|"
    "open sans|lato|inter|calibri|cambria|tahoma|palatino|serif|sans[- ]serif|monospace"
)
_C = rf"(?P<colour>{colours.PATTERN})"
_BG = r"(?: (?P<ground>background)(?: colou?r)?)"
_FONT = r"(?P<font>⟦\d+⟧|[\w+-]+(?: [\w+-]+){0,3}?)"
_BIGGER = r"(?P<way>larger|bigger|smaller|tinier)"
_STEP = r"(?:(?P<step>a bit|a little|slightly|somewhat|much|a lot|way|far) )?"
_BEFORE = r"(?:(?P<more>\d{1,3}) ?(?:%|percent|per cent) )?"
_BY = r"(?: by (?P<percent>\d{1,3}) ?(?:%|percent|per cent))?"
_SIZE = r"(?P<size>\d{1,3}(?:\.\d{1,2})?) ?(?P<unit>pt|px|mm|em|rem|points?|pixels?)?"

RULES: tuple[Rule, ...] = (
    # sizes
    rule(
        rf"make (?:the |all )?{_TARGET} (?P<way>twice|half) (?:as (?:big|large)|the size|its size)",
        _relative_size,
    ),
    rule(
        rf"(?P<way>double|halve) (?:the )?(?:font )?size of (?:the |all )?{_TARGET}",
        _relative_size,
    ),
    rule(
        r"(?:increase|decrease|reduce|raise|lower|bump|bring) (?:up |down )?(?:the )?"
        rf"(?:font|text) ?size (?:up |down )?(?:to|at) {_SIZE}",
        _exact_size,
    ),
    rule(
        r"(?P<way>bump up|raise|scale up|lower|scale down) (?:the )?(?:font|text)(?: size)?",
        _relative_size,
    ),
    rule(
        rf"(?:make|set|print|show) (?:the |all )?(?:font size of the )?{_TARGET}"
        rf" {_STEP}{_BEFORE}{_BIGGER}{_BY}",
        _relative_size,
    ),
    rule(
        rf"(?P<way>increase|decrease|reduce|enlarge|shrink) (?:the )?(?:font size|text"
        rf" size|size)"
        rf"(?: of (?:the |all )?{_TARGET})?{_BY}",
        _relative_size,
    ),
    rule(
        rf"(?P<way>increase|decrease|reduce|enlarge|shrink) (?:the |all )?{_TARGET}"
        rf"(?: (?:font )?size)?{_BY}",
        _relative_size,
    ),
    rule(
        rf"(?:use |make )?(?:a )?{_STEP}{_BIGGER} (?:font|text|letters|type)(?: size)?",
        _relative_size,
    ),
    rule(
        rf"(?:(?:set|change|make|use) )?(?:the |a )?(?:font|text) ?size (?:to |of |at |:"
        rf" ?)?{_SIZE}",
        _exact_size,
    ),
    rule(
        rf"(?:set|change|make|use) (?:the |all )?{_TARGET}(?: font| text)?(?: size)? (?:to"
        rf" |at )?{_SIZE}",
        _exact_size,
    ),
    rule(
        rf"use {_SIZE}(?: (?:font|text|type|size|letters))*(?: for (?:the |all )?{_TARGET})?",
        _exact_size,
    ),
    rule(
        rf"(?:make|set|print|show) (?:the |all )?{_TARGET}(?: text)? (?:in )?"
        r"(?P<weight>bold|italic|uppercase|underlined)",
        _weight,
    ),
    # alignment and borders
    rule(
        rf"(?P<side>cent(?:er|re)|left-align|right-align) (?:the |all )?{_TARGET}",
        _alignment,
    ),
    rule(
        rf"(?:align|move|put|set|make) (?:the |all )?{_TARGET} (?:to|on|at|in)? ?(?:the )?"
        r"(?P<side>left|right|cent(?:er|re)(?:ed|d)?|middle)(?:-aligned| aligned| side)?",
        _alignment,
    ),
    rule(
        r"(?P<way>remove|hide|delete|drop|add|show|draw|use)"
        r" (?:the |all |an? )?(?:(?:table|cell|row) )?"
        r"(?:borders?|grid ?lines|rules)"
        r"(?: (?:to|from|of|in|around|on) (?:the |all )?(?:tables?|cells?|rows?|line items))?",
        _borders,
    ),
    rule(
        rf"(?:make|give|set) (?:the |all )?{_TARGET} (?:an? )?{_C} (?P<ground>background)",
        _colour,
    ),
    rule(rf"use (?:our|the|my) {_TARGET} colou?r {_C}", _colour),
    # colours
    rule(
        rf"(?:make|turn|paint|colou?r|set|print|show) (?:the |all )?{_TARGET}{_BG}?(?:"
        rf" colou?r| text)*"
        rf" (?:to |in |be |into )?{_C}",
        _colour,
    ),
    rule(
        rf"(?:change|set|switch|make) (?:the |all )?(?:(?P<ground>background)(?:"
        rf" colou?r)?|colou?r)"
        rf" of (?:the |all )?{_TARGET} (?:to|as|in) {_C}",
        _colour,
    ),
    rule(
        rf"(?:change|switch|set) (?:the |all )?{_TARGET}{_BG}?(?: colou?r| text)*"
        rf" (?:to|into|as|in) {_C}",
        _colour,
    ),
    rule(
        rf"(?:use|with|apply|have) (?:an? )?{_C}(?: colou?r)? (?:as|for|in|on) (?:the |all"
        rf" |an? )?"
        rf"{_TARGET}{_BG}?(?: colou?rs?| text)*",
        _colour,
    ),
    rule(
        rf"(?:use|apply|with|have) (?:an? |the )?{_C} {_TARGET}{_BG}?(?: colou?rs?|"
        rf" text)*",
        _colour,
    ),
    rule(
        rf"(?:use|apply|change (?:it )?to) (?:an? |the )?(?:colou?r )?{_C}"
        r"(?: colou?rs?| colou?r scheme| tones?)?",
        _colour,
    ),
    # fonts
    rule(
        rf"(?:set|change|switch) (?:the )?(?:font|typeface|font family)(?: of (?:the |all"
        rf" )?{_TARGET})?"
        rf" (?:to|as) {_FONT}",
        _font,
    ),
    rule(
        rf"(?:set|change|make|switch) (?:the |all )?{_TARGET} (?:font|typeface)(?: to)?"
        rf" {_FONT}",
        _font,
    ),
    rule(rf"(?:the |all )?{_TARGET} (?:should be )?in (?P<font>{_KNOWN})", _font),
    rule(
        rf"(?:set|make|print|write|show) (?:the |all )?{_TARGET} in (?:an? |the )?{_FONT}"
        rf" (?:font|typeface)",
        _font,
    ),
    rule(
        rf"(?:set|make|print|write|show) (?:the |all )?{_TARGET} (?:in"
        rf" )?(?P<font>{_KNOWN})",
        _font,
    ),
    rule(
        rf"(?:use|apply|switch to|change to|with|print in|write in) (?:an? |the )?(?:font"
        rf" |typeface )?"
        rf"{_FONT}(?: font| typeface)? (?:for|in|on) (?:the |all )?{_TARGET}",
        _font,
    ),
    rule(
        rf"(?:use|apply|switch to|change to|with|print in|write in) (?:an? |the"
        rf" )?(?:font|typeface) {_FONT}",
        _font,
    ),
    rule(
        rf"(?:use|apply|switch to|change to|with|print in|write in) (?:an? |the )?{_FONT}"
        r"(?: font| typeface| type)(?: family)?",
        _font,
    ),
    rule(rf"(?:make |set )(?:the )?(?:font|typeface) (?:to |a )?{_FONT}", _font),
    rule(rf"(?:use|switch to|change to) (?P<font>{_KNOWN})", _font),
    rule(rf"(?P<weight>bold|italici[sz]e|underline) (?:the |all )?{_TARGET}", _weight),
)
