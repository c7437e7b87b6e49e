"""What cannot come out as asked is refused whole at submit, by the path at fault."""

from __future__ import annotations

from typing import Any

import pytest
from gateway_support import KEY, NAMESPACE, Farm

from pressroom.ports import BATCH_JOBS, TEMPLATES, TENANTS, Json
from pressroom_gateway.settings import GatewaySettings

HTML = "<p>{{ n }}</p>"
PNG = {"output": "png"}

REFUSED: dict[str, tuple[dict[str, Any], str, int | None]] = {
    "a file name that is no template": ({"fileNamePattern": "{{ n"}, "fileNamePattern", 1),
    "html that is no template": ({"html": "<p>\n{% if %}"}, "html", 2),
    "an unknown filter in html": ({"html": "\n\n{{ n|nofilter }}"}, "html", 3),
    "a header that is no template": (
        {"page": {"headerHtml": "<b>\n{% for %}"}},
        "page.headerHtml",
        2,
    ),
    "a footer that is no template": ({"page": {"footerHtml": "{{ }"}}, "page.footerHtml", 1),
    "images merged": ({"outputs": ["merged"], "page": PNG}, "outputs", None),
    "an item's image merged": (
        {"outputs": ["zip", "merged"], "items": [{}, {"page": PNG}]},
        "items[1].page.output",
        None,
    ),
    "paper without width": ({"page": {"width": "0mm", "height": "1in"}}, "page.width", None),
    "paper too high": ({"page": {"width": "1in", "height": "201in"}}, "page.height", None),
    "paper too wide": ({"page": {"width": "5081mm", "height": "1in"}}, "page.width", None),
    "margins beyond the default paper": (
        {"page": {"margin": {"left": "5in", "right": "4in"}}},
        "page.margin",
        None,
    ),
    "margins beyond the paper turned": (
        {"page": {"format": "A5", "landscape": True, "margin": {"top": "6in"}}},
        "page.margin",
        None,
    ),
    "an item's margins beyond the batch's paper": (
        {"page": {"format": "A6"}, "items": [{"page": {"margin": {"top": "6in"}}}]},
        "items[0].page.margin",
        None,
    ),
    "page ranges backwards": ({"page": {"pageRanges": "1, 5-2"}}, "page.pageRanges", None),
    "page 0": ({"page": {"pageRanges": "0-2"}}, "page.pageRanges", None),
    "no page ranges": ({"page": {"pageRanges": "all"}}, "page.pageRanges", None),
    "scale out of range": ({"page": {"scalePercent": 201}}, "page.scalePercent", None),
} | {
    f"a webhook to {url}": ({"webhook": {"url": url, "secret": "s"}}, "webhook.url", None)
    for url in (
        "http://127.0.0.1:8080/hook",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "http://192.168.0.1/",
        "http://[::1]/",
        "http://[fe80::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
    )
}


def request(changes: dict[str, Any]) -> dict[str, Any]:
    rows = {} if "items" in changes else {"rows": [{"n": 1}]}
    return {"html": HTML} | rows | changes


@pytest.mark.parametrize(("changes", "path", "line"), REFUSED.values(), ids=REFUSED.keys())
async def test_is_refused_by_its_path_and_nothing_is_stored(
    farm: Farm, changes: dict[str, Any], path: str, line: int | None
) -> None:
    status, problem = await farm.call("POST", "/v1/batches", json=request(changes))
    assert (status, problem.get("code")) == (422, "invalid_option")
    assert problem["path"] == path
    if line is not None:  # of the template, wherever it stands in the request
        assert problem["line"] == line
        assert f"Line {line} of {path}" in problem["detail"]
    assert await farm.nothing_stored()


FINE: dict[str, dict[str, Any]] = {
    "an item's own broken html fails alone": {"items": [{"html": "{{ n"}, {}]},
    "tokens as word processors write them": {"html": "<p>{{ Customer Name }}</p>"},
    "images without merging": {"outputs": ["zip"], "page": PNG},
    "the largest paper": {"page": {"width": "5080mm", "height": "19200"}},
    "open page ranges": {"page": {"pageRanges": "1-3, 5, 7-"}},
    "wide margins on large paper": {"page": {"format": "A0", "margin": {"left": "9in"}}},
    "a webhook by name": {"webhook": {"url": "https://hooks.example.test/"}},
    "a webhook to a public address": {"webhook": {"url": "https://93.184.216.34/"}},
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE.keys())
async def test_what_may_come_out_is_accepted(farm: Farm, changes: dict[str, Any]) -> None:
    status, answer = await farm.call("POST", "/v1/batches", json=request(changes))
    assert status == 202, answer


