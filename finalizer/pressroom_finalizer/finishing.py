"""What a merged PDF gets besides its rows' pages: bookmarks, contents, numbers, a watermark."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf

from pressroom.model.finish import MergeOptions
from pressroom.pdf.archival import conform
from pressroom.pdf.metadata import set_metadata
from pressroom_finalizer.stamping import INK, SOFT, Box, Stamp, box_of, number_pages, text_at
from pressroom_finalizer.typeface import Typeface

#: Of a line's height: the size of its letters.
_ENTRY = 10 / 18
#: Of the title's size: how much room it takes.
_UNDER_TITLE = 2.2


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
        Stamp(pdf, typeface, options.watermark).on(pages)
    if options.page_numbers is not None:
        number_pages(pdf, typeface, options.page_numbers, pages)
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
@dataclass(frozen=True)
class _Layout:
    """How a contents page is set on the paper of the first row, in points."""

    box: Box

    @property
    def margin(self) -> float:
        """That of a letter, or what leaves room on a label."""
        return min(56.0, min(self.box.width, self.box.height) / 8)

    @property
    def title(self) -> float:
        return min(20.0, min(self.box.width, self.box.height) / 8)

    @property
    def leading(self) -> float:
        return min(18.0, self.box.height / 4)

    @property
    def entry(self) -> float:
        return self.leading * _ENTRY

    @property
    def width(self) -> float:
        return self.box.width - 2 * self.margin

    def lines(self, *, is_first: bool) -> int:
        height = self.box.height - 2 * self.margin
        under = height - _UNDER_TITLE * self.title if is_first else height
        return max(1, math.floor(under / self.leading))


def _contents(
    pdf: pikepdf.Pdf,
    sections: Sequence[Section],
    starts: Sequence[int],
    firsts: Sequence[pikepdf.Object],
    typeface: Typeface,
    title: str | None,
) -> list[pikepdf.Object]:
    """The contents pages, not yet in the PDF."""
    box = box_of(firsts[0])
    layout = _Layout(box)
    on_first, on_other = layout.lines(is_first=True), layout.lines(is_first=False)
    count = 1 + max(0, math.ceil((len(sections) - on_first) / on_other))
    pages: list[pikepdf.Object] = []
    done = 0
    for number in range(count):
        room = on_other if number else on_first
        drawn = [INK.encode() + b" BT "]
        top = box.top - layout.margin
        if number == 0:
            heading = typeface.fitting(title or "Contents", layout.width / layout.title)
            at_left = text_at(box.left + layout.margin, top - layout.title)
            drawn.append(at_left + typeface.show(heading, layout.title))
            top -= _UNDER_TITLE * layout.title
        links = []
        for at in range(done, min(done + room, len(sections))):
            low = top - (at - done + 1) * layout.leading + 0.5 * layout.entry
            shown = str(starts[at] + count + 1)
            drawn.append(_entry(typeface, sections[at].title, shown, layout, low))
            links.append(_link(pdf, firsts[at], layout, low))
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


def _entry(typeface: Typeface, title: str, page: str, layout: _Layout, low: float) -> bytes:
    """A title, dots, and the number of its page."""
    box, size = layout.box, layout.entry
    left, right = box.left + layout.margin, box.right - layout.margin
    number = typeface.line(page)
    name = typeface.fitting(title, (right - left) / size - number.width - 2)
    dot = typeface.line(" .")
    gap = (right - left) / size - number.width - name.width - 1
    dots = typeface.line(" ." * max(0, math.floor(gap / dot.width)))
    return b"".join(
        (
            text_at(left, low) + typeface.show(name, size),
            f"{SOFT} ".encode(),
            text_at(right - (number.width + dots.width + 0.4) * size, low),
            typeface.show(dots, size),
            f"{INK} ".encode(),
            text_at(right - number.width * size, low) + typeface.show(number, size),
        )
    )


def _link(pdf: pikepdf.Pdf, page: pikepdf.Object, layout: _Layout, low: float) -> pikepdf.Object:
    box = layout.box
    low -= 0.4 * layout.entry
    left, right = box.left + layout.margin, box.right - layout.margin
    return pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=pikepdf.Array([left, low, right, low + layout.leading]),
            Border=pikepdf.Array([0, 0, 0]),
            Dest=pikepdf.Array([page, pikepdf.Name.Fit]),
        )
    )
