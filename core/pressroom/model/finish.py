"""What a row's PDF carries besides its pages. Purely data."""

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
