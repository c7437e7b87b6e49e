"""The ZIP: what common readers make of it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pressroom_finalizer.archive import Entry, chunks

AT = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)


async def entries(directory: Path, files: Iterable[tuple[str, bytes]]) -> AsyncIterator[Entry]:
    for number, (name, content) in enumerate(files):
        path = directory / str(number)
        path.write_bytes(content)
        yield Entry(name, path, len(content), zlib.crc32(content))


async def zipped(directory: Path, files: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join([piece async for piece in chunks(entries(directory, files), AT)])


async def test_entries_come_out_in_order_with_their_names_and_content(tmp_path: Path) -> None:
    files = [("b.pdf", b"two"), ("a.pdf", b""), ("Rechnung für Zoë.pdf", b"x" * 700_000)]
    with zipfile.ZipFile(io.BytesIO(await zipped(tmp_path, files))) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == files
        assert {info.date_time for info in archive.infolist()} == {(2026, 3, 4, 5, 6, 8)}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


async def test_files_on_disk_are_gone_once_they_lie_in_the_archive(tmp_path: Path) -> None:
    await zipped(tmp_path, [("a", b"1"), ("b", b"2")])
    assert os.listdir(tmp_path) == []


async def test_a_reader_of_the_stream_finds_the_size_in_front_of_the_content(
    tmp_path: Path,
) -> None:
    archive = await zipped(tmp_path, [("a.pdf", b"content")])
    flags, _, _, _, crc, packed, size = struct.unpack_from("<4H3L", archive, 6)
    assert not flags & 0x0008
    assert (crc, packed, size) == (zlib.crc32(b"content"), 7, 7)


async def test_no_entries_make_an_empty_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(await zipped(tmp_path, []))) as archive:
        assert archive.namelist() == []


async def test_the_same_entries_make_the_same_bytes(tmp_path: Path) -> None:
    files = [("a", b"1"), ("b", b"2")]
    assert await zipped(tmp_path, files) == await zipped(tmp_path, files)


async def test_more_entries_than_the_old_format_can_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", lambda path: None)  # one empty file serves all entries
    empty = tmp_path / "empty"
    empty.touch()
    count = 0x10001

    async def many() -> AsyncIterator[Entry]:
        for number in range(count):
            yield Entry(f"{number}.pdf", empty, 0, 0)

    archive = b"".join([piece async for piece in chunks(many(), AT)])
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert len(read.namelist()) == count
        assert read.namelist()[-1] == f"{count - 1}.pdf"


async def test_pieces_stay_small(tmp_path: Path) -> None:
    files = [("large", b"x" * 5_000_000), *((str(number), b"y" * 1000) for number in range(500))]
    sizes = [len(piece) async for piece in chunks(entries(tmp_path, files), AT)]
    assert max(sizes) <= 2 * 256 * 1024
