"""The mail merge API's words: what its requests become, and what its clients are told."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from pressroom import names
from pressroom.dialects import ids, mailmerge
from pressroom.dialects.fault import Fault
from pressroom.dialects.mailmerge import Upload
from pressroom.errors import Code, UserError
from pressroom.model.batchjob import BatchJob, Dialect, OutputKind, job_of
from pressroom.model.conditions import Reason

ROWS = [{"name": "Alice", "total": "$1,200"}, {"name": "Bob", "total": "$950"}]
NAME = names.job_name(bytes(range(15)))


def data_of(lines: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(line).get("data", {}) for line in lines]


def refused(raw: dict[str, Any], *, most: int = 100_000) -> UserError:
    with pytest.raises(UserError) as caught:
        mailmerge.parse_json("tpl", raw, most=most)
    return caught.value


def job(reason: Reason | None, *, ended_as: Reason | None = None, **status: Any) -> BatchJob:
    conditions = [
        {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": reason,
            "message": f"It is {reason}.",
            "lastTransitionTime": "2026-03-05T14:07:09Z",
        }
    ]
    return job_of(
        {
            "metadata": {
                "name": NAME,
                "namespace": "farm",
                "uid": "u",
                "resourceVersion": "1",
                "creationTimestamp": "2026-03-05T14:07:09Z",
            },
            "spec": {
                "dialect": "MailMerge",
                "template": {"name": "tpl"},
                "manifest": {
                    "key": "uploads/default/x",
                    "rows": 50,
                    "bytes": 9,
                    "sha256": "0" * 64,
                },
            },
            "status": {"conditions": conditions if reason else [], "endedAs": ended_as, **status},
        }
    )


# --- requests ------------------------------------------------------------------------------------
def test_the_documents_example_becomes_a_zip_of_its_rows() -> None:
    made = mailmerge.parse_json(
        "tpl_1",
        {"rows": ROWS, "output": "zip", "fileNamePattern": "invoice-{{name}}"},
        most=100_000,
    )
    assert made.dialect is Dialect.MAIL_MERGE
    assert made.template == "tpl_1"
    assert data_of(made.rows) == ROWS
    assert made.outputs == {OutputKind.FILES, OutputKind.ZIP}
    assert made.file_name_pattern == "invoice-{{name}}"
    assert made.ttl_seconds == 86_400


def test_only_rows_are_needed() -> None:
    made = mailmerge.parse_json("tpl", {"rows": [{}]}, most=10)
    assert data_of(made.rows) == [{}]
    assert made.outputs == {OutputKind.FILES, OutputKind.ZIP}
    assert made.file_name_pattern is None


def test_merged_is_one_document() -> None:
    made = mailmerge.parse_json("tpl", {"rows": ROWS, "output": "merged"}, most=10)
    assert made.outputs == {OutputKind.FILES, OutputKind.MERGED}


@pytest.mark.parametrize("pattern", [None, ""])
def test_no_pattern_is_like_none_at_all(pattern: str | None) -> None:
    made = mailmerge.parse_json("tpl", {"rows": ROWS, "fileNamePattern": pattern}, most=10)
    assert made.file_name_pattern is None


def test_a_column_called_id_is_a_value() -> None:
    (line,) = mailmerge.parse_json("tpl", {"rows": [{"id": 7}]}, most=1).rows
    assert orjson.loads(line) == {"data": {"id": 7}}


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        ({}, "rows", "missing"),
        ({"rows": []}, "rows", "no rows"),
        ({"rows": None}, "rows", "list"),
        ({"rows": {"a": 1}}, "rows", "list"),
        ({"rows": [{}, "x"]}, "rows[1]", "rows[1]"),
        ({"rows": [{}, [1]]}, "rows[1]", "rows[1]"),
        ({"rows": ROWS, "output": "pdf"}, "output", "merged"),
        ({"rows": ROWS, "output": "ZIP"}, "output", "zip"),
        ({"rows": ROWS, "output": None}, "output", "zip"),
        ({"rows": ROWS, "output": ["zip"]}, "output", "zip"),
        ({"rows": ROWS, "fileNamePattern": 7}, "fileNamePattern", "string"),
        ({"rows": ROWS, "fileNamePattern": "x" * 501}, "fileNamePattern", "500"),
    ],
)
def test_a_violation_is_400_and_says_where(raw: dict[str, Any], path: str, said: str) -> None:
    fault = refused(raw)
    status, body = mailmerge.error(Fault(fault.status, fault.code, fault.message, fault.path))
    assert (status, fault.path) == (400, path)
    assert said in body["error"]


def test_2000_rows_and_not_one_more() -> None:
    assert len(mailmerge.parse_json("tpl", {"rows": [{}] * 2000}, most=100_000).rows) == 2000
    fault = refused({"rows": [{}] * 2001})
    assert (fault.code, "2000" in fault.message) == (Code.TOO_MANY_ROWS, True)


def test_a_tenants_lower_limit_holds() -> None:
    assert "3 rows" in refused({"rows": [{}] * 4}, most=3).message


def test_an_id_that_no_template_can_have_is_404() -> None:
    with pytest.raises(UserError) as caught:
        mailmerge.parse_json("no such id", {"rows": ROWS}, most=10)
    assert caught.value.status == 404


# --- files ---------------------------------------------------------------------------------------
def csv(data: bytes | str, *, name: str = "people.csv", charset: str | None = None) -> Upload:
    return Upload(name, "", charset, data if isinstance(data, bytes) else data.encode())


UMLAUTS = [{"name": "Jürgen", "total": "12,50 €"}]


@pytest.mark.parametrize(
    "data",
    [
        "name;total\r\nJürgen;12,50 €\r\n".encode(),
        "name;total\nJürgen;12,50 €".encode("utf-8-sig"),
        "name;total\r\nJürgen;12,50 €\r\n".encode("windows-1252"),
        "name\ttotal\r\nJürgen\t12,50 €\r\n".encode("utf-16"),
        'name,total\nJürgen,"12,50 €"\n'.encode(),
    ],
    ids=["utf-8", "bom", "windows-1252", "utf-16", "comma"],
)
def test_csv_as_people_save_it(data: bytes) -> None:
    assert mailmerge.csv_rows(csv(data), most=5) == UMLAUTS


def test_a_stated_charset_counts() -> None:
    text = "name\nÃ¼\n"
    assert mailmerge.csv_rows(csv(text.encode("latin-1"), charset="iso-8859-1"), most=5) == [
        {"name": "Ã¼"}
    ]


def test_quoted_newlines_blank_lines_and_headers_with_blanks() -> None:
    text = 'Customer Name,Order-No.\n\n"Bob\nSmith",1\n,\n\nEve,2\n'
    assert mailmerge.csv_rows(csv(text), most=5) == [
        {"Customer Name": "Bob\nSmith", "Order-No.": "1"},
        {"Customer Name": "Eve", "Order-No.": "2"},
    ]


def test_columns_without_a_name_and_values_are_not_there() -> None:
    text = "a,,b,,\n1,,2,,\n3,,4\n5\n"
    assert mailmerge.csv_rows(csv(text), most=5) == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4"},
        {"a": "5", "b": ""},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,a\n1,2,3\n", "'a' twice"),
        ("a,,b\n1,lost,2\n", "column 2"),
        ("a,b\n1,2\n1,2,lost\n", "Line 3"),
        ('a\n"x"y\n', "Line 2"),
    ],
)
def test_a_csv_that_loses_values_is_refused_and_says_where(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        mailmerge.csv_rows(csv(text), most=5)
    assert caught.value.status == 400


def test_the_row_cap_holds_for_files() -> None:
    assert len(mailmerge.csv_rows(csv("n\n" + "1\n" * 2000), most=100_000)) == 2000
    for rows, most in ((2001, 100_000), (4, 3)):
        with pytest.raises(UserError) as caught:
            mailmerge.csv_rows(csv("n\n" + "1\n" * rows), most=most)
        assert caught.value.code is Code.TOO_MANY_ROWS


def test_only_a_header_is_no_rows() -> None:
    rows = mailmerge.csv_rows(csv("a,b\n"), most=5)
    with pytest.raises(UserError) as caught:
        mailmerge.submission(mailmerge.parse_options("tpl", {}), rows, most=5)
    assert (caught.value.code, caught.value.status) == (Code.NO_ROWS, 400)


@pytest.mark.parametrize(
    ("name", "content_type", "taken"),
    [
        ("a.csv", "application/vnd.ms-excel", True),
        ("A.TSV", "", True),
        ("-", "", True),
        ("data.bin", "text/csv", True),
        ("photo.png", "image/png", False),
        ("report.pdf", "application/pdf", False),
    ],
)
def test_what_may_be_a_csv(name: str, content_type: str, taken: bool) -> None:
    upload = Upload(name, content_type, None, b"a\n1\n")
    assert mailmerge.is_csv(upload) is taken
    if not taken:
        assert mailmerge.not_a_sheet(upload).status == 415


def test_the_file_is_the_part_called_so_or_the_first() -> None:
    one, two, none = csv("a", name="1.csv"), csv("b", name="2.csv"), csv("", name="")
    assert mailmerge.the_file([("x", one), ("file", two)]) is two
    assert mailmerge.the_file([("x", one), ("y", two)]) is one
    for files in ([], [("file", none)], [("file", one), ("file", two)]):
        with pytest.raises(UserError) as caught:
            mailmerge.the_file(files)
        assert caught.value.status == 400


# --- answers -------------------------------------------------------------------------------------
def test_the_job_id_is_a_uuid_that_leads_back() -> None:
    shown = mailmerge.created(job(None))["jobId"]
    assert str(uuid.UUID(shown)) == shown
    assert ids.name_of(Dialect.MAIL_MERGE, shown) == NAME


def test_a_status_is_exactly_what_the_document_shows() -> None:
    rows = {"total": 50, "succeeded": 23, "failed": 0, "settled": 23}
    found = job(Reason.RENDERING, rows=rows)
    assert mailmerge.status(found, []) == {
        "jobId": mailmerge.job_id(found),
        "status": "processing",
        "total": 50,
        "completed": 23,
        "failed": 0,
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (None, "pending"),
        (Reason.QUEUED, "pending"),
        (Reason.RENDERING, "processing"),
        (Reason.SUSPENDED, "processing"),
        (Reason.FINALIZING, "processing"),
        (Reason.COMPLETED, "completed"),
        (Reason.PARTIALLY_FAILED, "completed"),
        (Reason.ALL_ROWS_FAILED, "completed"),
        (Reason.CANCELLED, "failed"),
        (Reason.DEADLINE_EXCEEDED, "failed"),
        (Reason.REJECTED, "failed"),
        (Reason.FAILED, "failed"),
    ],
)
def test_the_words_for_a_jobs_state(reason: Reason | None, word: str) -> None:
    shown = mailmerge.status(job(reason), [])
    assert (shown["status"], shown["total"]) == (word, 50)
    if word == "failed":
        assert shown["error"] == f"It is {reason}."
    else:
        assert "error" not in shown
    # Its data gone, a job keeps its last word.
    if word in ("completed", "failed"):
        assert mailmerge.word_of(job(Reason.EXPIRED, ended_as=reason)) == word


def test_failed_rows_are_counted_from_1() -> None:
    failures = [{"row": 0, "id": "0", "code": "row_invalid", "message": "It is bad."}]
    rows = {"total": 2, "succeeded": 1, "failed": 1, "settled": 2}
    found = job(Reason.PARTIALLY_FAILED, rows=rows, failures=failures)
    shown = mailmerge.status(found, mailmerge.known_failures(found))
    assert shown["status"] == "completed"
    assert (shown["completed"], shown["failed"]) == (1, 1)
    assert shown["failures"] == [{"row": 1, "error": "It is bad."}]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(422, Code.TOO_MANY_ROWS, "Too many."), 400, "TOO_MANY_ROWS"),
        (Fault(401, Code.UNAUTHENTICATED, "Who?"), 401, "UNAUTHORIZED"),
        (Fault(404, Code.NOT_FOUND, "Where?"), 404, "NOT_FOUND"),
        (Fault(415, Code.UNSUPPORTED_MEDIA_TYPE, "What?"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Fault(429, Code.TOO_MANY_REQUESTS, "Wait."), 429, "RATE_LIMITED"),
    ],
)
def test_errors_are_a_text_and_a_code(fault: Fault, status: int, code: str) -> None:
    assert mailmerge.error(fault) == (status, {"error": fault.detail, "code": code})
