"""A row of 50 MB: refused with its line, before it is held whole."""

from __future__ import annotations

import pytest

from pressroom.errors import Code, UserError
from pressroom.model.rows import MAX_ROW_BYTES
from pressroom_gateway.rowsource import NDJSON, reader_of

PIECE = b"x" * 1_000_000


def test_a_row_of_50_mb_is_refused_with_its_line() -> None:
    reader = reader_of(NDJSON, None)
    assert reader.feed(b'{"n": 1}\n{"n": "') == [(1, {"n": 1})]
    taken = 0
    with pytest.raises(UserError) as caught:
        for _ in range(50):
            taken += len(PIECE)
            reader.feed(PIECE)
    assert (caught.value.code, caught.value.status) == (Code.REQUEST_TOO_LARGE, 413)
    assert (caught.value.path, caught.value.line) == ("rows[1]", 2)
    assert taken < MAX_ROW_BYTES + 2 * len(PIECE)
