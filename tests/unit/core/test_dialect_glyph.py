"""Glyph's requests, rows and answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pressroom.dialects import glyph
from pressroom.dialects.fault import Fault
from pressroom.dialects.glyph_request import InvalidError, Item, parse
from pressroom.errors import Code, PressroomError, RowError
from pressroom.model.ledger import RowFault, RowOutcome, RowState
from pressroom.model.page import Margin, Output, PageOptions, PaperFormat
from pressroom.model.rows import Row, parse_row
from pressroom.model.template import TemplateSpec
from pressroom.modifier import Draft, Modified, Modifier
from pressroom.modifiers.plain import PlainModifier

DATA = {
    "client": {"name": "Acme Corp"},
    "lineItems": [{"description": "Consulting", "quantity": 10, "unitPrice": 150, "total": 1500}],
    "totals": {"subtotal": 1500, "total": 1500},
}


def one(**item: Any) -> Item:
    return parse({"items": [{"data": DATA} | item]})[0]


def row(item: Item, stored: TemplateSpec | None = None) -> Row:
    return parse_row(glyph.line(glyph.row_of(item, stored)))


def page(item: Item, stored: TemplateSpec | None = None) -> PageOptions:
    found = row(item, stored).page
    assert found is not None
    return found


def details(body: Any, most: int = 10) -> list[tuple[list[Any], str]]:
    with pytest.raises(InvalidError) as caught:
        parse(body, most)
    return [(detail["path"], detail["message"]) for detail in caught.value.details]


# --- requests ------------------------------------------------------------------------------------
def test_the_documents_request_is_taken() -> None:
    item = one(
        template="auto",
        modifications=["Add a DRAFT watermark"],
        format="pdf",
        style="stripe-clean",
        options={"pageSize": "letter", "orientation": "portrait", "scale": 1},
    )
    assert (item.kind, item.template, item.output) == ("invoice", None, Output.PDF)
    assert item.modifications == ("Add a DRAFT watermark",)


def test_defaults_are_the_documented_ones() -> None:
    found = page(one())
    assert (found.format, found.landscape, found.scale_percent) == (PaperFormat.LETTER, False, 100)
    assert found.kind is Output.PDF


def test_no_items_are_refused_in_the_documents_words() -> None:
    assert details({"items": []}) == [(["items"], "At least one item is required")]


def test_ten_items_are_taken_and_eleven_refused() -> None:
    assert len(parse({"items": [{"data": DATA}] * 10})) == 10
    assert details({"items": [{"data": DATA}] * 11}) == [
        (["items"], "At most 10 items are allowed")
    ]


def test_a_tenants_lower_limit_counts() -> None:
    assert details({"items": [{"data": DATA}] * 3}, 2)[0][1] == "At most 2 items are allowed"


@pytest.mark.parametrize("body", [None, [], "x", 3])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    assert details(body) == [([], "Expected an object")]


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({}, ["data"]),
        ({"data": None}, ["data"]),
        ({"data": []}, ["data"]),
        ({"data": DATA, "template": 7}, ["template"]),
        ({"data": DATA, "modifications": "x"}, ["modifications"]),
        ({"data": DATA, "modifications": ["ok", "x" * 1001]}, ["modifications", 1]),
        ({"data": DATA, "modifications": [1]}, ["modifications", 0]),
        ({"data": DATA, "format": "jpg"}, ["format"]),
        ({"data": DATA, "format": "PDF"}, ["format"]),
        ({"data": DATA, "style": "loud"}, ["style"]),
        ({"data": DATA, "options": []}, ["options"]),
        ({"data": DATA, "options": {"pageSize": "a4"}}, ["options", "pageSize"]),
        ({"data": DATA, "options": {"orientation": "upright"}}, ["options", "orientation"]),
        ({"data": DATA, "options": {"scale": 0.09}}, ["options", "scale"]),
        ({"data": DATA, "options": {"scale": 3.01}}, ["options", "scale"]),
        ({"data": DATA, "options": {"scale": "1"}}, ["options", "scale"]),
        ({"data": DATA, "options": {"scale": True}}, ["options", "scale"]),
        ({"data": DATA, "options": {"margin": "1in"}}, ["options", "margin"]),
        ({"data": DATA, "options": {"margin": {"top": 5}}}, ["options", "margin", "top"]),
        ({"data": DATA, "options": {"margin": {"left": "-1in"}}}, ["options", "margin", "left"]),
        ({"data": DATA, "options": {"margin": {"left": "9999em"}}}, ["options", "margin", "left"]),
        ({"data": DATA, "options": {"margin": {"top": "11in"}}}, ["options", "margin"]),
    ],
)
def test_a_violation_is_named_by_its_path(item: dict[str, Any], path: list[Any]) -> None:
    found = details({"items": [{"data": DATA}, item]})
    assert [where for where, _ in found] == [["items", 1, *path]]
    assert found[0][1]


def test_all_violations_are_named_at_once() -> None:
    items = [{"data": DATA, "style": "x", "options": {"scale": 9}}, {}] + [{"data": DATA}] * 9
    assert [path for path, _ in details({"items": items})] == [
        ["items"],
        ["items", 0, "style"],
        ["items", 0, "options", "scale"],
        ["items", 1, "data"],
    ]


def test_unknown_fields_are_tolerated() -> None:
    body = {"items": [{"data": DATA, "x": 1, "options": {"y": 2, "margin": {"z": 3}}}], "w": 4}
    assert len(parse(body)) == 1


def test_a_modification_of_1000_characters_is_taken() -> None:
    assert one(modifications=["x" * 1000]).modifications == ("x" * 1000,)


# --- rows ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "paper"),
    [("A4", PaperFormat.A4), ("letter", PaperFormat.LETTER), ("legal", PaperFormat.LEGAL)],
)
def test_every_page_size(word: str, paper: PaperFormat) -> None:
    assert page(one(options={"pageSize": word})).format is paper


def test_landscape() -> None:
    assert page(one(options={"orientation": "landscape"})).landscape is True


@pytest.mark.parametrize(
    ("given", "length"),
    [("1in", "1in"), (" .5IN ", "0.5in"), ("0", "0px"), ("2em", "32px"), ("10mm", "10mm")],
)
def test_margins_are_css_lengths_side_by_side(given: str, length: str) -> None:
    margin = page(one(options={"margin": {"top": given}})).margin
    assert margin == Margin(top=length, right="0.5in", bottom="0.5in", left="0.5in")


@pytest.mark.parametrize(("scale", "percent"), [(0.1, 10), (0.755, 76), (1, 100), (2, 200)])
def test_scale_is_the_browsers_own_as_far_as_it_goes(scale: float, percent: int) -> None:
    found = row(one(options={"scale": scale}))
    assert found.page is not None
    assert found.page.scale_percent == percent
    assert found.html is not None
    assert "zoom:" not in found.html


def test_scale_above_2_magnifies_the_page_besides() -> None:
    found = row(one(options={"scale": 3}))
    assert found.page is not None
    assert (found.page.scale_percent, found.page.format) == (200, PaperFormat.LETTER)
    assert found.html is not None
    assert "body{zoom:1.5000}" in found.html


def test_an_image_above_2_keeps_its_layout_in_a_larger_window() -> None:
    found = row(one(format="png", options={"scale": 3}))
    assert found.page is not None
    assert found.page.output is Output.PNG
    assert found.page.paper_inches() == (12.75, 16.5)
    assert found.html is not None
    assert "html{zoom:1.5000}" in found.html


def test_the_margins_of_an_image_are_room_in_its_page() -> None:
    found = row(one(format="png", options={"margin": {"left": "2in"}}))
    assert found.data["doc"]["padding"] == "0.5in 0.5in 0.5in 2in"
    assert row(one()).data["doc"]["padding"] == ""


def test_a_style_is_used_and_else_chosen_by_the_kind() -> None:
    assert row(one(style="bold")).data["doc"]["style"] == "bold"
    assert row(one()).data["doc"]["style"] == "stripe-clean"
    assert row(one(data={"sections": []} | {"title": "x"})).data["doc"]["style"] == "corporate"


def test_empty_data_fails_its_item_in_the_documents_words() -> None:
    with pytest.raises(RowError, match=r"^Data object cannot be empty$"):
        glyph.row_of(one(data={}), None)


def test_data_too_deep_for_a_row_fails_its_item() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    stored = TemplateSpec(html="<p></p>")
    with pytest.raises(RowError, match="nested too deeply"):
        glyph.line(glyph.row_of(one(data={"a": deep}, template="t"), stored))


def test_a_stored_template_is_named_and_keeps_its_own_paper() -> None:
    stored = TemplateSpec(html="<p>", page=PageOptions(format=PaperFormat.A5, landscape=True))
    found = row(one(template="tpl_1"), stored)
    assert (found.template, found.html, found.data) == ("tpl_1", None, DATA)
    assert found.page is not None
    assert (found.page.format, found.page.landscape) == (None, None)


def test_what_is_asked_for_wins_over_a_stored_templates_page() -> None:
    stored = TemplateSpec(html="<p>", page=PageOptions(format=PaperFormat.A5, landscape=True))
    found = page(
        one(template="t", options={"pageSize": "legal", "orientation": "portrait"}), stored
    )
    assert (found.format, found.landscape) == (PaperFormat.LEGAL, False)


def test_a_stored_template_without_a_page_is_printed_on_letter() -> None:
    found = page(one(template="t"), TemplateSpec(html="<p>"))
    assert (found.format, found.landscape, found.margin) == (PaperFormat.LETTER, False, None)


def test_a_stored_template_above_scale_2_is_magnified_with_its_own_sheet() -> None:
    stored = TemplateSpec(
        html="<p>{{ name }}</p>",
        css="p{color:red} /* {% x */",
        page=PageOptions(format=PaperFormat.A5),
    )
    found = row(one(template="t", options={"scale": 2.5}), stored)
    assert found.template == "t"
    assert found.html is not None
    assert found.html.startswith("<p>{{ name }}</p>")
    assert "p{color:red}" in found.html
    assert "body{zoom:1.2500}" in found.html
    assert found.page is not None
    assert found.page.format is PaperFormat.A5


class _Upper:
    """Understands one instruction."""

    async def apply(self, draft: Draft, instruction: str) -> Modified:
        if instruction != "upper":
            raise PressroomError("What?")
        return Modified(draft.evolve(html=draft.html.upper()), done=("upper",))


async def changed(
    item: Item, stored: TemplateSpec | None, modifier: Modifier | None
) -> tuple[Row, Modified]:
    made = glyph.row_of(item, stored)
    made, found = await glyph.modified(made, stored, item.modifications, modifier, 60)
    return parse_row(glyph.line(made)), found


async def test_a_modification_that_fails_is_skipped() -> None:
    item = one(template="t", modifications=["lower", "upper", "x"])
    made, found = await changed(item, TemplateSpec(html="<p>a</p>", css="p{}"), _Upper())
    assert made.html is not None
    assert made.html.startswith("<P>A</P>")
    assert "<STYLE>P{}" in made.html
    assert made.template == "t"
    assert found.done == ("upper",)
    assert found.missed == ("lower: What?", "x: What?")


async def test_without_a_modifier_all_are_skipped() -> None:
    item = one(modifications=["Make it landscape"])
    made, found = await changed(item, None, None)
    assert made == row(item)
    assert found.missed == ("Make it landscape",)


async def test_the_built_in_modifier_leaves_a_stored_template_in_its_place() -> None:
    stored = TemplateSpec(html="<p>a</p>", page=PageOptions(footer_html="<p>f</p>"))
    asked = ["Add a DRAFT watermark", "Add a footer saying Thanks", "sparkle"]
    made, found = await changed(one(template="t", modifications=asked), stored, PlainModifier())
    assert (made.template, made.html) == ("t", None)
    assert made.edits is not None
    assert "DRAFT" in made.edits[0].text
    assert made.page is not None
    assert made.page.footer_html is not None
    assert made.page.footer_html.startswith("<p>f</p>")
    assert "Thanks" in made.page.footer_html
    assert found.missed == ("sparkle",)


async def test_modifications_change_a_built_in_page() -> None:
    item = one(modifications=["make it landscape", "Hide the notes"])
    made, _ = await changed(item, None, PlainModifier())
    assert made.page is not None
    assert made.page.landscape is True
    assert [edit.kind for edit in made.edits or ()] == ["hide"]


def test_the_rows_of_a_request_are_rendered_one_after_another() -> None:
    found = glyph.submission([b"{}\n"], frozenset({"t"}))
    assert (found.parallelism, found.templates, found.ttl_seconds) == (1, {"t"}, 600)


# --- answers -------------------------------------------------------------------------------------
def test_a_success_has_the_documented_fields() -> None:
    item = parse({"items": [{"data": DATA}, {"data": DATA, "format": "png"}]})[1]
    made = glyph.Made("key", 3, 2340)
    assert glyph.success(item, made, base64="QUJD", size=3, stamp=1706000000000) == {
        "index": 1,
        "status": "success",
        "url": "data:image/png;base64,QUJD",
        "filename": "invoice-1-1706000000000.png",
        "size": 3,
        "format": "png",
        "processingTimeMs": 2340,
    }


def test_a_failure_has_the_documented_fields() -> None:
    assert glyph.failure(1, glyph.Missed("Data object cannot be empty", 12)) == {
        "index": 1,
        "status": "error",
        "error": "Data object cannot be empty",
        "errorCode": "ITEM_GENERATION_FAILED",
        "processingTimeMs": 12,
    }


def outcome(state: RowState, **changes: Any) -> RowOutcome:
    return RowOutcome(index=0, id="0", state=state, millis=30, **changes)


def test_what_became_of_a_row_is_what_became_of_its_item() -> None:
    made = outcome(RowState.SUCCEEDED, file="f", bytes=9)
    assert glyph.result_of(made, 5, "") == glyph.Made("f", 9, 35)
    fault = RowFault(code=Code.TEMPLATE_FAILED, message="Line 1: no")
    assert glyph.result_of(outcome(RowState.FAILED, error=fault), 5, "") == glyph.Missed(
        "Line 1: no", 35
    )
    assert glyph.result_of(None, 5, "Too late.") == glyph.Missed("Too late.", 5)
    assert glyph.result_of(outcome(RowState.CANCELLED), 5, "Too late.") == glyph.Missed(
        "Too late.", 35
    )


@pytest.mark.parametrize(
    ("status", "code", "answered", "word"),
    [
        (401, Code.UNAUTHENTICATED, 401, "UNAUTHORIZED"),
        (403, Code.FORBIDDEN, 403, "FORBIDDEN"),
        (405, Code.METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED"),
        (413, Code.REQUEST_TOO_LARGE, 413, "PAYLOAD_TOO_LARGE"),
        (429, Code.TOO_MANY_REQUESTS, 429, "RATE_LIMITED"),
        (500, Code.INTERNAL, 500, "BATCH_ERROR"),
        (503, Code.UNAVAILABLE, 500, "BATCH_ERROR"),
    ],
)
def test_every_error_takes_glyphs_shape(status: int, code: Code, answered: int, word: str) -> None:
    assert glyph.error(Fault(status, code, "Why.")) == (answered, {"error": "Why.", "code": word})


def test_malformed_json_is_a_validation_error() -> None:
    status, body = glyph.error(Fault(400, Code.MALFORMED_JSON, "Line 1."))
    assert (status, body["code"]) == (400, "VALIDATION_ERROR")
    assert body["details"] == [{"path": [], "message": "Line 1."}]


def test_paths_hold_indexes_as_numbers() -> None:
    assert glyph.steps("items[1].data") == ["items", 1, "data"]
    assert orjson.loads(orjson.dumps(glyph.steps("items[0]"))) == ["items", 0]
