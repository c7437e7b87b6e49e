"""Cuts a merged PDF into files of a size, between rows, and packs them into a ZIP."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pikepdf

from pressroom.model.finish import MergeOptions
from pressroom_finalizer.finishing import Section

_MEGABYTE = 1_000_000
#: Writes a PDF of these rows to a path.
Writer = Callable[[pikepdf.Pdf, Sequence[Section], Path], None]


def cut(merged: Path, sections: Sequence[Section], options: MergeOptions, write: Writer) -> int:
    """Make ``merged`` a ZIP of files that are within the options' limits; how many there are.

    A row that is over a limit by itself is a file by itself.
    """
    packed = merged.with_name(f"{merged.name}.zip")
    part = merged.with_name(f"{merged.name}.part")
    count = 0
    with pikepdf.open(merged) as whole, zipfile.ZipFile(packed, "w") as archive:
        waiting = list(reversed(list(_parts(whole, sections, options))))
        while waiting:
            first, rows = waiting.pop()
            _write(whole, first, rows, part, write)
            if _is_over(part, options) and len(rows) > 1:
                # The estimate was short: what finishing adds is known only now.
                half = len(rows) // 2
                pages = sum(row.pages for row in rows[:half])
                waiting += [(first + pages, rows[half:]), (first, rows[:half])]
                continue
            count += 1
            archive.write(part, f"merged-{count:03d}.pdf")
    part.unlink()
    packed.rename(merged)
    return count


def _write(
    whole: pikepdf.Pdf, first: int, rows: Sequence[Section], out: Path, write: Writer
) -> None:
    with pikepdf.new() as pdf:
        last = first + sum(row.pages for row in rows)
        pdf.pages.extend(whole.pages[first:last])
        write(pdf, rows, out)


def _is_over(part: Path, options: MergeOptions) -> bool:
    most = options.max_megabytes
    return most is not None and part.stat().st_size > most * _MEGABYTE


def _parts(
    pdf: pikepdf.Pdf, sections: Sequence[Section], options: MergeOptions
) -> Iterator[tuple[int, list[Section]]]:
    """Each part's first page in ``pdf``, from 0, and its rows."""
    most = options.max_megabytes * _MEGABYTE if options.max_megabytes else None
    seen: set[tuple[int, int]] = set()
    rows: list[Section] = []
    start = at = pages = size = 0
    for section in sections:
        own = [pdf.pages[number].obj for number in range(at, at + section.pages)]
        added = _weight(own, seen) if most is not None else 0
        many = options.max_pages is not None and pages + section.pages > options.max_pages
        if rows and (many or (most is not None and size + added > most)):
            yield start, rows
            rows, start, pages, size = [], at, 0, 0
            seen.clear()
            added = _weight(own, seen) if most is not None else 0
        rows.append(section)
        pages, size, at = pages + section.pages, size + added, at + section.pages
    if rows:
        yield start, rows


def _weight(pages: Sequence[pikepdf.Object], seen: set[tuple[int, int]]) -> int:
    """Bytes of all that these pages draw with and that is not in ``seen``, which grows."""
    size = 0
    waiting: list[pikepdf.Object] = list(pages)
    while waiting:
        value = waiting.pop()
        if value.is_indirect:
            if value.objgen in seen:
                continue
            seen.add(value.objgen)
            if isinstance(value, pikepdf.Stream):
                size += len(value.read_raw_bytes())
            size += _PER_OBJECT
        waiting += _members(value)
    return size


#: An object in an object stream, with its place in the cross-reference: an upper estimate.
_PER_OBJECT = 60


def _members(value: pikepdf.Object) -> Iterator[pikepdf.Object]:
    found: list[tuple[str, object]] = []
    if isinstance(value, pikepdf.Array):
        found = [("", one) for one in value]
    elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
        found = [(key, one) for key, one in value.items() if key != "/Parent"]
    for _, one in found:
        if isinstance(one, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream):
            yield one
