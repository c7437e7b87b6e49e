"""Pages that are fetched: from the tenant's hosts alone, with their headers and cookies."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pikepdf
import pytest
from PIL import Image
from press import Press, Sheet, layout
from servers import Background
from website import Site, picture, site

from pressroom.errors import Code
from pressroom.model.page import Output, PageOptions
from pressroom_worker.render import Failed, Rendered

HERE = ("127.0.0.1",)


@pytest.fixture
def shop(background: Background) -> Iterator[Site]:
    opened = site()
    made = background.run(opened.__aenter__())
    yield made
    background.run(opened.__aexit__(None, None, None))


def fetched(
    pages: Press,
    url: str,
    *,
    egress: tuple[str, ...] = HERE,
    seconds: float = 30,
    **options: object,
) -> Rendered | Failed:
    page = PageOptions.model_validate(options)
    return pages.outcome(Sheet("", url=url, egress=egress, page=page), seconds=seconds)


def printed(got: Rendered | Failed) -> str:
    assert isinstance(got, Rendered), got
    return layout(got.data).text()


def test_a_page_is_fetched_with_its_parts_and_scripts(pages: Press, shop: Site) -> None:
    got = fetched(pages, f"{shop.url}/page")
    assert "Shop" in printed(got)
    assert "scripted" in printed(got)
    assert shop.asked("/style.css")
    assert shop.asked("/red.png")


def test_assets_of_the_template_are_for_its_header_and_watermark_alone(
    pages: Press, shop: Site
) -> None:
    page = PageOptions.model_validate(
        {
            "headerHtml": "<img src=mark.png>",
            "watermark": {"image": "mark.png", "opacityPercent": 100, "over": True},
            "margin": {"top": "40mm"},
        }
    )
    mark = picture("#0a0")
    sheet = Sheet("", url=f"{shop.url}/page", egress=HERE, page=page, assets={"mark.png": mark})
    got = pages.outcome(sheet)
    assert isinstance(got, Rendered), got
    with pikepdf.open(io.BytesIO(got.data)) as opened:
        assert len(opened.pages[0].get_images(recursive=True)) >= 2
    assert not shop.asked("/mark.png")


def test_scripts_can_be_left_out(pages: Press, shop: Site) -> None:
    assert "scripted" not in printed(fetched(pages, f"{shop.url}/page", scripts=False))


def test_headers_and_cookies_go_to_the_urls_own_host(pages: Press, shop: Site) -> None:
    request = {
        "headers": [{"name": "Authorization", "value": "Bearer mine"}],
        "cookies": [{"name": "session", "value": "abc"}],
    }
    got = fetched(pages, f"{shop.url}/page", request=request)
    assert "session=abc" in printed(got)
    for path in ("/page", "/style.css"):
        (asked,) = shop.asked(path)
        assert asked.headers["Authorization"] == "Bearer mine"
        assert "session=abc" in asked.headers["Cookie"]


def test_a_header_of_its_own_stands_for_the_browsers(pages: Press, shop: Site) -> None:
    headers = [{"name": "user-agent", "value": "Mine/1"}, {"name": "ACCEPT", "value": "text/html"}]
    fetched(pages, f"{shop.url}/page", request={"headers": headers})
    (asked,) = shop.asked("/page")
    assert asked.headers.getall("User-Agent") == ["Mine/1"]
    assert asked.headers.getall("Accept") == ["text/html"]


def test_a_cookie_goes_where_its_domain_and_path_say(pages: Press, shop: Site) -> None:
    cookies = [
        {"name": "here", "value": "1", "domain": "127.0.0.1", "path": "/page"},
        {"name": "there", "value": "1", "domain": "other.example"},
    ]
    fetched(pages, f"{shop.url}/page", request={"cookies": cookies})
    (page,), (style,) = shop.asked("/page"), shop.asked("/style.css")
    assert page.headers["Cookie"] == "here=1"
    assert "Cookie" not in style.headers


def test_headers_and_cookies_do_not_follow_a_redirect_elsewhere(pages: Press, shop: Site) -> None:
    request = {
        "headers": [{"name": "Authorization", "value": "Bearer mine"}],
        "cookies": [{"name": "session", "value": "abc"}],
    }
    fetched(pages, f"{shop.url}/outside", egress=(*HERE, "localhost"), request=request)
    (asked,) = shop.asked("/")
    assert "Authorization" not in asked.headers
    assert "session" not in asked.headers.get("Cookie", "")


def test_nothing_of_a_fetched_page_is_left_for_the_next_row(pages: Press, shop: Site) -> None:
    page = PageOptions()
    sheets = [Sheet("", url=f"{shop.url}/moved", egress=HERE, page=page)] * 2
    first, second = pages.outcomes(sheets)
    assert "kept=yes" in printed(first)
    assert isinstance(second, Rendered)
    assert "kept" not in shop.asked("/moved")[1].headers.get("Cookie", "")


def test_a_page_becomes_a_picture(pages: Press, shop: Site) -> None:
    got = fetched(pages, f"{shop.url}/page", output=Output.PNG)
    assert isinstance(got, Rendered)
    with Image.open(io.BytesIO(got.data)) as picture:
        colours = picture.convert("RGB").getcolors(1_000_000) or []
    assert (255, 0, 0) in [colour for _, colour in colours]


@pytest.mark.parametrize(
    ("path", "egress", "reason"),
    [
        ("/absent", HERE, "404"),
        ("/page", (), "not among the hosts"),
        ("/page", ("*",), "not among the hosts"),
        ("/elsewhere", HERE, "127.0.0.2 is not among the hosts"),
        ("/leaves", HERE, "leads on to"),
        ("/file.zip", HERE, "application/zip"),
        ("/huge", HERE, "32 MiB"),
        ("/loop", HERE, "ERR_TOO_MANY_REDIRECTS"),
    ],
)
def test_a_page_that_does_not_come_fails_its_row(
    pages: Press, shop: Site, path: str, egress: tuple[str, ...], reason: str
) -> None:
    got = fetched(pages, f"{shop.url}{path}", egress=egress)
    assert isinstance(got, Failed)
    assert got.error.code is Code.SOURCE_FAILED
    assert reason in got.error.message


def test_a_host_that_is_away_is_said(pages: Press, shop: Site) -> None:
    got = fetched(pages, "http://127.0.0.1:1/")
    assert isinstance(got, Failed)
    assert "connection failed" in got.error.message


def test_a_page_that_goes_elsewhere_is_printed_as_it_stood(pages: Press, shop: Site) -> None:
    wait = {"milliseconds": 300}
    assert printed(fetched(pages, f"{shop.url}/later", wait=wait)) == "stays"
    assert not shop.asked("/page")


def test_an_answer_without_end_costs_its_row_alone(pages: Press, shop: Site) -> None:
    sheets = [
        Sheet("<p>before"),
        Sheet("", url=f"{shop.url}/endless", egress=HERE),
        Sheet("<p>after"),
    ]
    before, endless, after = pages.outcomes(sheets, seconds=4)
    assert printed(before) == "before"
    assert isinstance(endless, Failed)
    assert endless.error.code is Code.RENDER_TIMEOUT
    assert printed(after) == "after"


@pytest.mark.parametrize("wait", [{"selector": "#there"}, {"expression": "window.there"}])
def test_a_late_page_is_waited_for(pages: Press, shop: Site, wait: dict[str, object]) -> None:
    assert printed(fetched(pages, f"{shop.url}/late")) == "late"
    assert printed(fetched(pages, f"{shop.url}/late", wait=wait)) == "late arrived"


def test_the_network_is_waited_for_until_it_is_idle(pages: Press, shop: Site) -> None:
    assert printed(fetched(pages, f"{shop.url}/chain")) == "chain"
    got = fetched(pages, f"{shop.url}/chain", wait={"networkIdle": True})
    assert printed(got) == "chain step1 step2 step3"


@pytest.mark.parametrize(
    ("wait", "named"),
    [({"selector": "#never"}, "#never"), ({"expression": "window.no"}, "window.no")],
)
def test_what_never_comes_is_named(
    pages: Press, shop: Site, wait: dict[str, object], named: str
) -> None:
    got = fetched(pages, f"{shop.url}/late", wait=wait, seconds=3)
    assert isinstance(got, Failed)
    assert got.error.code is Code.RENDER_TIMEOUT
    assert named in got.error.message


def test_a_page_from_html_may_fetch_what_its_tenant_admits(pages: Press, shop: Site) -> None:
    html = f"<img src='{shop.url}/red.png'><p>text"
    got = pages.outcome(Sheet(html, egress=HERE))
    assert printed(got) == "text"
    assert len(shop.asked("/red.png")) == 1
    assert not got.findings


def test_slow_pictures_are_waited_for_in_every_row(pages: Press, shop: Site) -> None:
    slow = (
        f"<style>body{{margin:0}}div{{height:50px;background:url({shop.url}/slow.png?1)}}</style>"
        f"<div></div><img style='display:block' src='{shop.url}/slow.png?2'>"
    )
    page = PageOptions.model_validate({"output": "Png"})
    for got in pages.outcomes([Sheet(slow, egress=HERE, page=page)] * 3):
        assert isinstance(got, Rendered), got
        with Image.open(io.BytesIO(got.data)) as picture:
            plain = picture.convert("RGB")
            assert plain.getpixel((20, 10)) == (255, 0, 0)
            assert plain.getpixel((20, 60)) == (255, 0, 0)
