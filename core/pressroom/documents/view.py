"""Data sorted into what a built-in page shows. Pure; nothing of the data is lost.

What a kind of document is known for (who sells to whom, the lines, the sums, the letter's parts)
has its place; everything else follows as blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pressroom.documents.blocks import Block, facts, is_picture, of_object, of_value, table, titled
from pressroom.documents.kinds import ITEM_KEYS, SELF_KEYS, DocType, plain, words
from pressroom.documents.words import amount, is_long, label, paragraphs, text

View = dict[str, Any]

_FROM = words(
    "from seller sender company vendor supplier business merchant issuer provider store companyname"
)
_TO = words(
    "client customer billto to buyer recipient soldto payer attention clientname customername"
)
_SHIP = words("shipto deliverto shippingaddress deliveryaddress")
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


class _Fields:
    """The data's fields, each taken once; what is left keeps its order."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.left = dict(data)

    def take(self, *names: str) -> Any:
        """The first value under one of these names, however it is spelled; None without one."""
        found = self.pair(*names)
        return found[1] if found else None

    def pair(self, *names: str) -> tuple[str, Any] | None:
        """The same with its key."""
        for name in names:
            for key in [key for key in self.left if plain(key) == name]:
                if text(self.left[key]):
                    return key, self.left.pop(key)
        return None

    def word(self, *names: str) -> str:
        """The same, where it is a short text or a number; other values stay where they are."""
        for name in names:
            for key in [key for key in self.left if plain(key) == name]:
                value = self.left[key]
                if text(value) and not isinstance(value, dict | list) and not is_picture(value):
                    return text(self.left.pop(key))
        return ""


def view(kind: DocType, data: Mapping[str, Any], style: str, padding: str = "") -> View:
    """What the page of this kind prints: the value that it knows as ``doc``.

    ``padding`` is a CSS shorthand for the room around the page where nothing else makes it.
    """
    fields = _Fields(data)
    for name in SELF_KEYS:
        found = fields.pair(name)
        if found and plain(text(found[1])) not in {kind.value, ""}:
            fields.left[found[0]] = found[1]  # it says more than the page does by itself
    shown: View = {"kind": kind.value, "style": style, "padding": padding}
    shown["picture"] = _logo(fields)
    makers = {DocType.LETTER: _letter, DocType.REPORT: _report, DocType.DOCUMENT: _document}
    shown.update(makers.get(kind, _sale)(kind, fields))
    return shown


def _logo(fields: _Fields) -> str | None:
    """A picture, or the address of one: it is fetched where the farm may."""
    found = fields.pair("logo", "logourl", "companylogo")
    if found is None:
        return None
    key, value = found
    if is_picture(value) or (isinstance(value, str) and value.startswith(("https:", "http:"))):
        return str(value)
    fields.left[key] = value
    return None


# --- invoices, quotes, receipts ------------------------------------------------------------------
def _sale(kind: DocType, fields: _Fields) -> View:
    currency = _currency(fields)
    nested = fields.left.get(kind.value)
    if isinstance(nested, dict):  # {"invoice": {"number": ...}, "client": ...}
        fields.left = {**fields.left, **nested}
        fields.left.pop(kind.value, None)
    from_word, to_word = _PARTY_WORDS[kind]
    title = fields.word("title", "documenttitle") or label(kind.value)
    number = fields.word(*_NUMBERS[kind], kind.value)
    parties = [
        party
        for party in (
            _party(from_word, fields, _FROM),
            _party(to_word, fields, _TO),
            _party("Ship to", fields, _SHIP),
        )
        if party
    ]
    items = _items(fields, currency)
    sums = _sums(fields, currency)
    notes = _notes(fields)
    short, rest = _split(fields.left)
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


def _currency(fields: _Fields) -> str:
    """A code or a sign, which the amounts show; anything longer is a field like others."""
    found = fields.pair("currency", "currencycode", "currencysymbol")
    if found is None:
        return ""
    key, value = found
    if isinstance(value, str) and len(value.strip()) <= _CODE:
        return value.strip()
    fields.left[key] = value
    return ""


def _party(word: str, fields: _Fields, names: tuple[str, ...]) -> View | None:
    found = fields.pair(*names)
    if found is None:
        return None
    if not isinstance(found[1], dict):
        lines = [line for part in paragraphs(found[1]) for line in part.splitlines()]
        return {"label": word, "name": lines[0], "lines": lines[1:]}
    one = _Fields(found[1])
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