async def test_a_streamed_batch_is_checked_alike(farm: Farm) -> None:
    status, problem = await farm.call(
        "POST",
        "/v1/batches",
        params={"html": HTML, "fileNamePattern": "{{ n"},
        data=b'{"n": 1}\n',
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert (status, problem["path"]) == (422, "fileNamePattern")
    assert await farm.nothing_stored()


async def test_a_farm_may_admit_receivers_inside(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = GatewaySettings(namespace=NAMESPACE, webhook_allow="127.0.0.0/8")
    object.__setattr__(farm.services, "settings", settings)
    await farm.submit(rows=[{"n": 1}], webhook={"url": "http://localhost:99/"})
    changes = request({"webhook": {"url": "http://10.0.0.1/"}})
    status, _ = await farm.call("POST", "/v1/batches", json=changes)
    assert status == 422


async def test_images_of_a_stored_template_are_not_merged(farm: Farm) -> None:
    template = {"html": HTML, "page": PNG}
    assert (await farm.call("PUT", "/v1/templates/card", json=template))[0] == 201
    wanted = {"template": "card", "outputs": ["merged"], "rows": [{"n": 1}]}
    status, problem = await farm.call("POST", "/v1/batches", json=wanted)
    assert (status, problem["path"]) == (422, "outputs")
    status, _ = await farm.call("POST", "/v1/batches", json=wanted | {"page": {"output": "pdf"}})
    assert status == 202


@pytest.mark.parametrize(
    ("template", "path", "line"),
    [
        ({"html": "<p>\n{{ n"}, "html", 2),
        ({"html": HTML, "page": {"headerHtml": "{% x %}"}}, "page.headerHtml", 1),
        ({"html": HTML, "page": {"footerHtml": "\n{% x %}"}}, "page.footerHtml", 2),
        (
            {"html": HTML, "page": {"format": "A6", "margin": {"left": "6in"}}},
            "page.margin",
            None,
        ),
    ],
)
async def test_a_template_that_cannot_be_used_is_not_stored(
    farm: Farm, template: Json, path: str, line: int | None
) -> None:
    status, problem = await farm.call("PUT", "/v1/templates/bad", json=template)
    assert (status, problem["path"]) == (422, path)
    assert line is None or problem["line"] == line
    assert (await farm.jobs.list(TEMPLATES, NAMESPACE)).items == []


async def test_a_stated_ttl_above_the_tenants_is_refused(farm: Farm) -> None:
    await limit_ttl(farm, 300)
    status, problem = await farm.call("POST", "/v1/batches", json=request({"ttlSeconds": 301}))
    assert (status, problem["path"]) == (422, "ttlSeconds")
    await farm.submit(rows=[{"n": 1}], ttlSeconds=300)


async def test_a_document_is_kept_no_longer_than_the_tenant_may(farm: Farm) -> None:
    await limit_ttl(farm, 120)
    wanted = {"html": HTML, "data": {"n": 1}}
    answer = await farm.call("POST", "/v1/render?timeout=0.1", json=wanted)
    assert answer[0] == 504
    [job] = (await farm.jobs.list(BATCH_JOBS, NAMESPACE)).items
    assert job["spec"]["ttlSecondsAfterFinished"] == 120


async def limit_ttl(farm: Farm, seconds: int) -> None:
    """Give the default tenant this limit; returns once the gateway knows."""
    patch = {"spec": {"limits": {"maxTtlSeconds": seconds}}}
    await farm.jobs.patch(TENANTS, NAMESPACE, "default", patch)
    for _ in range(500):
        known = farm.services.tenants.get(NAMESPACE, "default") or {}
        if known["spec"]["limits"].get("maxTtlSeconds") == seconds:
            return
        await farm.call("GET", "/v1/batches", key=KEY)  # lets the watch go on
    raise AssertionError("the gateway does not see the Tenant")
