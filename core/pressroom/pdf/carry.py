"""What a PDF carries besides its pages: metadata, files, encryption, a standard. Pure."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Mapping, Sequence

import pikepdf

from pressroom.errors import Code, RowError
from pressroom.model.finish import Attachment
from pressroom.model.page import PageOptions
from pressroom.pdf import invoice
from pressroom.pdf.archival import conform
from pressroom.pdf.embedded import attach_file
from pressroom.pdf.encryption import encryption_of
from pressroom.pdf.metadata import set_metadata


def needed(page: PageOptions) -> bool:
    """Whether these options ask for anything of this."""
    asked = (page.metadata, page.encryption, page.attachments, page.pdf_standard, page.factur_x)
    return any(one is not None for one in asked)


def carrying(data: bytes, page: PageOptions, assets: Mapping[str, bytes]) -> bytes:
    """The PDF with all that the options ask for, their texts rendered; opened and saved once.

    ``assets`` are the attached ones by name. RowError ``finish_failed``.
    """
    fault = page.conflict()
    if fault is not None:
        raise RowError(Code.FINISH_FAILED, f"{fault[0].upper()}{fault[1:]}.")
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            if page.metadata is not None:
                set_metadata(pdf, page.metadata)
            attach(pdf, page.attachments or (), assets)
            if page.standard is not None:
                conform(pdf, page.standard)
            if page.factur_x is not None:
                invoice.embed(pdf, page.factur_x.xml)
            out = io.BytesIO()
            pdf.save(out, encryption=encryption_of(page.encryption))
            return out.getvalue()
    except (pikepdf.PdfError, ValueError) as error:
        text = f"The PDF cannot be given what its options ask for: {error}."
        raise RowError(Code.FINISH_FAILED, text) from error


def attach(
    pdf: pikepdf.Pdf, attachments: Sequence[Attachment], assets: Mapping[str, bytes]
) -> None:
    """Put files into the PDF, by the names that readers list them by."""
    for one in attachments:
        content = assets[one.asset or one.name] if one.text is None else one.text.encode()
        kind, _ = mimetypes.guess_type(one.name)
        attach_file(
            pdf,
            one.name,
            content,
            description=one.description or "",
            mime_type=kind or "application/octet-stream",
        )
