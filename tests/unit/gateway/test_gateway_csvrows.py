"""CSV in pieces: the same rows however the bytes are cut, in any charset and delimiter we know."""

from __future__ import annotations

import codecs

import aiohttp
import orjson
import pytest
from gateway_support import Farm

from pressroom.csvrows import CsvRows, parse_csv
from pressroom.errors import Code, UserError

SIZES = [1, 2, 3, 5, 7, 1000]
TEXT = 'a,b\r\n1,"x\r\ny"\r\n\r\n5" pipe,"é ""q"""\n2,日本\r3,'
ROWS = [
    {"a": "1", "b": "x\r\ny"},
    {"a": '5" pipe', "b": 'é "q"'},
    {"a": "2", "b": "日本"},
    {"a": "3", "b": ""},
]
BIG_ENDIAN = codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be")


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def rows_of(data: bytes, size: int, charset: str | None) -> list[dict[str, str]]:
    reader = CsvRows(charset)
    found = [row for piece in pieces(data, size) for row in reader.feed(piece)]
    return [row for _, row in [*found, *reader.close()]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "data", [TEXT.encode(), codecs.BOM_UTF8 + TEXT.encode(), TEXT.encode("utf-16"), BIG_ENDIAN]
)
def test_any_cut_gives_the_same_rows(data: bytes, size: int) -> None:
    assert list(parse_csv(pieces(data, size))) == ROWS


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("UTF-8", codecs.BOM_UTF8 + "n\né".encode(), "é"),
        ("utf8", "n\né".encode(), "é"),
        ("us-ascii", b"n\ne", "e"),
        ("ISO-8859-1", b"n\n\xe9\x80", "é\x80"),
        ("latin1", b"n\n\xe9", "é"),
        ("windows-1252", b"n\n\xe9\x80", "é€"),
        ("cp1252", b"n\n\x80", "€"),
        ("utf-16", codecs.BOM_UTF16_BE + "n\né".encode("utf-16-be"), "é"),
        ("UTF_16", codecs.BOM_UTF16_LE + "n\né".encode("utf-16-le"), "é"),
    ],
)
def test_the_stated_charset_is_what_is_read(
    charset: str, data: bytes, text: str, size: int
) -> None:
    assert rows_of(data, size, charset) == [{"n": text}]


@pytest.mark.parametrize("charset", ["klingon", "utf-7", "base64", "a\0b", ""])
def test_another_charset_is_refused(charset: str) -> None:
    with pytest.raises(UserError) as caught:
        CsvRows(charset)
    assert (caught.value.code, caught.value.status) == (Code.UNSUPPORTED_MEDIA_TYPE, 415)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("a;b\n1,5;x\n", {"a": "1,5", "b": "x"}),
        ('\r\n"a,b";c\r\n1;"x;y"\r\n', {"a,b": "1", "c": "x;y"}),
        ("a\tb;c\td\n1\t2\t3\n", {"a": "1", "b;c": "2", "d": "3"}),
        ("a;x;y,b\n1;2,3\n", {"a;x;y": "1;2", "b": "3"}),
        ('"a;b"\n1;2\n', {"a;b": "1;2"}),
        ("a\n1;2\n", {"a": "1;2"}),
    ],
)
def test_the_header_tells_the_delimiter(text: str, row: dict[str, str], size: int) -> None:
    assert list(parse_csv(pieces(text.encode(), size))) == [row]


@pytest.mark.parametrize("size", [1, 2, 4, 1000])
@pytest.mark.parametrize(
    ("data", "code", "path", "line"),
    [
        (b'a,b\n"1\n2",3\n\n4\n', Code.MALFORMED_CSV, "rows[1].b", 5),
        (b'a\n"x"y\n', Code.MALFORMED_CSV, "rows[0]", 2),
        (b"a,b\n1,2\n1,2,3\n", Code.MALFORMED_CSV, "rows[1]", 3),
        (b"a,b,a\n", Code.MALFORMED_CSV, "header[2]", 1),
        (b"a\n1\n\xe9\n", Code.BAD_ENCODING, "rows[1].a", 3),
        (b"a\n1\n\xc3", Code.BAD_ENCODING, "rows[1].a", 3),
        (b"a,b\r1,2\r\xe9\r", Code.BAD_ENCODING, "rows[1].a", 3),
        (b'a,b\n1,"2\n3\xe9"', Code.BAD_ENCODING, "rows[0].b", 3),
        (b"a;b\n1;\xe9\n", Code.BAD_ENCODING, "rows[0].b", 2),
        (b"a,\xe9\n", Code.BAD_ENCODING, "header[1]", 1),
        (b"\xff\xfea\0\n\0b\0\n\0\0\xd8\n\0", Code.BAD_ENCODING, "rows[1].a", 3),
        (b"a,b\n1\n\xe9\n", Code.MALFORMED_CSV, "rows[0].b", 2),
    ],
)
def test_faults_name_their_place(data: bytes, size: int, code: Code, path: str, line: int) -> None:
    with pytest.raises(UserError) as caught:
        list(parse_csv(pieces(data, size)))
    assert (caught.value.code, caught.value.path, caught.value.line) == (code, path, line)


@pytest.mark.parametrize("size", [1, 1000])
def test_a_fault_of_a_stated_charset_names_its_place(size: int) -> None:
    with pytest.raises(UserError) as caught:
        rows_of(b"a;\x80\n1;2\n3;\x81\n", size, "windows-1252")
    assert (caught.value.path, caught.value.line) == ("rows[1].€", 3)


@pytest.mark.parametrize("charset", [None, "latin1"])
def test_an_endless_row_is_not_collected(charset: str | None) -> None:
    reader = CsvRows(charset)
    reader.feed(b'a\n1\n"')
    with pytest.raises(UserError) as caught:
        for _ in range(20):
            reader.feed(b"x" * 1_000_000)
    assert caught.value.status == 413
    assert (caught.value.path, caught.value.line) == ("rows[1]", 3)


async def test_a_spreadsheet_of_windows_becomes_rows(farm: Farm) -> None:
    body, kind = "Größe;Preis\n1,5 m;9 €\n".encode("cp1252"), "text/csv; charset=windows-1252"
    form = aiohttp.FormData()
    form.add_field("request", b'{"html": "x"}', filename="request", content_type="application/json")
    form.add_field("rows", body, content_type=kind, filename="rows.csv")
    plain = {"data": body, "headers": {"Content-Type": kind}, "params": {"html": "x"}}
    for options in (plain, {"data": form}):
        status, batch = await farm.call("POST", "/v1/batches", **options)
        assert status == 202, batch
        key = (await farm.job(batch["id"]))["spec"]["manifest"]["key"]
        row = orjson.loads(farm.store.objects[key].data)
        assert row == {"data": {"Größe": "1,5 m", "Preis": "9 €"}}
