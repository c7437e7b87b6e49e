"""Holds webhooks to the addresses they may reach."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from pressroom import dialling
from pressroom.addresses import Admitted
from pressroom.dialling import RefusedAddressError


def dialler(admitted: Admitted, host: str) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A socket factory for aiohttp. It raises RefusedAddressError in place of a socket."""
    return dialling.dialler(lambda address: admitted.admits(host, address))


__all__ = ["RefusedAddressError", "dialler"]
