"""Nothing that a row asks for leaves the browser, and no file of the machine comes in."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pypdf import PdfReader

from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues
from pressroom_worker import egress
from pressroom_worker.browser import BrowserOptions
from pressroom_worker.render import Rendered, RowJob
from pressroom_worker.supervisor import Supervisor

pytestmark = pytest.mark.integration


@dataclass
class Canary:
    """A server on loopback that must never be reached."""

    port: int = 0
    hits: list[bytes] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    found = Canary()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.hits.append(await reader.read(200))
        found.reached.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    # A listener that hears nothing of anybody would prove nothing.
    _, writer = await asyncio.open_connection("127.0.0.1", found.port)
    writer.write(b"x")
    await writer.drain()
    writer.close()
    await asyncio.wait_for(found.reached.wait(), 5)
    found.hits.clear()
    yield found
    server.close()
    await server.wait_closed()


STATIC = (
    "<img src='{u}/img'><link rel=stylesheet href='{u}/css'><iframe src='{u}/frame'></iframe>",
    "<object data='{u}/o'></object><embed src='{u}/e'><video src='{u}/v'></video>",
    "<style>@import '{u}/i';p{{background:url({u}/bg)}}"
    "@font-face{{font-family:F;src:url({u}/f)}}p{{font-family:F}}</style>",
    "<meta http-equiv=refresh content='0;url={u}/refresh'>",
    "<base href='{u}/'><img src=rel><link rel=preconnect href='{u}'>"
    "<link rel=prefetch href='{u}/p'>",
)
SCRIPTED = (
    "fetch('{u}/fetch').catch(()=>0)",
    "new WebSocket('ws://127.0.0.1:{p}/ws')",
    "navigator.sendBeacon('{u}/beacon','x')",
    "new Image().src='{u}/image'",
    "location='{u}/location'",
    "open('{u}/open')",
    "new Worker(URL.createObjectURL(new Blob([`fetch('{u}/worker')`])))",
    "let c=new RTCPeerConnection({{iceServers:[{{urls:'stun:127.0.0.1:{p}'}},"
    "{{urls:'turn:127.0.0.1:{p}?transport=tcp',username:'a',credential:'b'}}]}});"
    "c.createDataChannel('x');c.createOffer().then(o=>c.setLocalDescription(o))",
)


def jobs(port: int) -> list[RowJob]:
    url = f"http://127.0.0.1:{port}"
    pages = [(html.format(u=url, p=port) + "<p>{n}", False) for html in STATIC]
    pages += [
        (f"<p>{{n}}<script>{script.format(u=url, p=port)}</script>", True) for script in SCRIPTED
    ]
    pages.append((f"<img src='{url}/header'><p>{{n}}", False))
    found = []
    for n, (html, scripts) in enumerate(pages):
        header = f"<img src='{url}/h'><b style='font-size:9px'>H</b>"
        page = PageOptions(scripts=scripts, header_html=header)
        row = Row(html=html.replace("{n}", f"row {n}"), raw=True)
        found.append(RowJob(n, row, None, page, MissingValues.STRICT, None))
    image = PageOptions(output=Output.PNG)
    row = Row(html=f"<img src='{url}/png'>", raw=True)
    return [*found, RowJob(len(found), row, None, image, MissingValues.STRICT, None)]


@pytest.fixture
async def flags_only(
    browser_options: BrowserOptions, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Supervisor]:
    """As on a system that forbids network namespaces."""

    async def none(_: object) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(egress, "namespace", none)
    made = Supervisor(browser_options, slots=1)
    await made.start()
    yield made
    await made.stop()


async def test_no_request_gets_out(canary: Canary, supervisor: Supervisor) -> None:
    await assert_nothing_gets_out(canary, supervisor)


async def test_the_flags_alone_let_no_request_out(canary: Canary, flags_only: Supervisor) -> None:
    await assert_nothing_gets_out(canary, flags_only)


async def assert_nothing_gets_out(canary: Canary, supervisor: Supervisor) -> None:
    seen = []
    async for got in supervisor.renderer().render(jobs(canary.port), row_timeout=15):
        seen.append(got)
    await asyncio.sleep(0.5)  # for what would come late
    assert canary.hits == []
    rendered = [got for got in seen if isinstance(got, Rendered)]
    assert len(rendered) >= len(seen) - 2, seen  # only pages that go elsewhere may fail
    for got in rendered[:-1]:
        texts = "".join(page.extract_text() for page in PdfReader(io.BytesIO(got.data)).pages)
        assert f"row {got.index}" in texts


async def test_no_file_of_the_machine_is_printed(supervisor: Supervisor) -> None:
    vectors = (
        "<iframe src='file:///etc/passwd' width=500 height=500></iframe>",
        "<object data='file:///etc/passwd'></object>",
        "<embed src='file:///etc/passwd'>",
        "<meta http-equiv=refresh content='0;url=file:///etc/passwd'>",
        "<link rel=stylesheet href='file:///etc/passwd'>",
        "<iframe src='view-source:file:///etc/passwd'></iframe>",
        "<iframe src='chrome://version'></iframe>",
    )
    scripts = (
        "<script>location='file:///etc/passwd'</script>",
        "<p id=p><script>fetch('file:///etc/passwd').then(r=>r.text())"
        ".then(t=>p.textContent=t).catch(()=>0)</script>",
    )
    found = []
    for n, html in enumerate([*vectors, *scripts]):
        page = PageOptions(scripts=n >= len(vectors))
        row = Row(html=html + "<p>own text", raw=True)
        found.append(RowJob(n, row, None, page, MissingValues.STRICT, None))
    async for got in supervisor.renderer().render(found, row_timeout=15):
        if isinstance(got, Rendered):
            pages = PdfReader(io.BytesIO(got.data)).pages
            assert "root:" not in "".join(page.extract_text() for page in pages)
