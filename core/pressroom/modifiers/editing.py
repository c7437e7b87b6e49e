"""Makes edits (see ``pressroom.model.edits``) on a page's HTML. Pure, and without models.

Whatever is written into a page is escaped. An edit that finds nothing to change changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from pressroom.modifiers.outline import Element, Outline
from pressroom.modifiers.rewriting import with_currency, with_dates

#: Larger pages get the styles alone: looking through them would take too long.
MOST_CHARACTERS = 2 * 1024 * 1024
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_TITLED = frozenset({"section", "article", "aside", "fieldset", "figure"})
_LABELS = frozenset({*_HEADINGS, "legend", "dt", "caption", "figcaption", "summary"})
#: Names of parts that are tags of HTML.
_PARTS = {
    "header": ("header",),
    "footer": ("footer",),
    "table": ("table",),
    "image": ("img", "svg"),
    "picture": ("img", "svg"),
    "title": ("h1",),
    "line": ("hr",),
}


def edited(html: str, edits: Sequence[Mapping[str, str]]) -> str:
    """The page after the edits, in order; ``kind``, ``text`` and ``to`` of each are as there."""
    styles = "".join(_style(edit.get("text", "")) for edit in edits if edit["kind"] == "style")
    rest = [edit for edit in edits if edit["kind"] in _EDITS]
    if rest and len(html) <= MOST_CHARACTERS:
        page = Outline(html)
        for edit in rest:
            _EDITS[edit["kind"]](page, edit.get("text", ""), edit.get("to", ""))
        html = str(page)
    return html + styles


def _style(css: str) -> str:
    return "<style>" + css.replace("<", "\\3c ") + "</style>"


# --- hiding --------------------------------------------------------------------------------------
def _hide(page: Outline, text: str, _to: str) -> None:
    name = _name(text)
    if not name:
        return
    searches = (_by_label, _by_row, _by_class, _by_tag, _by_words)
    for search, one in ((search, one) for search in searches for one in _forms(name)):
        found = list(search(page, one))
        if found:
            for element in found:
                page.hide(element)
            return
    _hide_column(page, name, "")


def _forms(name: str) -> tuple[str, ...]:
    """A name as it is, and in the other number."""
    return name, name.removesuffix("s") if name.endswith("s") else f"{name}s"


def _name(text: str) -> str:
    return " ".join(re.sub(r"[-_:#.]+", " ", text).casefold().split())


def _by_label(page: Outline, name: str) -> Iterator[Element]:
    for element in page.elements:
        if element.tag in _LABELS and _name(page.words(element)) == name:
            yield from _labelled(element)


def _by_words(page: Outline, name: str) -> Iterator[Element]:
    """What is headed by a text that has the name in it."""
    pattern = re.compile(rf"\b{re.escape(name)}\b")
    for element in page.elements:
        if element.tag in _LABELS and pattern.search(_name(page.words(element))):
            yield from _labelled(element)


def _labelled(label: Element) -> Iterator[Element]:
    """What a heading or label is about, itself included."""
    parent = label.parent
    if parent is None or label.tag == "h1":
        yield label
    elif label.tag in ("caption", "legend", "summary", "figcaption") or (
        parent.tag in _TITLED and parent.children[0] is label
    ):
        yield parent
    elif label.tag == "dt":
        yield from [parent] if parent.tag == "div" else _up_to(label, ("dt",))
    elif parent.tag == "address" or (parent.tag == "div" and _heads_alone(label, parent)):
        yield parent
    else:
        yield from _up_to(label, _HEADINGS[: _HEADINGS.index(label.tag) + 1])


def _heads_alone(label: Element, parent: Element) -> bool:
    """Whether a block is about this heading alone."""
    around = parent.parent
    lonely = around is None or (around.tag == "body" and len(around.children) == 1)
    if lonely or label.position != 0:
        return False
    return not any(child.tag in _LABELS for child in parent.children[1:])


def _up_to(label: Element, tags: Sequence[str]) -> Iterator[Element]:
    """The label and its siblings up to the next of these tags."""
    siblings = label.parent.children if label.parent else [label]
    yield label
    for at in range(label.position + 1, len(siblings)):
        sibling = siblings[at]
        if sibling.tag in tags or sibling.tag == "footer":
            return
        yield sibling


def _by_row(page: Outline, name: str) -> Iterator[Element]:
    for element in page.elements:
        first = element.children[0] if element.children else None
        is_row = element.tag == "tr" and first is not None and len(element.children) > 1
        if is_row and first and first.tag in ("td", "th") and _name(page.words(first)) == name:
            heads = element.children[1].tag == "th"
            if not heads:
                yield element


def _by_class(page: Outline, name: str) -> Iterator[Element]:
    names = {name, name + "s", name.removesuffix("s")}
    for element in page.elements:
        if element.tag in ("html", "body"):
            continue
        given = [element.attributes.get("id", ""), *element.attributes.get("class", "").split()]
        if any(_name(one) in names for one in given if one):
            yield element


def _by_tag(page: Outline, name: str) -> Iterator[Element]:
    tags = _PARTS.get(name) or _PARTS.get(name.removesuffix("s")) or ()
    for element in page.elements:
        if element.tag in tags:
            yield element


# --- tables --------------------------------------------------------------------------------------
def _headed(page: Outline, name: str) -> Iterator[tuple[Element, Element, int]]:
    """Tables with a column of this name: the table, its heading's cell, and where that begins."""
    heads = []
    for table in (element for element in page.elements if element.tag == "table"):
        row = next(_rows(page, table), None)
        heads += [(table, *found) for found in (_cells(row) if row else ())]
    for form in _forms(name):
        seen: set[Element] = set()
        for table, cell, at in heads:
            if table not in seen and _name(page.words(cell)) == form:
                seen.add(table)
                yield table, cell, at
        if seen:
            return


