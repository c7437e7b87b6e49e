"""The line on which a value of a JSON text stands."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressroom.dialects.json_lines import line_of

BODY = rb"""
{
  "rows": [ {"a": "}],\"\n",
             "b": [ [], {} ]},
    [
      1e5
    ] ],
  "labels": {"x": 0,
    "x.y": {
      "z": 1},
    "x.y.q": 0, "x": 5
  },
  "twice": 1,
  "twice":
     2
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("rows", 3),
        ("rows[0]", 3),
        ("rows[0].b", 4),
        ("rows[0].b[1]", 4),
        ("rows[1]", 5),
        ("rows[1][0]", 6),
        ("labels.x", 11),
        ("labels.x.y", 9),
        ("labels.x.y.z", 10),
        ("twice", 15),
    ],
)
def test_the_line_of_a_value(path: str, line: int) -> None:
    assert line_of(BODY, path) == line
    assert line_of(b"\xef\xbb\xbf" + BODY, path) == line


@pytest.mark.parametrize(
    ("path", "line"), [("absent", 2), ("rows[2]", 3), ("rows[1].a", 5), ("labels.x.y.no", 9)]
)
def test_of_a_value_that_is_not_there_it_is_the_nearest_around_it(path: str, line: int) -> None:
    assert line_of(BODY, path) == line


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1", b'{"a"', b'{"a":', b"{1:2}", b'{"a": nope}', b"\xff", b"[" * 5000]
)
def test_what_is_no_json_has_no_lines(body: bytes) -> None:
    assert line_of(body, "a") in (None, 1)
    assert line_of(body, "[7]") in (None, 1)


def test_numbers_of_any_length() -> None:
    assert line_of(b'{"n": ' + b"1" * 10_000 + b',\n"a": 1}', "a") == 2


KEYS = st.text('ab.[]0\\"é\n', min_size=1, max_size=4)
VALUES = st.recursive(
    st.none()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text('a,]}"\\\né', max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@given(st.lists(VALUES, min_size=1, max_size=6), st.data())
def test_any_values_around_it(values: list[Any], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(values) - 1))
    texts = [orjson.dumps(value, option=orjson.OPT_INDENT_2) for value in values]
    body = b'{"rows": [\n' + b",\n".join(texts) + b"]}"
    before = sum(text.count(b"\n") + 1 for text in texts[:index])
    assert line_of(body, f"rows[{index}]") == 2 + before
