"""Text for pages that are drawn here: shaped by HarfBuzz, its fonts embedded as far as used.

A piece of text is set in the first font that has its characters, and stands in the order of UAX #9.
What no font has is drawn as an empty box: a character, for PDF/A forbids the glyph of missing ones.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import pikepdf
import uharfbuzz as hb

from pressroom_finalizer.bidi import levels, ordered

_BUNDLED = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
#: Fonts are described in thousandths of their size (ISO 32000-2, 9.2.4).
_UNITS = 1000
_DROPPED = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "MATH", "kern", "DSIG")
_CMAP = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
    "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
    "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
    "1 begincodespacerange <0000> <FFFF> endcodespacerange\n{}"
    "endcmap CMapName currentdict /CMap defineresource pop end end\n"
)
#: What stands for a character that no font has.
_BOX = "\N{WHITE SQUARE}"
#: Entries of one block of a CMap (Adobe technical note 5014).
_BLOCK = 100


class _Glyph(NamedTuple):
    number: int
    advance: float
    right: float
    up: float


@dataclass(frozen=True)
class Line:
    """A shaped text: the operators that show it at size 1, and its width at that size."""

    runs: tuple[tuple[str, tuple[_Glyph, ...]], ...]
    width: float


class _Font:
    """One font file, and the glyphs of it that have been used."""

    def __init__(self, path: Path, name: str, pdf: pikepdf.Pdf) -> None:
        self.name = name
        self._face = hb.Face(hb.Blob.from_file_path(str(path)))
        self._font = hb.Font(self._face)
        self._scale = _UNITS / self._face.upem
        self._known = frozenset(self._face.unicodes)
        self._used: dict[int, str] = {}
        #: What pages refer to; filled in by ``embed``.
        self.object = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Font))

    def has(self, character: str) -> bool:
        return ord(character) in self._known

    def shape(self, text: str, direction: str) -> tuple[_Glyph, ...]:
        """The glyphs of a text of one direction, in the order in which they stand."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = direction
        hb.shape(self._font, buffer)
        starts = sorted({info.cluster for info in buffer.glyph_infos} | {len(text)})
        ends = dict(pairwise(starts))
        glyphs = []
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            meant = text[info.cluster : ends[info.cluster]]
            self._used.setdefault(info.codepoint, meant)
            advance, right, up = (
                value * self._scale
                for value in (position.x_advance, position.x_offset, position.y_offset)
            )
            glyphs.append(_Glyph(info.codepoint, advance, right, up))
        return tuple(glyphs)

    def width(self, glyph: int) -> float:
        """A glyph's own advance, in thousandths."""
        advance: float = self._font.get_glyph_h_advance(glyph) * self._scale
        return advance

    def embed(self, pdf: pikepdf.Pdf) -> None:
        """Complete the object that pages refer to (ISO 32000-2, 9.7)."""
        program = self._subset()
        extents = self._font.get_font_extents("ltr")
        top, bottom = round(extents.ascender * self._scale), round(extents.descender * self._scale)
        name = pikepdf.Name("/PRESSR+" + self._face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME))
        descriptor = pikepdf.Dictionary(
            Type=pikepdf.Name.FontDescriptor,
            FontName=name,
            Flags=4,
            FontBBox=[-_UNITS, bottom, 2 * _UNITS, top],
            ItalicAngle=0,
            Ascent=top,
            Descent=bottom,
            CapHeight=round(top * 0.75),
            StemV=80,
            FontFile2=pdf.make_stream(
                zlib.compress(program), Length1=len(program), Filter=pikepdf.Name.FlateDecode
            ),
        )
        widths: list[object] = []
        for glyph in sorted(self._used):
            widths += [glyph, pikepdf.Array([round(self.width(glyph))])]
        descendant = pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.CIDFontType2,
            BaseFont=name,
            CIDSystemInfo=pikepdf.Dictionary(
                Registry=pikepdf.String("Adobe"),
                Ordering=pikepdf.String("Identity"),
                Supplement=0,
            ),
            CIDToGIDMap=pikepdf.Name.Identity,
            FontDescriptor=pdf.make_indirect(descriptor),
            W=pikepdf.Array(widths),
        )
        self.object.Subtype = pikepdf.Name.Type0
        self.object.BaseFont = name
        self.object.Encoding = pikepdf.Name("/Identity-H")
        self.object.DescendantFonts = pikepdf.Array([pdf.make_indirect(descendant)])
        self.object.ToUnicode = pdf.make_stream(self._meanings().encode())

    @property
    def is_used(self) -> bool:
        return bool(self._used)

    def _subset(self) -> bytes:
        wanted = hb.SubsetInput()
        wanted.sets(hb.SubsetInputSets.GLYPH_INDEX).update(set(self._used))
        tables = wanted.sets(hb.SubsetInputSets.DROP_TABLE_TAG)
        tables.update({int.from_bytes(tag.encode(), "big") for tag in _DROPPED})
        wanted.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NOTDEF_OUTLINE
        data: bytes = hb.subset(self._face, wanted).blob.data
        return data

    def _meanings(self) -> str:
        """The CMap by which readers search and copy (ISO 32000-2, 9.10.3)."""
        lines = [
            f"<{glyph:04x}> <{meant.encode('utf-16-be').hex()}>\n"
            for glyph, meant in sorted(self._used.items())
            if meant and glyph  # glyph 0 stands for whatever the font lacks
        ]
        blocks = [lines[at : at + _BLOCK] for at in range(0, len(lines), _BLOCK)]
        return _CMAP.format(
            "".join(f"{len(block)} beginbfchar\n{''.join(block)}endbfchar\n" for block in blocks)
        )


