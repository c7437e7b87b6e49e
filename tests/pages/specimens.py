"""Data as users send it, one of each kind of built-in document: for the gallery and its test."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from press import Sheet

from pressroom.documents import DocType, Style, page, view
from pressroom.model.page import Margin, PageOptions

_LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 172 44" width="172" height="44">
<path d="M22 2 42 38H2Z" fill="#0f766e"/><path d="M22 16 33 38H11Z" fill="#99f6e4"/>
<text x="54" y="30" font-family="Noto Sans" font-weight="700" font-size="22" fill="#134e4a"
>Tern Point</text></svg>"""
LOGO = "data:image/svg+xml," + quote(_LOGO)

_SELLER = {
    "name": "Harrow & Finch Studio",
    "address": "18 Cooper Lane",
    "city": "Bristol BS1 4QA",
    "country": "United Kingdom",
    "email": "accounts@harrowfinch.example",
}
_BUYER = {
    "name": "Meridian Logistics GmbH",
    "contact": "Ana Souza",
    "address": "Speicherstraße 9",
    "city": "20457 Hamburg",
    "country": "Germany",
}

SPECIMENS: dict[DocType, dict[str, Any]] = {
    DocType.INVOICE: {
        "invoiceNumber": "INV-2026-0318",
        "issueDate": "31 March 2026",
        "dueDate": "30 April 2026",
        "poNumber": "PO-77120",
        "currency": "EUR",
        "seller": _SELLER,
        "client": _BUYER,
        "lineItems": [
            {
                "description": "Warehouse wayfinding, concept and signage plan",
                "quantity": 1,
                "unitPrice": 4200,
                "amount": 4200,
            },
            {
                "description": "Pictogram set, 48 signs",
                "quantity": 48,
                "unitPrice": 65,
                "amount": 3120,
            },
            {
                "description": "Site survey, days",
                "quantity": 2.5,
                "unitPrice": 720,
                "amount": 1800,
            },
            {
                "description": "Print supervision",
                "quantity": 6,
                "unitPrice": 95,
                "amount": 570,
            },
        ],
        "subtotal": 9690,
        "discount": -490,
        "tax": 1748,
        "total": 10948,
        "paymentTerms": "Payable within 30 days to IBAN GB33 BUKB 2020 1555 5555 55.",
        "notes": "Thank you for a good start to the year.",
    },
    DocType.QUOTE: {
        "logo": LOGO,
        "quoteNumber": "Q-1042",
        "date": "2 March 2026",
        "validUntil": "1 April 2026",
        "preparedBy": "Lena Brandt",
        "currency": "USD",
        "from": {
            "name": "Tern Point Roofing",
            "address": "220 Harbor Road",
            "city": "Portland, ME 04101",
            "phone": "+1 207 555 0142",
        },
        "client": {"name": "Mr. and Mrs. Okafor", "address": "7 Elm Street, Falmouth, ME 04105"},
        "items": [
            {"item": "Remove the old roof", "unit": "m²", "quantity": 148, "price": 2960},
            {"item": "Underlay and battens", "unit": "m²", "quantity": 148, "price": 4440},
            {"item": "Welsh slate, laid", "unit": "m²", "quantity": 148, "price": 17760},
            {"item": "Copper gutters", "unit": "m", "quantity": 36, "price": 3240},
        ],
        "subtotal": 28400,
        "tax": 1562,
        "total": 29962,
        "terms": "A third on signing, the rest when the roof is done. Scaffolding is included.",
    },
    DocType.RECEIPT: {
        "receiptNumber": "R-88213",
        "date": "14 May 2026, 12:41",
        "cashier": "Mia",
        "paymentMethod": "Visa •••• 4417",
        "currency": "GBP",
        "merchant": {"name": "Corner & Crumb", "address": "3 Mill Row, Leeds LS2 7DJ"},
        "items": [
            {"item": "Sourdough, large", "quantity": 2, "price": 9.0},
            {"item": "Cardamom bun", "quantity": 4, "price": 13.2},
            {"item": "Filter coffee", "quantity": 2, "price": 6.4},
        ],
        "subtotal": 28.6,
        "vat": 4.77,
        "total": 28.6,
        "message": "Keep this receipt: it is worth a coffee on your tenth visit.",
    },
    DocType.REPORT: {
        "title": "Fleet report, first quarter",
        "subtitle": "Northern region",
        "period": "January to March 2026",
        "preparedFor": "Operations board",
        "summary": "More freight moved with fewer lorries on the road. Delays fell by a third "
        "after the night run to Leeds began; fuel is the one cost that rose.",
        "metrics": {"deliveries": 18240, "onTime": "96.4 %", "emptyKm": "11.2 %"},
        "sections": [
            {
                "title": "Deliveries",
                "content": "Volumes grew in every depot. York overtook Hull in February and has "
                "kept ahead since.",
                "byDepot": [
                    {"depot": "Leeds", "deliveries": 7410, "onTime": "97.1 %", "change": 412},
                    {"depot": "York", "deliveries": 5630, "onTime": "96.8 %", "change": 655},
                    {"depot": "Hull", "deliveries": 5200, "onTime": "94.9 %", "change": -88},
                ],
            },
            {
                "title": "What comes next",
                "content": "Three things are decided for the second quarter:",
                "steps": [
                    "A second night run, Hull to Leeds.",
                    "Tyre pressure checked at every fuel stop.",
                    "Six electric vans for the city routes.",
                ],
            },
        ],
    },
    DocType.LETTER: {
        "sender": {
            "name": "Dr. Ingrid Solheim",
            "address": "Strandgata 12",
            "city": "9008 Tromsø",
            "email": "ingrid@solheim.example",
        },
        "recipient": {
            "name": "The Admissions Committee",
            "company": "Arctic Field School",
            "address": "Kirkegata 4",
            "city": "9600 Hammerfest",
        },
        "date": "9 June 2026",
        "subject": "Recommendation for Jonas Aas",
        "salutation": "Dear members of the committee,",
        "body": "I have known Jonas for three years, first as a student in my course on sea ice "
        "and since last autumn as an assistant at the station. He is careful where it counts and "
        "quick where it does not.\n\nIn February he kept our instruments running through a week "
        "of storms, alone for two days of it, and his notes of that week are the best I have been "
        "given. He writes as he works: plainly, with nothing left out.\n\nI recommend him without "
        "reservation, and I shall be sorry to lose him.",
        "closing": "With kind regards,",
        "signature": {"name": "Ingrid Solheim", "role": "Head of station"},
    },
    DocType.DOCUMENT: {
        "title": "Boiler service record",
        "serial": "VX-30-118842",
        "model": "Vantage 30",
        "serviced": "12 October 2026",
        "engineer": "P. Nowak",
        "passed": True,
        "nextService": "October 2027",
        "readings": [
            {"reading": "Flow temperature", "value": 68, "unit": "°C", "limit": 80},
            {"reading": "Return temperature", "value": 49, "unit": "°C", "limit": 60},
            {"reading": "Carbon monoxide", "value": 41, "unit": "ppm", "limit": 100},
        ],
        "remarks": "The expansion vessel was pumped up to 0.9 bar. The condensate trap was full "
        "of lime and has been cleaned; in this area it should be looked at every year.",
        "parts": ["Electrode 41-770", "Gasket, burner door"],
    },
}

_MARGIN = "0.5in"
PAGE = PageOptions(
    margin=Margin(top=_MARGIN, right=_MARGIN, bottom=_MARGIN, left=_MARGIN),
)


def sheet(kind: DocType, style: Style, data: dict[str, Any] | None = None) -> Sheet:
    """The built-in page of this kind and style; without ``data`` for its specimen."""
    shown = view(kind, SPECIMENS[kind] if data is None else data, style)
    return Sheet(page(kind, style), {"doc": shown}, page=PAGE)
