"""Merging real PDFs in the binder's process, read back by pypdf and checked by qpdf."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pikepdf
import pypdf
import pytest

from pressroom_finalizer.faults import BrokenJobError
from pressroom_finalizer.merging import MergeLimits, merging

LIMITS = MergeLimits(1024, 60)


def letter(path: Path, text: str, *, font: bytes, pages: int = 1) -> Path:
    """A PDF as the browser makes them: a font, its widths shared by nothing, a text of its own."""
    with pikepdf.new() as pdf:
        program = pdf.make_stream(font, Length1=len(font))
        descriptor = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.FontDescriptor,
                FontName=pikepdf.Name("/AAAAAA+Sans"),
                Flags=32,
                FontBBox=[0, 0, 1000, 1000],
                ItalicAngle=0,
                Ascent=900,
                Descent=-200,
                CapHeight=700,
                StemV=80,
                FontFile2=program,
            )
        )
        face = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Font,
                Subtype=pikepdf.Name.TrueType,
                BaseFont=pikepdf.Name("/AAAAAA+Sans"),
                Encoding=pikepdf.Name.WinAnsiEncoding,
                FirstChar=32,
                LastChar=126,
                Widths=[500] * 95,
                FontDescriptor=descriptor,
            )
        )
        for number in range(pages):
            page = pdf.add_blank_page(page_size=(595, 842))
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=face))
            body = f"BT /F1 12 Tf 72 700 Td ({text} page {number + 1}) Tj ET"
            page.Contents = pdf.make_stream(body.encode())
        pdf.save(path, compress_streams=False)
    return path


async def merged(directory: Path, files: list[Path]) -> tuple[Path, int]:
    """The merged file and the number of pages that the binder told."""
    folder = directory / "merge"
    os.mkdir(folder)
    async with merging(folder, LIMITS) as merge:
        for file in files:
            await merge.add(file, file.name)
        pages = await merge.finish()
        assert merge.files == len(files)
        out = directory / "out.pdf"
        os.replace(merge.out, out)
        left = set(os.listdir(folder)) - {"errors.txt"}
        assert left == set()
    return out, pages


def texts(path: Path) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(path).pages]


def check(path: Path) -> None:
    """What qpdf, and so every strict reader, says of the file."""
    qpdf = shutil.which("qpdf")
    if qpdf is None:
        pytest.skip("qpdf is not installed")
    done = subprocess.run([qpdf, "--check", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_pages_come_out_in_the_order_of_the_rows(tmp_path: Path) -> None:
    font = os.urandom(5000)
    files = [
        letter(tmp_path / f"{n:06d}.pdf", f"row {n}", font=font, pages=1 + n % 3) for n in range(7)
    ]
    out, pages = await merged(tmp_path, files)
    expected = [f"row {n} page {p + 1}" for n in range(7) for p in range(1 + n % 3)]
    assert texts(out) == expected
    assert pages == len(expected)
    check(out)


async def test_more_files_than_a_group_go_through_the_tree_in_order(tmp_path: Path) -> None:
    font = os.urandom(2000)
    files = [letter(tmp_path / f"{n:06d}.pdf", f"row {n}", font=font) for n in range(230)]
    out, pages = await merged(tmp_path, files)
    assert texts(out) == [f"row {n} page 1" for n in range(230)]
    assert pages == 230
    check(out)


async def test_a_font_that_all_rows_share_is_kept_once(tmp_path: Path) -> None:
    font = os.urandom(40_000)
    files = [letter(tmp_path / f"{n:06d}.pdf", f"row {n}", font=font) for n in range(120)]
    before = sum(file.stat().st_size for file in files)
    out, _ = await merged(tmp_path, files)
    assert len(Path.read_bytes(out)) < before * 0.05
    with pikepdf.open(out) as pdf:
        fonts = {page.Resources.Font.F1.objgen for page in pdf.pages}
        assert len(fonts) == 1


async def test_fonts_that_differ_are_kept_apart(tmp_path: Path) -> None:
    fonts = [os.urandom(1000) for _ in range(3)]
    files = [
        letter(tmp_path / f"{n:06d}.pdf", f"row {n}", font=font) for n, font in enumerate(fonts)
    ]
    out, _ = await merged(tmp_path, files)
    with pikepdf.open(out) as pdf:
        kept = [page.Resources.Font.F1.FontDescriptor.FontFile2.read_bytes() for page in pdf.pages]
    assert kept == fonts


async def test_equal_rows_stay_pages_of_their_own(tmp_path: Path) -> None:
    files = [letter(tmp_path / f"{n:06d}.pdf", "same", font=b"f" * 100) for n in range(3)]
    out, pages = await merged(tmp_path, files)
    assert pages == 3
    with pikepdf.open(out) as pdf:
        assert len({page.obj.objgen for page in pdf.pages}) == 3
        assert len({page.Contents.objgen for page in pdf.pages}) == 1


async def test_the_same_rows_make_the_same_file(tmp_path: Path) -> None:
    made = []
    for run in ("one", "two"):
        folder = tmp_path / run
        os.mkdir(folder)
        files = [letter(folder / f"{n:06d}.pdf", f"row {n}", font=b"f" * 99) for n in range(3)]
        out, _ = await merged(folder, files)
        made.append(Path.read_bytes(out))
    assert made[0] == made[1]


async def test_a_resource_that_contains_itself_does_not_hang_the_merge(tmp_path: Path) -> None:
    path = tmp_path / "000000.pdf"
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page()
        form = pdf.make_stream(b"", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Self=form))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Self=form))
        pdf.save(path)
    _, pages = await merged(tmp_path, [path])
    assert pages == 1


async def test_layers_within_layers_merge_however_many(tmp_path: Path) -> None:
    """The browser makes one of every element that is half transparent."""
    with pikepdf.new() as pdf:
        inner = pdf.make_stream(b"0 0 m 9 9 l S")
        for _ in range(500):
            outer = pdf.make_stream(b"/X0 Do")
            for form in (inner, outer):
                form.Type, form.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
                form.BBox = [0, 0, 595, 842]
            outer.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X0=inner))
            inner = outer
        page = pdf.add_blank_page(page_size=(595, 842))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X0=inner))
        page.Contents = pdf.make_stream(b"/X0 Do")
        pdf.save(tmp_path / "deep.pdf")
    files = [letter(tmp_path / f"{n}.pdf", f"row {n}", font=b"F" * 500) for n in range(150)]
    _, pages = await merged(tmp_path, [tmp_path / "deep.pdf", *files])
    assert pages == 151


async def test_a_file_that_is_no_pdf_is_named(tmp_path: Path) -> None:
    good = letter(tmp_path / "000000.pdf", "row", font=b"f")
    bad = tmp_path / "000001.pdf"
    Path.write_bytes(bad, b"<html>502 Bad Gateway</html>")
    with pytest.raises(BrokenJobError, match=r"000001\.pdf cannot be merged"):
        await merged(tmp_path, [good, bad])


async def test_the_callers_files_stay(tmp_path: Path) -> None:
    file = letter(tmp_path / "000000.pdf", "row", font=b"f")
    before = file.read_bytes()
    await merged(tmp_path, [file])
    assert Path.read_bytes(file) == before


async def test_too_little_memory_fails_the_merge_and_nothing_else(tmp_path: Path) -> None:
    file = letter(tmp_path / "000000.pdf", "row", font=bytes(300_000_000))
    os.mkdir(tmp_path / "merge")
    with pytest.raises(BrokenJobError):
        async with merging(tmp_path / "merge", MergeLimits(256, 60)) as merge:
            await merge.add(file, file.name)
            await merge.finish()


async def test_a_merged_file_that_memory_does_not_hold_is_said_to_be_so(tmp_path: Path) -> None:
    """And not to be a fault of the row's file that was read when memory ran out."""
    files = [
        letter(tmp_path / f"{n:06d}.pdf", f"row {n}", font=os.urandom(1_000_000))
        for n in range(160)
    ]
    os.mkdir(tmp_path / "merge")
    with pytest.raises(BrokenJobError, match="needs more memory than it is given"):
        async with merging(tmp_path / "merge", MergeLimits(200, 60)) as merge:
            for file in files:
                await merge.add(file, file.name)
            await merge.finish()


async def test_leaving_the_context_ends_the_process(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "merge")
    async with merging(tmp_path / "merge", LIMITS) as merge:
        await merge.add(letter(tmp_path / "000000.pdf", "row", font=b"f"), "row.pdf")
        assert children() != []
    assert children() == []


def children() -> list[str]:
    """The binder processes that this one has started and that still run."""
    listed = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "pressroom_finalizer.binder"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.split()