class Typeface:
    """Fonts, the first one preferred, for the text of one PDF.

    ``more`` are further TrueType files for characters that the bundled font lacks.
    """

    def __init__(self, pdf: pikepdf.Pdf, more: Sequence[Path] = ()) -> None:
        self._pdf = pdf
        self._fonts = [
            _Font(path, f"/PressroomF{number}", pdf)
            for number, path in enumerate((_BUNDLED, *(one for one in more if one.is_file())))
        ]
        self._by_name = {font.name: font for font in self._fonts}

    def line(self, text: str) -> Line:
        """Shape a text of one line. Control characters are spaces."""
        clean = "".join(map(self._writable, unicodedata.normalize("NFC", text)))
        runs = list(self._runs(clean))
        width = sum(glyph.advance for _, glyphs in runs for glyph in glyphs)
        return Line(tuple(runs), width / _UNITS)

    def fitting(self, text: str, width: float) -> Line:
        """The same, cut with an ellipsis where it is wider than ``width`` at size 1."""
        whole = self.line(text)
        kept = len(text)
        while whole.width > width and kept > 1:
            kept = max(1, min(kept - 1, int(kept * width / whole.width)))
            whole = self.line(text[:kept].rstrip() + "…")
        return whole

    def show(self, line: Line, size: float) -> bytes:
        """The operators that show a line within a text object."""
        return b"".join(
            f"{name} {size:g} Tf ".encode() + self._shown(name, glyphs, size)
            for name, glyphs in line.runs
        )

    def _shown(self, name: str, glyphs: Sequence[_Glyph], size: float) -> bytes:
        out: list[str] = []
        for up, level in groupby(glyphs, lambda glyph: glyph.up):
            pieces = []
            for glyph in level:
                rest = self._by_name[name].width(glyph.number) + glyph.right - glyph.advance
                before = f"{-glyph.right:.0f}" if glyph.right else ""
                after = f"{rest:.0f}" if abs(rest) >= 0.5 else ""
                pieces.append(f"{before}<{glyph.number:04x}>{after}")
            rise = f"{up * size / _UNITS:.3f} Ts " if up else ""
            out.append(f"{rise}[{''.join(pieces)}] TJ " + ("0 Ts " if up else ""))
        return "".join(out).encode()

    def into(self, page: pikepdf.Object) -> None:
        """Make the fonts known to a page or form."""
        if "/Resources" not in page:
            page.Resources = pikepdf.Dictionary()
        if "/Font" not in page.Resources:
            page.Resources.Font = pikepdf.Dictionary()
        for font in self._fonts:
            if font.is_used:
                page.Resources.Font[font.name] = font.object

    def embed(self) -> None:
        """Put the fonts into the PDF, once all text is shaped."""
        for font in self._fonts:
            if font.is_used:
                font.embed(self._pdf)

    def _writable(self, character: str) -> str:
        """The character, if it can be drawn, else what is drawn instead of it."""
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            return " "
        if any(font.has(character) for font in self._fonts):
            return character
        is_mark = unicodedata.category(character) in ("Cf", "Mn")
        return "" if is_mark else _BOX

    def _runs(self, text: str) -> Iterator[tuple[str, tuple[_Glyph, ...]]]:
        """The pieces of one font and direction, from left to right."""
        chosen = zip(self._chosen(text), levels(text), text, strict=True)
        pieces = []
        for (number, level), some in groupby(chosen, lambda one: (one[0], one[1])):
            piece = "".join(character for *_, character in some)
            pieces.append((level, (self._fonts[number], "rtl" if level % 2 else "ltr", piece)))
        for font, direction, piece in ordered(pieces):
            yield font.name, font.shape(piece, direction)

    def _chosen(self, text: str) -> list[int]:
        """Which font each character is set in; the one of the last character where that has it."""
        chosen: list[int] = []
        last = 0
        for character in text:
            if not self._fonts[last].has(character):
                last = next(at for at, font in enumerate(self._fonts) if font.has(character))
            chosen.append(last)
        return chosen
