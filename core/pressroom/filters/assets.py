"""A template's own images, fonts and style sheets, by their names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jinja2.runtime import Context

from pressroom.filters.support import FilterError, shown

#: The name under which this filter finds the names of the template's assets.
ASSETS = "_pressroom_assets"


class AssetMissing(FilterError):  # noqa: N818 - what is wrong, not that something is
    """The template has no such asset."""


def asset(context: Context, value: Any) -> str:
    """``my logo.png`` as ``my%20logo.png``: the address of the template's asset."""
    if not isinstance(value, str) or value not in context.resolve(ASSETS):
        raise AssetMissing(f"asset: the template has no asset {shown(value)}")
    return quote(value, safe="")
