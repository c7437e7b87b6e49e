"""QR codes and barcodes as inline SVG: sized in CSS units, black squares on nothing.

The libraries say which modules are black; the SVG is our own, so that nothing of a row's value
gets into it but its escaped text below a barcode.
"""

from __future__ import annotations

import itertools
from typing import Any

from jinja2.runtime import Context
from markupsafe import Markup, escape

from pressroom.filters.support import FilterError, choice, millimetres, shown, text_of, whole

#: What the largest QR code holds at its lowest level, in bytes (ISO/IEC 18004).
_MOST_QR_BYTES = 2953
_LEVELS = ("L", "M", "Q", "H")
_MOST_BARCODE = 80
#: Digits with and without the check digit.
_DIGITS = {"ean13": (12, 13), "ean8": (7, 8), "upca": (11, 12)}
_KINDS = ("code128", "code39", "ean13", "ean8", "itf", "upca")
#: Light modules on either side of a barcode.
_QUIET = 10
_MODULE_MM = 0.33


def qr(
    _context: Context, value: Any, size: Any = "30mm", level: Any = "M", border: Any = 4
) -> Markup:
    """A QR code of ``size`` on each side, its quiet ``border`` (in modules) included."""
    text = text_of("qr", value, _MOST_QR_BYTES)
    level = choice("qr", "level", level, _LEVELS)
    side = millimetres("qr", "size", size)
    border = whole("qr", "border", border, 16)
    import segno

    try:
        code = segno.make(text, error=level.lower(), micro=False, boost_error=False)
    except ValueError:  # DataOverflowError is one
        raise FilterError(
            f"qr: {len(text.encode())} bytes do not fit into a code of level {level}"
        ) from None
    rows = [[bool(dark) for dark in row] for row in code.matrix]
    path = "".join(_runs(row, border, border + y, 1) for y, row in enumerate(rows))
    width = len(rows) + 2 * border
    return _svg("qr", side, side, width, width, path, label="QR code")


def barcode(
    _context: Context,
    value: Any,
    kind: Any = "code128",
    width: Any = None,
    height: Any = "15mm",
    text: Any = True,
) -> Markup:
    """A barcode with, below it, its ``text``; without a width each module has 0.33 mm."""
    kind = choice("barcode", "kind", kind, _KINDS)
    content = text_of("barcode", value, _MOST_BARCODE).strip()
    high = millimetres("barcode", "height", height)
    bars, label = _bars(kind, content)
    modules = len(bars) + 2 * _QUIET
    wide = modules * _MODULE_MM if width is None else millimetres("barcode", "width", width)
    scale = modules / wide
    total = high * scale
    size = min(3.2 * scale, total / 3) if text else 0.0
    path = _runs([bar == "1" for bar in bars], _QUIET, 0, round(total - 1.2 * size, 2))
    written = ""
    if text:
        written = (
            f'<text x="{modules / 2:g}" y="{total - 0.2 * size:.2f}" font-size="{size:.2f}"'
            f' font-family="monospace" text-anchor="middle" fill="#000">{escape(label)}</text>'
        )
    return _svg("barcode", wide, high, modules, total, path, label="Barcode", inside=written)


def _bars(kind: str, content: str) -> tuple[str, str]:
    """Dark (1) and light (0) modules from the left, and the text that they spell."""
    from barcode import get_barcode_class
    from barcode.errors import BarcodeError
    from barcode.writer import SVGWriter

    if kind in _DIGITS:
        short, long = _DIGITS[kind]
        if not content.isascii() or not content.isdigit() or len(content) not in (short, long):
            raise FilterError(f"barcode: {shown(content)} has not the {long} digits of {kind}")
    if kind == "itf" and not (content.isascii() and content.isdigit()):
        raise FilterError(f"barcode: {shown(content)} are no digits, which are all that itf has")
    options = {"add_checksum": False} if kind == "code39" else {}
    try:
        code = get_barcode_class(kind)(content, writer=SVGWriter(), **options)
        (bars,) = code.build()
        label = content if kind in ("code39", "code128") else str(code.get_fullcode())
    except (BarcodeError, ValueError, KeyError, IndexError):
        raise FilterError(f"barcode: {shown(content)} cannot be written as {kind}") from None
    if kind in _DIGITS and len(content) == _DIGITS[kind][1] and label != content:
        raise FilterError(f"barcode: the check digit of {shown(content)} should be {label[-1]}")
    return str(bars), label


def _runs(row: list[bool], x: int, y: int, height: float) -> str:
    """The dark runs of a row of modules as rectangles of a path."""
    pieces = []
    for dark, run in itertools.groupby(row):
        length = sum(1 for _ in run)
        if dark:
            pieces.append(f"M{x} {y}h{length}v{height:g}h-{length}z")
        x += length
    return "".join(pieces)


def _svg(
    kind: str,
    wide: float,
    high: float,
    width: float,
    height: float,
    path: str,
    *,
    label: str,
    inside: str = "",
) -> Markup:
    """An SVG of ``wide`` by ``high`` millimetres over ``width`` by ``height`` modules."""
    return Markup(  # noqa: S704 - numbers, constants, and escaped text
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img" aria-label="{label}"'
        f' width="{wide:.2f}mm" height="{high:.2f}mm" viewBox="0 0 {width:g} {height:.6g}"'
        f' shape-rendering="crispEdges"><path fill="#000" d="{path}"/>{inside}</svg>'
    )