def _rows(page: Outline, table: Element) -> Iterator[Element]:
    todo = list(reversed(table.children))
    while todo:
        element = todo.pop()
        if element.tag == "tr":
            yield element
        elif element.tag in ("thead", "tbody", "tfoot"):
            todo += reversed(element.children)


def _cells(row: Element) -> Iterator[tuple[Element, int]]:
    at = 0
    for cell in row.children:
        if cell.tag in ("td", "th"):
            yield cell, at
            at += _span(cell)


def _span(cell: Element) -> int:
    text = cell.attributes.get("colspan", "1").strip()
    return min(1000, max(1, int(text))) if text.isascii() and text.isdecimal() else 1


def _hide_column(page: Outline, text: str, _to: str) -> None:
    for table, _, column in list(_headed(page, _name(text))):
        for row in _rows(page, table):
            for cell, at in _cells(row):
                if at <= column < at + _span(cell):
                    if _span(cell) == 1:
                        page.hide(cell)
                    else:
                        page.span(cell, _span(cell) - 1)
                    break


def _rename_column(page: Outline, text: str, to: str) -> None:
    for _, cell, _ in list(_headed(page, _name(text))):
        _say(page, cell, to)


# --- texts ---------------------------------------------------------------------------------------
def _title(page: Outline, _text: str, to: str) -> None:
    found = None
    for tag in _HEADINGS:
        found = next((one for one in page.elements if one.tag == tag), None)
        if found is not None:
            _say(page, found, to)
            break
    for element in page.elements:
        if element.tag == "title" and (element.parent is None or element.parent.tag == "head"):
            _say(page, element, to)


def _say(page: Outline, element: Element, text: str) -> None:
    """Replace all that an element says by one text, in the place of its first."""
    written = False
    for token in page.texts(element):
        if page.text(token).strip():
            page.write(token, "" if written else text)
            written = True


def _rename(page: Outline, text: str, to: str) -> None:
    pattern = rf"(?<!\w){re.escape(text)}(?!\w)"
    for flags in (0, re.I):
        found = re.compile(pattern, flags)
        if _rewrite(page, lambda said, found=found: found.sub(lambda _: to, said)):  # type: ignore[misc]
            return


def _dates(page: Outline, _text: str, to: str) -> None:
    _rewrite(page, lambda said: with_dates(said, to))


def _currency(page: Outline, _text: str, to: str) -> None:
    _rewrite(page, lambda said: with_currency(said, to))


def _rewrite(page: Outline, change: Callable[[str], str]) -> bool:
    """Change every text of the page. Whether there was anything to change."""
    changed = False
    for token in page.texts():
        before = page.text(token)
        after = change(before)
        if after != before:
            page.write(token, after)
            changed = True
    return changed


_EDITS: dict[str, Callable[[Outline, str, str], None]] = {
    "hide": _hide,
    "hideColumn": _hide_column,
    "rename": _rename,
    "renameColumn": _rename_column,
    "title": _title,
    "dates": _dates,
    "currency": _currency,
}
