"""What invoices, quotes and receipts show: parties, lines, sums, notes. Pure."""

from __future__ import annotations

import re
from typing import Any

from pressroom.documents.blocks import Block, facts, of_object, of_value, table
from pressroom.documents.fields import Fields, split
from pressroom.documents.kinds import ITEM_KEYS, DocType, plain, words
from pressroom.documents.parties import FROM, SHIP, TO, party
from pressroom.documents.words import amount, is_number, label, text

View = dict[str, Any]
#: A sum: its key, its label, its value.
_Line = tuple[str, str, Any]
#: The lines of the sums, in their order; taxes by other names come before the totals.
_BEFORE = words(
    "subtotal discount discounts discountamount shipping shippingcost fees fee tax taxes taxamount "
    "totaltax vat vatamount gst tip"
)
_TAXES = re.compile(r"(?:state|city|county|local|sales|import|federal)?(?:tax|vat|gst|hst|pst)\d*")
_AFTER = words(
    "total grandtotal totalamount amountpaid deposit amounttendered change changedue "
    "balance balancedue amountdue totaldue"
)
_TOTALS = frozenset(words("total grandtotal totalamount balancedue amountdue totaldue"))
_NOTES = words(
    "notes note terms termsandconditions termsconditions memo comments remarks footer message "
    "thankyou paymentterms paymentinstructions disclaimer"
)
#: The longest name of a currency beside an amount, such as ``CHF``.
_CODE = 4
_PARTY_WORDS = {
    DocType.INVOICE: ("From", "Bill to"),
    DocType.QUOTE: ("From", "Prepared for"),
    DocType.RECEIPT: ("From", "Received from"),
}
_NUMBERS = {
    DocType.INVOICE: words("invoicenumber invoiceno invoiceid creditnotenumber number"),
    DocType.QUOTE: words(
        "quotenumber quoteno quoteid quotationnumber estimatenumber estimateid proposalnumber "
        "offernumber number"
    ),
    DocType.RECEIPT: words("receiptnumber receiptno receiptid number"),
}

#: What a document calls itself by the name of its number.
_TITLES = {
    "creditnotenumber": "Credit note",
    "quotationnumber": "Quotation",
    "estimatenumber": "Estimate",
    "estimateid": "Estimate",
    "proposalnumber": "Proposal",
    "offernumber": "Offer",
}


def sale(kind: DocType, fields: Fields) -> View:
    """What the page of an invoice, a quote or a receipt shows."""
    nested = fields.left.get(kind.value)
    if isinstance(nested, dict):  # {"invoice": {"number": ...}, "client": ...}
        fields.left = {**fields.left, **nested}
        fields.left.pop(kind.value, None)
    key, currency = currency_of(fields)
    if currency:
        del fields.left[key]
    from_word, to_word = _PARTY_WORDS[kind]
    title = fields.word("title", "documenttitle") or _title(kind, fields)
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


def currency_of(fields: Fields) -> tuple[str, str]:
    """A code or a sign, which the amounts show, and its key; anything longer is none."""
    for key, value in fields.left.items():
        named = plain(key) in ("currency", "currencycode", "currencysymbol")
        if named and isinstance(value, str) and 0 < len(value.strip()) <= _CODE:
            return key, value.strip()
    return "", ""


def _title(kind: DocType, fields: Fields) -> str:
    called = (_TITLES[plain(key)] for key in fields.left if plain(key) in _TITLES)
    return next(called, label(kind.value))


def _items(fields: Fields, currency: str) -> Block | None:
    for name in ITEM_KEYS:
        for key in [key for key in fields.left if plain(key) == name]:
            value = fields.left[key]
            rows = [one for one in value if one] if isinstance(value, list) else []
            if rows and all(isinstance(one, dict) for one in rows):
                del fields.left[key]
                found = table(rows, currency)
                return found | {"class": f"items {found['class']}".strip()}
    return None


def _sums(fields: Fields, currency: str) -> list[View]:
    lines: list[_Line] = []
    for key in _totals(fields):
        lines += [(key, label(key), one) for key, one in fields.left.pop(key).items()]
    strong = lines[-1][0] if lines else None
    taxes = [plain(key) for key in fields.left if _TAXES.fullmatch(plain(key))]
    for name in (*_BEFORE, *taxes, *_AFTER):
        found = fields.pair(name)
        if found is None:
            continue
        made = _lines(*found)
        lines += made
        if not made:
            fields.left[found[0]] = found[1]
    strong = next((key for key, *_ in reversed(lines) if plain(key) in _TOTALS), strong)
    return [
        {"label": name, "value": _sum(key, value, currency), "strong": key == strong}
        for key, name, value in lines
        if text(value)
    ]


def _lines(key: str, value: Any) -> list[_Line]:
    """A sum's lines: one, or one for each tax of several. None where there is more to tell."""
    if not isinstance(value, dict | list):
        return [(key, label(key), value)]
    found = [_line(key, one) for one in (value if isinstance(value, list) else [value])]
    return [line for line in found if line] if all(found) else []


def _line(key: str, value: Any) -> _Line | None:
    if not isinstance(value, dict):
        return None
    fields = Fields(value)
    name = fields.word("name", "label", "description", "title", "type") or label(key)
    share = fields.word("rate", "percent", "percentage")
    amount_given = fields.take("amount", "value", "total")
    if not is_number(amount_given) or any(text(one) for one in fields.left.values()):
        return None
    if share and share not in name:
        name += f" ({_percent(share)})"
    return key, name, amount_given


def _percent(share: str) -> str:
    """``6.25`` as 6.25 %. What is less than one may be a part of one and stays."""
    return f"{share} %" if re.fullmatch(r"[1-9]\d*(?:\.\d+)?", share) else share


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
