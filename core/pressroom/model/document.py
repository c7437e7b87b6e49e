"""Which built-in document rows are printed as, instead of a template. Purely data."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from pressroom.model.base import Model


class DocumentKind(StrEnum):
    """The kinds that have a page of their own; ``Auto`` tells them by each row's data."""

    AUTO = "Auto"
    INVOICE = "Invoice"
    QUOTE = "Quote"
    RECEIPT = "Receipt"
    REPORT = "Report"
    LETTER = "Letter"
    DOCUMENT = "Document"


class DocumentStyle(StrEnum):
    """How the built-in pages may look."""

    STRIPE_CLEAN = "StripeClean"
    BOLD = "Bold"
    MINIMAL = "Minimal"
    CORPORATE = "Corporate"


class BuiltIn(Model):
    """A page of the farm's own, laid out for whatever the rows' data is."""

    kind: DocumentKind | None = Field(None, description="Default Auto: as each row's data has it.")
    style: DocumentStyle | None = Field(None, description="Default: what suits the kind.")
