"""Rows through a real Chromium: what comes out, and what goes wrong alone."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import io
import os
import signal
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from pressroom.errors import Code, RowError
from pressroom.lifecycle import backoff
from pressroom.model.page import Margin, Media, Output, PageOptions, PaperFormat
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues, Snapshot
from pressroom_worker.browser import BrowserOptions, Mode
from pressroom_worker.render import BrowserCrashed, Failed, Rendered, RowJob
from pressroom_worker.supervisor import Supervisor

pytestmark = pytest.mark.integration

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def raw(index: int, html: str, **page: Any) -> RowJob:
    row = Row(html=html, raw=True)
    return RowJob(index, row, None, PageOptions(**page), MissingValues.STRICT, None)


def row(index: int, html: str, data: dict[str, Any]) -> RowJob:
    snapshot = Snapshot(html=html)
    page = PageOptions()
    return RowJob(index, Row(data=data), snapshot, page, MissingValues.STRICT, "{{ n }}")


async def render(
    supervisor: Supervisor, jobs: Sequence[RowJob], *, timeout: float = 20, **options: Any
) -> list[Rendered | Failed]:
    renderer = supervisor.renderer()
    return [got async for got in renderer.render(jobs, row_timeout=timeout, **options)]


async def one(supervisor: Supervisor, job: RowJob) -> Rendered:
    (got,) = await render(supervisor, [job])
    assert isinstance(got, Rendered), got
    return got


def pdf(got: Rendered | Failed) -> PdfReader:
    assert isinstance(got, Rendered), got
    reader = PdfReader(io.BytesIO(got.data))
    assert len(reader.pages) == got.pages
    return reader


def text(got: Rendered | Failed) -> str:
    return "\n".join(page.extract_text() for page in pdf(got).pages)


def size(got: Rendered | Failed) -> tuple[int, int]:
    box = pdf(got).pages[0].mediabox
    return int(box.width), int(box.height)


async def test_each_row_gets_its_own_page(supervisor: Supervisor) -> None:
    jobs = [row(n, "<p>Row {{ n }}.", {"n": n}) for n in range(100, 160)]
    got = await render(supervisor, jobs)
    assert [outcome.index for outcome in got] == list(range(100, 160))
    assert [text(outcome) for outcome in got] == [f"Row {n}." for n in range(100, 160)]
    assert [outcome.name for outcome in got if isinstance(outcome, Rendered)] == [
        f"{n}.pdf" for n in range(100, 160)
    ]


async def test_shards_at_once_and_one_after_the_other_keep_apart(supervisor: Supervisor) -> None:
    async def shard(name: str) -> list[str]:
        texts = []
        for part in range(3):
            jobs = [raw(n, f"<p>{name} {part} {n}") for n in range(10)]
            texts += [text(got) for got in await render(supervisor, jobs, realm=name)]
        return texts

    many = await asyncio.gather(*(shard(name) for name in "abcd"))
    assert many == [[f"{name} {p} {n}" for p in range(3) for n in range(10)] for name in "abcd"]


@pytest.mark.parametrize("count", [1, 2, 9, 70])
async def test_pages_are_counted(supervisor: Supervisor, count: int) -> None:
    html = "".join(f"<p style='break-after:page'>{n}" for n in range(count - 1)) + "<p>last"
    assert pdf(await one(supervisor, raw(0, html))).get_num_pages() == count


async def test_paper_margins_and_direction(supervisor: Supervisor) -> None:
    got = await render(
        supervisor,
        [
            raw(0, "<p>x"),
            raw(1, "<p>x", format=PaperFormat.LETTER, landscape=True),
            raw(2, "<p>x", width="100mm", height="50mm"),
            raw(3, "<style>@page{size:3in 2in}</style><p>x", prefer_css_page_size=True),
        ],
    )
    assert [size(outcome) for outcome in got] == [(595, 841), (792, 612), (283, 142), (216, 144)]
    tall = "<div style='height:9.9in'>x</div>"
    narrow = await render(
        supervisor,
        [
            raw(0, tall, format=PaperFormat.LETTER),
            raw(1, tall, format=PaperFormat.LETTER, margin=Margin(top="1in", bottom="1in")),
            raw(2, tall, format=PaperFormat.LETTER, scale_percent=200),
        ],
    )
    assert [len(pdf(outcome).pages) for outcome in narrow] == [1, 2, 2]


async def test_page_ranges_header_footer_tags_and_outline(supervisor: Supervisor) -> None:
    html = "<h1>one</h1><p style='break-before:page'>two<p style='break-before:page'>three"
    header = "<span style='font-size:9px' class=pageNumber></span><b style='font-size:9px'>HEAD</b>"
    got = await render(
        supervisor,
        [
            raw(0, html, page_ranges="2-3"),
            raw(1, html, header_html=header),
            raw(2, html, outline=True),
            raw(3, html),
            raw(4, html, page_ranges="9"),
        ],
    )
    assert text(got[0]).split() == ["two", "three"]
    assert text(got[1]).count("HEAD") == 3
    assert [entry["/Title"] for entry in pdf(got[2]).outline if isinstance(entry, dict)] == ["one"]
    assert "/StructTreeRoot" in pdf(got[2]).root_object
    assert "/StructTreeRoot" not in pdf(got[3]).root_object
    assert isinstance(got[4], Failed)
    assert got[4].error.code is Code.RENDER_FAILED


async def test_media(supervisor: Supervisor) -> None:
    html = "<style>@media screen{.p{display:none}}@media print{.s{display:none}}</style>"
    html += "<p class=s>screen<p class=p>print"
    got = await render(
        supervisor,
        [raw(0, html), raw(1, html, emulated_media=Media.SCREEN), raw(2, html)],
    )
    assert [text(outcome) for outcome in got] == ["print", "screen", "print"]


async def test_embedded_images_are_there(supervisor: Supervisor) -> None:
    html = f"<img src='{PIXEL}' width=9><div style='background:url({PIXEL});height:9px'></div>"
    reader = pdf(await one(supervisor, raw(0, html)))
    assert len(reader.pages[0].images) >= 1


@pytest.mark.parametrize(
    ("output", "magic"),
    [(Output.PNG, b"\x89PNG"), (Output.JPEG, b"\xff\xd8\xff"), (Output.WEBP, b"RIFF")],
)
async def test_images(supervisor: Supervisor, output: Output, magic: bytes) -> None:
    html = "<body style='margin:0'><div style='height:500px;background:red'>x"
    got = await one(supervisor, raw(0, html, output=output, width="300px", height="200px"))
    assert got.data.startswith(magic)
    assert got.name == f"0.{output.extension}"
    assert got.pages == 1
    if output is Output.PNG:
        assert struct.unpack(">II", got.data[16:24]) == (300, 500)


async def test_scripts_run_only_where_asked_for(supervisor: Supervisor) -> None:
    html = "<p id=p>off<script>document.getElementById('p').textContent='on'</script>"
    late = "<p id=p>x<script>onload=()=>requestAnimationFrame(()=>p.textContent='late')</script>"
    got = await render(
        supervisor, [raw(0, html), raw(1, html, scripts=True), raw(2, late, scripts=True)]
    )
    assert [text(outcome) for outcome in got] == ["off", "on", "late"]


async def test_a_script_of_one_row_never_writes_into_another(supervisor: Supervisor) -> None:
    evil = "<p>evil<script>setInterval(()=>document.body.append('LEAK'),1)</script>"
    jobs = []
    for n in range(0, 6, 2):
        jobs += [raw(n, evil, scripts=True), raw(n + 1, f"<p>good {n}", scripts=True)]
    got = await render(supervisor, jobs)
    assert [text(outcome) for outcome in got[1::2]] == [f"good {n}" for n in range(0, 6, 2)]


async def test_a_row_that_hangs_fails_alone(supervisor: Supervisor) -> None:
    got = await render(
        supervisor,
        [
            raw(0, "<p>before"),
            raw(1, "<script>for(;;);</script>", scripts=True),
            row(2, ENDLESS, {"n": 2}),
            raw(3, "<p>after"),
            raw(4, "<p id=p>x<script>p.textContent='scripts'</script>", scripts=True),
        ],
        timeout=1.5,
    )
    assert [text(got[n]) for n in (0, 3, 4)] == ["before", "after", "scripts"]
    failed = [outcome.error.code for outcome in got if isinstance(outcome, Failed)]
    assert failed == [Code.RENDER_TIMEOUT, Code.TEMPLATE_TIMEOUT]


async def test_a_row_that_hangs_costs_its_own_time_once(supervisor: Supervisor) -> None:
    """Its neighbours wait for it longer than a row may take, in its shard and beside it."""
    hanging = raw(1, "<script>for(;;);</script>", scripts=True)
    good = [raw(n, f"<p id=p>x<script>p.textContent='{n}'</script>", scripts=True) for n in (2, 3)]
    await one(supervisor, good[0])  # so that the browser is up
    started = asyncio.get_running_loop().time()
    one_shard, other_shard = await asyncio.gather(
        render(supervisor, [raw(0, "<p>0"), hanging, *good, raw(4, "<p>4")], timeout=2),
        render(supervisor, [*good] * 5, timeout=2),
    )
    took = asyncio.get_running_loop().time() - started
    hung = one_shard.pop(1)
    assert isinstance(hung, Failed)
    assert hung.error.code is Code.RENDER_TIMEOUT
    assert 1900 <= hung.millis < 4000
    assert [text(outcome) for outcome in one_shard] == ["0", "2", "3", "4"]
    assert [text(outcome) for outcome in other_shard] == ["2", "3"] * 5
    assert took < 6


async def test_a_template_error_is_the_rows_own(supervisor: Supervisor) -> None:
    got = await render(
        supervisor,
        [row(0, "{{ n }}", {"n": 1}), row(1, "{{ m }}", {}), row(2, "{{ n }}", {"n": 3})],
    )
    assert isinstance(got[1], Failed)
    assert isinstance(got[1].error, RowError)
    assert got[1].error.code is Code.TEMPLATE_UNDEFINED
    assert [text(got[0]), text(got[2])] == ["1", "3"]


async def test_starting_rows_are_announced_in_order(supervisor: Supervisor) -> None:
    events: list[str] = []

    async def on_start(index: int) -> None:
        events.append(f"start {index}")

    jobs = [raw(n, "<p>x") for n in range(4)]
    async for got in supervisor.renderer().render(jobs, row_timeout=20, on_start=on_start):
        events.append(f"end {got.index}")
    for n in range(4):
        assert events.index(f"start {n}") < events.index(f"end {n}")


async def test_a_dead_browser_is_told_and_replaced(supervisor: Supervisor) -> None:
    done = []
    with pytest.raises(BrowserCrashed) as caught:
        jobs = [raw(n, f"<p>{n}") for n in range(500)]
        async for got in supervisor.renderer().render(jobs, row_timeout=20):
            done.append(got.index)
            if got.index == 5:
                os.killpg(supervisor.browser_pid(Mode.PRESS), signal.SIGKILL)
    assert done == list(range(len(done)))
    assert caught.value.index in (None, *range(len(done), len(done) + 4))
    assert text(await one(supervisor, raw(0, "<p>again"))) == "again"


async def test_a_crashed_tab_blames_its_row_and_no_other_shard(supervisor: Supervisor) -> None:
    await one(supervisor, raw(0, "<p>x", scripts=True))  # so that both browsers are up
    other = asyncio.create_task(render(supervisor, [raw(n, f"<p>{n}") for n in range(60)]))

    async def on_start(index: int) -> None:
        if index == 8:
            asyncio.get_running_loop().call_later(1, kill_tabs, supervisor.browser_pid(Mode.PLAIN))

    endless = "<script>for(;;);</script>"
    with pytest.raises(BrowserCrashed) as caught:
        jobs = [raw(7, "<p>x"), raw(8, endless, scripts=True)]
        async for got in supervisor.renderer().render(jobs, row_timeout=20, on_start=on_start):
            assert got.index == 7
    assert caught.value.index == 8
    assert [text(outcome) for outcome in await other] == [str(n) for n in range(60)]


def kill_tabs(group: int) -> None:
    """Kill the processes in which a browser's pages run, and no other."""
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if b"--type=renderer" in command and os.getpgid(int(entry.name)) == group:
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


