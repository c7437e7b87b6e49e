"""Any data as blocks that a page can print: facts, tables, lists, texts, pictures, sections. Pure.

A block is a dictionary with ``kind`` and what that kind shows; every text in it is ready to print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pressroom.documents.kinds import plain
from pressroom.documents.words import (
    is_amount,
    is_count,
    is_long,
    is_money,
    is_number,
    label,
    paragraphs,
    shown,
    text,
)

Block = dict[str, Any]
#: Below this depth values are printed in one line.
_MOST_LEVELS = 6
#: A list of objects with more fields than these is printed object by object.
_MOST_COLUMNS = 9
#: Up to so many columns are set as usual, up to so many closer, up to so many as close as may be.
_FEW, _MANY, _TOO_MANY = 6, 12, 32
_LONG_WORD = re.compile(r"\S{28}")
_PERCENT = re.compile(r"[-+−]?[\d.,]+\s?%")
#: Dates and numbers of things, which no line should break.
_SHORT = re.compile(r"(?=.*[-/.])\S{1,12}")
#: What stands for an amount where there is none.
_NO_PRICE = ("-", "–", "—", "n/a", "N/A", "free", "Free")
_PICTURE = ("data:image/png", "data:image/jpeg", "data:image/svg+xml", "data:image/webp")


def is_picture(value: Any) -> bool:
    """Whether a value is an image in itself."""
    return isinstance(value, str) and value.startswith(_PICTURE)


def facts(pairs: Iterable[tuple[str, Any]], currency: str = "") -> list[dict[str, str]]:
    """Label and value of each field that has a value."""
    return [
        {"label": label(key), "value": shown(key, value, currency)}
        for key, value in pairs
        if text(value)
    ]


def of_object(value: Mapping[str, Any], currency: str = "", level: int = 1) -> list[Block]:
    """An object's fields, then what is nested in it, each under its own heading."""
    blocks: list[Block] = []
    short = [(key, one) for key, one in value.items() if _is_field(one)]
    if short:
        found = facts(short, currency)
        if found:
            blocks.append({"kind": "facts", "facts": found})
    for key, one in value.items():
        if not _is_field(one):
            inner = of_value(one, currency, level + 1)
            if inner:
                blocks.append(section(label(key), inner, level))
    return blocks


def section(title: str, blocks: list[Block], level: int = 1) -> Block:
    """Blocks under a heading; ``level`` 1 is the highest."""
    return {"kind": "section", "title": title, "level": min(level, 3), "blocks": blocks}


def _is_field(value: Any) -> bool:
    return not isinstance(value, dict | list) and not is_long(value) and not is_picture(value)


def of_value(value: Any, currency: str = "", level: int = 1) -> list[Block]:
    """Any value as blocks; empty where there is nothing to print."""
    if level > _MOST_LEVELS and isinstance(value, dict | list):
        return [{"kind": "text", "paragraphs": [text(value)]}] if text(value) else []
    if isinstance(value, dict):
        return of_object(value, currency, level)
    if isinstance(value, list):
        return _of_list(value, currency, level)
    if is_picture(value):
        return [{"kind": "picture", "source": value}]
    found = paragraphs(value)
    return [{"kind": "text", "paragraphs": found}] if found else []


def _of_list(values: list[Any], currency: str, level: int) -> list[Block]:
    values = [one for one in values if one is not None and one != {} and one != []]
    if not values:
        return []
    if all(isinstance(one, dict) for one in values):
        return _of_objects(values, currency, level)
    if all(isinstance(one, list) for one in values):
        return [_matrix(values)]
    if not any(isinstance(one, dict | list) or is_picture(one) for one in values):
        return [{"kind": "list", "entries": [text(one) for one in values]}]
    return [block for one in values for block in of_value(one, currency, level)]


