"""Rows through the template process: order, names, runaway rows, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pressroom.errors import Code
from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import MissingValues, Snapshot
from pressroom_worker.account import unprivileged
from pressroom_worker.typesetting import RowJob, Typeset, Typesetter

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture
async def typesetter() -> AsyncIterator[Typesetter]:
    made = Typesetter(unprivileged("nobody"))
    yield made
    await made.stop()


def job(index: int, html: str, /, *, pattern: str | None = None, **row: Any) -> RowJob:
    page = row.pop("page", PageOptions())
    return RowJob(index, Row(**row), Snapshot(html=html), page, MissingValues.STRICT, pattern)


async def rows(typesetter: Typesetter, *jobs: RowJob, seconds: float = 5) -> list[Typeset]:
    return [row async for row in typesetter.typeset(jobs, seconds)]


async def test_rows_come_in_order_with_their_names(typesetter: Typesetter) -> None:
    got = await rows(
        typesetter,
        job(0, "A{{ x }}", data={"x": 1}),
        job(1, "B", id="in/voice", pattern=None),
        job(2, "C", data={"n": "R&D"}, pattern="{{ n }}-{{ row }}-{{ id }}.pdf"),
        job(3, "D", pattern="p", page=PageOptions(output=Output.JPEG)),
    )
    assert [row.html for row in got] == ["A1", "B", "C", "D"]
    assert [row.name for row in got] == ["0.pdf", "in_voice.pdf", "R&D-2-2.pdf", "p.jpg"]


async def test_raw_html_is_left_alone_and_own_html_is_a_template(typesetter: Typesetter) -> None:
    got = await rows(
        typesetter,
        job(0, "", html="{{ x }}", raw=True),
        job(1, "", html="{{ x }}", data={"x": 5}),
    )
    assert [row.html for row in got] == ["{{ x }}", "5"]


async def test_header_and_footer_are_templates_too(typesetter: Typesetter) -> None:
    page = PageOptions(header_html="<b>{{ x }}</b>", footer_html="f")
    (got,) = await rows(typesetter, job(0, "", data={"x": 5}, page=page))
    assert (got.page.header_html, got.page.footer_html) == ("<b>5</b>", "f")


@pytest.mark.parametrize(
    ("html", "code"),
    [
        (ENDLESS, Code.TEMPLATE_TIMEOUT),
        ("{{ 9**(9**9) }}", Code.TEMPLATE_TIMEOUT),
        ("{{ 'a' * 10**10 }}", Code.TEMPLATE_FAILED),
        ("{{ [1] * 10**9 }}", Code.TEMPLATE_FAILED),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", Code.TEMPLATE_FAILED),
        ("{{ nobody }}", Code.TEMPLATE_UNDEFINED),
    ],
)
async def test_a_bad_row_fails_alone(typesetter: Typesetter, html: str, code: Code) -> None:
    good = {"x": "good"}
    got = await rows(
        typesetter,
        job(0, "{{ x }}", data=good),
        job(1, html),
        job(2, "{{ x }}", data=good),
        seconds=0.5,
    )
    assert [row.html for row in got] == ["good", "", "good"]
    assert got[1].error is not None
    assert got[1].error.code is code


async def test_a_fault_names_the_text_it_is_in(typesetter: Typesetter) -> None:
    got = await rows(
        typesetter,
        job(0, "", pattern="{{ nmae }}", data={"name": "x"}),
        job(1, "", pattern="{{ name"),
        job(2, "", page=PageOptions(header_html="<b>\n{{ nmae }}")),
        job(3, "", page=PageOptions(footer_html="{{ x|nope }}"), data={"x": 1}),
        job(4, "\n{{ nmae }}"),
    )
    faults = [(row.error.code, row.error.message) for row in got if row.error is not None]
    missing = "The row has no value named 'nmae'."
    assert faults == [
        (Code.TEMPLATE_UNDEFINED, f"fileNamePattern, line 1: {missing}"),
        (Code.TEMPLATE_SYNTAX, "fileNamePattern, line 1: " + faults[1][1].partition(": ")[2]),
        (Code.TEMPLATE_UNDEFINED, f"headerHtml, line 2: {missing}"),
        (Code.TEMPLATE_SYNTAX, "footerHtml, line 1: No filter named 'nope'."),
        (Code.TEMPLATE_UNDEFINED, f"Line 2 of the template: {missing}"),
    ]


async def test_leaving_early_costs_the_next_shard_nothing(typesetter: Typesetter) -> None:
    rest = typesetter.typeset([job(n, "old") for n in range(500)], 5)
    await anext(rest)
    await rest.aclose()
    assert [row.html for row in await rows(typesetter, job(0, "new"))] == ["new"]


async def test_a_slow_reader_fails_no_row(typesetter: Typesetter) -> None:
    """The time that a row waits for its reader is not the template's."""
    jobs = [job(n, "{{ x }}", data={"x": "y" * 50_000}) for n in range(30)]
    got = []
    async for row in typesetter.typeset(jobs, 0.2):
        if row.job.index in (0, 15):
            await asyncio.sleep(0.3)  # longer than a row may take
        got.append(row.error)
    assert got == [None] * 30
