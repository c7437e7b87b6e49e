"""Which kind of document data is for, told by its keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_OTHER = re.compile(r"[^a-z0-9]")


class DocType(StrEnum):
    """The kinds that have a page of their own; ``document`` is for everything else."""

    INVOICE = "invoice"
    QUOTE = "quote"
    RECEIPT = "receipt"
    REPORT = "report"
    LETTER = "letter"
    DOCUMENT = "document"


def plain(key: str) -> str:
    """A key without its spelling: ``line_items``, ``lineItems`` and ``Line Items`` are one."""
    return _OTHER.sub("", key.lower())


def words(text: str) -> tuple[str, ...]:
    """The words of a text, in order."""
    return tuple(text.split())


#: Keys under which data says itself what it is, and the words it may use.
SELF_KEYS = ("doctype", "documenttype", "type", "kind")
_WORDS = {
    "invoice": DocType.INVOICE,
    "bill": DocType.INVOICE,
    "creditnote": DocType.INVOICE,
    "quote": DocType.QUOTE,
    "quotation": DocType.QUOTE,
    "estimate": DocType.QUOTE,
    "offer": DocType.QUOTE,
    "proposal": DocType.QUOTE,
    "receipt": DocType.RECEIPT,
    "report": DocType.REPORT,
    "letter": DocType.LETTER,
    "document": DocType.DOCUMENT,
}

#: Keys that only one kind of document has.
_MARKS: tuple[tuple[DocType, frozenset[str]], ...] = (
    (
        DocType.QUOTE,
        frozenset(
            words(
                "quote quoteid quoteno quotenumber quotedate quotation quotationnumber "
                "estimate estimateid estimatenumber proposal proposalnumber offernumber "
                "validuntil validthrough validfor expirydate expirationdate"
            )
        ),
    ),
    (
        DocType.RECEIPT,
        frozenset(
            words(
                "receipt receiptid receiptno receiptnumber receiptdate paidat paidon datepaid "
                "amountpaid amounttendered transactionid change changedue cashier"
            )
        ),
    ),
    (
        DocType.INVOICE,
        frozenset(
            words(
                "invoice invoiceid invoiceno invoicenumber invoicedate amountdue balancedue "
                "duedate billto"
            )
        ),
    ),
)
#: The lists of what is sold.
ITEM_KEYS = (
    "lineitems",
    "items",
    "lines",
    "positions",
    "products",
    "services",
    "entries",
    "rows",
)
_MONEY = frozenset(words("totals total subtotal grandtotal tax taxrate currency client customer"))
_LETTER = frozenset(words("salutation greeting valediction closing signoff"))
_LETTER_PARTS = frozenset(words("recipient sender body subject content signature to from"))
_REPORT = frozenset(
    words(
        "sections findings metrics kpis executivesummary recommendations report reporttitle "
        "reportdate chapters conclusion analysis"
    )
)


def detect(data: Mapping[str, Any]) -> DocType:
    """The kind of document that ``data`` is for.

    What the data says itself counts first, then keys that only one kind has, then its shape.
    """
    keys = {plain(key): value for key, value in data.items()}
    for name in SELF_KEYS:
        said = keys.get(name)
        if isinstance(said, str) and plain(said) in _WORDS:
            return _WORDS[plain(said)]
    for kind, marks in _MARKS:
        if marks & keys.keys():
            return kind
    if _sells(keys):
        return DocType.INVOICE
    if _is_letter(keys):
        return DocType.LETTER
    if _REPORT & keys.keys() or {"title", "summary"} <= keys.keys():
        return DocType.REPORT
    return DocType.DOCUMENT


def _sells(keys: Mapping[str, Any]) -> bool:
    if keys.keys() & {"lineitems"}:
        return True
    listed = any(_is_table(keys.get(name)) for name in ITEM_KEYS)
    return listed and bool(_MONEY & keys.keys())


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _is_letter(keys: Mapping[str, Any]) -> bool:
    if _LETTER & keys.keys():
        return True
    body = keys.get("body", keys.get("content"))
    return isinstance(body, str | list) and len(_LETTER_PARTS & keys.keys()) >= 2
