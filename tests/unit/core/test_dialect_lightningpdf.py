"""The LightningPDF dialect: what a request becomes, and how a job is shown."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pressroom import names
from pressroom.dialects import ids, lightningpdf, lightningpdf_request
from pressroom.dialects.fault import Fault
from pressroom.dialects.lightningpdf import Pdf
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect, OutputKind, job_of
from pressroom.model.ledger import RowFault, RowOutcome, RowState
from pressroom.model.page import Output
from pressroom.model.rows import Row, parse_row

NAME = names.job_name(b"\7" * 15)
JOB_ID = ids.public_id(Dialect.LIGHTNING_PDF, NAME)
DOCUMENTED: dict[str, Any] = {
    "items": [
        {"id": "invoice_001", "html": "<h1>Invoice 001</h1><p>Customer: John Doe</p>"},
        {
            "id": "invoice_002",
            "template_id": "tpl_abc123",
            "variables": {"customer_name": "Jane Smith", "total": 250.00},
        },
    ],
    "options": {"format": "A4", "print_background": True},
    "callback_url": "https://your-app.com/webhooks/pdf-batch",
    "merge_output": False,
}


def parse(raw: Any, most: int = 100) -> lightningpdf_request.Order:
    return lightningpdf_request.parse(raw, most=most)


def rows_of(raw: Any) -> list[Row]:
    return [parse_row(line) for line in parse(raw).submission.rows]


def item(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "html": "<p>a</p>"} | changes


def page_of(options: Any) -> Any:
    """The page that a batch's options make, without what is always there."""
    page = parse({"items": [item()], "options": options}).submission.page
    assert page is not None
    assert page.output is Output.PDF
    return page.model_dump(exclude_none=True, exclude={"output"}, mode="json")


def refusal(raw: Any, most: int = 100) -> UserError:
    with pytest.raises(UserError) as caught:
        parse(raw, most)
    return caught.value


