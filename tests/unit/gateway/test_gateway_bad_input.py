"""Bad input: the status, the code, the path and line of the offending value, nothing stored."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import orjson
import pytest
from gateway_support import Farm

HTML = "<p>{{ n }}</p>"
JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"


def request(**changes: Any) -> bytes:
    return orjson.dumps({"html": HTML, "rows": [{"n": 1}]} | changes)


def items(*given: Any, **changes: Any) -> bytes:
    return orjson.dumps({"html": HTML, "items": list(given)} | changes)


CASES: dict[str, tuple[str, bytes, int, str, str | None, int | None]] = {
    "malformed JSON": (JSON, b'{"html": "x",\n "rows": [}', 400, "malformed_json", None, 2),
    "JSON in a wrong encoding": (JSON, b'{"html":\n"\xe9"}', 400, "bad_encoding", None, 2),
    "a body that is no object": (JSON, b"[1]", 400, "invalid_request", None, None),
    "a row that is no object": (
        JSON,
        request(rows=[{}, {}, 5]),
        400,
        "invalid_request",
        "rows[2]",
        None,
    ),
    "a row nested too deeply": (
        JSON,
        b'{"html": "x", "rows": [' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}",
        400,
        "invalid_request",
        "rows[0]",
        None,
    ),
    "rows that are no list": (JSON, request(rows={}), 400, "invalid_request", "rows", None),
    "no rows": (JSON, request(rows=[]), 400, "no_rows", "rows", None),
    "no items": (JSON, items(), 400, "no_rows", "items", None),
    "neither rows nor items": (JSON, b'{"html": "x"}', 400, "invalid_request", "rows", None),
    "rows and items": (JSON, items({}, rows=[{}]), 400, "invalid_request", "rows", None),
    "too many rows": (JSON, request(rows=[{}] * 501), 422, "too_many_rows", "rows", None),
    "no template": (JSON, b'{"rows": [{}]}', 400, "invalid_request", "template", None),
    "template and html": (JSON, request(template="a"), 400, "invalid_request", "html", None),
    "an unknown template": (
        JSON,
        b'{"template": "no", "rows": [{}]}',
        404,
        "template_not_found",
        "template",
        None,
    ),
    "an unknown template of an item": (
        JSON,
        items({"template": "no"}),
        404,
        "template_not_found",
        "items",
        None,
    ),
    "duplicate row ids": (
        JSON,
        items({"id": "a"}, {"id": "b"}, {"id": "a"}),
        422,
        "duplicate_row_id",
        "items[2].id",
        None,
    ),
    "an id that is another row's position": (
        JSON,
        items({"id": "1"}, {}),
        422,
        "duplicate_row_id",
        "items[1].id",
        None,
    ),
    "an item that is no object": (JSON, items(1), 400, "invalid_request", "items[0]", None),
    "an unknown field of an item": (
        JSON,
        items({"dta": {}}),
        400,
        "invalid_request",
        "items[0].dta",
        None,
    ),
    "an item's option out of range": (
        JSON,
        items({}, {"page": {"scalePercent": 500}}),
        422,
        "invalid_option",
        "items[1].page.scalePercent",
        None,
    ),
    "an item with template and html": (
        JSON,
        items({"html": "x", "template": "a"}),
        400,
        "invalid_request",
        "items[0]",
        None,
    ),
    "an item without any template": (
        JSON,
        b'{"items": [{"html": "x"}, {}]}',
        400,
        "invalid_request",
        "items[1]",
        None,
    ),
    "an unknown field": (JSON, request(colour=1), 400, "invalid_request", "colour", None),
    "an unknown option of the page": (
        JSON,
        request(page={"scale_percent": 50}),
        400,
        "invalid_request",
        "page.scale_percent",
        None,
    ),
    "priority out of range": (
        JSON,
        request(priority=10),
        422,
        "invalid_option",
        "priority",
        None,
    ),
    "priority as text": (JSON, request(priority="5"), 400, "invalid_request", "priority", None),
    "scale out of range": (
        JSON,
        request(page={"scalePercent": 9}),
        422,
        "invalid_option",
        "page.scalePercent",
        None,
    ),
    "paper given twice": (
        JSON,
        request(page={"format": "A4", "width": "1in", "height": "1in"}),
        422,
        "invalid_option",
        "page",
        None,
    ),
    "an unknown output": (
        JSON,
        request(outputs=["zip", "docx"]),
        422,
        "invalid_option",
        "outputs[1]",
        None,
    ),
    "a TTL beyond the tenant's": (
        JSON,
        request(ttlSeconds=31_000_000),
        422,
        "invalid_option",
        "ttlSeconds",
        None,
    ),
    "a webhook with credentials": (
        JSON,
        request(webhook={"url": "https://u:p@example.test/"}),
        422,
        "invalid_option",
        "webhook.url",
        None,
    ),
    "a webhook to a file": (
        JSON,
        request(webhook={"url": "file:///etc/passwd"}),
        422,
        "invalid_option",
        "webhook.url",
        None,
    ),
    "a malformed webhook URL": (
        JSON,
        request(webhook={"url": "http://[::1"}),
        422,
        "invalid_option",
        "webhook.url",
        None,
    ),
    "a JSON body too large": (
        JSON,
        request(rows=[{"n": "x" * 5_000_000}]),
        413,
        "request_too_large",
        None,
        None,
    ),
    "an unknown content type": (
        "application/xml",
        b"<a/>",
        415,
        "unsupported_media_type",
        None,
        None,
    ),
    "a malformed NDJSON line": (
        NDJSON,
        b'{"n": 1}\n\n{"n": \n{"n": 3}',
        400,
        "malformed_json",
        "rows[1]",
        3,
    ),
    "an NDJSON row that is no object": (
        NDJSON,
        b'{"n": 1}\n[2]\n',
        400,
        "invalid_request",
        "rows[1]",
        2,
    ),
    "NDJSON in a wrong encoding": (
        NDJSON,
        b'{"n": 1}\n{"n": "\xff"}\n',
        400,
        "bad_encoding",
        "rows[1]",
        2,
    ),
    "empty NDJSON": (NDJSON, b"\n\n", 400, "no_rows", None, None),
    "too many NDJSON rows": (
        NDJSON,
        b"{}\n" * 501,
        422,
        "too_many_rows",
        "rows[500]",
        501,
    ),
    "NDJSON too large": (
        NDJSON,
        (b'{"n": "' + b"x" * 1_000_000 + b'"}\n') * 5,
        413,
        "request_too_large",
        None,
        None,
    ),
    "a ragged CSV": (CSV, b"a,b\n1,2\n3\n", 400, "malformed_csv", None, 3),
    "a CSV in a wrong encoding": (
        CSV,
        "a,b\n1,2\n3,é\n".encode("latin-1"),
        400,
        "bad_encoding",
        None,
        3,
    ),
    "a CSV with a column twice": (CSV, b"a,a\n1,2\n", 400, "malformed_csv", None, 1),
    "a CSV with a nameless column": (CSV, b"a,\n1,2\n", 400, "malformed_csv", None, 1),
    "a CSV with an open quote": (CSV, b'a,b\n1,"2\n', 400, "malformed_csv", None, 2),
    "a CSV of only a header": (CSV, b"a,b\n", 400, "no_rows", None, None),
    "an empty CSV": (CSV, b"", 400, "no_rows", None, None),
    "too many CSV rows": (
        CSV,
        b"a\n" + b"1\n" * 501,
        422,
        "too_many_rows",
        "rows[500]",
        502,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_is_refused_and_nothing_is_stored(farm: Farm, name: str) -> None:
    content_type, body, status, code, path, line = CASES[name]
    params = {} if content_type == JSON else {"html": HTML}
    got, problem = await farm.call(
        "POST",
        "/v1/batches",
        data=io.BytesIO(body),
        headers={"Content-Type": content_type},
        params=params,
    )
    assert (got, problem["code"]) == (status, code), problem
    assert (problem.get("path"), problem.get("line")) == (path, line), problem
    assert problem["type"] == f"urn:pressroom:problem:{code}"
    assert problem["status"] == status
    assert await farm.nothing_stored()


@pytest.mark.parametrize(
    ("query", "status", "code", "path"),
    [
        ({"html": HTML, "colour": "red"}, 400, "invalid_request", "colour"),
        ({"html": HTML, "priority": "high"}, 400, "invalid_request", "priority"),
        ({"html": HTML, "priority": "11"}, 422, "invalid_option", "priority"),
        ({"html": HTML, "page": "{"}, 400, "malformed_json", "page"),
        ({"html": HTML, "outputs": "zip,tar"}, 422, "invalid_option", "outputs[1]"),
        ({"template": "unknown"}, 404, "template_not_found", "template"),
        ({}, 400, "invalid_request", "template"),
    ],
)
async def test_options_in_a_query_are_checked_before_the_rows(
    farm: Farm, query: dict[str, str], status: int, code: str, path: str
) -> None:
    got, problem = await farm.call(
        "POST", "/v1/batches", params=query, data=b'{"n": 1}\n', headers={"Content-Type": NDJSON}
    )
    assert (got, problem["code"], problem["path"]) == (status, code, path)
    assert await farm.nothing_stored()


async def test_a_body_that_breaks_off_leaves_nothing(farm: Farm) -> None:
    async def pieces() -> Any:
        yield b'{"n": 1}\n' * 100
        raise ConnectionResetError

    with pytest.raises(aiohttp.ClientError):
        await farm.call(
            "POST",
            "/v1/batches",
            params={"html": HTML},
            data=pieces(),
            headers={"Content-Type": NDJSON},
        )
    # The gateway answers others, and has let go of the upload by then.
    assert (await farm.call("GET", "/v1/batches"))[0] == 200
    assert await farm.nothing_stored()


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([("rows", b'{"n": 1}', NDJSON)], 400, "invalid_request"),
        ([("request", b'{"html": "x"}', JSON)], 400, "invalid_request"),
        ([("request", b'{"html": "x"}', JSON), ("rows", b"a\n1,2", CSV)], 400, "malformed_csv"),
        ([("request", b"{", JSON), ("rows", b"a\n1", CSV)], 400, "malformed_json"),
        (
            [("request", b'{"html": "x", "rows": []}', JSON), ("rows", b"a\n1", CSV)],
            400,
            "invalid_request",
        ),
        (
            [("request", b'{"html": "x"}', JSON), ("rows", b"a\n1", "text/plain")],
            415,
            "unsupported_media_type",
        ),
    ],
)
async def test_bad_forms(
    farm: Farm, parts: list[tuple[str, bytes, str]], status: int, code: str
) -> None:
    form = aiohttp.FormData()
    for name, value, content_type in parts:
        form.add_field(name, value, content_type=content_type, filename=name)
    got, problem = await farm.call("POST", "/v1/batches", data=form)
    assert (got, problem["code"]) == (status, code), problem
    assert await farm.nothing_stored()


async def test_a_form_without_its_boundary(farm: Farm) -> None:
    got, problem = await farm.call(
        "POST", "/v1/batches", data=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    assert (got, problem["code"]) == (400, "invalid_request")
