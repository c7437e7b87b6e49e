"""Rows through the template process: order, names, runaway rows, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from pressroom.errors import Code
from pressroom.model.edits import Edit, EditKind
from pressroom.model.finish import Attachment, Encryption, Metadata, Watermark
from pressroom.model.page import Output, PageOptions
from pressroom.model.rows import Row
from pressroom.model.template import Asset, MissingValues, Snapshot, TemplateSpec
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
        ("{% for a in range(10**9) %}{% endfor %}", Code.TEMPLATE_FAILED),
        ("{{ 'a' * 10**9 }}", Code.TEMPLATE_FAILED),
        ("{{ 'a' * (40 * 1000**2) }}", Code.TEMPLATE_FAILED),
        ("{% for a in range(9**5) %}{{ 'a' * 1000 }}{% endfor %}", Code.TEMPLATE_FAILED),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", Code.TEMPLATE_FAILED),
        ("{% include 'other' %}", Code.TEMPLATE_FAILED),
        ("{{ 'x' | asset }}", Code.ASSET_NOT_FOUND),
        ("{{ 'x' | money }}", Code.TEMPLATE_FAILED),
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


@pytest.mark.parametrize(("depth", "code"), [(253, None), (300, Code.ROW_INVALID)])
async def test_data_as_deep_as_a_line_may_be_harms_nobody(
    typesetter: Typesetter, depth: int, code: Code | None
) -> None:
    data: dict[str, Any] = {"x": "deep"}
    for _ in range(depth - 1):
        data = {"x": "deep", "in": data}
    got = await rows(
        typesetter,
        job(0, "{{ x }}", data={"x": "good"}),
        job(1, "{{ x }}", data=data),
        job(2, "{{ x }}", data={"x": "good"}),
    )
    assert [row.html for row in got] == ["good", "" if code else "deep", "good"]
    assert (got[1].error.code if got[1].error else None) is code


async def test_half_a_surrogate_pair_is_named(typesetter: Typesetter) -> None:
    (got,) = await rows(typesetter, job(0, "{{ '\\ud800' }}"))
    assert got.error is not None
    assert "surrogates" in got.error.message


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


# --- page texts ----------------------------------------------------------------------------------
async def test_every_text_of_the_page_options_is_rendered(typesetter: Typesetter) -> None:
    page = PageOptions(
        header_html="<b>{{ x }}</b>",
        footer_html="{% if true %}foot{% endif %}",
        first_header_html="{# nothing #}",
        metadata=Metadata(title="T {{ x }}", author="{{ empty }}", subject="as it stands"),
        watermark=Watermark(text="W {{ x }}", angle=10),
        attachments=[
            Attachment(name="a.txt", text="{{ x }}", description="D {{ x }}"),
            Attachment(name="b.txt", asset="b.txt"),
        ],
    )
    (got,) = await rows(typesetter, job(0, "", data={"x": "R&D", "empty": ""}, page=page))
    assert got.error is None
    made = got.page
    assert (made.header_html, made.footer_html) == ("<b>R&amp;D</b>", "foot")
    assert made.first_header_html == ""
    assert made.metadata == Metadata(title="T R&D", subject="as it stands")
    assert made.watermark == Watermark(text="W R&D", angle=10)
    assert made.attachments == [
        Attachment(name="a.txt", text="R&D", description="D R&D"),
        Attachment(name="b.txt", asset="b.txt"),
    ]


async def test_rows_of_one_page_have_passwords_of_their_own(typesetter: Typesetter) -> None:
    page = PageOptions(
        encryption=Encryption(user_password="{{ pin }}", owner_password="o{{ pin }}")
    )
    got = await rows(typesetter, *(job(n, "", data={"pin": f"p{n}"}, page=page) for n in range(2)))
    found = [row.page.encryption for row in got]
    assert found == [Encryption(user_password=f"p{n}", owner_password=f"op{n}") for n in range(2)]


async def test_a_password_that_comes_out_empty_fails_its_row(typesetter: Typesetter) -> None:
    page = PageOptions(encryption=Encryption(user_password="{{ pin }}"))
    (got,) = await rows(typesetter, job(0, "", data={"pin": " "}, page=page))
    assert got.error is not None
    assert got.error.message == "encryption.userPassword is empty for this row."


async def test_a_watermark_that_comes_out_empty_is_none(typesetter: Typesetter) -> None:
    page = PageOptions(watermark=Watermark(text="{{ 'DRAFT' if draft }}"))
    got = await rows(
        typesetter,
        job(0, "", data={"draft": True}, page=page),
        job(1, "", data={"draft": False}, page=page),
    )
    assert [row.page.watermark for row in got] == [Watermark(text="DRAFT"), None]


async def test_a_page_without_templates_comes_back_as_it_is(typesetter: Typesetter) -> None:
    page = PageOptions(header_html="<b>", metadata=Metadata(title="t"))
    (got,) = await rows(typesetter, job(0, "", page=page))
    assert got.page is page


async def test_the_page_texts_of_raw_html_stay_as_they_are(typesetter: Typesetter) -> None:
    page = PageOptions(header_html="{{ x }}")
    (got,) = await rows(typesetter, job(0, "", html="a", raw=True, page=page))
    assert got.page.header_html == "{{ x }}"


async def test_a_fault_in_a_page_text_says_where(typesetter: Typesetter) -> None:
    page = PageOptions(metadata=Metadata(title="\n{{ nmae }}"))
    (got,) = await rows(typesetter, job(0, "", page=page))
    assert got.error is not None
    assert got.error.code is Code.TEMPLATE_UNDEFINED
    assert got.error.message.startswith("metadata.title, line 2: ")


# --- URLs ----------------------------------------------------------------------------------------
async def test_a_url_is_a_template_too_and_comes_without_html(typesetter: Typesetter) -> None:
    asked = replace(job(0, "", data={"n": "a b"}), url="https://x.test/{{n|urlencode}}")
    own = job(1, "", url="https://y.test/")
    got = await rows(typesetter, replace(asked, snapshot=None), replace(own, snapshot=None))
    assert [(row.url, row.html, row.name) for row in got] == [
        ("https://x.test/a%20b", "", "0.pdf"),
        ("https://y.test/", "", "1.pdf"),
    ]


@pytest.mark.parametrize("value", ["a b", "", "x" * 3000])
async def test_a_url_that_comes_out_wrong_fails_its_row(typesetter: Typesetter, value: str) -> None:
    got = await rows(
        typesetter,
        replace(job(0, "", data={"n": value}), snapshot=None, url="https://{{n}}"),
        job(1, "fine"),
    )
    assert got[0].error is not None
    assert got[0].error.code is Code.SOURCE_FAILED
    assert got[1].html == "fine"


# --- schemas, assets, edits ----------------------------------------------------------------------
SCHEMA = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"properties": {"n": {"type": "number"}}}}},
    "required": ["items"],
}


def with_schema(index: int, schema: dict[str, Any], data: dict[str, Any]) -> RowJob:
    asked = job(index, "ok", data=data)
    return replace(asked, snapshot=Snapshot(html="ok", data_schema=schema))


async def test_data_is_checked_against_the_schema(typesetter: Typesetter) -> None:
    got = await rows(
        typesetter,
        with_schema(0, SCHEMA, {"items": [{"n": 1}]}),
        with_schema(1, SCHEMA, {"items": [{"n": 1}, {"n": "x"}]}),
        with_schema(2, SCHEMA, {}),
        with_schema(3, {"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 60 + "b"}),
        with_schema(4, {"$ref": "http://127.0.0.1:9/schema"}, {}),
        with_schema(5, SCHEMA, {"items": []}),
        seconds=1,
    )
    faults = [row.error and row.error.code for row in got]
    invalid = Code.DATA_INVALID
    assert faults == [None, invalid, invalid, Code.TEMPLATE_TIMEOUT, invalid, None]
    told = [row.error.message.partition("schema: ")[2] for row in got if row.error]
    assert told[0] == "$.items[1].n: 'x' is not of type 'number'"
    assert told[1] == "$: 'items' is a required property"
    assert "leads nowhere" in told[3]


async def test_html_of_the_rows_own_meets_no_schema(typesetter: Typesetter) -> None:
    asked = replace(job(0, "", html="own"), snapshot=Snapshot(html="", data_schema=SCHEMA))
    (got,) = await rows(typesetter, asked)
    assert got.html == "own"


async def test_assets_are_known_by_name_in_page_and_header(typesetter: Typesetter) -> None:
    logo = Asset(key="k", sha256="0" * 64, bytes=1, content_type="image/png")
    html = "{{ 'my logo.png'|asset }}"
    asked = job(0, html, page=PageOptions(header_html=html))
    asked = replace(asked, snapshot=Snapshot(html=html, assets={"my logo.png": logo}))
    (got,) = await rows(typesetter, asked)
    assert got.error is None
    assert (got.html, got.page.header_html) == ("my%20logo.png", "my%20logo.png")


async def test_edits_are_made_on_the_page(typesetter: Typesetter) -> None:
    edits = [Edit(kind=EditKind.RENAME, text="Invoice", to="Bill")]
    got = await rows(
        typesetter,
        job(0, "<h1>Invoice {{ n }}</h1>", data={"n": 1}, edits=edits),
        job(1, "", html="<h1>Invoice {{ n }}</h1>", raw=True, edits=edits),
    )
    assert [row.html for row in got] == ["<h1>Bill 1</h1>", "<h1>Bill {{ n }}</h1>"]


async def test_filters_find_their_libraries_without_rights(typesetter: Typesetter) -> None:
    html = (
        "{{ 1234.5|money('EUR', 'de') }}|{{ '2026-03-03'|date(locale='fr') }}|"
        "{{ '14:30'|time(timezone='Europe/Berlin') }}|"
        "{{ 'x'|qr|length > 100 }}|{{ 'x'|barcode|length > 100 }}|{{ '*a*'|markdown }}"
    )
    (got,) = await rows(typesetter, job(0, html))
    assert got.error is None
    text = got.html.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert text == "1.234,50 €|3 mars 2026|2:30 PM|true|true|<p><em>a</em></p>\n"


def test_a_template_larger_than_its_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most 900000 characters"):
        TemplateSpec(html="x" * 5_000_000)
