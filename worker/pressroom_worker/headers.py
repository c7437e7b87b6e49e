"""Headers and footers with what they need inside them: they are laid out where nothing loads.

Assets that their HTML names become data URIs, style sheets become style elements. Pure, but for
reading the assets.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import unquote

from pressroom.errors import Code, RowError
from pressroom.model.page import PageOptions
from pressroom.model.template import Asset
from pressroom_worker.traffic import Supply, read_asset

_PARTS = ("header_html", "footer_html", "first_header_html")
# None of these looks at a character more than a few times, whatever the text: all rows wait for it.
_ATTRIBUTE = re.compile(
    r"""(?P<before>\b(?:src|href)\s*+=\s*+)"""
    r"""(?:"(?P<a>[^"]*+)"|'(?P<b>[^']*+)'|(?P<c>[^\s"'>]++))""",
    re.I,
)
_URL = re.compile(
    r"""url\(\s*+(?:"(?P<a>[^"]*+)"|'(?P<b>[^']*+)'|(?P<c>[^\s"'()]++))\s*+\)""", re.I
)
_LINK = re.compile(r"<link\b[^<>]*+>", re.I)
_IS_SHEET = re.compile(r"\brel\s*+=\s*+[\"']?stylesheet\b", re.I)
#: Characters that assets may add to the headers and footers of a row.
MAX_CHARACTERS = 32 * 1024 * 1024


async def with_assets(page: PageOptions, supply: Supply) -> PageOptions:
    """The options, their headers and footers complete.

    RowError ``asset_not_found`` where the store has lost an asset, ``template_failed`` past
    MAX_CHARACTERS; UnavailableError while the store is away.
    """
    texts = {part: html for part in _PARTS if (html := getattr(page, part))}
    if not texts or not supply.assets:
        return page
    contents: dict[str, bytes] = {}
    for name in _names(list(texts.values()), supply.assets):
        contents[name] = await read_asset(supply.load, supply.assets, name)
        if supply.assets[name].content_type == "text/css":
            for inner in _names([contents[name].decode(errors="replace")], supply.assets):
                contents[inner] = await read_asset(supply.load, supply.assets, inner)
    inliner = _Inliner(supply.assets, contents)
    return page.evolve(**{part: inliner.html(html) for part, html in texts.items()})


def asset_name(reference: str) -> str:
    """The asset that a reference means, if it means one: without ``./`` and percent-encoding."""
    return unquote(reference.strip().removeprefix("./"))


def _names(texts: list[str], assets: Mapping[str, Asset]) -> list[str]:
    found = {
        asset_name(_reference(match))
        for text in texts
        for pattern in (_ATTRIBUTE, _URL)
        for match in pattern.finditer(text)
    }
    return sorted(found & assets.keys())


class _Inliner:
    def __init__(self, assets: Mapping[str, Asset], contents: Mapping[str, bytes]) -> None:
        self._assets = assets
        self._contents = contents
        self._left = MAX_CHARACTERS

    def html(self, text: str) -> str:
        text = _LINK.sub(self._sheet, text)
        return self._css(_ATTRIBUTE.sub(self._attribute, text))

    def _attribute(self, match: re.Match[str]) -> str:
        reference = _reference(match)
        uri = self._uri(reference)
        return match[0] if uri == reference else f'{match["before"]}"{uri}"'

    def _css(self, text: str) -> str:
        return _URL.sub(self._url, text)

    def _url(self, match: re.Match[str]) -> str:
        reference = _reference(match)
        uri = self._uri(reference)
        return match[0] if uri == reference else f"url({uri})"

    def _sheet(self, match: re.Match[str]) -> str:
        href = _ATTRIBUTE.search(match[0]) if _IS_SHEET.search(match[0]) else None
        body = self._contents.get(asset_name(_reference(href))) if href else None
        if body is None:
            return match[0]
        return f"<style>{self._css(self._counted(body.decode(errors='replace')))}</style>"

    def _uri(self, reference: str) -> str:
        name = asset_name(reference)
        body = self._contents.get(name)
        if body is None:
            return reference
        kind = self._assets[name].content_type
        return self._counted(f"data:{kind};base64,{base64.b64encode(body).decode()}")

    def _counted(self, text: str) -> str:
        self._left -= len(text)
        if self._left < 0:
            reason = f"The assets make the headers and footers over {MAX_CHARACTERS} characters."
            raise RowError(Code.TEMPLATE_FAILED, reason)
        return text


def _reference(match: re.Match[str]) -> str:
    return next((match[group] for group in "abc" if match[group] is not None), "")
