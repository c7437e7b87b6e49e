"""Files inside a PDF (ISO 32000-2, 7.11.4), as PDF/A-3 wants them: each with what it is for."""

from __future__ import annotations

from datetime import UTC, datetime

import pikepdf


def attach_file(
    pdf: pikepdf.Pdf,
    name: str,
    content: bytes,
    *,
    description: str,
    mime_type: str,
    relationship: pikepdf.Name = pikepdf.Name.Unspecified,
) -> None:
    """Put a file into the PDF, by the name that readers list it by."""
    # It is listed among the document's associated files as well.
    pdf.attachments[name] = pikepdf.AttachedFileSpec(
        pdf,
        content,
        filename=name,
        description=description,
        mime_type=mime_type,
        relationship=relationship,
        mod_date=datetime.now(UTC).strftime("D:%Y%m%d%H%M%SZ"),
    )
