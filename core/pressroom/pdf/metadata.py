"""What a PDF says of itself. Pure."""

from __future__ import annotations

import pikepdf

from pressroom.model.finish import Metadata

#: Metadata by its names in the document's information dictionary and in XMP.
_NAMES = {
    "title": ("/Title", "dc:title"),
    "author": ("/Author", "dc:creator"),
    "subject": ("/Subject", "dc:description"),
    "keywords": ("/Keywords", "pdf:Keywords"),
    "creator": ("/Creator", "xmp:CreatorTool"),
}


def set_metadata(pdf: pikepdf.Pdf, metadata: Metadata) -> None:
    """Write what is stated, in both places where readers look (ISO 32000-2, 14.3)."""
    stated = {name: value for name in _NAMES if (value := getattr(metadata, name))}
    for name, value in stated.items():
        pdf.docinfo[_NAMES[name][0]] = value
    with pdf.open_metadata(set_pikepdf_as_editor=False) as xmp:
        xmp.load_from_docinfo(pdf.docinfo)
        for name, value in stated.items():
            xmp[_NAMES[name][1]] = [value] if name == "author" else value