class TestRequest:
    def test_the_documented_one(self) -> None:
        submission = parse(DOCUMENTED).submission
        first, second = rows_of(DOCUMENTED)
        assert (first.id, first.html, first.raw) == (
            "invoice_001",
            "<h1>Invoice 001</h1><p>Customer: John Doe</p>",
            True,
        )
        assert (second.id, second.template, second.html, second.raw) == (
            "invoice_002",
            "tpl_abc123",
            None,
            False,
        )
        assert second.data == {"customer_name": "Jane Smith", "total": 250.0}
        assert submission.templates == {"tpl_abc123"}
        assert submission.webhook_url == "https://your-app.com/webhooks/pdf-batch"
        assert submission.outputs == {OutputKind.FILES}

    def test_merging_is_asked_for(self) -> None:
        wanted = parse({"items": [item()], "merge_output": True}).submission
        assert wanted.outputs == {OutputKind.FILES, OutputKind.MERGED}

    def test_null_is_as_good_as_absent(self) -> None:
        nothing = {"options": None, "callback_url": None, "merge_output": None}
        mine = item(template_id=None, variables=None, options=None)
        submission = parse({"items": [mine], **nothing}).submission
        assert submission == parse({"items": [item()]}).submission

    @given(st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
    def test_ids_stay_as_they_are(self, text: str) -> None:
        assert rows_of({"items": [item(id=text)]})[0].id == text

    def test_an_id_that_no_template_can_have_fails_its_item_alone(self) -> None:
        raw = {"items": [{"id": "a", "template_id": "no such template!"}]}
        assert parse(raw).submission.templates == frozenset()
        assert rows_of(raw)[0].template == "no such template!"

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            ({}, "items"),
            ({"items": None}, "items"),
            ({"items": {}}, "items"),
            ({"items": []}, "items"),
            ({"items": ["<p>"]}, "items[0]"),
            ({"items": [item(), {"html": "<p>"}]}, "items[1].id"),
            ({"items": [item(id="")]}, "items[0].id"),
            ({"items": [item(id=7)]}, "items[0].id"),
            ({"items": [item(id="x" * 201)]}, "items[0].id"),
            ({"items": [item(), item()]}, "items[1].id"),
            ({"items": [item(), {"id": "b"}]}, "items[1]"),
            ({"items": [item(template_id="t")]}, "items[0]"),
            ({"items": [item(html="")]}, "items[0].html"),
            ({"items": [item(html=5)]}, "items[0].html"),
            ({"items": [{"id": "a", "template_id": 5}]}, "items[0].template_id"),
            ({"items": [item(variables=[1])]}, "items[0].variables"),
            ({"items": [item(varaibles={})]}, "items[0].varaibles"),
            ({"items": [item(options={"scale": 9})]}, "items[0].options.scale"),
            ({"items": [item()], "merge_output": "yes"}, "merge_output"),
            ({"items": [item()], "callback_url": 1}, "callback_url"),
            ({"items": [item()], "callback_url": "ftp://a.example/"}, "callback_url"),
            ({"items": [item()], "callback_url": "HTTP://a.example/"}, "callback_url"),
            ({"items": [item()], "callback_url": "https://me:pw@a.example/"}, "callback_url"),
            ({"items": [item()], "callback_url": ""}, "callback_url"),
            ({"items": [item()], "options": []}, "options"),
            ({"items": [item()], "optoins": {}}, "optoins"),
        ],
    )
    def test_what_is_wrong_is_named(self, raw: Any, path: str) -> None:
        found = refusal(raw)
        assert found.path == path
        fault = Fault(found.status, found.code, found.message, found.path)
        status, body = lightningpdf.error(fault)
        assert status == 400
        assert path in body["error"]["message"]

    def test_a_hundred_items_and_no_more(self) -> None:
        items = [item(id=f"i{n}") for n in range(101)]
        assert len(parse({"items": items[:100]}).submission.rows) == 100
        assert refusal({"items": items}).code is Code.TOO_MANY_ROWS
        assert "2" in refusal({"items": items[:3]}, most=2).message

    def test_variables_may_be_deep(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(150):
            deep = {"in": deep}
        assert rows_of({"items": [{"id": "a", "template_id": "t", "variables": deep}]})

    def test_nothing_is_nested_without_end(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(500):
            deep = {"in": deep}
        found = refusal({"items": [{"id": "a", "template_id": "t", "variables": deep}]})
        assert found.path == "items[0]"

    def test_an_item_too_large_for_any_worker(self) -> None:
        assert refusal({"items": [item(html="x" * 9_000_000)]}).status == 413


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "page"),
        [
            ({}, {}),
            ({"format": "A4", "print_background": True}, None),
            ({"format": "letter"}, {"format": "Letter"}),
            ({"width": "100mm", "height": 480}, {"width": "100mm", "height": "480"}),
            ({"width": "8.5in", "height": ".5IN"}, {"width": "8.5in", "height": "0.5in"}),
            ({"landscape": True}, None),
            ({"print_background": False}, None),
            ({"scale": 0.75}, {"scale_percent": 75}),
            ({"scale": 1}, {"scale_percent": 100}),
            ({"margin": {"top": "1cm", "left": 12.5}}, {"margin": {"top": "1cm", "left": "12.5"}}),
            ({"margin_top": "1cm", "margin": {"top": "2cm"}}, {"margin": {"top": "1cm"}}),
            ({"margin_bottom": 0}, {"margin": {"bottom": "0"}}),
            ({"header_html": "<b>h</b>"}, None),
            ({"header_template": "<b>h</b>"}, {"header_html": "<b>h</b>"}),
            ({"footer_html": "<b>f</b>"}, None),
            ({"footer_template": "<b>f</b>"}, {"footer_html": "<b>f</b>"}),
            ({"page_ranges": " 1-3, 5"}, {"page_ranges": "1-3, 5"}),
            ({"page_ranges": ""}, {}),
            ({"prefer_css_page_size": True}, None),
            ({"scale": None, "margin": None}, {}),
        ],
    )
    def test_they_reach_the_page(self, options: Any, page: Any) -> None:
        assert page_of(options) == (options if page is None else page)

    @pytest.mark.parametrize(
        ("text", "sides"),
        [
            ("1cm", ["1cm", "1cm", "1cm", "1cm"]),
            (96, ["96", "96", "96", "96"]),
            ("1cm 2cm", ["1cm", "2cm", "1cm", "2cm"]),
            ("1cm 2cm 3cm", ["1cm", "2cm", "3cm", "2cm"]),
            ("1cm 2cm 3cm 4cm", ["1cm", "2cm", "3cm", "4cm"]),
        ],
    )
    def test_a_margin_may_be_one_text(self, text: Any, sides: list[str]) -> None:
        found = page_of({"margin": text})["margin"]
        assert [found[side] for side in ("top", "right", "bottom", "left")] == sides

    @pytest.mark.parametrize(
        ("options", "path"),
        [
            ({"format": "B9"}, "options.format"),
            ({"format": 4}, "options.format"),
            ({"width": "10 furlongs", "height": "1in"}, "options.width"),
            ({"width": "1in"}, "options"),
            ({"width": "1in", "height": "1in", "format": "A4"}, "options"),
            ({"width": 0, "height": 0}, "options.width"),
            ({"width": -5, "height": 5}, "options.width"),
            ({"landscape": "yes"}, "options.landscape"),
            ({"print_background": 1}, "options.print_background"),
            ({"scale": 0}, "options.scale"),
            ({"scale": 2.5}, "options.scale"),
            ({"scale": "1"}, "options.scale"),
            ({"scale": True}, "options.scale"),
            ({"margin": "a b c d e"}, "options.margin"),
            ({"margin": {"top": "wide"}}, "options.margin.top"),
            ({"margin": {"middle": 1}}, "options.margin.middle"),
            ({"margin": True}, "options.margin"),
            ({"margin": "20in"}, "options.margin"),
            ({"margin_top": "wide"}, "options.margin_top"),
            ({"page_ranges": "3-1"}, "options.page_ranges"),
            ({"header_html": "a", "header_template": "b"}, "options"),
            ({"printBackground": True}, "options.printBackground"),
            ({"color": "red"}, "options.color"),
        ],
    )
    def test_bad_ones_are_named(self, options: Any, path: str) -> None:
        assert refusal({"items": [item()], "options": options}).path == path
        mine = refusal({"items": [item(), item(id="b", options=options)]})
        assert mine.path == f"items[1].{path}"

    def test_an_items_options_go_over_those_of_the_batch_key_by_key(self) -> None:
        raw = {
            "items": [item(options={"format": "Letter", "scale": 0.5}), item(id="b")],
            "options": {"format": "A4", "landscape": True},
        }
        batch = parse(raw).submission.page
        first, second = rows_of(raw)
        assert first.page is not None
        whole = first.page.over(batch)
        assert (whole.format, whole.landscape, whole.scale_percent) == ("Letter", True, 50)
        assert second.page is None

    def test_headers_of_template_items_are_templates(self) -> None:
        raw = {
            "items": [
                {"id": "a", "template_id": "t", "options": {"header_html": "{{ x"}},
                item(id="b", options={"header_html": "{{ y"}),
            ],
            "options": {"footer_html": "{{ z"},
        }
        assert parse(raw).texts == (
            ("options.footer_html", "{{ z"),
            ("items[0].options.header_html", "{{ x"),
        )
        assert parse({"items": [item()], "options": {"footer_html": "{{ z"}}).texts == ()


