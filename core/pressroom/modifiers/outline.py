"""A page's HTML as a list of tokens and the elements they make, to change a few and keep the rest.

No token is written anew unless it is changed, so that the rest stays as it was to the byte. Tokens
are found as the HTML standard finds them (section 13.2.5), in time in proportion to the page,
which the standard library's parser is not; elements end about where a browser ends them. Pure.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    r"""(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+|(?=>)))?)*+>"""
)
_OTHER = re.compile(r"<!--(?:>|->|.*?(?:-->|\Z))|<[!?/][^>]*+(?:>|\Z)", re.S)
_ATTRIBUTE = re.compile(
    r"""[\s/](id|class|colspan)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++))""", re.I
)
_COLSPAN = re.compile(r"""([\s/]colspan\s*+=\s*+)(?:"[^"]*+"|'[^']*+'|[^\s>]++)""", re.I)
_VOID_TEXT = "area base br col embed hr img input link meta param source track wbr"
_VOID = frozenset(_VOID_TEXT.split())
#: What their start tag begins is text up to their end tag, whatever it looks like.
_SILENT = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes"})
_RAW = _SILENT | {"title", "textarea"}
_RAW_ENDS = {tag: re.compile(rf"</{tag}(?=[\s/>])", re.I) for tag in _RAW}
#: An open element of these ends where the tag comes, unless one of the bounds lies between.
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl", "div"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl", "div"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "tr": (frozenset({"tr", "td", "th"}), frozenset({"tbody", "thead", "tfoot", "table"})),
    "tbody": (frozenset({"tbody", "thead", "tr", "td", "th"}), frozenset({"table"})),
    "tfoot": (frozenset({"tbody", "thead", "tr", "td", "th"}), frozenset({"table"})),
}
#: How far up an open element is looked for that a tag ends.
_MOST_UP = 32
#: Text tokens of an element that are read as what it is called.
_MOST_TEXTS = 24
#: Characters of them.
_MOST_WORDS = 1000
_HIDE = ' hidden style="display:none!important"'


@dataclass(eq=False)
class Element:
    """An element: from token ``first``, its start tag, up to and without token ``last``."""

    tag: str
    source: str
    first: int
    parent: Element | None
    position: int = 0
    last: int = -1
    children: list[Element] = field(default_factory=list)

    @cached_property
    def attributes(self) -> dict[str, str]:
        """Of its attributes the id, the class and the colspan."""
        found: dict[str, str] = {}
        for name, *values in _ATTRIBUTE.findall(self.source):
            found.setdefault(name.lower(), html.unescape("".join(values)))
        return found


class Outline:
    """A page read: ``elements`` in the order of their start tags."""

    def __init__(self, text: str) -> None:
        self.elements: list[Element] = []
        self._tokens: list[str] = []
        self._texts: list[int] = []
        self._open: list[Element] = []
        self._tags: Counter[str] = Counter()
        self._read(text)
        while self._open:
            self._end_last()

    def __str__(self) -> str:
        return "".join(self._tokens)

    # --- reading ---------------------------------------------------------------------------------
    def _read(self, text: str) -> None:
        done = search = 0
        while (start := text.find("<", search)) >= 0:
            tag = _TAG.match(text, start)
            found = tag or _OTHER.match(text, start)
            if found is None:
                if text[start + 1 : start + 2].isalpha():
                    break  # a tag that never ends
                search = start + 1
                continue
            self._say(text[done:start])
            done = search = found.end()
            if tag is None:
                self._tokens.append(found[0])
            elif tag["end"]:
                self._end(tag["name"].lower(), found[0])
            else:
                name = tag["name"].lower()
                self._start(name, found[0])
                if name in _RAW:
                    close = _RAW_ENDS[name].search(text, done)
                    search = close.start() if close else len(text)
        self._say(text[done:])

    def _say(self, text: str) -> None:
        if text:
            if not self._open or self._open[-1].tag not in _SILENT:
                self._texts.append(len(self._tokens))
            self._tokens.append(text)

    def _start(self, tag: str, source: str) -> None:
        self._close_for(tag)
        parent = self._open[-1] if self._open else None
        made = Element(tag, source, len(self._tokens), parent)
        if parent is not None:
            made.position = len(parent.children)
            parent.children.append(made)
        self.elements.append(made)
        self._tokens.append(source)
        if tag in _VOID or source.endswith("/>"):
            made.last = len(self._tokens)
        else:
            self._open.append(made)
            self._tags[tag] += 1

    def _end(self, tag: str, source: str) -> None:
        ended = None
        if self._tags[tag]:
            while ended is None or ended.tag != tag:
                ended = self._end_last()
        self._tokens.append(source)
        if ended is not None:
            ended.last += 1  # the end tag is the element's own

    def _close_for(self, tag: str) -> None:
        if tag not in _ENDS:
            return
        closing, bounds = _ENDS[tag]
        cut = len(self._open)
        for at in range(cut - 1, max(-1, cut - _MOST_UP), -1):
            if self._open[at].tag in bounds:
                break
            if self._open[at].tag in closing:
                cut = at
        while len(self._open) > cut:
            self._end_last()

    def _end_last(self) -> Element:
        ended = self._open.pop()
        ended.last = len(self._tokens)
        self._tags[ended.tag] -= 1
        return ended

    # --- looking ---------------------------------------------------------------------------------
    def texts(self, element: Element | None = None) -> Iterator[int]:
        """The text tokens of the page or of an element."""
        first, last = (element.first, element.last) if element else (0, len(self._tokens))
        for at in range(bisect_left(self._texts, first), len(self._texts)):
            if self._texts[at] >= last:
                return
            yield self._texts[at]

    def text(self, token: int) -> str:
        """What a text token says, its entities resolved."""
        return html.unescape(self._tokens[token])

    def words(self, element: Element) -> str:
        """What an element says, with single blanks. The beginning of it where that is much."""
        found, size = [], 0
        for token in islice(self.texts(element), _MOST_TEXTS):
            found.append(self._tokens[token][: _MOST_WORDS - size])
            size += len(found[-1])
            if size >= _MOST_WORDS:
                break
        return " ".join(html.unescape("".join(found)).split())

    # --- changing --------------------------------------------------------------------------------
    def write(self, token: int, text: str) -> None:
        """Make a text token say something else."""
        self._tokens[token] = html.escape(text, quote=False)

    def hide(self, element: Element) -> None:
        """Have an element not shown, whatever the style sheets say."""
        token = self._tokens[element.first]
        cut = 1 + len(element.tag)
        if not token[cut:].startswith(_HIDE):
            # Of two attributes of one name the first counts.
            self._tokens[element.first] = token[:cut] + _HIDE + token[cut:]

    def span(self, cell: Element, columns: int) -> None:
        """Have a cell that spans several columns span that many."""
        token = self._tokens[cell.first]
        self._tokens[cell.first] = _COLSPAN.sub(rf'\g<1>"{columns}"', token, count=1)
        cell.attributes["colspan"] = str(columns)
