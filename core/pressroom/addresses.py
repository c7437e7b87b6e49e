"""Which addresses a webhook may reach. Pure: nothing is looked up, and nothing is dialled.

Names are not judged, save those of this machine: what they resolve to is, by whoever dials it. The
one way out is the operator's own list.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")
_LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))


@dataclass(frozen=True)
class Admitted:
    """What may be reached although it is not public: networks, and names as URLs write them."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Admitted:
        """From a comma-separated list of CIDRs, addresses and names."""
        return cls().and_also(text.split(","))

    def and_also(self, items: Iterable[str]) -> Admitted:
        """These, and more CIDRs, addresses and names."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for item in filter(None, (part.strip() for part in items)):
            try:
                networks.append(ipaddress.ip_network(item, strict=False))
            except ValueError:
                hosts.add(item.lower().rstrip("."))
        return Admitted((*self.networks, *networks), self.hosts | hosts)

    def admits(self, host: str, address: Address) -> bool:
        """Whether ``address``, dialled for ``host``, may be reached."""
        if host.lower().rstrip(".") in self.hosts or is_public(address):
            return True
        return any(_plain(address) in network for network in self.networks)

    def admits_url(self, url: str) -> bool:
        """False where the URL itself names an address that may not be reached.

        A name that must be resolved first passes. ValueError for a malformed URL.
        """
        host = urlsplit(url).hostname or ""
        addresses = named_addresses(host)
        return not addresses or any(self.admits(host, address) for address in addresses)


def named_addresses(host: str) -> tuple[Address, ...]:
    """The addresses that a URL's host is without any look-up: none where it is a name.

    ``localhost`` and what lies below it are this machine (RFC 6761). IPv4 addresses are read in
    all the spellings that resolvers take, such as ``127.1`` and ``0x7f000001``.
    """
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    try:
        return (ipaddress.ip_address(host.partition("%")[0]),)
    except ValueError:
        pass
    try:
        return (ipaddress.IPv4Address(socket.inet_aton(host)),)
    except (OSError, ValueError):
        return ()


def is_public(address: Address) -> bool:
    """Whether an address is in the public internet, and so is the IPv4 address inside it, if any.

    IPv4 addresses are found in the mapped, compatible, 6to4 and NAT64 forms of IPv6 (RFC 4291,
    3056, 6052); Teredo and local NAT64 prefixes are never public.
    """
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and (
        address in _NAT64_LOCAL or address.is_site_local
    ):
        return False
    return address.is_global and not (
        address.is_private
        or address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or address in _V4_COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _plain(address: Address) -> Address:
    """The IPv4 address behind a mapped one, so that an IPv4 network admits both forms."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
