"""What a merged PDF is given: read back by poppler, qpdf and pypdf."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pikepdf
import pypdf
import pytest
from pdf_words import Word, words

from pressroom.model.finish import MergeOptions, NumberPlace
from pressroom_finalizer.faults import BrokenJobError
from pressroom_finalizer.merging import MergeLimits, merging

LIMITS = MergeLimits(1024, 60)
A4, A5 = (595.0, 842.0), (420.0, 595.0)
ROWS = ["Ana Müller.pdf", "Żółć, Łódź.pdf", "Ελένη Παπαδοπούλου.pdf", "שרה כהן.pdf", "محمد.pdf"]


def sheet(
    path: Path, text: str, *, pages: int = 1, size: tuple[float, float] = A4, filler: int = 0
) -> Path:
    """A PDF of pages that say ``text``, whose drawing leaves the page upside down."""
    with pikepdf.new() as pdf:
        for number in range(pages):
            page = pdf.add_blank_page(page_size=size)
            face = pikepdf.Dictionary(
                Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
            )
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=face))
            body = f"BT /F1 12 Tf 72 300 Td ({text}-{number + 1}) Tj ET 1 0 0 -1 0 {size[1]} cm\n"
            page.Contents = pdf.make_stream(body.encode())
            if filler:
                page.Resources.XObject = pikepdf.Dictionary(
                    X=pdf.make_stream(_noise(f"{text}{number}", filler), Type=pikepdf.Name.XObject)
                )
        pdf.save(path, compress_streams=False)
    return path


def _noise(seed: str, size: int) -> bytes:
    return (seed.encode() * (size // len(seed) + 1))[:size]


async def merged(directory: Path, rows: list[tuple[Path, str]], **options: object) -> Path:
    (directory / "merge").mkdir()
    asked = MergeOptions.model_validate(options)
    kept = directory / "out"
    async with merging(directory / "merge", LIMITS, asked) as merge:
        for path, name in rows:
            await merge.add(path, name)
        await merge.finish()
        merge.out.rename(kept)
    return kept


def some(directory: Path, names: list[str], pages: int = 1) -> list[tuple[Path, str]]:
    return [
        (sheet(directory / f"{at:06d}.pdf", f"row{at}", pages=pages), name)
        for at, name in enumerate(names)
    ]


async def test_each_row_has_a_bookmark_that_leads_to_its_first_page(tmp_path: Path) -> None:
    out = await merged(tmp_path, some(tmp_path, ROWS, pages=2))
    reader = pypdf.PdfReader(out)
    found = [(str(one.title), reader.get_destination_page_number(one)) for one in reader.outline]
    assert found == [(name.removesuffix(".pdf"), 2 * at) for at, name in enumerate(ROWS)]
    assert reader.page_mode == "/UseOutlines"


async def test_bookmarks_go_through_every_level_of_groups(tmp_path: Path) -> None:
    rows = some(tmp_path, [f"{number}.pdf" for number in range(205)])
    reader = pypdf.PdfReader(await merged(tmp_path, rows))
    places = [reader.get_destination_page_number(one) for one in reader.outline]
    assert places == list(range(205))
    assert [one.title for one in reader.outline][-1] == "204"


async def test_bookmarks_can_be_left_out(tmp_path: Path) -> None:
    out = await merged(tmp_path, some(tmp_path, ROWS), bookmarks=False)
    assert pypdf.PdfReader(out).outline == []


async def test_numbers_run_across_the_file_upright_and_in_their_place(tmp_path: Path) -> None:
    rows = [
        (sheet(tmp_path / "0.pdf", "long", pages=2), "0.pdf"),
        (sheet(tmp_path / "1.pdf", "small", size=A5), "1.pdf"),
    ]
    asked = {"format": "Page {page} of {pages}", "place": "BottomRight"}
    out = await merged(tmp_path, rows, page_numbers=asked)
    for page, (width, height) in ((1, A4), (2, A4), (3, A5)):
        line = [word for word in words(out) if word.page == page][-4:]
        assert [word.text for word in line] == ["Page", str(page), "of", "3"]
        assert abs(line[-1].right - (width - 24)) < 1
        assert height - 36 < line[0].top < line[0].bottom < height - 18


@pytest.mark.parametrize("place", list(NumberPlace))
async def test_numbers_stand_in_every_place(tmp_path: Path, place: NumberPlace) -> None:
    out = await merged(tmp_path, some(tmp_path, ROWS[:2]), page_numbers={"place": place})
    for page in (1, 2):
        line = [
            word for word in words(out) if word.page == page and not word.text.startswith("row")
        ]
        assert [word.text for word in line] == [str(page), "/", "2"]
        left, right = line[0].left, line[-1].right
        at = {
            "Left": left - 24,
            "Center": (left + right) / 2 - A4[0] / 2,
            "Right": right - A4[0] + 24,
        }
        (side,) = (side for side in at if place.endswith(side))
        assert abs(at[side]) < 1
        assert (line[0].top < 36) is place.startswith("Top")
        assert (line[0].bottom > A4[1] - 36) is place.startswith("Bottom")


async def test_the_contents_name_each_row_with_its_page_and_a_link(tmp_path: Path) -> None:
    out = await merged(tmp_path, some(tmp_path, ROWS, pages=3), contents={"title": "Inhalt"})
    reader = pypdf.PdfReader(out)
    assert len(reader.pages) == 1 + 3 * len(ROWS)
    text = " ".join(word.text for word in words(out) if word.page == 1)
    assert text.startswith("Inhalt")
    for name in ("Ana Müller", "Żółć, Łódź", "Ελένη Παπαδοπούλου"):
        assert name in text
    assert [_number_of(word) for word in words(out) if word.page == 1 and _number_of(word)] == [
        *("2", "5", "8", "11", "14")
    ]
    links = reader.pages[0].annotations or []
    targets = [one.get_object()["/Dest"][0].get_object() for one in links]
    assert targets == [reader.pages[1 + 3 * at].get_object() for at in range(len(ROWS))]
    places = [reader.get_destination_page_number(one) for one in reader.outline]
    assert places == [1, 4, 7, 10, 13]


def _number_of(word: Word) -> str:
    """The page number that a word on a contents page is, dots before it or not; "" for others."""
    text = word.text.lstrip(".")
    return text if text.isdigit() else ""


async def test_contents_pages_have_numbers_and_the_watermark_too(tmp_path: Path) -> None:
    mark = {"text": "COPY", "angle": 0}
    out = await merged(
        tmp_path, some(tmp_path, ROWS[:2]), contents={}, page_numbers={}, watermark=mark
    )
    first = [word.text for word in words(out) if word.page == 1]
    assert {"Contents", "Ana", "COPY", "1", "/", "3"} <= set(first)


async def test_long_contents_take_several_pages_and_long_names_are_cut(tmp_path: Path) -> None:
    names = [f"{'A very long name ' * 9}{number}.pdf" for number in range(120)]
    out = await merged(tmp_path, some(tmp_path, names), contents={})
    found = words(out)
    last = next(word.page for word in found if word.text == "row0-1") - 1
    assert last == 4
    pages = [_number_of(word) for word in found if word.page <= last and _number_of(word)]
    assert [int(text) for text in pages] == [last + 1 + row for row in range(120)]
    assert all(word.right < A4[0] - 55 for word in found if word.page <= last)
    assert sum("…" in word.text for word in found if word.page <= last) == 120


async def test_the_watermark_lies_slanted_on_every_page(tmp_path: Path) -> None:
    rows = some(tmp_path, ROWS[:2])
    out = await merged(tmp_path, rows, watermark={"text": "COPY", "over": True, "colour": "#c00"})
    with pikepdf.open(out) as pdf:
        for page in pdf.pages:
            (mark,) = page.Resources.XObject.values()
            assert float(mark.Resources.ExtGState.PressroomAlpha.ca) == 0.2
            assert b"0.8000 0.0000 0.0000 rg" in mark.read_bytes()
    drawn = _pixels(out)
    # Reddish pixels from the lower left to the upper right of the page.
    assert {(x // 60, y // 60) for x, y in drawn} >= {(3, 8), (4, 7), (6, 5)}


@pytest.mark.parametrize("over", [True, False])
async def test_a_stamp_lies_over_what_a_watermark_lies_under(tmp_path: Path, over: bool) -> None:
    (row, _), *_ = rows = some(tmp_path, ROWS[:1])
    with pikepdf.open(row, allow_overwriting_input=True) as pdf:
        pdf.pages[0].contents_add(b"1 g 0 0 595 842 re f", prepend=True)
        pdf.save(row)
    out = await merged(tmp_path, rows, watermark={"text": "COPY", "over": over, "colour": "#c00"})
    assert bool(_pixels(out)) is over


def _pixels(pdf: Path) -> list[tuple[int, int]]:
    from PIL import Image

    done = subprocess.run(
        ["pdftoppm", "-png", "-r", "72", "-l", "1", pdf], capture_output=True, check=True
    )
    with Image.open(io.BytesIO(done.stdout)) as image:
        rgb = image.convert("RGB")
        return [
            (x, y)
            for x in range(rgb.width)
            for y in range(rgb.height)
            if (p := rgb.getpixel((x, y))) and p[0] - p[1] > 30
        ]


async def test_metadata_and_encryption(tmp_path: Path) -> None:
    out = await merged(
        tmp_path,
        some(tmp_path, ROWS),
        metadata={"title": "All letters", "author": "Tern Point"},
        encryption={"userPassword": "open sesame", "permissions": ["Print"]},
    )
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(out)
    with pikepdf.open(out, password="open sesame") as pdf:
        assert str(pdf.docinfo["/Title"]) == "All letters"
        assert pdf.encryption.R == 6
        assert not pdf.allow.extract
        assert pdf.allow.print_highres


@pytest.mark.parametrize(("standard", "part"), [("PdfA2b", "2"), ("PdfA3b", "3")])
async def test_an_archive_has_its_fonts_in_it_and_says_what_it_is(
    tmp_path: Path, standard: str, part: str
) -> None:
    out = await merged(
        tmp_path, some(tmp_path, ROWS), contents={}, page_numbers={}, pdf_standard=standard
    )
    with pikepdf.open(out) as pdf:
        xmp = pdf.open_metadata()
        assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == (part, "B")
        assert "/OutputIntents" in pdf.Root
        (ours,) = (
            one
            for one in pdf.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Subtype") == "/CIDFontType2"
        )
        assert len(ours.FontDescriptor.FontFile2.read_bytes()) < 120_000
        links = pdf.pages[0].Annots
        assert all(int(one.F) & 4 for one in links)


async def test_what_no_font_has_is_a_box_and_never_a_missing_glyph(tmp_path: Path) -> None:
    names = ["你好 🎉.pdf", "👩‍👩‍👧 ☺️.pdf", "q\u0301\u1dc4.pdf"]
    asked = {"contents": {"title": "目次"}, "watermark": {"text": "草稿"}, "pdf_standard": "PdfA2b"}
    out = await merged(tmp_path, some(tmp_path, names), **asked)
    text = " ".join(word.text for word in words(out) if word.page == 1)
    assert "□□" in text
    with pikepdf.open(out) as pdf:
        # Glyph 0 is the font's own for what it lacks: PDF/A forbids it (ISO 19005-2, 6.2.11.8).
        drawn = [pdf.pages[0].Contents[-1], *pdf.pages[0].Resources.XObject.values()]
        assert not any(b"<0000>" in one.read_bytes() for one in drawn)


async def test_a_number_after_hebrew_letters_stands_left_of_them(tmp_path: Path) -> None:
    rows = some(tmp_path, ["חשבונית 17 שרה.pdf"], pages=30)
    found = [word for word in words(await merged(tmp_path, rows, contents={})) if word.page == 1]
    # poppler gives the letters of a word as they stand from left to right.
    by_text = {word.text: word.left for word in found}
    assert by_text["שרה"[::-1]] < by_text["17"] < by_text["חשבונית"[::-1]]


async def test_cut_by_pages_only_between_rows(tmp_path: Path) -> None:
    rows = some(tmp_path, ROWS, pages=3)
    out = await merged(tmp_path, rows, max_pages=7, page_numbers={})
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        found = {
            name: pypdf.PdfReader(io.BytesIO(archive.read(name))) for name in archive.namelist()
        }
    assert [(name, len(pdf.pages)) for name, pdf in found.items()] == [
        ("merged-001.pdf", 6),
        ("merged-002.pdf", 6),
        ("merged-003.pdf", 3),
    ]
    titles = [[str(one.title) for one in pdf.outline] for pdf in found.values()]
    assert titles == [
        [name.removesuffix(".pdf") for name in part] for part in (ROWS[:2], ROWS[2:4], ROWS[4:])
    ]
    assert "1 / 3" in found["merged-003.pdf"].pages[0].extract_text()


async def test_cut_by_size_keeps_every_file_within_it_and_shares_what_is_equal(
    tmp_path: Path,
) -> None:
    rows = [
        (sheet(tmp_path / f"{at:03d}.pdf", f"row{at}", filler=90_000), f"{at}.pdf")
        for at in range(40)
    ]
    out = await merged(tmp_path, rows, max_megabytes=1, contents={})
    with zipfile.ZipFile(out) as archive:
        sizes = [info.file_size for info in archive.infolist()]
        order = [
            word.text
            for name in archive.namelist()
            for word in words(archive.read(name))
            if word.text.startswith("row")
        ]
    assert max(sizes) <= 1_000_000
    assert min(sizes[:-1]) > 800_000
    assert order == [f"row{at}-1" for at in range(40)]


async def test_a_row_that_is_over_the_limit_is_a_file_by_itself(tmp_path: Path) -> None:
    big = sheet(tmp_path / "big.pdf", "big", filler=1_500_000)
    rows = [*some(tmp_path, ROWS[:1]), (big, "big.pdf"), (sheet(tmp_path / "z.pdf", "z"), "z.pdf")]
    out = await merged(tmp_path, rows, max_megabytes=1)
    with zipfile.ZipFile(out) as archive:
        assert [info.file_size > 1_000_000 for info in archive.infolist()] == [False, True, False]


async def test_a_file_that_is_no_pdf_is_named_whatever_is_asked_for(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"<html>")
    with pytest.raises(BrokenJobError, match=r"broken\.pdf"):
        await merged(tmp_path, [(broken, "x.pdf")], contents={}, max_pages=1)


def _linked(path: Path) -> Path:
    """Two pages, the first with a link to the second by a name, as the browser writes it."""
    sheet(path, path.stem, pages=2)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        first, second = (page.obj for page in pdf.pages)
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=[72, 300, 200, 320],
            Dest=pikepdf.Name("/part"),
        )
        first.Annots = pikepdf.Array([pdf.make_indirect(link)])
        pdf.Root.Dests = pikepdf.Dictionary(
            {"/part": pikepdf.Array([second, pikepdf.Name.XYZ, 72, 700.5, 0])}
        )
        pdf.save(path)
    return path


@pytest.mark.parametrize("asked", [{}, {"contents": {}}, {"max_pages": 10}])
async def test_a_rows_links_lead_to_its_own_pages(tmp_path: Path, asked: dict[str, object]) -> None:
    count = 102 if not asked else 8  # more than a group
    rows = [(_linked(tmp_path / f"{at:03d}.pdf"), f"{at}.pdf") for at in range(count)]
    out = await merged(tmp_path, rows, **asked)
    if "max_pages" in asked:
        with zipfile.ZipFile(out) as archive:
            files = [archive.read(name) for name in archive.namelist()]
    else:
        files = [out.read_bytes()]
    found = 0
    for file in files:
        with pikepdf.open(io.BytesIO(file)) as pdf:
            pages = list(pdf.pages)
            start = 1 if "contents" in asked else 0
            for page, following in zip(pages[start::2], pages[start + 1 :: 2], strict=True):
                (link,) = page.obj.Annots
                assert link.Dest[0].objgen == following.obj.objgen
                assert [str(one) for one in list(link.Dest)[1:]] == ["/XYZ", "72", "700.5", "0"]
                found += 1
    assert found == count


async def test_a_password_that_no_reader_would_take_is_refused_unsaid(tmp_path: Path) -> None:
    rows = some(tmp_path, ROWS[:1])
    with pytest.raises(BrokenJobError, match="longer than 127 bytes") as caught:
        await merged(tmp_path, rows, encryption={"userPassword": "s3cret" * 30})
    assert "s3cret" not in f"{caught.value.message}{caught.value.log}"


@pytest.mark.parametrize("size", [(176.0, 82.0), (82.0, 176.0), (298.0, 420.0)])
async def test_contents_have_their_place_on_small_paper(
    tmp_path: Path, size: tuple[float, float]
) -> None:
    rows = [
        (sheet(tmp_path / f"{at}.pdf", f"row{at}", size=size), f"label{at}.pdf") for at in range(5)
    ]
    out = await merged(tmp_path, rows, contents={})
    with pikepdf.open(out) as pdf:
        links = [one for page in pdf.pages for one in page.get("/Annots", ())]
    found = [word for word in words(out) if word.text.startswith(("label", "Contents"))]
    assert {word.text.rstrip(".") for word in found} == {
        "Contents",
        *(f"label{at}" for at in range(5)),
    }
    assert all(0 < word.left < word.right < size[0] for word in found)
    assert all(0 < word.top < word.bottom < size[1] for word in found)
    for link in links:
        left, bottom, right, top = (float(side) for side in link.Rect)
        assert 0 < left < right < size[0]
        assert 0 < bottom < top < size[1]