def _of_objects(values: list[dict[str, Any]], currency: str, level: int) -> list[Block]:
    columns = columns_of(values)
    if len(columns) <= _MOST_COLUMNS and not any(_is_rich(one) for one in values):
        return [table(values, currency)]
    blocks: list[Block] = []
    for number, one in enumerate(values, 1):
        title, rest = titled(one, f"{number}.")
        blocks.append(section(title, of_object(rest, currency, level + 1), level))
    return blocks


def _is_rich(one: Mapping[str, Any]) -> bool:
    """Whether an object has more in it than a table's row can hold."""
    return any(_is_nested(value) or is_long(value) or is_picture(value) for value in one.values())


def _is_nested(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(one, dict | list) for one in value)
    return isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values())


def titled(value: Mapping[str, Any], default: str) -> tuple[str, dict[str, Any]]:
    """An object's own heading, and the rest of it."""
    for key in ("title", "heading", "name", "label"):
        if isinstance(value.get(key), str) and value[key].strip():
            return value[key], {name: one for name, one in value.items() if name != key}
    return default, dict(value)


def columns_of(values: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every key of the objects, in the order in which they come up."""
    return list(dict.fromkeys(key for one in values for key in one))


def table(values: list[dict[str, Any]], currency: str = "") -> Block:
    """Objects as the rows of a table, with a column for every key that has a value anywhere."""
    used = [key for key in columns_of(values) if any(text(one.get(key)) for one in values)]
    counted = any(is_count(key) for key in used)
    names = {key: _priced(key) if counted else key for key in used}
    rows = [[shown(names[key], one.get(key), currency) for key in used] for one in values]
    columns = [
        {"label": label(key), "class": _class_of(names[key], [one.get(key) for one in values], at)}
        for at, key in enumerate(used)
    ]
    return {"kind": "table", "class": _width(len(used)), "columns": columns, "rows": rows}


def _width(columns: int) -> str:
    """Tables of many columns are set closer."""
    return "" if columns <= _FEW else "dense" if columns <= _MANY else "wide"


def _priced(key: str) -> str:
    """A rate beside a quantity is a price; elsewhere it may be a share."""
    return "unitrate" if plain(key) == "rate" else key


def _class_of(key: str, values: Iterable[Any], at: int) -> str:
    """How a column is set: numbers to the right, and words that would burst the page broken."""
    given = [one for one in values if text(one)]
    if at > 0 and _is_numeric(key, given):
        return "number"
    shown = [text(one) for one in given]
    if any(_LONG_WORD.search(one) for one in shown):
        return "long"
    return "short" if all(_SHORT.fullmatch(one) for one in shown) else ""


def _is_numeric(key: str, given: Iterable[Any]) -> bool:
    return all(
        is_number(one)
        or is_money(one)
        or (isinstance(one, str) and _PERCENT.fullmatch(one.strip()) is not None)
        or (is_amount(key) and (one in _NO_PRICE or str(one).isdecimal()))
        for one in given
    )


def _matrix(values: list[list[Any]]) -> Block:
    """A list of lists: a table, its first row the heads where that names what comes below."""
    width = max(len(one) for one in values)
    if width > _TOO_MANY:
        return {"kind": "list", "entries": [text(one) for one in values]}
    full = [one + [None] * (width - len(one)) for one in values]
    heads = full[0] if _names(full) else None
    body = full[1:] if heads else full
    columns = [
        {"label": heads[at] if heads else "", "class": _class_of("", [one[at] for one in body], at)}
        for at in range(width)
    ]
    rows = [[text(cell) for cell in one] for one in body]
    how = _width(width) or ("" if heads else "even")
    found = {"kind": "table", "class": how, "columns": columns, "rows": rows}
    return found | {"headless": heads is None}


def _names(rows: list[list[Any]]) -> bool:
    """Whether the first row is texts alone and numbers come below."""
    named = all(isinstance(cell, str) and cell.strip() for cell in rows[0])
    return named and any(is_number(cell) for row in rows[1:] for cell in row)
