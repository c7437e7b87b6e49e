"""A small web site on loopback, for pages that fetch."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from PIL import Image


def picture(colour: str, size: tuple[int, int] = (40, 20)) -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@dataclass
class Site:
    """What it was asked for, in order, and where it is."""

    port: int = 0
    seen: list[web.Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, path: str) -> list[web.Request]:
        return [request for request in self.seen if request.path == path]


_PAGE = """<!doctype html><title>Shop</title><link rel=stylesheet href=/style.css>
<h1>Shop</h1><img src=/red.png><p id=said></p>
<script>document.getElementById('said').textContent='scripted '+document.cookie</script>"""
_LATE = """<h1>late</h1><script>setTimeout(()=>{
document.body.innerHTML+='<p id=there>arrived</p>';window.there=true},400)</script>"""

#: Asks for one thing after another, each only once the last one is there.
_CHAIN = """<h1>chain</h1><script>onload=()=>setTimeout(async()=>{
for(let n=1;n<4;n++){await fetch('/slow.png?'+n);document.body.innerHTML+=`<p>step${n}</p>`}
},100)</script>"""
_LATER = "<h1>stays</h1><script>onload=()=>setTimeout(()=>{location='/page'})</script>"


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


def _moved(location: str) -> web.Response:
    headers = {"Location": location, "Set-Cookie": "kept=yes; Path=/"}
    return web.Response(status=302, headers=headers)


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "image/png"})
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 100)
            await asyncio.sleep(0.05)
    except ConnectionError:
        return response


def _answer(path: str, port: int) -> web.Response:
    answers = {
        "/page": lambda: _html(_PAGE),
        "/late": lambda: _html(_LATE),
        "/chain": lambda: _html(_CHAIN),
        "/endless": lambda: _html("<h1>endless</h1><img src=/endless.png>"),
        "/leaves": lambda: _html("<h1>stays</h1><script>location='/page'</script>"),
        "/later": lambda: _html(_LATER),
        "/style.css": lambda: web.Response(text="h1{color:#00f}", content_type="text/css"),
        "/red.png": lambda: web.Response(body=picture("#f00"), content_type="image/png"),
        "/file.zip": lambda: web.Response(body=b"PK", content_type="application/zip"),
        "/huge": lambda: web.Response(body=b"x" * 2**25 + b"x", content_type="text/html"),
        "/moved": lambda: _moved("/page"),
        "/loop": lambda: _moved("/loop"),
        "/outside": lambda: _moved(f"http://localhost:{port}/"),
        "/elsewhere": lambda: _moved(f"http://127.0.0.2:{port}/"),
    }
    found = answers.get(path)
    return found() if found else web.Response(status=404, text="no such page")


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """The site, served while the context is open."""
    made = Site()

    async def answer(request: web.Request) -> web.StreamResponse:
        made.seen.append(request)
        if request.path == "/endless.png":
            return await _endless(request)
        if request.path == "/slow.png":
            await asyncio.sleep(0.3)
            return _answer("/red.png", made.port)
        return _answer(request.path, made.port)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()
