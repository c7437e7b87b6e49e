"""Who a document is from and who it is for: a name and the lines below it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pressroom.documents.fields import Fields
from pressroom.documents.kinds import plain, words
from pressroom.documents.words import label, paragraphs, text

FROM = words(
    "from seller sender company vendor supplier business merchant issuer provider store companyname"
)
TO = words(
    "client customer billto to buyer recipient soldto payer attention clientname customername"
)
SHIP = words("shipto deliverto shippingaddress deliveryaddress")


def party(word: str, fields: Fields, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The party under one of these names, headed by ``word``; None without one."""
    found = fields.pair(*names)
    if found is None:
        return None
    key, value = found
    if not isinstance(value, dict):
        lines = [line for part in paragraphs(value) for line in part.splitlines()]
        beside = _address(fields.beginning(plain(key).removesuffix("name"), _BARE))
        return {"label": word, "name": lines[0], "lines": lines[1:] + beside}
    one = Fields(value)
    name = one.word("name", "company", "companyname", "fullname", "businessname")
    return {"label": word, "name": name, "lines": _address(one.left)}


#: Fields of an address that say what they are without a label.
_BARE = frozenset(
    words(
        "town address street street1 street2 line1 line2 address1 address2 addressline1 "
        "addressline2 city state zip zipcode postalcode postcode country region county email "
        "phone company attention contact contactname website name title role province"
    )
)


_CITIES = words("city town")
_STATES = words("state province region")
_CODES = words("zip zipcode postalcode postcode")


def _address(fields: Mapping[str, Any]) -> list[str]:
    """The lines of an address, its city, state and code in one."""
    parts = {
        plain(key): text(value)
        for key, value in fields.items()
        if plain(key) in (*_CITIES, *_STATES, *_CODES) and _is_line(value)
    }
    lines: list[str] = []
    for key, value in fields.items():
        if plain(key) not in parts:
            lines += _lines(key, value)
        elif plain(key) == next(iter(parts)):
            lines.append(_place(parts))
    return lines


def _is_line(value: Any) -> bool:
    return isinstance(value, str | int) and "\n" not in text(value).strip() and text(value) != ""


def _place(parts: Mapping[str, str]) -> str:
    """``Austin, TX 78701``; without a state in the order in which it was given."""
    found = [
        next((parts[name] for name in names if name in parts), "")
        for names in (_CITIES, _STATES, _CODES)
    ]
    city, state, code = found
    if city and state and len([one for one in found if one]) == len(parts):
        return f"{city}, {state} {code}".strip()
    return " ".join(parts.values())


def _lines(key: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return _address(value)
    shown = text(value)
    if not shown:
        return []
    if plain(key) in _BARE:
        return shown.splitlines()
    return [f"{label(key)}: {shown}"]
