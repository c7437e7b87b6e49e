"""Pages that try to harm the worker: their rows end as documented, and the rows beside them do."""

from __future__ import annotations

import asyncio
import time

import pytest
from pictures import difference
from press import Press, Sheet, layout, png
from servers import Background

from pressroom.errors import Code
from pressroom.model.checks import Checks, Policy
from pressroom.model.page import Output, PageOptions
from pressroom_worker import quality
from pressroom_worker.render import Failed, Rendered

SCRIPTS = PageOptions(scripts=True)
BEFORE, AFTER = Sheet("<p>before"), Sheet("<p>after")


def between(pages: Press, sheet: Sheet, *, seconds: float = 30) -> Rendered | Failed:
    """What becomes of a row whose neighbours must come out."""
    before, got, after = pages.outcomes([BEFORE, sheet, AFTER], seconds=seconds)
    for neighbour, word in ((before, "before"), (after, "after")):
        assert isinstance(neighbour, Rendered), neighbour
        assert layout(neighbour.data).text() == word
    return got


@pytest.mark.parametrize(
    "script",
    [
        "Array.prototype.map=()=>5",
        "Array.prototype.map=()=>[{a:1},null]",
        "Object.defineProperty(document,'fonts',"
        "{value:{ready:{then:()=>Promise.resolve(['complete',1])}}})",
        "Object.defineProperty(document,'fonts',"
        "{value:{ready:{then:()=>Promise.resolve({a:['complete']})}}})",
    ],
)
def test_a_page_that_answers_nonsense_is_printed(pages: Press, script: str) -> None:
    got = between(pages, Sheet(f"<p>text<script>{script}</script>", page=SCRIPTS))
    assert isinstance(got, Rendered), got
    assert layout(got.data).text() == "text"


def test_a_page_cannot_make_up_a_long_finding(pages: Press) -> None:
    script = "Math.round=()=>'x'.repeat(1e6);String.prototype.slice=()=>'y'.repeat(1e6)"
    html = f"<div style='width:5000px'>wide</div><script>{script}</script>"
    got = between(pages, Sheet(html, page=SCRIPTS))
    assert all(len(finding.message) < 1000 for finding in got.findings)


@pytest.mark.parametrize(
    ("header", "sheet"),
    [
        ("<link " * 10_000, ""),
        ("{% for a in range(90000) %}<link rel={% endfor %}", ""),
        ("<link rel=stylesheet href=head.css>", "url(" * 100_000),
        ("<link rel=stylesheet href=head.css>", "url('" * 100_000 + 'url("' * 100_000),
        ("{% for a in range(90000) %}src  href={% endfor %}", ""),
    ],
)
def test_a_header_that_is_hard_to_read_holds_nobody_up(
    pages: Press, header: str, sheet: str
) -> None:
    page = PageOptions(header_html=header)
    started = time.monotonic()
    got = between(pages, Sheet("<p>text", page=page, assets={"head.css": sheet.encode()}))
    assert isinstance(got, Rendered), got
    assert time.monotonic() - started < 10


def test_a_header_of_countless_pictures_fails_alone(pages: Press) -> None:
    header = "{% for a in range(9000) %}<img src=big.png>{% endfor %}"
    page = PageOptions(header_html=header)
    got = between(pages, Sheet("<p>text", page=page, assets={"big.png": bytes(2**20)}))
    assert isinstance(got, Failed)
    assert got.error.code is Code.TEMPLATE_FAILED


def test_a_header_of_an_answer_may_be_in_latin_1(pages: Press, background: Background) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            b"Content-Disposition: inline; filename=r\xe9sum\xe9.html\r\n\r\n<p>text"
        )
        await writer.drain()
        writer.close()

    server = background.run(asyncio.start_server(answer, "127.0.0.1", 0))
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        got = between(pages, Sheet("", url=url, egress=("127.0.0.1",)), seconds=10)
    finally:
        server.close()
    assert isinstance(got, Rendered), got
    assert layout(got.data).text() == "text"


@pytest.mark.parametrize("output", [Output.PDF, Output.PNG])
@pytest.mark.parametrize(
    "meta",
    [
        "<meta http-equiv=Content-Security-Policy content=\"style-src 'none'; img-src 'none'\">",
        "<META HTTP-EQUIV='Content&#45;Security&#45;Policy' content=\"style-src 'none'\">",
        "<meta name=color-scheme content='only dark'>",
    ],
)
def test_what_a_page_sets_for_itself_ends_with_it(pages: Press, meta: str, output: Output) -> None:
    page = PageOptions(output=output)
    plain = Sheet("<style>p{background:#00f;height:5cm}</style><p>plain<input>", page=page)
    first, _, last = pages.print_all([plain, Sheet(f"{meta}<p>text", page=page), plain])
    if output is Output.PDF:
        first, last = png(first), png(last)
    assert difference(first, last) == 0


def test_drawings_that_take_long_to_look_at_end_with_the_rows_time(
    pages: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(content: bytes, *, furnished: bool) -> bool:
        time.sleep(0.1)
        return False

    monkeypatch.setattr(quality, "is_blank", slowly)
    started = time.monotonic()
    page = PageOptions(checks=Checks(missing_glyphs=Policy.OFF))
    got = between(pages, Sheet("<p style='break-after:page'>x" * 300, page=page), seconds=4)
    assert isinstance(got, Failed), got
    assert got.error.code is Code.RENDER_TIMEOUT
    assert time.monotonic() - started < 8
