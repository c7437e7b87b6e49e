"""What invoices, quotes and receipts show: parties, lines, sums, notes. Pure."""

from __future__ import annotations

from typing import Any

from pressroom.documents.blocks import Block, facts, of_object, of_value, table
from pressroom.documents.fields import Fields, split
from pressroom.documents.kinds import ITEM_KEYS, DocType, plain, words
from pressroom.documents.parties import FROM, SHIP, TO, party
from pressroom.documents.words import amount, label, text

View = dict[str, Any]
_SUMS = words(
    "subtotal discount shipping fees fee tax vat gst tip total grandtotal totalamount "
    "amountpaid deposit amounttendered change changedue balance balancedue amountdue totaldue"
)
_TOTALS = frozenset(words("total grandtotal totalamount balancedue amountdue totaldue"))
_NOTES = words(
    "notes note terms termsandconditions memo footer message thankyou paymentterms "
    "paymentinstructions disclaimer"
)
#: The longest name of a currency beside an amount, such as ``CHF``.
_CODE = 4
_PARTY_WORDS = {
    DocType.INVOICE: ("From", "Bill to"),
    DocType.QUOTE: ("From", "Prepared for"),
    DocType.RECEIPT: ("From", "Received from"),
}
_NUMBERS = {
    DocType.INVOICE: words("invoicenumber invoiceno invoiceid number"),
    DocType.QUOTE: words(
        "quotenumber quoteno quoteid quotationnumber estimatenumber proposalnumber offernumber "
        "number"
    ),
    DocType.RECEIPT: words("receiptnumber receiptno receiptid number"),
}


def sale(kind: DocType, fields: Fields) -> View:
    """What the page of an invoice, a quote or a receipt shows."""
    currency = _currency(fields)
    nested = fields.left.get(kind.value)
    if isinstance(nested, dict):  # {"invoice": {"number": ...}, "client": ...}
        fields.left = {**fields.left, **nested}
        fields.left.pop(kind.value, None)
    from_word, to_word = _PARTY_WORDS[kind]
    title = fields.word("title", "documenttitle") or label(kind.value)
    number = fields.word(*_NUMBERS[kind], kind.value)
    parties = [
        one
        for one in (
            party(from_word, fields, FROM),
            party(to_word, fields, TO),
            party("Ship to", fields, SHIP),
        )
        if one
    ]
    items = _items(fields, currency)
    sums = _sums(fields, currency)
    notes = _notes(fields)
    short, rest = split(fields.left)
    return {
        "title": title,
        "heading": f"{title} {number}".strip(),
        "brand": next((one["name"] for one in parties if one["label"] == from_word), ""),
        "headline": next((one for one in sums if one["strong"]), None),
        "number": number,
        "parties": parties,
        "facts": facts(short.items(), currency),
        "table": items,
        "sums": sums,
        "notes": notes,
        "blocks": of_object(rest, currency),
    }


def _currency(fields: Fields) -> str:
    """A code or a sign, which the amounts show; anything longer is a field like others."""
    found = fields.pair("currency", "currencycode", "currencysymbol")
    if found is None:
        return ""
    key, value = found
    if isinstance(value, str) and len(value.strip()) <= _CODE:
        return value.strip()
    fields.left[key] = value
    return ""


def _items(fields: Fields, currency: str) -> Block | None:
    for name in ITEM_KEYS:
        for key in [key for key in fields.left if plain(key) == name]:
            value = fields.left[key]
            rows = [one for one in value if one] if isinstance(value, list) else []
            if rows and all(isinstance(one, dict) for one in rows):
                del fields.left[key]
                return table(rows, currency) | {"class": "items"}
    return None


def _sums(fields: Fields, currency: str) -> list[View]:
    pairs: list[tuple[str, Any]] = []
    for key in _totals(fields):
        pairs += fields.left.pop(key).items()
    for name in _SUMS:
        one = fields.pair(name)
        if one and not isinstance(one[1], dict | list):
            pairs.append(one)
        elif one:
            fields.left[one[0]] = one[1]
    totals = [key for key, _ in pairs if plain(key) in _TOTALS]
    strong = totals[-1] if totals else None
    return [
        {"label": label(key), "value": _sum(key, value, currency), "strong": key == strong}
        for key, value in pairs
        if text(value)
    ]


def _totals(fields: Fields) -> list[str]:
    return [
        key
        for key, value in fields.left.items()
        if plain(key) in ("totals", "summary") and isinstance(value, dict)
    ]


def _sum(key: str, value: Any, currency: str) -> str:
    bare = plain(key)
    if "rate" in bare or "percent" in bare:
        return text(value)
    return amount(value, currency)


def _notes(fields: Fields) -> list[View]:
    notes = []
    for name in _NOTES:
        found = fields.pair(name)
        if found:
            notes.append({"label": label(found[0]), "blocks": of_value(found[1])})
    return notes
