"""What a PDF carries besides its pages: metadata, attached files, encryption. Pure."""

from __future__ import annotations

import io
import mimetypes
import secrets
from collections.abc import Mapping, Sequence

import pikepdf

from pressroom.errors import Code, RowError
from pressroom.model.finish import Attachment, Encryption, Metadata, Permission
from pressroom.model.page import PageOptions

#: Metadata by its names in the document's information dictionary and in XMP.
_NAMES = {
    "title": ("/Title", "dc:title"),
    "author": ("/Author", "dc:creator"),
    "subject": ("/Subject", "dc:description"),
    "keywords": ("/Keywords", "pdf:Keywords"),
    "creator": ("/Creator", "xmp:CreatorTool"),
}


def needed(page: PageOptions) -> bool:
    """Whether these options ask for anything of this."""
    return any(one is not None for one in (page.metadata, page.encryption, page.attachments))


def carrying(data: bytes, page: PageOptions, assets: Mapping[str, bytes]) -> bytes:
    """The PDF with all that the options ask for, their texts rendered; opened and saved once.

    ``assets`` are the attached ones by name. RowError ``finish_failed``.
    """
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            if page.metadata is not None:
                set_metadata(pdf, page.metadata)
            attach(pdf, page.attachments or (), assets)
            out = io.BytesIO()
            pdf.save(out, encryption=encryption_of(page.encryption))
            return out.getvalue()
    except (pikepdf.PdfError, ValueError) as error:
        text = f"The PDF cannot be given what its options ask for: {error}."
        raise RowError(Code.FINISH_FAILED, text) from error


def set_metadata(pdf: pikepdf.Pdf, metadata: Metadata) -> None:
    """Write what is stated, in both places where readers look (ISO 32000-2, 14.3)."""
    stated = {name: value for name in _NAMES if (value := getattr(metadata, name))}
    for name, value in stated.items():
        pdf.docinfo[_NAMES[name][0]] = value
    with pdf.open_metadata(set_pikepdf_as_editor=False) as xmp:
        xmp.load_from_docinfo(pdf.docinfo)
        for name, value in stated.items():
            xmp[_NAMES[name][1]] = [value] if name == "author" else value


def attach(
    pdf: pikepdf.Pdf, attachments: Sequence[Attachment], assets: Mapping[str, bytes]
) -> None:
    """Put files into the PDF, by the names that readers list them by."""
    for one in attachments:
        content = assets[one.asset or one.name] if one.text is None else one.text.encode()
        kind, _ = mimetypes.guess_type(one.name)
        pdf.attachments[one.name] = pikepdf.AttachedFileSpec(
            pdf,
            content,
            filename=one.name,
            description=one.description or "",
            mime_type=kind or "application/octet-stream",
        )


def encryption_of(options: Encryption | None) -> pikepdf.Encryption | bool:
    """How a PDF is saved to be encrypted so; False without options."""
    if options is None:
        return False
    chosen = set(Permission) if options.permissions is None else set(options.permissions)
    modify = Permission.MODIFY in chosen
    return pikepdf.Encryption(
        user=options.user_password or "",
        # Without one, whoever opens the file could lift the restrictions.
        owner=options.owner_password or secrets.token_urlsafe(24),
        R=6,
        allow=pikepdf.Permissions(
            accessibility=True,
            extract=Permission.COPY in chosen,
            modify_annotation=Permission.ANNOTATE in chosen,
            modify_assembly=modify or Permission.ASSEMBLE in chosen,
            modify_form=modify or Permission.FILL_FORMS in chosen,
            modify_other=modify,
            print_lowres=Permission.PRINT in chosen,
            print_highres=Permission.PRINT in chosen,
        ),
    )