# --- a job ---------------------------------------------------------------------------------------
def job(reason: str, *, merged: bool = False, echo: Any = None, **status: Any) -> BatchJob:
    condition = {
        "type": "Succeeded",
        "status": "Unknown",
        "reason": reason,
        "message": f"It is {reason}.",
        "lastTransitionTime": "2024-01-15T10:30:00Z",
    }
    manifest = {"key": "uploads/default/u.ndjson", "rows": 2, "bytes": 9, "sha256": "0" * 64}
    return job_of(
        {
            "metadata": {
                "name": NAME,
                "namespace": "farm",
                "uid": "u",
                "resourceVersion": "1",
                "creationTimestamp": "2024-01-15T10:30:00Z",
                "annotations": {names.ANNOTATION_ECHO: orjson.dumps(echo or {}).decode()},
            },
            "spec": {
                "dialect": "LightningPdf",
                "manifest": manifest,
                "outputs": ["Files", "Merged"] if merged else ["Files"],
            },
            "status": {"conditions": [condition], **status},
        }
    )


TIMES: dict[str, Any] = {
    "startTime": "2024-01-15T10:30:05Z",
    "completionTime": "2024-01-15T10:30:45Z",
}
SHOWN_TIMES = {
    "created_at": "2024-01-15T10:30:00Z",
    "started_at": "2024-01-15T10:30:05Z",
    "completed_at": "2024-01-15T10:30:45Z",
    "total_time_ms": 40000,
}


