"""The native API's ``url``: what a request may say, and what is refused before anything is made."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pressroom.dialects import native, native_rows
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import Manifest
from pressroom.pagehosts import PageHosts

HOSTS = PageHosts.parse(["shop.example"])
MANIFEST = Manifest(key="k", rows=1, bytes=1, sha256="0" * 64)


def items(*given: dict[str, Any], options: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    parsed = native.parse_options(options or {})
    rows = native_rows.parse_rows(parsed, None, list(given), most=10, hosts=HOSTS)
    return [orjson.loads(line) for line in rows.lines]


def test_a_batch_of_a_url_becomes_a_job_of_it() -> None:
    options = native.parse_options({"url": "https://shop.example/{{id}}"})
    native.needs_template(options)
    assert native.spec_of(options, MANIFEST, tenant="t").url == "https://shop.example/{{id}}"


def test_an_item_may_have_a_url_of_its_own() -> None:
    (line,) = items({"url": "https://shop.example/a"}, options={"html": "<p>"})
    assert line["url"] == "https://shop.example/a"


def test_a_document_may_be_a_url() -> None:
    assert native.parse_render({"url": "https://shop.example/"}).url == "https://shop.example/"


@pytest.mark.parametrize(
    "request_body",
    [
        {"url": "https://shop.example/", "html": "<p>"},
        {"url": "https://shop.example/", "template": "a"},
    ],
)
def test_there_is_one_source(request_body: dict[str, Any]) -> None:
    for parse in (native.parse_options, native.parse_render):
        with pytest.raises(UserError) as caught:
            parse(request_body)
        assert (caught.value.code, caught.value.path) == (Code.INVALID_REQUEST, "url")


@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/", "http://127.0.0.1/", "https://a:b@shop.example/"]
)
def test_what_can_never_be_fetched_is_refused(url: str) -> None:
    with pytest.raises(UserError) as caught:
        native.refuse_outside(url, HOSTS, "url")
    assert (caught.value.code, caught.value.status) == (Code.INVALID_OPTION, 422)
    with pytest.raises(UserError) as caught:
        items({"url": url})
    assert caught.value.path == "items[0].url"


def test_what_data_decides_is_left_to_the_row() -> None:
    native.refuse_outside("https://{{host}}/", HOSTS, "url")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "shop.example"])
def test_only_http_is_a_url(url: str) -> None:
    with pytest.raises(UserError) as caught:
        native.parse_options({"url": url})
    assert (caught.value.code, caught.value.path) == (Code.INVALID_OPTION, "url")
