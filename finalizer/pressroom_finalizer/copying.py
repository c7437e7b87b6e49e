"""Copies pages from one PDF into another, with the links between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pikepdf


class _Link(NamedTuple):
    """A link by the places of its page, of itself there, and of the page that it leads to."""

    page: int
    annotation: int
    to: int
    view: Sequence[object]


def copy_pages(
    source: pikepdf.Pdf, target: pikepdf.Pdf, first: int = 0, last: int | None = None
) -> int:
    """Append the pages from ``first`` to before ``last``; how many they are.

    A link from one of them to another leads to its copy. The browser's links lead to names, which
    belong to the document: they would be lost, or lead to another row that uses the same names.
    """
    begin = len(target.pages)
    pages = source.pages[first:last]
    links = list(_links(source, [page.obj for page in pages]))
    target.pages.extend(pages)
    for link in links:
        copied = target.pages[begin + link.page].obj.Annots[link.annotation]
        to = target.pages[begin + link.to].obj
        copied.Dest = pikepdf.Array([to, *link.view])
    return len(pages)


def _links(source: pikepdf.Pdf, pages: list[pikepdf.Object]) -> Iterator[_Link]:
    named = source.Root.get("/Dests")
    places: dict[tuple[int, int], int] = {}
    for number, page in enumerate(pages):
        for at, annotation in enumerate(page.get("/Annots", ())):
            place = annotation.get("/Dest")
            if isinstance(place, pikepdf.Name):
                place = None if named is None else named.get(str(place))
            if not isinstance(place, pikepdf.Array) or len(place) == 0:
                continue
            places = places or {one.objgen: index for index, one in enumerate(pages)}
            to = place[0]
            if isinstance(to, pikepdf.Dictionary) and to.objgen in places:
                yield _Link(number, at, places[to.objgen], list(place)[1:])