def rows(succeeded: int, failed: int = 0, total: int = 2) -> dict[str, int]:
    return {"total": total, "succeeded": succeeded, "failed": failed, "settled": succeeded + failed}


def success(index: int, row_id: str, millis: int) -> RowOutcome:
    return RowOutcome(
        index=index, id=row_id, state=RowState.SUCCEEDED, file=f"f{index}", millis=millis
    )


BOTH = [success(0, "invoice_001", 234), success(1, "invoice_002", 187)]
NO_TEMPLATE = RowOutcome(
    index=1,
    id="invoice_002",
    state=RowState.FAILED,
    error=RowFault(code=Code.TEMPLATE_NOT_FOUND, message="There is no template 'tpl_invalid'."),
)


def data(answer: Any) -> Any:
    assert answer["success"] is True
    return answer["data"]


class TestJob:
    def test_just_created(self) -> None:
        assert lightningpdf.created(job("Queued")) == {
            "success": True,
            "data": {
                "job_id": JOB_ID,
                "status": "processing",
                "total_items": 2,
                "created_at": "2024-01-15T10:30:00Z",
                "estimated_completion": "2024-01-15T10:31:00Z",
            },
        }

    def test_waiting(self) -> None:
        assert data(lightningpdf.under_way(job("Queued"))) == {
            "job_id": JOB_ID,
            "status": "pending",
            "progress": {"completed": 0, "failed": 0, "total": 2, "percentage": 0},
            "created_at": "2024-01-15T10:30:00Z",
        }

    def test_processing(self) -> None:
        shown = lightningpdf.under_way(
            job("Rendering", rows=rows(1), startTime="2024-01-15T10:30:05Z")
        )
        assert data(shown) == {
            "job_id": JOB_ID,
            "status": "processing",
            "progress": {"completed": 1, "failed": 0, "total": 2, "percentage": 50},
            "created_at": "2024-01-15T10:30:00Z",
            "started_at": "2024-01-15T10:30:05Z",
        }

    def test_completed(self) -> None:
        shown = data(lightningpdf.over(job("Completed", rows=rows(2), **TIMES), BOTH, {}))
        assert shown == {
            "job_id": JOB_ID,
            "status": "completed",
            "progress": {"completed": 2, "failed": 0, "total": 2, "percentage": 100},
            "results": [
                {
                    "id": "invoice_001",
                    "status": "success",
                    "pdf": Pdf("f0"),
                    "generation_time_ms": 234,
                },
                {
                    "id": "invoice_002",
                    "status": "success",
                    "pdf": Pdf("f1"),
                    "generation_time_ms": 187,
                },
            ],
            **SHOWN_TIMES,
        }

    def test_partly_failed(self) -> None:
        partly = job("PartiallyFailed", rows=rows(1, 1), **TIMES)
        shown = data(lightningpdf.over(partly, [BOTH[0], NO_TEMPLATE], {1: "tpl_invalid"}))
        assert shown["status"] == "partial"
        assert shown["progress"] == {"completed": 1, "failed": 1, "total": 2, "percentage": 100}
        assert shown["results"][0]["pdf"] == Pdf("f0")
        assert shown["results"][1] == {
            "id": "invoice_002",
            "status": "failed",
            "error": {
                "code": "template_not_found",
                "message": "Template tpl_invalid does not exist",
            },
        }

    @pytest.mark.parametrize(
        ("reason", "word"),
        [
            ("Queued", "pending"),
            ("Rendering", "processing"),
            ("Suspended", "processing"),
            ("Finalizing", "processing"),
            ("Completed", "completed"),
            ("PartiallyFailed", "partial"),
            ("AllRowsFailed", "failed"),
            ("Failed", "failed"),
            ("DeadlineExceeded", "failed"),
            ("Rejected", "failed"),
            ("Cancelled", "cancelled"),
        ],
    )
    def test_every_state_has_its_word(self, reason: str, word: str) -> None:
        listed = lightningpdf.listing([job(reason)], lightningpdf.Query())
        assert data(listed)["jobs"][0]["status"] == word
        assert lightningpdf.webhook(job(reason))["status"] == word
        expired = job("Expired", endedAs=reason)
        if lightningpdf.is_over(job(reason)):
            assert data(lightningpdf.over(expired, None, {}))["status"] == word

    def test_a_job_that_never_started_took_no_time(self) -> None:
        cancelled = job("Cancelled", rows=rows(0), completionTime="2024-01-15T10:30:45Z")
        shown = data(lightningpdf.over(cancelled, [], {}))
        assert "started_at" not in shown
        assert shown["total_time_ms"] == 0

    def test_cancelled_items_have_no_pdf_and_the_others_have(self) -> None:
        left = RowOutcome(index=1, id="b", state=RowState.CANCELLED, attempts=0)
        shown = data(lightningpdf.over(job("Cancelled", rows=rows(1)), [BOTH[0], left], {}))
        assert shown["progress"]["percentage"] == 50
        assert [one.get("pdf") for one in shown["results"]] == [Pdf("f0"), None]
        assert shown["results"][1]["error"]["code"] == "cancelled"

    def test_a_rejected_job_says_why_for_each_item(self) -> None:
        rejected = job("Rejected", echo={"ids": ["a", "b"]})
        shown = data(lightningpdf.over(rejected, None, {}))
        assert [one["id"] for one in shown["results"]] == ["a", "b"]
        assert {one["error"]["message"] for one in shown["results"]} == {"It is Rejected."}
        assert shown["error"]["message"] == "It is Rejected."


