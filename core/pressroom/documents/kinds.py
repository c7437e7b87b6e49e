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
KINDS = {
    "invoice": DocType.INVOICE,
    "bill": DocType.INVOICE,
    "taxinvoice": DocType.INVOICE,
    "proforma": DocType.INVOICE,
    "proformainvoice": DocType.INVOICE,
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

#: Keys that only one kind of document has. An invoice may name its quote, a receipt its invoice.
_MARKS: tuple[tuple[DocType, frozenset[str]], ...] = (
    (DocType.RECEIPT, frozenset(words("receiptid receiptno receiptnumber receiptdate"))),
    (
        DocType.INVOICE,
        frozenset(words("invoiceid invoiceno invoicenumber invoicedate creditnotenumber")),
    ),
    (
        DocType.QUOTE,
        frozenset(
            words(
                "quoteid quoteno quotenumber quotedate quotationnumber estimateid estimatenumber "
                "proposalnumber offernumber"
            )
        ),
    ),
)
#: Keys that do so where an object is under them, or something is sold.
_NAMES = {
    "receipt": DocType.RECEIPT,
    "invoice": DocType.INVOICE,
    "quote": DocType.QUOTE,
    "quotation": DocType.QUOTE,
    "estimate": DocType.QUOTE,
}
#: Keys that tell the kind where something is sold: a task has a due date too, a passport an end.
_HINTS: tuple[tuple[DocType, frozenset[str]], ...] = (
    (
        DocType.QUOTE,
        frozenset(words("validuntil validthrough validfor expirydate expirationdate proposal")),
    ),
    (DocType.INVOICE, frozenset(words("amountdue balancedue duedate"))),
    (
        DocType.RECEIPT,
        frozenset(
            words(
                "paidat paidon datepaid amountpaid amounttendered transactionid change changedue "
                "cashier"
            )
        ),
    ),
    (DocType.INVOICE, frozenset(words("billto"))),
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
_MONEY = frozenset(
    words(
        "totals total subtotal grandtotal totalamount amountdue balancedue totaldue amountpaid "
        "tax taxrate currency client customer billto validuntil"
    )
)
_SUM = _MONEY - frozenset(words("tax taxrate currency client customer validuntil"))
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
        if isinstance(said, str) and plain(said) in KINDS:
            return KINDS[plain(said)]
    for kind, marks in _MARKS:
        if marks & keys.keys():
            return kind
    sells = _sells(keys)
    for name, kind in _NAMES.items():
        if isinstance(keys.get(name), dict) or (sells and keys.get(name)):
            return kind
    if sells:
        return next((kind for kind, hints in _HINTS if hints & keys.keys()), DocType.INVOICE)
    if _is_letter(keys):
        return DocType.LETTER
    if _REPORT & keys.keys() or {"title", "summary"} <= keys.keys():
        return DocType.REPORT
    return DocType.DOCUMENT


def _sells(keys: Mapping[str, Any]) -> bool:
    if keys.keys() & {"lineitems"}:
        return True
    if any(_is_table(keys.get(name)) for name in ITEM_KEYS):
        return bool(_MONEY & keys.keys())
    hinted = any(hints & keys.keys() for _, hints in _HINTS)
    return hinted and bool(_SUM & keys.keys())


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _is_letter(keys: Mapping[str, Any]) -> bool:
    if _LETTER & keys.keys():
        return True
    body = keys.get("body", keys.get("content"))
    return isinstance(body, str | list) and len(_LETTER_PARTS & keys.keys()) >= 2
