"""What a merged PDF gets besides its rows' pages: bookmarks, contents, numbers, a watermark."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf

from pressroom.model.finish import MergeOptions, NumberPlace, PageNumbers, Watermark
from pressroom.pdf.archival import conform
from pressroom.pdf.metadata import set_metadata
from pressroom_finalizer.typeface import Line, Typeface

#: Points. The contents page takes the paper of the first row.
_MARGIN = 56.0
_TITLE, _ENTRY, _LEADING = 20.0, 10.0, 18.0
_NUMBER, _EDGE = 9.0, 24.0
_INK, _SOFT = "0.13 0.15 0.18 rg", "0.42 0.45 0.5 rg"
_DEFAULT_FORMAT = "{page} / {pages}"


@dataclass(frozen=True)
class Section:
    """A row in the merged file: its file's name, and how many pages it has."""

    name: str
    pages: int

    @property
    def title(self) -> str:
        """What readers are shown: the name without its extension."""
        return self.name.removesuffix(".pdf")


def finish(
    pdf: pikepdf.Pdf, sections: Sequence[Section], options: MergeOptions, fonts: Sequence[Path]
) -> None:
    """Give a PDF of these rows, in this order, all that the options ask for."""
    pages = [page.obj for page in pdf.pages]
    starts = list(_starts(sections))
    firsts = [pages[start] for start in starts]
    typeface = Typeface(pdf, fonts)
    if options.contents is not None and pages:
        contents = _contents(pdf, sections, starts, firsts, typeface, options.contents.title)
        for number, page in enumerate(contents):
            pdf.pages.insert(number, pikepdf.Page(page))
        pages = [*(pdf.pages[number].obj for number in range(len(contents))), *pages]
    if options.watermark is not None:
        _Stamp(pdf, typeface, options.watermark).on(pages)
    if options.page_numbers is not None:
        _number(pdf, typeface, options.page_numbers, pages)
    typeface.embed()
    if options.bookmarks is not False:
        _bookmark(pdf, [one.title for one in sections], firsts)
    if options.metadata is not None:
        set_metadata(pdf, options.metadata)
    if options.pdf_standard is not None:
        conform(pdf, options.pdf_standard)


def _starts(sections: Sequence[Section]) -> Iterator[int]:
    start = 0
    for section in sections:
        yield start
        start += section.pages


# --- bookmarks -----------------------------------------------------------------------------------
def _bookmark(pdf: pikepdf.Pdf, titles: Sequence[str], firsts: Sequence[pikepdf.Object]) -> None:
    """A flat outline (ISO 32000-2, 12.3.3); readers open with it shown."""
    root = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Outlines))
    items = [
        pdf.make_indirect(
            pikepdf.Dictionary(
                Title=pikepdf.String(title),
                Parent=root,
                Dest=pikepdf.Array([first, pikepdf.Name.Fit]),
            )
        )
        for title, first in zip(titles, firsts, strict=True)
    ]
    if not items:
        return
    for one, following in itertools.pairwise(items):
        one.Next, following.Prev = following, one
    root.First, root.Last, root.Count = items[0], items[-1], len(items)
    pdf.Root.Outlines = root
    pdf.Root.PageMode = pikepdf.Name.UseOutlines


# --- contents ------------------------------------------------------------------------------------
def _contents(
    pdf: pikepdf.Pdf,
    sections: Sequence[Section],
    starts: Sequence[int],
    firsts: Sequence[pikepdf.Object],
    typeface: Typeface,
    title: str | None,
) -> list[pikepdf.Object]:
    """The contents pages, not yet in the PDF."""
    box = _box(firsts[0])
    on_first = max(1, math.floor((box.height - 2 * _MARGIN - 2.2 * _TITLE) / _LEADING))
    on_other = max(1, math.floor((box.height - 2 * _MARGIN) / _LEADING))
    count = 1 + max(0, math.ceil((len(sections) - on_first) / on_other))
    pages: list[pikepdf.Object] = []
    done = 0
    for number in range(count):
        room = on_other if number else on_first
        drawn = [_INK.encode() + b" BT "]
        top = box.top - _MARGIN
        if number == 0:
            heading = typeface.fitting(title or "Contents", (box.width - 2 * _MARGIN) / _TITLE)
            drawn.append(_at(box.left + _MARGIN, top - _TITLE) + typeface.show(heading, _TITLE))
            top -= 2.2 * _TITLE
        links = []
        for at in range(done, min(done + room, len(sections))):
            low = top - (at - done + 1) * _LEADING + 5
            shown = str(starts[at] + count + 1)
            drawn.append(_entry(typeface, sections[at].title, shown, box, low))
            links.append(_link(pdf, firsts[at], box, low))
        done += room
        page = pikepdf.Dictionary(
            Type=pikepdf.Name.Page,
            MediaBox=pikepdf.Array([box.left, box.bottom, box.right, box.top]),
            Contents=pdf.make_stream(
                zlib.compress(b"".join([*drawn, b"ET"])), Filter=pikepdf.Name.FlateDecode
            ),
            Annots=pikepdf.Array(links),
        )
        typeface.into(page)
        pages.append(pdf.make_indirect(page))
    return pages


