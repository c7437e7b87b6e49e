"""Which addresses a webhook may reach. Decided at dial time, on the address that is dialled.

Names are not judged: what they resolve to is, on every connection, so a name that changes its
address between look-ups gains nothing. The one way out is the operator's own list.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")


class RefusedAddressError(OSError):
    """The address is not public, and not admitted."""


@dataclass(frozen=True)
class Admitted:
    """What may be reached although it is not public: networks, and names as URLs write them."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Admitted:
        """From a comma-separated list of CIDRs, addresses and names."""
        networks: list[Network] = []
        hosts: set[str] = set()
        for item in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(item, strict=False))
            except ValueError:
                hosts.add(item.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts))

    def admits(self, host: str, address: Address) -> bool:
        """Whether ``address``, dialled for ``host``, may be reached."""
        if host.lower().rstrip(".") in self.hosts or is_public(address):
            return True
        return any(_plain(address) in network for network in self.networks)

    def dialler(self, host: str) -> Callable[[tuple[Any, ...]], socket.socket]:
        """A socket factory for aiohttp. It raises RefusedAddressError in place of a socket."""

        def make(info: tuple[Any, ...]) -> socket.socket:
            family, kind, protocol, _, place = info
            if not self.admits(host, ipaddress.ip_address(place[0].partition("%")[0])):
                raise RefusedAddressError("the address is not public")
            return socket.socket(family, kind, protocol)

        return make


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
