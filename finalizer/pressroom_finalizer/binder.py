"""Merges PDFs, as a process of its own: ``python -m pressroom_finalizer.binder OUT LIMIT_MIB``.

The first line of standard input is ``{"options": MergeOptions, "fonts": [path]}``; each further
one is ``[path, name]`` of a row's file, in page order. At the end of the input it writes OUT, a PDF
or where the options cut it a ZIP of PDFs, and prints ``{"pages": n}``, or ``{"error": text}`` with
exit status 1. It takes the files it is given: each is deleted once its pages lie in a group.

A process apart keeps the finalizer small and answering; its own memory is limited, so a huge job
cannot take the part down. It opens no connection and reads no other file. Files are merged in
groups, and the groups as a tree on disk, so that open files stay few, and memory holds what comes
out and no more. Identical resources (fonts, images) and page contents are written once.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pikepdf
import pypdf
from pypdf.errors import PyPdfError

from pressroom.model.finish import Encryption, MergeOptions
from pressroom.pdf.encryption import encryption_of
from pressroom_finalizer.copying import copy_pages
from pressroom_finalizer.cutting import cut
from pressroom_finalizer.finishing import Section, finish

#: Files merged at a time.
GROUP = 100
_SHARED = ("/Resources", "/Contents")
#: What is done with a merged PDF and the pages of each of its files: it is written to the path.
Finish = Callable[[pikepdf.Pdf, list[int], Path], None]
#: How far into a page's resources equal objects are looked for. Fonts lie some steps deep; layers
#: of a page lie in one another as often as its elements do.
_DEEPEST = 200


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

    def _choose(self, value: pikepdf.Object, depth: int = 0) -> pikepdf.Object:
        """The object to refer to instead of ``value``: an equal one seen before, or itself."""
        if depth > _DEEPEST:
            return value
        if not value.is_indirect:
            self._descend(value, depth)
            return value
        known = self._chosen.get(value.objgen)
        if known is not None:
            return known
        if isinstance(value, pikepdf.Dictionary) and value.get("/Type") in ("/Page", "/Pages"):
            return value
        self._chosen[value.objgen] = value  # ends a cycle: a member of one is not shared
        self._descend(value, depth)
        chosen = self._first.setdefault(_digest(value), value)
        self._chosen[value.objgen] = chosen
        return chosen

    def _descend(self, value: pikepdf.Object, depth: int) -> None:
        members: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, pikepdf.Array):
            members = enumerate(list(value))
        elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            members = list(value.items())
        for key, member in members:
            if isinstance(member, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream):
                chosen = self._choose(member, depth + 1)
                if member.is_indirect and chosen.objgen != member.objgen:
                    value[key] = chosen


def _digest(value: pikepdf.Object) -> bytes:
    """SHA-256 of an object as it is written, its members shared already."""
    if not isinstance(value, pikepdf.Stream):
        return hashlib.sha256(value.unparse(resolved=True)).digest()
    header = value.stream_dict.unparse(resolved=True)
    return hashlib.sha256(header + b"stream\n" + value.read_raw_bytes()).digest()


def merge(paths: Iterable[Path], out: Path, finished: Finish | None = None) -> list[int]:
    """Merge a few files into ``out``; the pages of each. BinderError names the bad file.

    ``finished`` is what is done to the merged PDF before it is written.
    """
    sharing = _Sharing()
    counts: list[int] = []
    with ExitStack() as opened:
        target = opened.enter_context(pikepdf.Pdf.new())
        for path in paths:
            try:
                source = opened.enter_context(pikepdf.Pdf.open(path))
                first = len(target.pages)
                copy_pages(source, target)
            except pikepdf.PdfError as error:
                _check_room(path)
                reason = str(error).removeprefix(f"{path}: ").replace(f"{path} ", "")
                raise BinderError(f"{path.name} cannot be merged: {reason}") from error
            for number in range(first, len(target.pages)):
                sharing.share(target.pages[number].obj)
            counts.append(len(target.pages) - first)
        if finished is not None:
            finished(target, counts, out)
        else:
            save(target, out)
    return counts


def _check_room(path: Path) -> None:
    """MemoryError where this file would not have fitted.

    qpdf takes a lack of memory for a fault of the file that it reads.
    """
    bytearray(path.stat().st_size)


def save(pdf: pikepdf.Pdf, out: Path, encryption: Encryption | None = None) -> None:
    """Write a merged PDF."""
    pdf.save(
        out,
        compress_streams=False,  # copied as they are: the browser has compressed them
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        encryption=encryption_of(encryption),
        deterministic_id=encryption is None,
    )


class Binder:
    """Merges rows' files, and finishes what comes out."""

    def __init__(self, options: MergeOptions, fonts: Sequence[Path]) -> None:
        self._options = options
        self._fonts = fonts
        self._sections: list[Section] = []

    def bind(self, rows: Iterable[tuple[Path, str]], out: Path) -> int:
        """Merge any number of files, in order, into ``out``; the number of pages.

        Deletes the files. BinderError for what is not a PDF, or did not come out as it should.
        """
        try:
            encryption_of(self._options.encryption)
        except ValueError as error:
            raise BinderError(str(error)) from error
        names: list[str] = []
        self._merge(_noting(rows, names), names, out)
        if self._options.splits:
            cut(out, self._sections, self._options, self._write)
        return self._checked(out)

    def _merge(self, paths: Iterable[Path], names: list[str], out: Path) -> None:
        level = 0
        while True:
            groups: list[Path] = []
            waiting = iter(paths)
            some = list(islice(waiting, GROUP))
            while some:
                following = list(islice(waiting, 1))
                is_whole = not groups and not following
                group = out.with_name(f"{out.name}.{level}.{len(groups)}")
                self._merge_group(some, group, names if level == 0 else None, is_whole)
                groups.append(group)
                for path in some:
                    path.unlink()
                some = following + list(islice(waiting, GROUP - 1)) if following else []
            if len(groups) == 1:
                groups[0].rename(out)
                return
            paths, level = groups, level + 1

    def _merge_group(
        self, paths: list[Path], out: Path, names: list[str] | None, is_whole: bool
    ) -> None:
        """``names`` are those of all rows so far, where ``paths`` are the last rows' own files."""

        def finished(pdf: pikepdf.Pdf, counts: list[int], path: Path) -> None:
            self._note(names, counts)
            if is_whole and not self._options.splits:
                self._write(pdf, self._sections, path)
            else:
                save(pdf, path)

        merge(paths, out, finished)

    def _note(self, names: list[str] | None, counts: list[int]) -> None:
        if names is not None:
            done = len(self._sections)
            own = names[done : done + len(counts)]
            self._sections += map(Section, own, counts)

    def _write(self, pdf: pikepdf.Pdf, sections: Sequence[Section], out: Path) -> None:
        finish(pdf, sections, self._options, self._fonts)
        save(pdf, out, self._options.encryption)

    def _checked(self, out: Path) -> int:
        """The pages of the result.

        What one library wrote, another reads: a file that only its writer understands is no use.
        """
        if not self._options.splits:
            found = self._pages_of(out)
        else:
            with zipfile.ZipFile(out) as archive:
                found = 0
                for name in archive.namelist():
                    with archive.open(name) as file:
                        found += self._pages_of(file)
        least = sum(section.pages for section in self._sections)
        if found < least or (found > least and self._options.contents is None):
            raise BinderError(f"the merged file has {found} pages instead of {least}")
        return found

    def _pages_of(self, file: Path | IO[bytes]) -> int:
        encryption = self._options.encryption
        password = (encryption.user_password or "") if encryption else None
        with pypdf.PdfReader(file, strict=True, password=password) as merged:
            return merged.get_num_pages()


def _noting(rows: Iterable[tuple[Path, str]], names: list[str]) -> Iterator[Path]:
    for path, name in rows:
        names.append(name)
        yield path


def _rows() -> Iterator[tuple[Path, str]]:
    for line in sys.stdin:
        path, name = json.loads(line)
        yield Path(path), name


def main() -> int:
    """Bind what standard input names."""
    out, limit = Path(sys.argv[1]), int(sys.argv[2]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        asked = json.loads(sys.stdin.readline())
        options = MergeOptions.model_validate(asked["options"])
        binder = Binder(options, [Path(path) for path in asked["fonts"]])
        answer: dict[str, int | str] = {"pages": binder.bind(_rows(), out)}
    except (BinderError, pikepdf.PdfError, PyPdfError, OSError) as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "merging needs more memory than it is given"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