ARTIFACTS = {"merged": {"key": "m", "bytes": 1, "sha256": "0" * 64, "pages": 4}}


class TestMerged:
    def test_one_pdf_of_all(self) -> None:
        merged = job("Completed", merged=True, rows=rows(2), artifacts=ARTIFACTS, **TIMES)
        assert data(lightningpdf.over(merged, BOTH, {})) == {
            "job_id": JOB_ID,
            "status": "completed",
            "progress": {"completed": 2, "failed": 0, "total": 2, "percentage": 100},
            "merged_pdf": Pdf("m"),
            "total_pages": 4,
            "generation_time_ms": 421,
            **SHOWN_TIMES,
        }

    def test_failures_are_listed_beside_what_was_merged(self) -> None:
        merged = job("PartiallyFailed", merged=True, rows=rows(1, 1), artifacts=ARTIFACTS)
        shown = data(lightningpdf.over(merged, [BOTH[0], NO_TEMPLATE], {}))
        assert shown["merged_pdf"] == Pdf("m")
        assert [one["status"] for one in shown["results"]] == ["success", "failed"]
        assert not any("pdf" in one for one in shown["results"])

    def test_nothing_to_merge(self) -> None:
        failed = job("AllRowsFailed", merged=True, rows=rows(0, 2))
        shown = data(lightningpdf.over(failed, [NO_TEMPLATE], {}))
        assert not {"merged_pdf", "total_pages", "generation_time_ms"} & shown.keys()
        assert shown["results"][0]["status"] == "failed"


