"""Cuts a merged PDF into files of a size, between rows, and packs them into a ZIP."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pikepdf

from pressroom.model.finish import MergeOptions
from pressroom_finalizer.copying import copy_pages
from pressroom_finalizer.finishing import Section

_MEGABYTE = 1_000_000
#: An object in an object stream, with its place in the cross-reference: an upper estimate.
_PER_OBJECT = 60
#: Writes a PDF of these rows to a path.
Writer = Callable[[pikepdf.Pdf, Sequence[Section], Path], None]


def cut(merged: Path, sections: Sequence[Section], options: MergeOptions, write: Writer) -> int:
    """Make ``merged`` a ZIP of files that are within the options' limits; how many there are.

    A row that is over a limit by itself is a file by itself.
    """
    packed = merged.with_name(f"{merged.name}.zip")
    part = merged.with_name(f"{merged.name}.part")
    count = done = page = 0
    with pikepdf.open(merged) as whole, zipfile.ZipFile(packed, "w") as archive:
        while done < len(sections):
            taken = _fitting(whole, page, sections[done:], options)
            _write(whole, page, sections[done : done + taken], part, write)
            while taken > 1 and (size := _excess(part, options)) > 1:
                # The estimate was short: what finishing adds is known only now.
                taken = max(1, min(taken - 1, int(taken / size)))
                _write(whole, page, sections[done : done + taken], part, write)
            count += 1
            archive.write(part, f"merged-{count:03d}.pdf")
            page += sum(row.pages for row in sections[done : done + taken])
            done += taken
    part.unlink()
    packed.rename(merged)
    return count


def _write(
    whole: pikepdf.Pdf, first: int, rows: Sequence[Section], out: Path, write: Writer
) -> None:
    with pikepdf.new() as pdf:
        last = first + sum(row.pages for row in rows)
        copy_pages(whole, pdf, first, last)
        write(pdf, rows, out)


def _excess(part: Path, options: MergeOptions) -> float:
    """The file's size as a multiple of the limit; 0 without one."""
    return part.stat().st_size / (options.max_megabytes * _MEGABYTE) if options.max_megabytes else 0


def _fitting(
    pdf: pikepdf.Pdf, page: int, sections: Sequence[Section], options: MergeOptions
) -> int:
    """How many of these rows, whose pages begin at ``page`` from 0, a file can take; at least 1."""
    most = options.max_megabytes * _MEGABYTE if options.max_megabytes else None
    seen: set[tuple[int, int]] = set()
    pages = size = 0
    for taken, section in enumerate(sections):
        if most is not None:
            first = page + pages
            size += _weight([one.obj for one in pdf.pages[first : first + section.pages]], seen)
        pages += section.pages
        too_many = options.max_pages is not None and pages > options.max_pages
        if taken and (too_many or (most is not None and size > most)):
            return taken
    return len(sections)


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


def _members(value: pikepdf.Object) -> Iterator[pikepdf.Object]:
    found: list[tuple[str, object]] = []
    if isinstance(value, pikepdf.Array):
        found = [("", one) for one in value]
    elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
        found = [(key, one) for key, one in value.items() if key != "/Parent"]
    for _, one in found:
        if isinstance(one, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream):
            yield one
