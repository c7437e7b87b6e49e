"""One row in a tab: what is loaded, waited for, and printed or pictured."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pressroom.errors import Code, RowError
from pressroom.model.checks import Check, Checks, Policy
from pressroom.model.finish import Watermark
from pressroom.model.page import MAX_PAPER_INCHES, Image, Output, PageOptions
from pressroom.pdf.first_page import replace_first_page
from pressroom_worker import quality
from pressroom_worker.headers import with_assets
from pressroom_worker.printing import (
    as_long_as,
    device_scale,
    first_page_parameters,
    image_parameters,
    media,
    print_parameters,
    printable,
    viewport,
)
from pressroom_worker.skia import count_pages
from pressroom_worker.tab import Tab
from pressroom_worker.traffic import Supply, read_asset
from pressroom_worker.waiting import wait_for
from pressroom_worker.watermark import script

#: An image's sides at most, in pixels.
MAX_IMAGE_SIDE = 16_000
#: Takes back page breaks, and that the document is as high as its window.
_FLOWING = """(() => {
  const style = document.createElement('style');
  style.textContent = '*{break-before:auto!important;break-after:auto!important}'
    + 'html,body{height:auto!important;min-height:0!important}';
  (document.head || document.documentElement).appendChild(style);
})()"""
#: Of its content's length, and CSS pixels more: @page may have margins of its own.
_STRETCHES = ((1, 0), (1.05, 200), (1.5, 1000))


@dataclass(frozen=True)
class Shown:
    """What the browser made of a row, and what was noticed on the way."""

    data: bytes
    pages: int
    noticed: quality.Noticed


async def show(tab: Tab, html: str, page: PageOptions, supply: Supply) -> Shown:
    """Print a document, or take its picture.

    RowError ``source_failed``, ``render_failed``, ``output_too_large``, ``asset_not_found``. The
    caller sets the deadline; until it has passed, ``tab.awaited`` says what is waited for.
    """
    tab.begin(supply)
    if page.kind is Output.PDF:
        page = await with_assets(page, supply)
        if quality.probe(page) is not None:
            await tab.resize(*printable(page))
    else:
        await tab.resize(*viewport(page), device_scale(page))
    if supply.url is not None:
        await tab.fetch(supply.url, media(page))
    else:
        await tab.load(html, media(page))
    if page.wait is not None:
        await wait_for(tab, page.wait)
    if page.watermark is not None:
        await _mark(tab, page.watermark, supply)
    layout = None
    if page.kind is Output.PDF:
        # The question is not waited for: the browser answers in turn.
        layout, (data, pages) = await asyncio.gather(_ask(tab, page), _print(tab, page))
    else:
        data, pages = await _picture(tab, page), 1
    return Shown(data, pages, _noticed(tab, page, layout))


async def _mark(tab: Tab, watermark: Watermark, supply: Supply) -> None:
    image = None
    if watermark.image is not None:
        image = await read_asset(supply.load, supply.assets, watermark.image)
    if not await tab.evaluate(script(watermark, image)):
        text = f"The watermark's asset {watermark.image!r} is no picture that the browser can show."
        raise RowError(Code.ASSET_INVALID, text)


async def _ask(tab: Tab, page: PageOptions) -> object:
    question = quality.probe(page)
    return await tab.evaluate(question) if question is not None else None


async def _print(tab: Tab, page: PageOptions) -> tuple[bytes, int]:
    if page.single_page:
        page, data = await _single(tab, page)
    else:
        data = await tab.pdf(print_parameters(page))
    pages = count_pages(data)
    first = first_page_parameters(page)
    if first is not None:
        data = replace_first_page(data, await tab.pdf(first))
    return data, pages


async def _single(tab: Tab, page: PageOptions) -> tuple[PageOptions, bytes]:
    """The PDF as one page, and the options with the paper that this took."""
    await tab.evaluate(_FLOWING)
    # In a window without height, the content says itself how long it is.
    await tab.resize(printable(page)[0], 1)
    _, content = await tab.content_size()
    for share, more in _STRETCHES:
        long = as_long_as(page, content * share + more)
        if long is None:
            text = f"A single page of this row would be over {MAX_PAPER_INCHES} inches long."
            raise RowError(Code.OUTPUT_TOO_LARGE, text)
        data = await tab.pdf(print_parameters(long))
        if count_pages(data) == 1:
            return long, data
    text = "The page is not single: parts of it are as long as the paper, however long (100vh)."
    raise RowError(Code.RENDER_FAILED, text)


async def _picture(tab: Tab, page: PageOptions) -> bytes:
    image = page.image or Image()
    width, height = viewport(page)
    if image.full_page is not False:
        whole_width, whole_height = await tab.content_size()
        width, height = max(width, round(whole_width)), max(height, round(whole_height))
    scale = (page.scale_percent or 100) / 100 * device_scale(page)
    if max(width, height) * scale > MAX_IMAGE_SIDE:
        raise RowError(
            Code.OUTPUT_TOO_LARGE, f"The image would be over {MAX_IMAGE_SIDE} pixels long."
        )
    clear = bool(image.transparent) and page.kind is not Output.JPEG
    return await tab.image(image_parameters(page, width, height), transparent=clear)


def _noticed(tab: Tab, page: PageOptions, layout: object) -> quality.Noticed:
    checks = page.checks or Checks()
    failed, console = tab.traffic.failed, tab.console
    if checks.policy(Check.FAILED_ASSETS) is Policy.OFF:
        failed = {}
    return quality.Noticed(
        # Assets by their names: the host that they come from is of our own making.
        failed_assets=tuple(
            f"{url.removeprefix(tab.traffic.supply.address)}: {reason}"
            for url, reason in failed.items()
        ),
        console_errors=tuple(console),
        layout=layout,
    )
