"""Built-in pages for data without a template: what kind of document it is, and how it is printed.

``detect`` names the kind, ``view`` sorts the data into what a page shows, ``page`` is the Jinja2
text that prints such a view. Pure: no I/O but reading the package's own files.
"""

from __future__ import annotations

from pressroom.documents.kinds import DocType, detect
from pressroom.documents.pages import Style, page, style_for
from pressroom.documents.view import view

__all__ = ["DocType", "Style", "detect", "page", "style_for", "view"]