class TestExpired:
    def test_results_without_files(self) -> None:
        failure = {"row": 1, "id": "b", "code": "render_failed", "message": "It broke."}
        expired = job(
            "Expired",
            endedAs="PartiallyFailed",
            echo={"ids": ["a", "b"]},
            rows=rows(1, 1),
            failures=[failure],
            **TIMES,
        )
        shown = data(lightningpdf.over(expired, None, {}))
        assert shown["status"] == "partial"
        assert shown["results"] == [
            {"id": "a", "status": "success"},
            {
                "id": "b",
                "status": "failed",
                "error": {"code": "render_failed", "message": "It broke."},
            },
        ]
        assert shown["completed_at"] == "2024-01-15T10:30:45Z"

    def test_nothing_is_guessed(self) -> None:
        expired = job("Expired", endedAs="Cancelled", echo={"ids": ["a", "b"]}, rows=rows(1))
        assert "results" not in data(lightningpdf.over(expired, None, {}))

    def test_many_long_ids_are_not_kept(self) -> None:
        items = [item(id=f"{n:03}" + "x" * 190) for n in range(100)]
        assert parse({"items": items}).submission.echo == {}
        assert parse({"items": items[:20]}).submission.echo["ids"][0] == items[0]["id"]


class TestList:
    def test_the_documented_page(self) -> None:
        listed = lightningpdf.listing(
            [job("Completed", rows=rows(2), **TIMES)], lightningpdf.Query("completed", 1, 10)
        )
        assert data(listed) == {
            "jobs": [
                {
                    "job_id": JOB_ID,
                    "status": "completed",
                    "total_items": 2,
                    "created_at": "2024-01-15T10:30:00Z",
                    "completed_at": "2024-01-15T10:30:45Z",
                }
            ],
            "pagination": {"page": 1, "limit": 10, "total": 1, "total_pages": 1},
        }

    def test_pages(self) -> None:
        jobs = [job("Completed")] * 5 + [job("Queued")]
        shown = data(lightningpdf.listing(jobs, lightningpdf.Query("completed", 3, 2)))
        assert len(shown["jobs"]) == 1
        assert shown["pagination"] == {"page": 3, "limit": 2, "total": 5, "total_pages": 3}
        beyond = data(lightningpdf.listing(jobs, lightningpdf.Query(None, 9, 20)))
        assert (beyond["jobs"], beyond["pagination"]["total"]) == ([], 6)
        none = data(lightningpdf.listing([], lightningpdf.Query()))
        assert none["pagination"] == {"page": 1, "limit": 20, "total": 0, "total_pages": 0}

    def test_what_a_query_may_say(self) -> None:
        assert lightningpdf.parse_query({}) == lightningpdf.Query(None, 1, 20)
        assert lightningpdf.parse_query({"limit": "1000"}).limit == 100
        for word in ("pending", "processing", "completed", "partial", "failed", "cancelled"):
            assert lightningpdf.parse_query({"status": word}).status == word

    @pytest.mark.parametrize(
        "query",
        [
            {"status": "queued"},
            {"status": ""},
            {"page": "0"},
            {"page": "-1"},
            {"page": "one"},
            {"page": "9" * 5000},
            {"limit": "0"},
            {"limit": "1.5"},
            {"limit": "\N{ARABIC-INDIC DIGIT ONE}"},
        ],
    )
    def test_what_it_may_not(self, query: dict[str, str]) -> None:
        with pytest.raises(UserError) as caught:
            lightningpdf.parse_query(query)
        assert (caught.value.status, caught.value.path) == (400, next(iter(query)))


def test_the_documented_webhook() -> None:
    ended = job("Completed", rows=rows(2), **TIMES)
    assert lightningpdf.webhook(ended) == {
        "event": "batch.completed",
        "job_id": JOB_ID,
        "status": "completed",
        "progress": {"completed": 2, "failed": 0, "total": 2},
        "completed_at": "2024-01-15T10:30:45Z",
    }
    assert lightningpdf.webhook(job("Cancelled"))["event"] == "batch.completed"


def test_errors_have_a_code_and_a_message() -> None:
    assert lightningpdf.error(Fault(404, Code.NOT_FOUND, "There is no job 'x'.")) == (
        404,
        {"success": False, "error": {"code": "not_found", "message": "There is no job 'x'."}},
    )
