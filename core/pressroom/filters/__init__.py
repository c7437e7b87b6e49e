"""The filters that documents need, by name: what ``pressroom.templating`` adds to Jinja's own.

Pure, and bounded: every input and argument has a limit, so that a value costs little however it
is made. The libraries behind them are loaded when a filter is first used, never by importing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pressroom.filters.assets import ASSETS, AssetMissing, asset
from pressroom.filters.codes import barcode, qr
from pressroom.filters.dates import date, datetime, time
from pressroom.filters.numbers import money, number, percent
from pressroom.filters.support import FilterError, wrapped
from pressroom.filters.text import markdown, nl2br

__all__ = ["ASSETS", "FILTERS", "AssetMissing", "FilterError"]

_ALL = (money, number, percent, date, datetime, time, qr, barcode, markdown, nl2br, asset)
FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {one.__name__: wrapped(one) for one in _ALL}
)
