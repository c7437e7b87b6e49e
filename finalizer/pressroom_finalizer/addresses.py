"""Holds webhooks to the addresses they may reach: at dial time, on the address that is dialled.

So a name that changes its address between look-ups gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from pressroom.addresses import Admitted


class RefusedAddressError(OSError):
    """The address is not public, and not admitted."""


def dialler(admitted: Admitted, host: str) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A socket factory for aiohttp. It raises RefusedAddressError in place of a socket."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = info
        if not admitted.admits(host, ipaddress.ip_address(place[0].partition("%")[0])):
            raise RefusedAddressError("the address is not public")
        return socket.socket(family, kind, protocol)

    return make
