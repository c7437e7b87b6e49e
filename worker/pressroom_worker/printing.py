"""Page options as the browser's own parameters, and what a PDF says of its pages. Pure."""

from __future__ import annotations

import math
from typing import Any

from pressroom.model.page import MAX_PAPER_INCHES, Image, Margin, Media, Output, PageOptions, inches

DEFAULT_MARGIN_INCHES = 0.4
CSS_PIXELS_PER_INCH = 96
DEFAULT_QUALITY = 80
#: An absent header or footer must be empty: left out, the browser prints its own.
_NOTHING = "<span></span>"
#: The browser's own style has no size that can be read, and leaves colours out.
_BOX_STYLE = (
    "<style>#header,#footer{font-size:10px}"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact}</style>"
)


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
        parameters[f"margin{side.capitalize()}"] = _side(getattr(margin, side))
    if page.header_html or page.footer_html or page.first_header_html:
        parameters["displayHeaderFooter"] = True
        parameters["headerTemplate"] = _margin_box(page.header_html)
        parameters["footerTemplate"] = _margin_box(page.footer_html)
    return parameters


def first_page_parameters(page: PageOptions) -> dict[str, Any] | None:
    """The parameters for page 1 alone, where its header is another one; else None."""
    if page.first_header_html is None or page.first_header_html == (page.header_html or ""):
        return None
    if not _prints_page_one(page.page_ranges):
        return None
    return {
        **print_parameters(page.evolve(header_html=page.first_header_html, page_ranges="1")),
        "displayHeaderFooter": True,
        "headerTemplate": _margin_box(page.first_header_html),
        "footerTemplate": _margin_box(page.footer_html),
        "generateTaggedPDF": bool(page.tagged or page.outline),
        "generateDocumentOutline": False,
    }


def _margin_box(html: str | None) -> str:
    return _BOX_STYLE + html if html else _NOTHING


def _prints_page_one(ranges: str | None) -> bool:
    firsts = (one.strip().partition("-")[0] for one in (ranges or "1").split(","))
    return any(int(first) == 1 for first in firsts)


def media(page: PageOptions) -> dict[str, Any]:
    """The parameters of ``Emulation.setEmulatedMedia``, also before anything is printed."""
    features = page.emulated_media_features or ()
    return {
        "media": "screen" if page.emulated_media is Media.SCREEN else "print",
        "features": [{"name": one.name, "value": one.value} for one in features],
    }


def printable(page: PageOptions) -> tuple[int, int]:
    """Width and height in CSS pixels of what a PDF's page has between its margins."""
    width, height = page.paper_inches()
    if page.landscape:
        width, height = height, width
    margin = page.margin or Margin()
    pixels = CSS_PIXELS_PER_INCH * 100 / (page.scale_percent or 100)
    across = width - _side(margin.left) - _side(margin.right)
    down = height - _side(margin.top) - _side(margin.bottom)
    return max(1, round(across * pixels)), max(1, round(down * pixels))


def as_long_as(page: PageOptions, content: float) -> PageOptions | None:
    """The options with paper of the same width, with room for so many CSS pixels of content.

    None where that is longer than a page of a PDF can be.
    """
    width, height = page.paper_inches()
    margin = page.margin or Margin()
    scale = (page.scale_percent or 100) / 100
    # A pixel more: the browser rounds the paper, and what does not fit makes another page.
    long = (math.ceil(content) + 1) * scale / CSS_PIXELS_PER_INCH
    long += _side(margin.top) + _side(margin.bottom)
    if long > MAX_PAPER_INCHES:
        return None
    across = height if page.landscape else width
    paper = {"format": None, "width": f"{across:.4f}in", "height": f"{long:.4f}in"}
    return page.evolve(**paper, landscape=None, prefer_css_page_size=None, page_ranges=None)


def _side(length: str | None) -> float:
    return DEFAULT_MARGIN_INCHES if length is None else inches(length)


def viewport(page: PageOptions) -> tuple[int, int]:
    """Width and height in CSS pixels of the window in which an image is taken."""
    width, height = page.paper_inches()
    if page.landscape:
        width, height = height, width
    image = page.image or Image()
    return (
        image.width or max(1, round(width * CSS_PIXELS_PER_INCH)),
        image.height or max(1, round(height * CSS_PIXELS_PER_INCH)),
    )


def image_parameters(page: PageOptions, width: float, height: float) -> dict[str, Any]:
    """The parameters of ``Page.captureScreenshot`` for the top left part of this size."""
    scale = (page.scale_percent or 100) / 100
    parameters: dict[str, Any] = {
        "format": page.kind.value.lower(),
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": scale},
    }
    if page.kind is not Output.PNG:
        parameters["quality"] = (page.image or Image()).quality or DEFAULT_QUALITY
    return parameters


def device_scale(page: PageOptions) -> float:
    """Pixels of an image for each CSS pixel, before it is scaled."""
    return ((page.image or Image()).device_scale_percent or 100) / 100
