"""Holds outgoing HTTP to the addresses it may reach: at dial time, on the address that is dialled.

So a name that changes its address between look-ups gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import aiohttp

from pressroom.addresses import Address


class RefusedAddressError(OSError):
    """The address may not be reached."""


def dialler(admits: Callable[[Address], bool]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A socket factory for aiohttp. It raises RefusedAddressError in place of a socket."""

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = info
        if not admits(ipaddress.ip_address(place[0].partition("%")[0])):
            raise RefusedAddressError("the address may not be reached")
        return socket.socket(family, kind, protocol)

    return make


def is_refusal(error: BaseException) -> bool:
    """Whether it was an address that was refused, however the client has wrapped it."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, RefusedAddressError):
            return True
        at = at.__cause__ or at.__context__
    return False


def reason(error: BaseException) -> str:
    """Why a request got no answer, for people, without the insides of the network."""
    known: dict[type[BaseException], str] = {
        aiohttp.ClientConnectorDNSError: "the host name cannot be resolved",
        aiohttp.ClientConnectorCertificateError: "the certificate is not valid",
        aiohttp.ClientSSLError: "TLS failed",
        aiohttp.ClientConnectorError: "the connection failed",
        aiohttp.InvalidURL: "the URL is not valid",
        ValueError: "the URL is not valid",
    }
    for kind, text in known.items():
        if isinstance(error, kind):
            return text
    return "the connection broke"
