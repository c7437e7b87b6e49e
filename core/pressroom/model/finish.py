"""What a PDF carries besides its pages: a row's own, or the merged one. Purely data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from pressroom.model.base import SET, Model, Rule

#: A template text, rendered with the row's data.
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
AssetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}$")]
Colour = Annotated[str, StringConstraints(pattern=r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")]


class Metadata(Model):
    """What a PDF says of itself (ISO 32000-1, 14.3). Each is a template text."""

    title: Text | None = None
    author: Text | None = None
    subject: Text | None = None
    keywords: Text | None = None
    creator: Text | None = Field(None, description="The program that made the document.")


class Watermark(Model):
    """A text or picture across every page, or in a place of it."""

    text: Text | None = Field(None, description="A template text.")
    image: AssetName | None = Field(None, description="A PNG or JPEG among the template's assets.")
    colour: Colour | None = Field(None, description="Of the text. Default #808080.")
    opacity_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Default 20."
    )
    angle: Annotated[int, Field(ge=-180, le=180)] | None = Field(
        None, description="Degrees, counterclockwise. Default 45 for a text, 0 for an image."
    )
    size_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Its width, of the page's. Default 60."
    )
    over: bool | None = Field(
        None, description="Over the content, as a stamp. Default false: under it."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.text) != has(self.image)",
            "give either text or image",
            lambda w: (w.text is None) != (w.image is None),
        ),
    )


class Permission(StrEnum):
    """What a reader may do with an encrypted PDF (ISO 32000-2, table 22)."""

    PRINT = "Print"
    COPY = "Copy"
    MODIFY = "Modify"
    ANNOTATE = "Annotate"
    FILL_FORMS = "FillForms"
    ASSEMBLE = "Assemble"


class Encryption(Model):
    """AES-256 (ISO 32000-2). The passwords are template texts: each row can have its own."""

    user_password: Text | None = Field(None, description="Asked for to open the file.")
    owner_password: Text | None = Field(
        None, description="Lifts the restrictions. Default: a random one that nobody knows."
    )
    permissions: Annotated[list[Permission], Field(max_length=6)] | None = Field(
        None, description="Default: all.", json_schema_extra=SET
    )


class Attachment(Model):
    """A file inside the PDF: an asset of the template, or a text."""

    name: AssetName = Field(description="Its name in the PDF.")
    asset: AssetName | None = Field(None, description="The template's asset. Default: its name.")
    text: Annotated[str, StringConstraints(max_length=65536)] | None = Field(
        None, description="A template text to be the file's content, instead of an asset."
    )
    description: Text | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.asset) && has(self.text))",
            "give either asset or text, not both",
            lambda a: a.asset is None or a.text is None,
        ),
    )


class PdfStandard(StrEnum):
    """A standard that the PDF is made to conform to (ISO 19005-2 and -3)."""

    PDF_A_2B = "PdfA2b"
    PDF_A_3B = "PdfA3b"


class FacturX(Model):
    """An electronic invoice inside the PDF, which becomes PDF/A-3b (Factur-X 1, ZUGFeRD 2)."""

    xml: Annotated[str, StringConstraints(min_length=1, max_length=65536)] = Field(
        description="The invoice in Cross Industry Invoice syntax: a template text. Its "
        "guideline says which profile it is."
    )


class NumberPlace(StrEnum):
    """Where page numbers stand."""

    BOTTOM_LEFT = "BottomLeft"
    BOTTOM_CENTER = "BottomCenter"
    BOTTOM_RIGHT = "BottomRight"
    TOP_LEFT = "TopLeft"
    TOP_CENTER = "TopCenter"
    TOP_RIGHT = "TopRight"


class PageNumbers(Model):
    """Numbers on every page of a merged file."""

    format: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        None, description="{page} and {pages} are filled in. Default: {page} / {pages}."
    )
    place: NumberPlace | None = Field(None, description="Default BottomCenter.")


class Contents(Model):
    """A table of contents before the first row: a line and a link for each."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Its heading. Default: Contents."
    )


class MergeOptions(Model):
    """What becomes of the merged PDF. Its texts stand as they are: there is no row to fill them."""

    bookmarks: bool | None = Field(
        None, description="One for each row, by its file name. Default true."
    )
    page_numbers: PageNumbers | None = None
    contents: Contents | None = None
    metadata: Metadata | None = None
    watermark: Watermark | None = None
    encryption: Encryption | None = None
    pdf_standard: PdfStandard | None = Field(None, description="Make the PDF conform to it.")
    max_megabytes: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Cut between rows into files of at most so many MB, given as a ZIP."
    )
    max_pages: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        description="Cut between rows into files of at most so many pages of rows, given as a ZIP.",
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.watermark) || !has(self.watermark.image)",
            "the merged file's watermark must be a text: it has no template with assets",
            lambda m: m.watermark is None or m.watermark.image is None,
        ),
        Rule(
            "!has(self.pdfStandard) || !has(self.encryption)",
            "PDF/A cannot be encrypted: leave encryption out, or pdfStandard",
            lambda m: m.pdf_standard is None or m.encryption is None,
        ),
    )

    @property
    def splits(self) -> bool:
        """Whether the result is a ZIP of several files."""
        return self.max_megabytes is not None or self.max_pages is not None
