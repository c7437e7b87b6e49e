"""The documents that every benchmark prints: one-page invoices of 12 lines, all different."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

TEMPLATE = Path(__file__).with_name("invoice.html")
LINES = 12


def row(number: int) -> dict[str, Any]:
    """The data of one invoice. Amounts are counted in cents, and shown in full."""
    cents = [1250 + 375 * line + 10 * (number % 97) for line in range(LINES)]
    items = [
        {
            "name": f"Paper, grade {number % 89}-{line + 1}",
            "quantity": line + 1,
            "price": f"{price / 100:.2f}",
            "amount": f"{price * (line + 1) / 100:.2f}",
        }
        for line, price in enumerate(cents)
    ]
    total = sum(price * (line + 1) for line, price in enumerate(cents))
    return {
        "seller": "Northlight Paper Co.",
        "number": f"INV-{number:06d}",
        "date": f"2026-11-{number % 28 + 1:02d}",
        "customer": f"Customer {number}",
        "items": items,
        "total": f"{total / 100:.2f}",
    }


def rows(count: int) -> list[dict[str, Any]]:
    """The rows of a batch."""
    return [row(number) for number in range(1, count + 1)]


def pages(count: int) -> list[str]:
    """The same rows as finished HTML."""
    environment = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return [template.render(values) for values in rows(count)]
