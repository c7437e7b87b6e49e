"""Bad input: the status, the code, the path and line of the offending value, nothing stored."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest
from bad_input import BAD, CSV, HTML, JSON, NDJSON
from gateway_support import Farm


@pytest.mark.parametrize("name", BAD)
async def test_is_refused_and_nothing_is_stored(farm: Farm, name: str) -> None:
    bad = BAD[name]
    status, problem = await farm.call(
        "POST",
        "/v1/batches",
        data=io.BytesIO(bad.body),
        headers={"Content-Type": bad.content_type},
        params=bad.params,
    )
    assert (status, problem["code"]) == (bad.status, bad.code), problem
    assert (problem.get("path"), problem.get("line")) == (bad.path, bad.line), problem
    assert problem["type"] == f"urn:pressroom:problem:{bad.code}"
    assert problem["status"] == status
    assert await farm.nothing_stored()


@pytest.mark.parametrize(
    ("content_type", "expected", "other"),
    [
        (CSV, "utf-8", "charset=windows-1252"),
        (f"{CSV}; charset=US-ASCII", "us-ascii", "charset=utf-8"),
        (f'{CSV}; charset="cp1252"', "windows-1252", "charset=utf-8"),
    ],
)
async def test_a_wrong_charset_is_told_with_the_expected_one_and_how_to_state_another(
    farm: Farm, content_type: str, expected: str, other: str
) -> None:
    status, problem = await farm.call(
        "POST",
        "/v1/batches",
        data=b"n\n\x81\n",
        headers={"Content-Type": content_type},
        params={"html": HTML},
    )
    assert (status, problem["code"], problem["line"]) == (400, "bad_encoding", 2)
    assert expected in problem["detail"]
    assert f"`Content-Type: text/csv; {other}`" in problem["detail"]


async def test_an_unknown_charset_is_named_and_so_are_the_known(farm: Farm) -> None:
    _, problem = await farm.call(
        "POST",
        "/v1/batches",
        data=b"n\n1\n",
        headers={"Content-Type": f"{CSV}; charset=klingon"},
        params={"html": HTML},
    )
    assert "klingon" in problem["detail"]
    assert "windows-1252" in problem["detail"]


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


OPTIONS = ("request", b'{"html": "x"}', JSON)


@pytest.mark.parametrize(
    ("parts", "status", "code", "path", "line"),
    [
        ([("rows", b'{"n": 1}', NDJSON)], 400, "invalid_request", "request", None),
        ([OPTIONS], 400, "invalid_request", "rows", None),
        ([OPTIONS, ("rows", b"a,b\n1", CSV)], 400, "malformed_csv", "rows[0].b", 2),
        ([("request", b"{", JSON), ("rows", b"a\n1", CSV)], 400, "malformed_json", None, 1),
        (
            [("request", b'{"html": "x",\n"rows": []}', JSON), ("rows", b"a\n1", CSV)],
            400,
            "invalid_request",
            "rows",
            2,
        ),
        (
            [("request", b'{"html": "x",\n\n"priority": 10}', JSON), ("rows", b"a\n1", CSV)],
            422,
            "invalid_option",
            "priority",
            3,
        ),
        ([OPTIONS, ("rows", b"a\n1", "text/plain")], 415, "unsupported_media_type", None, None),
        (
            [OPTIONS, ("rows", b"a\n1", f"{CSV}; charset=klingon")],
            415,
            "unsupported_media_type",
            None,
            None,
        ),
        (
            [OPTIONS, ("rows", "a\né".encode(), f"{CSV}; charset=us-ascii")],
            400,
            "bad_encoding",
            "rows[0].a",
            2,
        ),
    ],
)
async def test_bad_forms(
    farm: Farm,
    parts: list[tuple[str, bytes, str]],
    status: int,
    code: str,
    path: str | None,
    line: int | None,
) -> None:
    form = aiohttp.FormData()
    for name, value, content_type in parts:
        form.add_field(name, value, content_type=content_type, filename=name)
    got, problem = await farm.call("POST", "/v1/batches", data=form)
    assert (got, problem["code"]) == (status, code), problem
    assert (problem.get("path"), problem.get("line")) == (path, line), problem
    assert await farm.nothing_stored()


@pytest.mark.parametrize(
    ("method", "address", "body", "path", "line"),
    [
        ("POST", "/v1/render", b'{"html": "x",\n"page": {\n"output": "gif"}}', "page.output", 3),
        ("POST", "/v1/render", b'{"data": {},\n"template": "no"}', "template", 2),
        (
            "PUT",
            "/v1/templates/a",
            b'{"html": "x",\n"page": {\n"output": "gif"}}',
            "page.output",
            3,
        ),
    ],
)
async def test_other_requests_name_the_line_too(
    farm: Farm, method: str, address: str, body: bytes, path: str, line: int
) -> None:
    _, problem = await farm.call(
        method, address, data=body, headers={"Content-Type": "application/json"}
    )
    assert (problem["path"], problem["line"]) == (path, line), problem
    assert await farm.nothing_stored()


async def test_a_line_of_a_large_body_is_found_too(farm: Farm) -> None:
    rows = b",\n".join([b'{"text": "' + b"x" * 10_000 + b'"}'] * 200)
    status, problem = await farm.call(
        "POST",
        "/v1/batches",
        data=io.BytesIO(b'{"html": "x", "rows": [\n' + rows + b',\n"no"]}'),
        headers={"Content-Type": "application/json"},
    )
    assert (status, problem["path"], problem["line"]) == (400, "rows[200]", 202)


async def test_a_form_without_its_boundary(farm: Farm) -> None:
    got, problem = await farm.call(
        "POST", "/v1/batches", data=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    assert (got, problem["code"]) == (400, "invalid_request")
