"""What is changed in a row's HTML after its template has made it. Purely data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from pressroom.model.base import Model

#: Edits of one row at most.
MAX_EDITS = 200
_Text = Annotated[str, StringConstraints(max_length=8000)]


class EditKind(StrEnum):
    """What an edit does with its ``text`` and ``to``."""

    #: ``text`` is a style sheet that comes last.
    STYLE = "style"
    #: Hide the section, row or element that is called ``text``.
    HIDE = "hide"
    #: Hide the table column headed ``text``.
    HIDE_COLUMN = "hideColumn"
    #: Write ``to`` wherever the text says ``text``.
    RENAME = "rename"
    #: Write ``to`` above the table column headed ``text``.
    RENAME_COLUMN = "renameColumn"
    #: The document's title is ``to``.
    TITLE = "title"
    #: Write dates by the pattern ``to``, such as ``dd/MM/yyyy``.
    DATES = "dates"
    #: Amounts bear the currency ``to`` (an ISO 4217 code) instead of another.
    CURRENCY = "currency"


class Edit(Model):
    """One change of a page's HTML. What it names and the page has not, is let be."""

    kind: EditKind
    text: _Text = ""
    to: _Text = ""
