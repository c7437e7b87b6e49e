"""The words of a PDF and where they stand."""

from __future__ import annotations

import html as markup
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Word:
    """A word on a page (from 1), its box in points from the page's upper left corner."""

    page: int
    text: str
    left: float
    top: float
    right: float
    bottom: float


_PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)">(.*?)</page>', re.S)
_WORD = re.compile(
    r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>', re.S
)


def sizes_and_words(pdf: bytes) -> tuple[list[tuple[float, float]], list[Word]]:
    """Each page's width and height in points, and all words, by poppler's ``pdftotext -bbox``."""
    done = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=pdf, capture_output=True, timeout=60, check=True
    )
    sizes: list[tuple[float, float]] = []
    found: list[Word] = []
    for width, height, body in _PAGE.findall(done.stdout.decode("utf-8", "replace")):
        sizes.append((float(width), float(height)))
        for left, top, right, bottom, text in _WORD.findall(body):
            box = (float(left), float(top), float(right), float(bottom))
            found.append(Word(len(sizes), markup.unescape(text), *box))
    return sizes, found


def words(pdf: bytes | Path) -> list[Word]:
    """The words of all pages, in reading order."""
    return sizes_and_words(pdf if isinstance(pdf, bytes) else pdf.read_bytes())[1]
