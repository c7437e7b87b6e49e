"""Merges PDFs, as a process of its own: ``python -m pressroom_finalizer.binder OUT LIMIT_MIB``.

Reads paths of PDF files from standard input, one a line, in page order; at the end of the input it
writes OUT and prints ``{"pages": n}``, or ``{"error": text}`` with exit status 1. It takes the
files it is given: each is deleted once its pages lie in a group.

A process apart keeps the finalizer small and answering; its own memory is limited, so a huge job
cannot take the part down. It imports nothing of the farm, opens no connection and reads no other
file. Files are merged in groups, and the groups as a tree on disk, so that open files and memory
stay bounded. Identical resources (fonts, images) and page contents are written once.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
from pypdf.errors import PyPdfError

#: Files merged at a time.
GROUP = 100
_SHARED = ("/Resources", "/Contents")


class BinderError(Exception):
    """A file is not a PDF that can be merged, or the result is not what it should be."""


class _Sharing:
    """Finds equal objects of one document and makes every reference lead to the first of them."""

    def __init__(self) -> None:
        self._first: dict[bytes, pikepdf.Object] = {}
        self._chosen: dict[tuple[int, int], pikepdf.Object] = {}

    def share(self, page: pikepdf.Object) -> None:
        """Share what this page draws with. Annotations stay: each belongs to one page."""
        self._chosen.setdefault(page.objgen, page)
        for key in _SHARED:
            value = page.get(key)
            if isinstance(value, pikepdf.Object):
                page[key] = self._choose(value)

    def _choose(self, value: pikepdf.Object) -> pikepdf.Object:
        """The object to refer to instead of ``value``: an equal one seen before, or itself."""
        if not value.is_indirect:
            self._descend(value)
            return value
        known = self._chosen.get(value.objgen)
        if known is not None:
            return known
        if isinstance(value, pikepdf.Dictionary) and value.get("/Type") in ("/Page", "/Pages"):
            return value
        self._chosen[value.objgen] = value  # ends a cycle: a member of one is not shared
        self._descend(value)
        chosen = self._first.setdefault(_digest(value), value)
        self._chosen[value.objgen] = chosen
        return chosen

    def _descend(self, value: pikepdf.Object) -> None:
        members: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, pikepdf.Array):
            members = enumerate(list(value))
        elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            members = list(value.items())
        for key, member in members:
            if isinstance(member, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream):
                chosen = self._choose(member)
                if member.is_indirect and chosen.objgen != member.objgen:
                    value[key] = chosen


def _digest(value: pikepdf.Object) -> bytes:
    """SHA-256 of an object as it is written, its members shared already."""
    if not isinstance(value, pikepdf.Stream):
        return hashlib.sha256(value.unparse(resolved=True)).digest()
    header = value.stream_dict.unparse(resolved=True)
    return hashlib.sha256(header + b"stream\n" + value.read_raw_bytes()).digest()


def merge(paths: Iterable[Path], out: Path) -> int:
    """Merge a few files into ``out``; the number of pages. BinderError names the bad file."""
    sharing = _Sharing()
    with ExitStack() as opened:
        target = opened.enter_context(pikepdf.Pdf.new())
        for path in paths:
            try:
                source = opened.enter_context(pikepdf.Pdf.open(path))
                first = len(target.pages)
                target.pages.extend(source.pages)
            except pikepdf.PdfError as error:
                raise BinderError(f"{path.name} cannot be merged: {error}") from error
            for number in range(first, len(target.pages)):
                sharing.share(target.pages[number].obj)
        pages = len(target.pages)
        target.save(
            out,
            compress_streams=False,  # copied as they are: the browser has compressed them
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
    return pages


def bind(paths: Iterable[Path], out: Path) -> int:
    """Merge any number of files, in order, into ``out``; the number of pages. Deletes ``paths``."""
    level, pages = 0, 0
    while True:
        groups: list[Path] = []
        waiting = iter(paths)
        pages = 0
        while some := list(islice(waiting, GROUP)):
            group = out.with_name(f"{out.name}.{level}.{len(groups)}")
            pages += merge(some, group)
            groups.append(group)
            for path in some:
                path.unlink()
        if len(groups) == 1:
            groups[0].rename(out)
            return pages
        paths, level = groups, level + 1


def _paths() -> Iterator[Path]:
    for line in sys.stdin:
        yield Path(line.rstrip("\n"))


def _checked(out: Path, pages: int) -> int:
    """What one library wrote, another reads: a file that only its writer understands is no use."""
    with pypdf.PdfReader(out, strict=True) as merged:
        found = merged.get_num_pages()
    if found != pages:
        raise BinderError(f"the merged file has {found} pages instead of {pages}")
    return pages


def main() -> int:
    """Bind what standard input names."""
    out, limit = Path(sys.argv[1]), int(sys.argv[2]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        answer: dict[str, int | str] = {"pages": _checked(out, bind(_paths(), out))}
    except (BinderError, pikepdf.PdfError, PyPdfError, OSError) as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "merging needs more memory than it is given"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
