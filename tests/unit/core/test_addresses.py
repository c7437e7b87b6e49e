"""Where webhooks may go: the public internet, and what is admitted besides."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressroom.addresses import Admitted, is_public
from pressroom.dialling import RefusedAddressError, dialler

INSIDE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
]
OUTSIDE = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", INSIDE)
def test_inside_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_spelling_in_ipv6_makes_a_private_address_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    spellings = [
        number | 0xFFFF << 32,
        number | int(ipaddress.IPv6Address("64:ff9b::")),
        number << 80 | 0x2002 << 112,
    ]
    public = is_public(address)
    for spelling in spellings:
        assert is_public(ipaddress.IPv6Address(spelling)) == public


def test_a_network_is_admitted_for_any_host_and_either_spelling() -> None:
    admitted = Admitted.parse("10.0.0.0/8, hooks.internal")
    assert admitted.admits("anything", ipaddress.ip_address("10.9.8.7"))
    assert admitted.admits("anything", ipaddress.ip_address("::ffff:10.9.8.7"))
    assert not admitted.admits("anything", ipaddress.ip_address("192.168.0.1"))


def test_a_host_is_admitted_by_its_name_wherever_it_lies() -> None:
    admitted = Admitted.parse("hooks.internal")
    assert admitted.admits("Hooks.Internal.", ipaddress.ip_address("192.168.0.1"))
    assert not admitted.admits("evil.hooks.internal", ipaddress.ip_address("192.168.0.1"))


def test_the_dialler_refuses_in_place_of_making_a_socket() -> None:
    dial = dialler(lambda address: Admitted().admits("example.com", address))
    with pytest.raises(RefusedAddressError):
        dial((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%lo", 80, 0, 1)))
    with dial((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 80))) as made:
        assert made.family == socket.AF_INET


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("http://hooks.example.test/", True),
        ("http://1.1.1.1/", True),
        ("http://127.1/", False),
        ("http://a.localhost:80/", False),
        ("http://[fe80::1%25eth0]/", False),
        ("http://10.0.0.1./", False),
    ],
)
def test_a_url_is_judged_by_the_address_in_it(url: str, admitted: bool) -> None:
    assert Admitted().admits_url(url) is admitted


def test_a_url_inside_passes_where_its_network_or_its_host_is_admitted() -> None:
    assert Admitted.parse("10.0.0.0/8").admits_url("http://10.0.0.1/")
    assert Admitted.parse("localhost").admits_url("http://localhost:1/")
    assert Admitted.parse("::1").admits_url("http://localhost:1/")
