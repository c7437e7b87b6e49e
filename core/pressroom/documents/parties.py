"""Who a document is from and who it is for: a name and the lines below it. Pure."""

from __future__ import annotations

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
    if not isinstance(found[1], dict):
        lines = [line for part in paragraphs(found[1]) for line in part.splitlines()]
        return {"label": word, "name": lines[0], "lines": lines[1:]}
    one = Fields(found[1])
    name = one.word("name", "company", "companyname", "fullname", "businessname")
    lines = [line for part in one.left.items() for line in _address(*part)]
    return {"label": word, "name": name, "lines": lines}


#: Fields of an address that say what they are without a label.
_BARE = frozenset(
    words(
        "address street street1 street2 line1 line2 address1 address2 addressline1 "
        "addressline2 city state zip zipcode postalcode postcode country region county email "
        "phone company attention contact contactname website name title role province"
    )
)


def _address(key: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return [line for part in value.items() for line in _address(*part)]
    shown = text(value)
    if not shown:
        return []
    if plain(key) in _BARE:
        return shown.splitlines()
    return [f"{label(key)}: {shown}"]