async def test_leaving_early_leaves_a_working_farm(supervisor: Supervisor) -> None:
    for _ in range(3):
        rest = supervisor.renderer().render(
            [raw(n, "<p>old") for n in range(50)], row_timeout=20, realm="r"
        )
        await anext(rest)
        await rest.aclose()
    assert text((await render(supervisor, [raw(0, "<p>new")], realm="r"))[0]) == "new"


async def test_alone_uses_another_browser(supervisor: Supervisor) -> None:
    shared = supervisor.browser_pid(Mode.PRESS)
    got = []
    async for outcome in supervisor.renderer().render(
        [raw(0, "<p>a"), raw(1, "<p>b")], row_timeout=20, alone=True
    ):
        if not got:
            os.killpg(shared, signal.SIGKILL)
        got.append(text(outcome))
    assert got == ["a", "b"]


async def test_a_worn_out_browser_is_replaced_and_nobody_is_cut_off(
    browser_options: BrowserOptions,
) -> None:
    supervisor = Supervisor(dataclasses.replace(browser_options, max_documents=5), slots=2)
    await supervisor.start()
    try:
        first = None

        running = asyncio.create_task(render(supervisor, [raw(n, f"<p>{n}") for n in range(80)]))
        for n in range(6):
            await render(supervisor, [raw(i, f"<p>{n}") for i in range(5)], realm="r")
            first = first or supervisor.browser_pid(Mode.PRESS)
        assert [text(got) for got in await running] == [str(n) for n in range(80)]
        async with asyncio.timeout(4):  # sooner than the next look at its memory and age
            for delay in backoff(0.05, 0.2):
                if supervisor.browser_pid(Mode.PRESS) != first:
                    break
                await asyncio.sleep(delay)
    finally:
        await supervisor.stop()


@pytest.fixture
def font() -> str:
    found = [path for path in Path("/usr/share/fonts").rglob("*.ttf") if "Mono" in path.name]
    if not found:
        pytest.skip("needs a font on disk to embed")
    return base64.b64encode(found[0].read_bytes()).decode()


async def test_fonts_embedded_in_the_page_are_used(supervisor: Supervisor, font: str) -> None:
    html = "<style>@font-face{font-family:Own;src:url(data:font/ttf;base64,%s)}p{font-family:Own}"
    reader = pdf(await one(supervisor, raw(0, html % font + "</style><p>mono")))
    fonts = reader.pages[0]["/Resources"]["/Font"].values()  # type: ignore[index]
    assert all("Mono" in str(entry.get_object()["/BaseFont"]) for entry in fonts)
