"""Bodies for ``POST /v1/batches`` that must be refused, and how: for the twins and a real farm.

They are for a tenant of :data:`LIMITS`. Bodies of rows alone come with ``?html=``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

HTML = "<p>{{ n }}</p>"
JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
LIMITS = {"rowsPerBatch": 500, "activeJobs": 20, "maxRequestBytes": 4 * 1024 * 1024}


@dataclass(frozen=True)
class Bad:
    """A body, and the status, code, path and line of its refusal."""

    content_type: str
    body: bytes
    status: int
    code: str
    path: str | None = None
    line: int | None = None

    @property
    def params(self) -> dict[str, str]:
        return {} if self.content_type == JSON else {"html": HTML}


def _request(rows: Any = ({"n": 1},), /, name: str = "rows", **options: Any) -> bytes:
    """``html`` is on line 1, each option on a line from 2, then the list, then row by row."""
    lines = [f'{{"html": "{HTML}"']
    lines += [f'"{key}": {orjson.dumps(value).decode()}' for key, value in options.items()]
    each = ",\n".join(orjson.dumps(row).decode() for row in rows)
    return ",\n".join([*lines, f'"{name}": [\n{each}]}}']).encode()


def _items(*given: Any) -> bytes:
    """The list begins on line 2, item N is on line N + 3."""
    return _request(given, name="items")


def _malformed(body: bytes, path: str | None, line: int | None) -> Bad:
    return Bad(JSON, body, 400, "invalid_request", path, line)


def _option(body: bytes, path: str, line: int) -> Bad:
    return Bad(JSON, body, 422, "invalid_option", path, line)


_JSON: dict[str, Bad] = {
    "malformed JSON": Bad(JSON, b'{"html": "x",\n "rows": [}', 400, "malformed_json", line=2),
    "JSON in a wrong encoding": Bad(JSON, b'{"html":\n"\xe9"}', 400, "bad_encoding", line=2),
    "a body that is no object": _malformed(b"[1]", None, None),
    "a row that is no object": _malformed(_request([{}, {}, 5]), "rows[2]", 5),
    "a row nested too deeply": _malformed(
        b'{"html": "x", "rows": [{},\n' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}", "rows[1]", 2
    ),
    "rows that are no list": _malformed(b'{"html": "x",\n\n"rows": {}}', "rows", 3),
    "no rows": Bad(JSON, b'{"html": "x",\n"rows": []}', 400, "no_rows", "rows", 2),
    "no items": Bad(JSON, _items(), 400, "no_rows", "items", 2),
    "neither rows nor items": _malformed(b'\n{"html": "x"}', "rows", 2),
    "rows and items": _malformed(_request(items=[{}]), "rows", 3),
    "too many rows": Bad(JSON, _request([{}] * 501), 422, "too_many_rows", "rows[500]", 503),
    "too many items": Bad(JSON, _items(*[{}] * 501), 422, "too_many_rows", "items[500]", 503),
    "no template": _malformed(b'\n{"rows": [{}]}', "template", 2),
    "template and html": _malformed(_request(template="a"), "html", 1),
    "an unknown template": Bad(
        JSON, b'{"rows": [{}],\n"template": "no"}', 404, "template_not_found", "template", 2
    ),
    "an unknown template of an item": Bad(
        JSON,
        _items({}, {"template": "no"}, {"template": "absent"}, {"template": "no"}),
        404,
        "template_not_found",
        "items[1].template",
        4,
    ),
    "too many templates": _option(
        _items(*({"template": f"t{n // 2}"} for n in range(202))), "items[200].template", 203
    ),
    "duplicate row ids": Bad(
        JSON,
        _items({"id": "a"}, {"id": "b"}, {"id": "a"}),
        422,
        "duplicate_row_id",
        "items[2].id",
        5,
    ),
    "an id that is another row's position": Bad(
        JSON, _items({"id": "1"}, {}), 422, "duplicate_row_id", "items[1].id", 4
    ),
    "an item that is no object": _malformed(_items({}, 1), "items[1]", 4),
    "an unknown field of an item": _malformed(_items({"dta": {}}), "items[0].dta", 3),
    "an item's option out of range": _option(
        _items({}, {"page": {"scalePercent": 500}}), "items[1].page.scalePercent", 4
    ),
    "an item with template and html": _malformed(
        _items({"html": "x", "template": "a"}), "items[0]", 3
    ),
    "an item without any template": _malformed(b'{"items": [\n{"html": "x"},\n{}]}', "items[1]", 3),
    "an unknown field": _malformed(_request(colour=1), "colour", 2),
    "an unknown option of the page": _malformed(
        _request(page={"scale_percent": 50}), "page.scale_percent", 2
    ),
    "priority out of range": _option(_request(labels={}, priority=10), "priority", 3),
    "priority as text": _malformed(_request(priority="5"), "priority", 2),
    "scale out of range": _option(
        b'{"html": "x", "rows": [{}],\n"page": {\n"format": "A4",\n"scalePercent": 9}}',
        "page.scalePercent",
        4,
    ),
    "paper given twice": _option(
        _request(page={"format": "A4", "width": "1in", "height": "1in"}), "page", 2
    ),
    "an unknown output": _option(_request(outputs=["zip", "docx"]), "outputs[1]", 2),
    "a TTL beyond the tenant's": _option(_request(ttlSeconds=31_000_000), "ttlSeconds", 2),
    "a webhook with credentials": _option(
        _request(webhook={"url": "https://u:p@example.test/"}), "webhook.url", 2
    ),
    "a webhook to a file": _option(
        _request(webhook={"url": "file:///etc/passwd"}), "webhook.url", 2
    ),
    "a malformed webhook URL": _option(_request(webhook={"url": "http://[::1"}), "webhook.url", 2),
    "a JSON body too large": Bad(
        JSON, _request([{"n": "x" * 5_000_000}]), 413, "request_too_large"
    ),
    "an unknown content type": Bad("application/xml", b"<a/>", 415, "unsupported_media_type"),
}

_NDJSON: dict[str, Bad] = {
    "a malformed NDJSON line": Bad(
        NDJSON, b'{"n": 1}\n\n{"n": \n{"n": 3}', 400, "malformed_json", "rows[1]", 3
    ),
    "an NDJSON row that is no object": Bad(
        NDJSON, b'{"n": 1}\n[2]\n', 400, "invalid_request", "rows[1]", 2
    ),
    "NDJSON in a wrong encoding": Bad(
        NDJSON, b'{"n": 1}\n{"n": "\xff"}\n', 400, "bad_encoding", "rows[1]", 2
    ),
    "empty NDJSON": Bad(NDJSON, b"\n\n", 400, "no_rows", "rows", 1),
    "too many NDJSON rows": Bad(NDJSON, b"{}\n" * 501, 422, "too_many_rows", "rows[500]", 501),
    "NDJSON too large": Bad(
        NDJSON, (b'{"n": "' + b"x" * 1_000_000 + b'"}\n') * 5, 413, "request_too_large"
    ),
}

_CSV: dict[str, Bad] = {
    "a ragged CSV": Bad(CSV, b"a,b\n1,2\n3\n", 400, "malformed_csv", "rows[1].b", 3),
    "a CSV with a field too many": Bad(
        CSV, b"a,b\n\n1,2\n3,4,5\n", 400, "malformed_csv", "rows[1]", 4
    ),
    "a ragged CSV of semicolons": Bad(
        CSV, b"a;b\n1,5;2\n3\n", 400, "malformed_csv", "rows[1].b", 3
    ),
    "a CSV in a wrong encoding": Bad(
        CSV, "a,b\n1,2\n3,é\n".encode("latin-1"), 400, "bad_encoding", "rows[1].b", 3
    ),
    "a CSV not in the charset it states": Bad(
        "text/csv; charset=us-ascii", "a\nb\né\n".encode(), 400, "bad_encoding", "rows[1].a", 3
    ),
    "a CSV in UTF-16 without a mark": Bad(
        "text/csv; charset=utf-16", "a\nb\n".encode("utf-16-le"), 400, "bad_encoding", "header", 1
    ),
    "a CSV in an unknown charset": Bad(
        "text/csv; charset=klingon", b"a\n1\n", 415, "unsupported_media_type"
    ),
    "a CSV with a column twice": Bad(CSV, b"a,a\n1,2\n", 400, "malformed_csv", "header[1]", 1),
    "a CSV with a nameless column": Bad(CSV, b"\na,\n1,2\n", 400, "malformed_csv", "header[1]", 2),
    "a CSV with an open quote": Bad(CSV, b'a,b\n1,"2\n', 400, "malformed_csv", "rows[0]", 2),
    "a CSV of only a header": Bad(CSV, b"a,b\n", 400, "no_rows", "rows", 1),
    "an empty CSV": Bad(CSV, b"", 400, "no_rows", "rows", 1),
    "too many CSV rows": Bad(CSV, b"a\n" + b"1\n" * 501, 422, "too_many_rows", "rows[500]", 502),
}

BAD = _JSON | _NDJSON | _CSV