def _items(fields: _Fields, currency: str) -> Block | None:
    for name in ITEM_KEYS:
        for key in [key for key in fields.left if plain(key) == name]:
            value = fields.left[key]
            rows = [one for one in value if one] if isinstance(value, list) else []
            if rows and all(isinstance(one, dict) for one in rows):
                del fields.left[key]
                return table(rows, currency) | {"class": "items"}
    return None


def _sums(fields: _Fields, currency: str) -> list[View]:
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


def _totals(fields: _Fields) -> list[str]:
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


def _notes(fields: _Fields) -> list[View]:
    notes = []
    for name in _NOTES:
        found = fields.pair(name)
        if found:
            notes.append({"label": label(found[0]), "blocks": of_value(found[1])})
    return notes


def _split(left: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Short fields for the head of the page, and the rest."""
    short: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in left.items():
        nested = isinstance(value, dict | list) or is_long(value) or is_picture(value)
        (rest if nested else short)[key] = value
    return short, rest


# --- letters -------------------------------------------------------------------------------------
def _letter(kind: DocType, fields: _Fields) -> View:
    date = fields.word("date", "letterdate")
    subject = fields.word("subject", "re", "title")
    greeting = fields.word("salutation", "greeting")
    closing = fields.word("closing", "valediction", "signoff", "complimentaryclose")
    signature = fields.take("signature", "signedby", "signatory", "author")
    body = fields.take("body", "content", "message", "text", "paragraphs")
    return {
        "heading": subject,
        "date": date,
        "sender": _party("", fields, _FROM),
        "recipient": _party("", fields, _TO),
        "subject": subject,
        "greeting": greeting,
        "body": of_value(body) if isinstance(body, dict) else _prose(body),
        "closing": closing,
        "signature": _signature(signature),
        "blocks": of_object(fields.left),
    }


def _prose(value: Any) -> list[Block]:
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return of_value(value)
    found = paragraphs(value)
    return [{"kind": "text", "paragraphs": found}] if found else []


def _signature(value: Any) -> list[View]:
    if is_picture(value):
        return [{"picture": value, "text": ""}]
    given = value.values() if isinstance(value, dict) else [value]
    return [
        {"picture": one if is_picture(one) else None, "text": "" if is_picture(one) else text(one)}
        for one in given
        if text(one)
    ]


# --- reports and everything else -----------------------------------------------------------------
def _report(kind: DocType, fields: _Fields) -> View:
    summary = _prose(fields.take("summary", "executivesummary", "abstract", "overview"))
    figures = _figures(fields)
    sections = _sections(fields)
    head = _headed(fields, "Report")
    blocks = sections + of_object(fields.left)
    return {**head, "summary": summary, "figures": figures, "blocks": blocks}


def _document(kind: DocType, fields: _Fields) -> View:
    return _headed(fields, "Document") | {"blocks": of_object(fields.left)}


def _headed(fields: _Fields, default: str) -> View:
    title = fields.word("title", "name", "heading", "reporttitle", "report", "subject")
    subtitle = fields.word("subtitle", "tagline")
    short, fields.left = _split(fields.left)
    head = {"title": title or default, "heading": title or default, "subtitle": subtitle}
    return head | {"facts": facts(short.items())}


def _figures(fields: _Fields) -> list[View]:
    """Single figures, each with its name; a table of metrics stays a table."""
    found = fields.pair("metrics", "kpis", "highlights", "keyfigures")
    if found is None:
        return []
    pairs: list[tuple[str, Any]] = []
    if isinstance(found[1], dict):
        pairs = list(found[1].items())
    elif isinstance(found[1], list) and all(_is_figure(one) for one in found[1]):
        pairs = [tuple(one.values()) for one in found[1]]
    if not pairs or any(isinstance(value, dict | list) for _, value in pairs):
        fields.left = {found[0]: found[1], **fields.left}
        return []
    return [{"label": label(text(key)), "value": _figure(value)} for key, value in pairs]


def _is_figure(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and len(one) == 2
        and plain(next(iter(one))) in {"name", "label", "metric", "title", "kpi"}
    )


def _figure(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    return text(value)


def _sections(fields: _Fields) -> list[Block]:
    """A report's own sections, each under its own heading."""
    given = fields.take("sections", "chapters")
    if not isinstance(given, list):
        return of_value(given, level=1) if given is not None else []
    blocks: list[Block] = []
    for one in given:
        if not isinstance(one, dict):
            blocks += of_value(one)
            continue
        title, rest = titled(one, "")
        inner = _Fields(rest)
        prose = inner.take("content", "body", "text", "paragraphs")
        found = of_value(prose, level=2) if isinstance(prose, dict) else _prose(prose)
        found += of_object(inner.left, level=2)
        blocks.append({"kind": "section", "title": title, "level": 1, "blocks": found})
    return blocks
