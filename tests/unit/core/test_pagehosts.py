"""``egress.pages``: which hosts a tenant's pages may be fetched from."""

from __future__ import annotations

import ipaddress

import pytest

from pressroom.pagehosts import PageHosts, literal_host

PUBLIC, PRIVATE = "93.184.216.34", "10.1.2.3"


@pytest.mark.parametrize(
    ("pages", "host", "address", "admitted"),
    [
        ([], "example.com", PUBLIC, False),
        (["*"], "example.com", PUBLIC, True),
        (["*"], "example.com", PRIVATE, False),
        (["*"], "169.254.169.254", "169.254.169.254", False),
        (["shop.example.com"], "shop.example.com", PRIVATE, True),
        (["shop.example.com"], "SHOP.example.com.", PUBLIC, True),
        (["shop.example.com"], "example.com", PUBLIC, False),
        (["*.example.com"], "a.b.example.com", PUBLIC, True),
        (["*.example.com"], "a.example.com", PRIVATE, False),
        (["*.example.com"], "example.com", PUBLIC, False),
        (["*.example.com"], "badexample.com", PUBLIC, False),
        (["10.0.0.0/8"], "intranet", PRIVATE, True),
        (["10.0.0.0/8"], "intranet", "192.168.0.1", False),
        (["10.0.0.0/8"], "mapped", f"::ffff:{PRIVATE}", True),
        (["10.1.2.3"], "10.1.2.3", PRIVATE, True),
        (["fd00::1"], "fd00::1", "fd00::1", True),
    ],
)
def test_what_is_admitted(pages: list[str], host: str, address: str, admitted: bool) -> None:
    assert PageHosts.parse(pages).admits(host, ipaddress.ip_address(address)) is admitted


@pytest.mark.parametrize(
    ("pages", "host", "possible"),
    [
        ([], "example.com", False),
        (["*"], "example.com", True),
        (["*"], "127.0.0.1", False),
        (["*"], "localhost", False),
        (["*"], "0x7f.1", False),
        (["*.example.com"], "example.org", False),
        (["10.0.0.0/8"], "whatever.internal", True),
        (["10.0.0.0/8"], "10.9.9.9", True),
        (["localhost"], "localhost", True),
    ],
)
def test_what_can_be_said_before_any_look_up(pages: list[str], host: str, possible: bool) -> None:
    assert PageHosts.parse(pages).may_admit(host) is possible


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/a?b={{id}}", "example.com"),
        ("https://example.com", "example.com"),
        ("https://{{host}}/a", None),
        ("https://{{shop}}.example.com/a", None),
        ("https://example.com{{path}}", None),
        ("https://example.com/{%if a%}x{%endif%}", "example.com"),
    ],
)
def test_the_host_that_no_data_changes(url: str, host: str | None) -> None:
    assert literal_host(url) == host


@pytest.mark.parametrize("url", ["https://a:b@example.com/", "https:///x", "https://[::1"])
def test_urls_without_a_usable_host(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        literal_host(url)
