"""Where a row's page comes from, and what it may load: the parts without a browser."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from pressroom.errors import RowError
from pressroom.model.page import PageOptions
from pressroom.model.plan import Plan, Shard
from pressroom.model.rows import Row
from pressroom.model.template import Asset, Snapshot
from pressroom.pagehosts import PageHosts
from pressroom.testing.memory_store import MemoryStore
from pressroom_worker import fetching
from pressroom_worker.catalog import Catalog
from pressroom_worker.fetching import Allowance, Asked, FetchError, fetch
from pressroom_worker.headers import with_assets
from pressroom_worker.printing import first_page_parameters
from pressroom_worker.rows import Entry, digests, resolve
from pressroom_worker.traffic import Supply, cookies, same_host
from pressroom_worker.typesetting import RowJob

SNAPSHOT = Snapshot(html="<p>{{ n }}</p>")
HERE = PageHosts.parse(["127.0.0.1"])


def plan(**given: object) -> Plan:
    return Plan.model_validate(
        {
            "uid": "u",
            "name": "n",
            "namespace": "ns",
            "tenant": "default",
            "manifest": "m",
            "rows": 1,
            "shards": [Shard(first=0, rows=1, offset=0, bytes=1)],
            "templates": {"": None},
            **given,
        }
    )


def job(row: Row, plan: Plan) -> RowJob:
    (prepared,) = resolve([Entry(0, row)], plan, {"d": SNAPSHOT})
    assert isinstance(prepared.job, RowJob), prepared.job
    return prepared.job


# --- resolve -------------------------------------------------------------------------------------
def test_the_jobs_url_is_for_rows_without_a_source_of_their_own() -> None:
    of_url = plan(url="https://example.com/{{n}}", egress=["example.com"])
    found = job(Row(), of_url)
    assert (found.url, found.egress, found.snapshot) == (of_url.url, ("example.com",), None)
    assert job(Row(html="<p>"), of_url).url is None
    assert job(Row(url="https://other.example/"), of_url).url == "https://other.example/"


def test_a_rows_own_url_or_html_replaces_the_jobs_template() -> None:
    of_template = plan(templates={"": "d"}, template="invoice", versions={"invoice": "invoice@3"})
    assert job(Row(), of_template).template == "invoice@3"
    for row in (Row(url="https://example.com/"), Row(html="<p>")):
        found = job(row, of_template)
        assert found.snapshot is None
        assert found.template is None


def test_a_rows_html_in_place_of_a_templates_keeps_all_else_of_it() -> None:
    logo = Asset(key="k", sha256="0" * 64, bytes=1, content_type="image/png")
    kept = SNAPSHOT.evolve(css="p{}", assets={"logo.png": logo}, page=PageOptions(landscape=True))
    of_template = plan(templates={"invoice": "t"}, versions={"invoice": "invoice@3"})
    rows = [Row(html="<b>", template="invoice"), Row(html="<i>")]
    entries = [Entry(index, row) for index, row in enumerate(rows)]
    assert digests(entries, of_template) == {"t"}
    changed, plain = (one.job for one in resolve(entries, of_template, {"t": kept}))
    assert isinstance(changed, RowJob)
    assert isinstance(plain, RowJob)
    assert changed.snapshot == kept.evolve(html="<b>", css=None)
    assert (changed.row.html, changed.template) == (None, "invoice@3")
    assert changed.page.landscape
    assert (plain.row.html, plain.snapshot, plain.page.landscape) == ("<i>", None, None)


def test_a_named_template_that_is_gone_is_not_replaced_by_the_jobs_url() -> None:
    gone = plan(url="https://example.com/", templates={"": None, "gone": None})
    (prepared,) = resolve([Entry(0, Row(template="gone"))], gone, {})
    assert isinstance(prepared.job, RowError)


# --- assets --------------------------------------------------------------------------------------
class CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.gets: list[str] = []

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        self.gets.append(key)
        return await super().get(key, offset=offset, length=length)


async def test_assets_are_kept_up_to_a_size() -> None:
    store = CountingStore()
    for name in "abc":
        await store.put(name, name.encode() * 40)
    catalog = Catalog(store, asset_bytes=100)
    for name in "abab":
        assert await catalog.asset(name) == name.encode() * 40
    assert store.gets == ["a", "b"]
    await catalog.asset("c")
    await catalog.asset("b")
    await catalog.asset("a")
    assert store.gets == ["a", "b", "c", "a"]


async def test_an_asset_above_the_size_is_read_and_not_kept() -> None:
    store = CountingStore()
    await store.put("big", b"x" * 200)
    catalog = Catalog(store, asset_bytes=100)
    assert len(await catalog.asset("big")) == len(await catalog.asset("big")) == 200
    assert store.gets == ["big", "big"]


async def test_headers_get_their_assets_inside() -> None:
    contents = {"k1": b"PNG", "k2": b"a{background:url(l%20o.png)}"}

    async def load(key: str) -> bytes:
        return contents[key]

    assets = {
        "l o.png": Asset(key="k1", sha256="", bytes=3, content_type="image/png"),
        "s.css": Asset(key="k2", sha256="", bytes=3, content_type="text/css"),
    }
    header = "<link rel='stylesheet' href=s.css><img src='./l%20o.png' alt='src=x'><a href='#'>"
    page = await with_assets(
        PageOptions(header_html=header, footer_html="plain"), Supply("h", assets, load)
    )
    uri = "data:image/png;base64,UE5H"
    assert page.header_html == (
        f"<style>a{{background:url({uri})}}</style><img src=\"{uri}\" alt='src=x'><a href='#'>"
    )
    assert page.footer_html == "plain"


# --- first header --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "again"),
    [
        ({}, False),
        ({"headerHtml": "a"}, False),
        ({"headerHtml": "a", "firstHeaderHtml": "a"}, False),
        ({"headerHtml": "a", "firstHeaderHtml": ""}, True),
        ({"firstHeaderHtml": "b"}, True),
        ({"firstHeaderHtml": "b", "pageRanges": "2-3, 1"}, True),
        ({"firstHeaderHtml": "b", "pageRanges": "2-3"}, False),
        ({"firstHeaderHtml": "b", "pageRanges": "10-"}, False),
    ],
)
def test_page_one_is_printed_again_only_where_it_differs(
    options: dict[str, object], again: bool
) -> None:
    found = first_page_parameters(PageOptions.model_validate(options))
    assert (found is not None) is again


# --- fetching ------------------------------------------------------------------------------------
async def serve(answer: web.StreamResponse, path: str = "/") -> tuple[web.AppRunner, str]:
    async def handler(_: web.Request) -> web.StreamResponse:
        return answer

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}{path}"


async def test_redirects_are_handed_on() -> None:
    runner, url = await serve(web.Response(status=302, headers={"Location": "http://10.0.0.1/"}))
    got = await fetch(Asked(url), HERE, Allowance())
    assert got.status == 302
    assert ("Location", "http://10.0.0.1/") in got.headers
    await runner.cleanup()


async def test_a_row_has_an_allowance_of_bytes() -> None:
    runner, url = await serve(web.Response(body=b"x" * 1000))
    allowance = Allowance(left=900)
    with pytest.raises(FetchError, match="already"):
        await fetch(Asked(url), HERE, allowance)
    await runner.cleanup()


async def test_a_response_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_RESPONSE", 500)
    runner, url = await serve(web.Response(body=b"x" * 1000))
    with pytest.raises(FetchError, match="larger"):
        await fetch(Asked(url), HERE, Allowance())
    await runner.cleanup()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://localhost:1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
    ],
)
async def test_other_places_are_refused_without_a_connection(url: str) -> None:
    hosts = PageHosts.parse(["example.com", "*.example.com"])
    async with asyncio.timeout(5):
        with pytest.raises(FetchError) as caught:
            await fetch(Asked(url), hosts, Allowance())
    assert caught.value.refused


async def test_a_name_that_leads_inside_is_refused_where_it_is_dialled() -> None:
    hosts = PageHosts(above=("host",), anywhere=True)
    with pytest.raises(FetchError) as caught:
        await fetch(Asked("http://localhost.localdomain.host:1/"), hosts, Allowance())
    assert str(caught.value)


# --- headers and cookies of the row --------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://a.example/x", True),
        ("https://a.example/x", True),
        ("http://b.example/x", False),
        ("http://a.example:8080/x", False),
        ("http://sub.a.example/", False),
    ],
)
def test_headers_stay_at_their_host(url: str, same: bool) -> None:
    assert same_host("http://a.example/page", url) is same


def test_headers_never_become_less_safe() -> None:
    assert not same_host("https://a.example/page", "http://a.example/page")


def test_cookies_are_the_urls_own_hosts() -> None:
    given = {
        "cookies": [
            {"name": "a", "value": "1"},
            {"name": "b", "value": "2", "domain": ".example.com"},
            {"name": "c", "value": "3", "domain": "elsewhere.org"},
        ]
    }
    page = PageOptions.model_validate({"request": given})
    found = cookies(Supply(url="https://shop.example.com/x", request=page.request))
    assert [one["name"] for one in found] == ["a", "b"]
    assert {one["url"] for one in found} == {"https://shop.example.com/"}
    assert all("domain" not in one for one in found)
