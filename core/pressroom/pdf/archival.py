"""Makes a PDF that the browser printed conform to PDF/A-2b or 3b (ISO 19005-2 and -3).

The browser embeds its fonts and writes nothing that PDF/A forbids, as long as nothing is encrypted;
what it leaves out is added here: what its colours mean, its metadata as XMP, that links are
printed. Checked with veraPDF (docs/decisions/0014).
"""

from __future__ import annotations

from pathlib import Path

import pikepdf

from pressroom.model.finish import PdfStandard

#: The sRGB profile of Little CMS, in the public domain by its maker's word.
_PROFILE = Path(__file__).parent / "srgb.icc"
_PARTS = {PdfStandard.PDF_A_2B: "2", PdfStandard.PDF_A_3B: "3"}
#: The flag by which an annotation is printed (ISO 32000-2, 12.5.3).
_PRINT = 4


def conform(pdf: pikepdf.Pdf, standard: PdfStandard) -> None:
    """Add what the standard asks for. Last of all: the metadata must say what the file says."""
    _state_colours(pdf)
    for page in pdf.pages:
        for annotation in page.get("/Annots", ()):
            annotation.F = int(annotation.get("/F", 0)) | _PRINT
    with pdf.open_metadata(set_pikepdf_as_editor=False) as xmp:
        xmp.load_from_docinfo(pdf.docinfo)
        xmp["pdfaid:part"] = _PARTS[standard]
        xmp["pdfaid:conformance"] = "B"


def _state_colours(pdf: pikepdf.Pdf) -> None:
    if "/OutputIntents" in pdf.Root:
        return
    profile = pdf.make_stream(_PROFILE.read_bytes(), N=3)
    intent = pikepdf.Dictionary(
        Type=pikepdf.Name.OutputIntent,
        S=pikepdf.Name.GTS_PDFA1,
        OutputConditionIdentifier=pikepdf.String("sRGB"),
        Info=pikepdf.String("sRGB IEC61966-2.1"),
        DestOutputProfile=profile,
    )
    pdf.Root.OutputIntents = pikepdf.Array([pdf.make_indirect(intent)])