def _entry(typeface: Typeface, title: str, page: str, box: _Box, low: float) -> bytes:
    """A title, dots, and the number of its page."""
    left, right = box.left + _MARGIN, box.right - _MARGIN
    number = typeface.line(page)
    name = typeface.fitting(title, (right - left) / _ENTRY - number.width - 2)
    dot = typeface.line(" .")
    gap = (right - left) / _ENTRY - number.width - name.width - 1
    dots = typeface.line(" ." * max(0, math.floor(gap / dot.width)))
    return b"".join(
        (
            _at(left, low) + typeface.show(name, _ENTRY),
            f"{_SOFT} ".encode(),
            _at(right - (number.width + dots.width + 0.4) * _ENTRY, low),
            typeface.show(dots, _ENTRY),
            f"{_INK} ".encode(),
            _at(right - number.width * _ENTRY, low) + typeface.show(number, _ENTRY),
        )
    )


def _link(pdf: pikepdf.Pdf, page: pikepdf.Object, box: _Box, low: float) -> pikepdf.Object:
    rectangle = [box.left + _MARGIN, low - 4, box.right - _MARGIN, low - 4 + _LEADING]
    return pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=pikepdf.Array(rectangle),
            Border=pikepdf.Array([0, 0, 0]),
            Dest=pikepdf.Array([page, pikepdf.Name.Fit]),
        )
    )


# --- numbers and watermark -----------------------------------------------------------------------
@dataclass(frozen=True)
class _Box:
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


def _box(page: pikepdf.Object) -> _Box:
    left, bottom, right, top = (float(side) for side in pikepdf.Page(page).mediabox)
    return _Box(min(left, right), min(bottom, top), max(left, right), max(bottom, top))


def _at(x: float, y: float) -> bytes:
    return f"1 0 0 1 {x:.2f} {y:.2f} Tm ".encode()


class _Wrapping:
    """Adds to what a page draws, whatever state its own drawing leaves behind."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._save = pdf.make_stream(b"q\n")
        self._restore = pdf.make_stream(b"\nQ\n")

    def draw(self, page: pikepdf.Object, drawing: pikepdf.Object, *, over: bool) -> None:
        content = page.get("/Contents")
        old = content if isinstance(content, pikepdf.Array) else [content] if content else []
        parts = [self._save, *old, self._restore, drawing] if over else [drawing, *old]
        page.Contents = pikepdf.Array(parts)


def _number(
    pdf: pikepdf.Pdf, typeface: Typeface, options: PageNumbers, pages: Sequence[pikepdf.Object]
) -> None:
    text = options.format or _DEFAULT_FORMAT
    place = options.place or NumberPlace.BOTTOM_CENTER
    wrapping = _Wrapping(pdf)
    for number, page in enumerate(pages, 1):
        box = _box(page)
        filled = text.replace("{pages}", str(len(pages))).replace("{page}", str(number))
        line = typeface.fitting(filled, (box.width - 2 * _EDGE) / _NUMBER)
        drawing = b"".join(
            (
                f"/Artifact BMC q {_SOFT} BT ".encode(),
                _at(*_corner(box, place, line)) + typeface.show(line, _NUMBER),
                b"ET Q EMC\n",
            )
        )
        typeface.into(page)
        wrapping.draw(page, pdf.make_stream(drawing), over=True)


def _corner(box: _Box, place: NumberPlace, line: Line) -> tuple[float, float]:
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


class _Stamp:
    """A watermark of text, drawn once for each size of page."""

    def __init__(self, pdf: pikepdf.Pdf, typeface: Typeface, options: Watermark) -> None:
        self._pdf = pdf
        self._typeface = typeface
        self._options = options
        self._line = typeface.line(options.text or "")
        self._drawn: dict[_Box, pikepdf.Object] = {}
        self._calls: dict[_Box, pikepdf.Object] = {}

    def on(self, pages: Sequence[pikepdf.Object]) -> None:
        """Draw it on these pages."""
        wrapping = _Wrapping(self._pdf)
        for page in pages:
            box = _box(page)
            if box not in self._drawn:
                self._add(box)
            name = self._name(box)
            if "/Resources" not in page:
                page.Resources = pikepdf.Dictionary()
            if "/XObject" not in page.Resources:
                page.Resources.XObject = pikepdf.Dictionary()
            page.Resources.XObject[name] = self._drawn[box]
            wrapping.draw(page, self._calls[box], over=bool(self._options.over))

    def _name(self, box: _Box) -> str:
        return f"/PressroomMark{list(self._drawn).index(box)}"

    def _add(self, box: _Box) -> None:
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
                _at(-self._line.width * size / 2, -0.36 * size),
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
