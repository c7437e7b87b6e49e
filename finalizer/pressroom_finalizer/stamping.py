"""Draws on pages that are there already: numbers, a watermark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pikepdf

from pressroom.model.finish import NumberPlace, PageNumbers, Watermark
from pressroom_finalizer.typeface import Line, Typeface

#: Operators that set the colour of what follows.
INK, SOFT = "0.13 0.15 0.18 rg", "0.42 0.45 0.5 rg"
#: Points: the size of page numbers, and how far they are from the edge.
_NUMBER, _EDGE = 9.0, 24.0
_DEFAULT_FORMAT = "{page} / {pages}"


@dataclass(frozen=True)
class Box:
    """A page's media box, in points."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.top - self.bottom


def box_of(page: pikepdf.Object) -> Box:
    """A page's box."""
    left, bottom, right, top = (float(side) for side in pikepdf.Page(page).mediabox)
    return Box(min(left, right), min(bottom, top), max(left, right), max(bottom, top))


def text_at(x: float, y: float) -> bytes:
    """The operator that begins a text there."""
    return f"1 0 0 1 {x:.2f} {y:.2f} Tm ".encode()


class _Wrapping:
    """Adds to what a page draws, whatever state its own drawing leaves behind."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._save = pdf.make_stream(b"q\n")
        self._restore = pdf.make_stream(b"\nQ\n")

    def draw(self, page: pikepdf.Object, drawing: pikepdf.Object, *, over: bool) -> None:
        content = page.get("/Contents")
        if content is None:
            old: list[pikepdf.Object] = []
        else:
            old = list(content) if isinstance(content, pikepdf.Array) else [content]
        parts = [self._save, *old, self._restore, drawing] if over else [drawing, *old]
        page.Contents = pikepdf.Array(parts)


def number_pages(
    pdf: pikepdf.Pdf, typeface: Typeface, options: PageNumbers, pages: Sequence[pikepdf.Object]
) -> None:
    """Number these pages from 1."""
    text = options.format or _DEFAULT_FORMAT
    place = options.place or NumberPlace.BOTTOM_CENTER
    wrapping = _Wrapping(pdf)
    for number, page in enumerate(pages, 1):
        box = box_of(page)
        filled = text.replace("{pages}", str(len(pages))).replace("{page}", str(number))
        line = typeface.fitting(filled, (box.width - 2 * _EDGE) / _NUMBER)
        drawing = b"".join(
            (
                f"/Artifact BMC q {SOFT} BT ".encode(),
                text_at(*_corner(box, place, line)) + typeface.show(line, _NUMBER),
                b"ET Q EMC\n",
            )
        )
        typeface.into(page)
        wrapping.draw(page, pdf.make_stream(drawing), over=True)


def _corner(box: Box, place: NumberPlace, line: Line) -> tuple[float, float]:
    width = line.width * _NUMBER
    low = box.bottom + _EDGE
    high = box.top - _EDGE - _NUMBER * 0.75
    left, right = box.left + _EDGE, box.right - _EDGE - width
    middle = (box.left + box.right - width) / 2
    return {
        NumberPlace.BOTTOM_LEFT: (left, low),
        NumberPlace.BOTTOM_CENTER: (middle, low),
        NumberPlace.BOTTOM_RIGHT: (right, low),
        NumberPlace.TOP_LEFT: (left, high),
        NumberPlace.TOP_CENTER: (middle, high),
        NumberPlace.TOP_RIGHT: (right, high),
    }[place]


class Stamp:
    """A watermark of text, drawn once for each size of page."""

    def __init__(self, pdf: pikepdf.Pdf, typeface: Typeface, options: Watermark) -> None:
        self._pdf = pdf
        self._typeface = typeface
        self._options = options
        self._line = typeface.line(options.text or "")
        self._drawn: dict[Box, pikepdf.Object] = {}
        self._calls: dict[Box, pikepdf.Object] = {}

    def on(self, pages: Sequence[pikepdf.Object]) -> None:
        """Draw it on these pages."""
        wrapping = _Wrapping(self._pdf)
        for page in pages:
            box = box_of(page)
            if box not in self._drawn:
                self._add(box)
            name = self._name(box)
            if "/Resources" not in page:
                page.Resources = pikepdf.Dictionary()
            if "/XObject" not in page.Resources:
                page.Resources.XObject = pikepdf.Dictionary()
            page.Resources.XObject[name] = self._drawn[box]
            wrapping.draw(page, self._calls[box], over=bool(self._options.over))

    def _name(self, box: Box) -> str:
        return f"/PressroomMark{list(self._drawn).index(box)}"

    def _add(self, box: Box) -> None:
        options = self._options
        size = box.width * (options.size_percent or 60) / 100 / max(self._line.width, 0.01)
        angle = math.radians(45 if options.angle is None else options.angle)
        cosine, sine = math.cos(angle), math.sin(angle)
        middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
        drawing = b"".join(
            (
                f"/PressroomAlpha gs {_colour(options.colour)} rg ".encode(),
                f"{cosine:.5f} {sine:.5f} {-sine:.5f} {cosine:.5f} ".encode(),
                f"{middle[0]:.2f} {middle[1]:.2f} cm BT ".encode(),
                text_at(-self._line.width * size / 2, -0.36 * size),
                self._typeface.show(self._line, size),
                b"ET",
            )
        )
        form = self._pdf.make_stream(
            drawing,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Form,
            BBox=pikepdf.Array([box.left, box.bottom, box.right, box.top]),
            Group=pikepdf.Dictionary(S=pikepdf.Name.Transparency),
            Resources=pikepdf.Dictionary(
                ExtGState=pikepdf.Dictionary(
                    PressroomAlpha=pikepdf.Dictionary(ca=(options.opacity_percent or 20) / 100)
                )
            ),
        )
        self._typeface.into(form)
        self._drawn[box] = form
        call = f"/Artifact BMC q {self._name(box)} Do Q EMC\n"
        self._calls[box] = self._pdf.make_stream(call.encode())


def _colour(code: str | None) -> str:
    """``#rgb`` or ``#rrggbb`` as PDF's three numbers."""
    digits = (code or "#808080")[1:]
    pairs = (
        [digits[at : at + 2] for at in (0, 2, 4)] if len(digits) == 6 else [c * 2 for c in digits]
    )
    return " ".join(f"{int(pair, 16) / 255:.4f}" for pair in pairs)
