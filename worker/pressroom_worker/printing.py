"""Page options as the browser's own parameters, and what a PDF says of its pages. Pure."""

from __future__ import annotations

import re
from typing import Any

from pressroom.errors import PressroomError
from pressroom.model.page import Margin, Media, Output, PageOptions, inches

DEFAULT_MARGIN_INCHES = 0.4
CSS_PIXELS_PER_INCH = 96
#: An absent header or footer must be empty: left out, the browser prints its own.
_NOTHING = "<span></span>"

_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*$")
_SECTION = re.compile(rb"(\d+) (\d+)\s*\n")
_ROOT = re.compile(rb"/Root (\d+) \d+ R")
_PAGES = re.compile(rb"/Pages (\d+) \d+ R")
_COUNT = re.compile(rb"/Count (\d+)")
_TAIL = 2048
_ENTRY = 20


def print_parameters(page: PageOptions) -> dict[str, Any]:
    """The parameters of ``Page.printToPDF``."""
    width, height = page.paper_inches()
    margin = page.margin or Margin()
    parameters: dict[str, Any] = {
        "paperWidth": width,
        "paperHeight": height,
        "landscape": bool(page.landscape),
        "printBackground": page.print_background is not False,
        "scale": (page.scale_percent or 100) / 100,
        "preferCSSPageSize": bool(page.prefer_css_page_size),
        "generateTaggedPDF": bool(page.tagged or page.outline),
        "generateDocumentOutline": bool(page.outline),
        "pageRanges": page.page_ranges or "",
    }
    for side in ("top", "right", "bottom", "left"):
        length = getattr(margin, side)
        value = DEFAULT_MARGIN_INCHES if length is None else inches(length)
        parameters[f"margin{side.capitalize()}"] = value
    if page.header_html or page.footer_html:
        parameters["displayHeaderFooter"] = True
        parameters["headerTemplate"] = page.header_html or _NOTHING
        parameters["footerTemplate"] = page.footer_html or _NOTHING
    return parameters


def media(page: PageOptions) -> str:
    """The CSS media type to lay out for; a printed page needs no word for print."""
    if page.emulated_media is Media.SCREEN:
        return "screen"
    return "" if page.kind is Output.PDF else "print"


def viewport(page: PageOptions) -> tuple[int, int]:
    """Width and height in CSS pixels of the window in which an image is taken: the paper's."""
    width, height = page.paper_inches()
    if page.landscape:
        width, height = height, width
    return (
        max(1, round(width * CSS_PIXELS_PER_INCH)),
        max(1, round(height * CSS_PIXELS_PER_INCH)),
    )


def count_pages(pdf: bytes) -> int:
    """Pages of a PDF that the browser wrote, by its cross-reference table and page tree.

    Reads three small places instead of the whole file. PressroomError if it is no such PDF.
    """
    try:
        start = _number(_START, pdf[-_TAIL:])
        root = _object(pdf, start, _number(_ROOT, pdf[start:]))
        pages = _object(pdf, start, _number(_PAGES, root))
        return _number(_COUNT, pages)
    except (ValueError, IndexError) as error:
        raise PressroomError(f"The browser's PDF cannot be read: {error}") from error


def _number(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.search(data)
    if found is None:
        raise ValueError(f"no {pattern.pattern.decode()}")
    return int(found[1])


def _object(pdf: bytes, table: int, number: int) -> bytes:
    """The bytes of an object; ``table`` is where the (only) cross-reference section starts."""
    section = _SECTION.search(pdf, table)
    if section is None or number < int(section[1]):
        raise ValueError(f"object {number} is not in the table")
    entry = section.end() + (number - int(section[1])) * _ENTRY
    offset = int(pdf[entry : entry + 10])
    end = pdf.find(b"endobj", offset)
    if not pdf.startswith(b"%d " % number, offset) or end < 0:
        raise ValueError(f"object {number} is not where the table says")
    return pdf[offset:end]
