"""Every script that the worker's fonts are for: each word is there, in a font inside the file.

That none of its characters is a box is the word of the quality gate, which test_quality tries.
"""

from __future__ import annotations

import io
import subprocess

import pikepdf
import pytest
from PIL import Image, ImageChops
from press import Press, Sheet, layout, png

from pressroom.model.checks import Finding
from pressroom_worker.render import Rendered

SCRIPTS = {
    "Latin": ("Žluťoučký façade", "Žluťoučký"),
    "Greek": ("Γειά σου", "Γειά"),
    "Cyrillic": ("Щедрый вечер", "Щедрый"),
    "Chinese": ("發票 发票", "发票"),
    "Japanese": ("請求書 カタカナ", "カタカナ"),
    "Korean": ("청구서", "청구서"),
    "Devanagari": ("नमस्ते", "नमस्ते"),
    "Thai": ("ใบแจ้งหนี้", "ใบแจ้งหนี้"),
}


def printed(pages: Press, html: str) -> tuple[bytes, tuple[Finding, ...]]:
    """The PDF, and what the quality gate has to say of it."""
    got = pages.outcome(Sheet(html))
    assert isinstance(got, Rendered), got
    return got.data, got.findings


@pytest.mark.parametrize("family", ["sans-serif", "serif", "Absent"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_prints_with_embedded_fonts(pages: Press, script: str, family: str) -> None:
    text, word = SCRIPTS[script]
    pdf, findings = printed(pages, f"<meta charset=utf-8><p style='font:20px {family}'>{text}")
    assert word in layout(pdf).text()
    assert _fonts(pdf), "no font at all"
    assert all(_fonts(pdf).values()), f"not embedded: {_fonts(pdf)}"
    assert findings == ()


@pytest.mark.parametrize(
    ("name", "text"), [("Arabic", "فاتورة رقم"), ("Hebrew", "חשבונית מס")], ids=["Arabic", "Hebrew"]
)
def test_right_to_left_text_stands_at_the_right(pages: Press, name: str, text: str) -> None:
    pdf, findings = printed(pages, f"<p dir=rtl style='font:20px sans-serif'>{text}")
    assert findings == ()
    ((width, _),) = layout(pdf).sizes
    words = layout(pdf).words
    first, second = text.split()
    assert min(word.left for word in words) > width / 2, name
    assert len(words) == 2
    # What is read first stands rightmost.
    rightmost = max(words, key=lambda word: word.right)
    assert len(rightmost.text) == len(first)
    assert len(second) == len(min(words, key=lambda word: word.right).text)
    assert all(_fonts(pdf).values())


@pytest.mark.parametrize(
    ("joined", "apart"),
    [("سلام", "س\u200cل\u200cا\u200cم"), ("क्षि", "क\u094d\u200cषि"), ("👩\u200d🚀", "👩🚀")],
    ids=["Arabic", "Devanagari", "emoji"],
)
def test_letters_are_joined_as_their_script_wants(pages: Press, joined: str, apart: str) -> None:
    widths = []
    for text in (joined, apart):
        pdf, findings = printed(pages, f"<p style='font:60px sans-serif'>{text}")
        assert findings == ()
        with Image.open(io.BytesIO(png(pdf))) as picture:
            ink = ImageChops.invert(picture.convert("L")).getbbox()
        assert ink is not None
        widths.append(ink[2] - ink[0])
    assert widths[0] < 0.9 * widths[1], widths


def test_emoji_have_their_colours(pages: Press) -> None:
    pdf, findings = printed(pages, "<p style='font-size:60px'>🟥🟩</p>")
    assert findings == ()
    assert all(_fonts(pdf).values())
    with Image.open(io.BytesIO(png(pdf))) as picture:
        red, green = _share(picture, (221, 46, 68)), _share(picture, (120, 177, 89))
    assert red > 0.0005
    assert green > 0.0005


def test_a_character_without_a_font_is_told_from_one_that_has(pages: Press) -> None:
    known, unknown = (
        Image.open(io.BytesIO(png(pages.print(f"<p style='font-size:60px'>{text}"))))
        for text in ("A", "")
    )
    assert ImageChops.difference(known.convert("L"), unknown.convert("L")).getbbox()


def _share(picture: Image.Image, colour: tuple[int, int, int], tolerance: int = 60) -> float:
    plain = picture.convert("RGB")
    counts = plain.getcolors(plain.width * plain.height) or []
    near = sum(
        count
        for count, pixel in counts
        if all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))
    )
    return near / (plain.width * plain.height)


def _fonts(pdf: bytes) -> dict[str, bool]:
    """Every font by its name, and whether it lies in the file (Type 3 fonts always do)."""
    found: dict[str, bool] = {}
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for page in opened.pages:
            for name, font in page.Resources.get("/Font", {}).items():
                found[name] = _embedded(font)
    return found


def _embedded(font: pikepdf.Object) -> bool:
    if font.Subtype == "/Type3":
        return True
    inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
    described = inner.get("/FontDescriptor", {})
    return any(key in described for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def test_poppler_agrees_that_fonts_are_embedded(pages: Press) -> None:
    pdf = pages.print("<p>plain <b>bold</b> <code>code</code>")
    done = subprocess.run(
        ["pdffonts", "-"], input=pdf, capture_output=True, timeout=60, check=True, text=False
    )
    lines = done.stdout.decode().splitlines()[2:]
    assert len(lines) == 3
    assert all(line.split()[-5] == "yes" for line in lines), lines
