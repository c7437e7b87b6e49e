"""Where pages and their parts may come from: a tenant's ``egress.pages``, read. Pure.

Nothing is looked up here: names are judged as they are written, and what they resolve to by
whoever dials it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pressroom.addresses import Address, Network, is_public, named_addresses

_BRACES = ("{{", "{%", "{#")


@dataclass(frozen=True)
class PageHosts:
    """Host names, names below which all hosts are meant, networks; or the public internet.

    A name that stands here itself may have any address: who wrote it knows it. Names that are only
    covered, by ``*.example.com`` or ``*``, must have public ones, or such as ``networks`` hold.
    """

    names: frozenset[str] = frozenset()
    above: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    anywhere: bool = False

    @classmethod
    def parse(cls, items: Iterable[str]) -> PageHosts:
        """From the words of ``egress.pages``."""
        names: set[str] = set()
        above: list[str] = []
        networks: list[Network] = []
        anywhere = False
        for item in (word.strip().lower().rstrip(".") for word in items):
            if item == "*":
                anywhere = True
            elif item.startswith("*."):
                above.append(item[1:])
            else:
                try:
                    networks.append(ipaddress.ip_network(item.strip("[]"), strict=False))
                except ValueError:
                    names.add(item)
        return cls(frozenset(names), tuple(above), tuple(networks), anywhere)

    def may_admit(self, host: str) -> bool:
        """False where ``host`` as written can never be admitted, whatever it resolves to."""
        host = host.lower().rstrip(".")
        addresses = named_addresses(host)
        if addresses:
            return any(self.admits(host, address) for address in addresses)
        return bool(host) and (self._covers(host) or bool(self.networks))

    def admits(self, host: str, address: Address) -> bool:
        """Whether ``address``, dialled for ``host``, may be reached."""
        host = host.lower().rstrip(".")
        if host in self.names or any(_inner(address) in network for network in self.networks):
            return True
        return self._covers(host) and is_public(address)

    def _covers(self, host: str) -> bool:
        return self.anywhere or host in self.names or any(host.endswith(up) for up in self.above)


def literal_host(url: str) -> str | None:
    """The host that a URL names whatever the row's data; None where a template fills it.

    ValueError where it has no host, or carries credentials.
    """
    found = [at for at in map(url.find, _BRACES) if at >= 0]
    if found:
        _, _, rest = url[: min(found)].partition("://")
        if not any(end in rest for end in "/?#"):
            return None  # the expression may be a part of the host
        url = url[: min(found)]
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry credentials; use page.request.headers")
    if not parts.hostname:
        raise ValueError("must be an http or https URL with a host")
    return parts.hostname


def _inner(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
