"""CSV in pieces: the same rows however the bytes are cut."""

from __future__ import annotations

import codecs

import pytest

from pressroom.csvrows import parse_csv
from pressroom.errors import Code, UserError

TEXT = 'a,b\r\n1,"x\r\ny"\r\n\r\n5" pipe,"é ""q"""\n2,日本\r3,'
ROWS = [
    {"a": "1", "b": "x\r\ny"},
    {"a": '5" pipe', "b": 'é "q"'},
    {"a": "2", "b": "日本"},
    {"a": "3", "b": ""},
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize(
    "data", [TEXT.encode(), codecs.BOM_UTF8 + TEXT.encode(), TEXT.encode("utf-16")]
)
def test_any_cut_gives_the_same_rows(data: bytes, size: int) -> None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(parse_csv(pieces)) == ROWS


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b'a,b\n"1\n2",3\n\n4\n', Code.MALFORMED_CSV, 5),
        (b'a\n"x"y\n', Code.MALFORMED_CSV, 2),
        (b"a\n1\n\xe9\n", Code.BAD_ENCODING, 3),
        (b"a\n1\n\xc3", Code.BAD_ENCODING, 3),
    ],
)
def test_faults_name_their_line(data: bytes, size: int, code: Code, line: int) -> None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    with pytest.raises(UserError) as caught:
        list(parse_csv(pieces))
    assert (caught.value.code, caught.value.line) == (code, line)


def test_an_endless_row_is_not_collected() -> None:
    with pytest.raises(UserError) as caught:
        list(
            parse_csv(b'a\n"' + b"x" * 1_000_000 if n == 0 else b"x" * 1_000_000 for n in range(20))
        )
    assert caught.value.status == 413
