"""Pages printed by the worker's own renderer, and where their words stand.

A test gives HTML and page options and gets the file that the farm would make of such a row.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pdf_words import Word, sizes_and_words
from servers import Background

from pressroom.errors import NotFoundError, UnavailableError
from pressroom.model.edits import Edit
from pressroom.model.page import PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import Asset, MissingValues, Snapshot
from pressroom_worker.browser import EXECUTABLE, BrowserOptions
from pressroom_worker.render import Failed, Rendered
from pressroom_worker.supervisor import Supervisor
from pressroom_worker.typesetting import RowJob

CHROMIUM = Path(os.environ.get("PRESSROOM_CHROMIUM", EXECUTABLE))
_SECONDS = 60.0


@dataclass(frozen=True)
class Sheet:
    """A template with the data of its row, as one of a batch."""

    html: str
    data: Mapping[str, Any] | None = None
    css: str | None = None
    page: PageOptions = field(default_factory=PageOptions)
    #: The template's assets by name; given, the HTML is a template's.
    assets: Mapping[str, bytes] | None = None
    #: Those of them that the store does not have any more.
    lost: frozenset[str] = frozenset()
    #: Those that it cannot give at present.
    away: frozenset[str] = frozenset()
    #: Where the page may fetch from, and what it is fetched from instead of ``html``.
    egress: tuple[str, ...] = ()
    url: str | None = None
    #: What is done to the template's HTML before it is printed.
    edits: Sequence[Edit] = ()


class Press:
    """A browser and its renderer, for as many prints as there are tests."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._assets: dict[str, bytes] = {}
        self._away: set[str] = set()
        self._supervisor = Supervisor(
            BrowserOptions(executable=CHROMIUM), slots=2, assets=self._asset
        )

    def start(self) -> None:
        """Start the browser. The first print waits for it, before its own time runs."""
        self._background.run(self._supervisor.start())

    def stop(self) -> None:
        self._background.run(self._supervisor.stop())

    def print(
        self,
        html: str,
        css: str | None = None,
        page: PageOptions | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The row's file: a PDF, or the picture that ``page`` asks for.

        ``html`` is a template where there is ``data`` and stands as it is without. AssertionError
        where the row fails, with its error.
        """
        (found,) = self.print_all([Sheet(html, data, css, page or PageOptions())])
        return found

    def print_all(self, sheets: Sequence[Sheet]) -> list[bytes]:
        """The files of several rows, printed one after another in one tab."""
        files = []
        for got in self.outcomes(sheets):
            assert isinstance(got, Rendered), got
            files.append(got.data)
        return files

    def outcomes(
        self, sheets: Sequence[Sheet], *, seconds: float = _SECONDS
    ) -> list[Rendered | Failed]:
        """What becomes of several rows of one batch, each with so many ``seconds``."""
        jobs = [self._job(index, sheet) for index, sheet in enumerate(sheets)]
        return self._background.run(self._render(jobs, seconds))

    def outcome(self, sheet: Sheet, *, seconds: float = _SECONDS) -> Rendered | Failed:
        """What becomes of one row."""
        (got,) = self.outcomes([sheet], seconds=seconds)
        return got

    async def _asset(self, key: str) -> bytes:
        if key in self._away:
            raise UnavailableError("The object store does not answer.")
        if key not in self._assets:
            raise NotFoundError(f"There is no object {key}.")
        return self._assets[key]

    def _job(self, index: int, sheet: Sheet) -> RowJob:
        job = replace(_job(index, sheet), egress=sheet.egress, url=sheet.url)
        if sheet.assets is None or job.snapshot is None:
            return job
        assets = {}
        for name, body in sheet.assets.items():
            digest = hashlib.sha256(body).hexdigest()
            if name not in sheet.lost:
                self._assets[digest] = body
            if name in sheet.away:
                self._away.add(digest)
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            assets[name] = Asset(key=digest, sha256=digest, bytes=len(body), content_type=kind)
        return replace(job, snapshot=job.snapshot.evolve(assets=assets))

    async def _render(self, jobs: Sequence[RowJob], seconds: float) -> list[Rendered | Failed]:
        renderer = self._supervisor.renderer()
        rendering = renderer.render(jobs, row_timeout=seconds, realm="pages")
        return [got async for got in rendering]


def _job(index: int, sheet: Sheet) -> RowJob:
    snapshot = Snapshot(html=sheet.html, css=sheet.css, page=sheet.page)
    if sheet.data is not None or sheet.assets is not None:
        row = Row(data=dict(sheet.data or {}), edits=list(sheet.edits) or None)
        return RowJob(index, row, snapshot, sheet.page, MissingValues.LENIENT, None)
    if sheet.url is not None:
        return RowJob(index, Row(), None, sheet.page, MissingValues.STRICT, None)
    style = f"<style>{sheet.css}</style>" if sheet.css else ""
    row = Row(html=sheet.html + style, raw=True)
    return RowJob(index, row, None, sheet.page, MissingValues.STRICT, None)


@dataclass(frozen=True)
class Layout:
    """What stands where in a PDF. ``sizes`` are each page's width and height in points."""

    sizes: tuple[tuple[float, float], ...]
    words: tuple[Word, ...]

    @property
    def pages(self) -> int:
        return len(self.sizes)

    def on(self, page: int) -> list[Word]:
        """The words of a page, from 1, in reading order."""
        return [word for word in self.words if word.page == page]

    def text(self, page: int | None = None) -> str:
        """The words of a page or of all, with single spaces between."""
        return " ".join(word.text for word in self.words if page in (None, word.page))

    def find(self, text: str) -> list[Word]:
        """Every word that is this text."""
        return [word for word in self.words if word.text == text]


def layout(pdf: bytes) -> Layout:
    """Where the words of a PDF stand, by poppler's ``pdftotext -bbox``."""
    sizes, found = sizes_and_words(pdf)
    return Layout(tuple(sizes), tuple(found))


def png(pdf: bytes, page: int = 1, dpi: int = 80) -> bytes:
    """A page of a PDF as a picture, by poppler's ``pdftoppm``."""
    command = ["pdftoppm", "-png", "-r", str(dpi), "-f", str(page), "-l", str(page), "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, timeout=60, check=True)
    return done.stdout
