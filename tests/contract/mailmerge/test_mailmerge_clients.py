"""Mail merge's documented examples, and clients written from its document, against a whole farm.

``golden.json`` has each request with the answer it must get. In answers, words in angle brackets
stand for values that differ each time; ``<job>`` is the job of the test.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
import requests
from dialects_support import PATIENCE, DialectFarm, Json, pdf_names
from openpyxl import Workbook

pytestmark = pytest.mark.integration
HERE = Path(__file__).parent
GOLDEN: Json = json.loads((HERE / "golden.json").read_text())
VARYING = {
    "<id>": r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
    "<word>": "pending|processing|completed",
    "<count>": "[012]",
    "<text>": ".{6,}",
}


def base(farm: DialectFarm, template: str) -> str:
    return f"{farm.url}/api/templates/{template}/render-batch"


def call(farm: DialectFarm, method: str, url: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {more.pop('token', farm.jwt)}"}
    return requests.request(method, url, headers=headers, timeout=PATIENCE, **more)


def same(golden: Any, found: Any) -> bool:
    if isinstance(golden, dict) and isinstance(found, dict):
        return golden.keys() == found.keys() and all(
            same(value, found[key]) for key, value in golden.items()
        )
    if isinstance(golden, list) and isinstance(found, list):
        return len(golden) == len(found) and all(map(same, golden, found))
    if isinstance(golden, str) and golden in VARYING:
        return re.fullmatch(VARYING[golden], str(found)) is not None
    return type(golden) is type(found) and bool(golden == found)


def exchange(farm: DialectFarm, template: str, name: str, job: str = "<job>") -> Any:
    """Send an example; its answer, which is as documented."""
    example = json.loads(json.dumps(GOLDEN[name]).replace("<job>", job))
    request = example["request"]
    more = {"token": request["token"]} if "token" in request else {}
    if "body" in request:
        more["json"] = request["body"]
    answer = call(farm, request["method"], base(farm, template) + request["path"], **more)
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.status_code, same(example["answer"], answer.json())) == (
        example["status"],
        True,
    ), answer.text
    return answer.json()


def ended(farm: DialectFarm, template: str, job: str) -> Json:
    """The status of a job once it has ended, asked for as the document says."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = call(farm, "GET", f"{base(farm, template)}/jobs/{job}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        if found["status"] in ("completed", "failed"):
            return found
        assert found["status"] in ("pending", "processing") and time.monotonic() < deadline, found
        time.sleep(0.1)


def submitted(farm: DialectFarm, template: str, **request: Any) -> str:
    answer = call(farm, "POST", base(farm, template), json=request)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["jobId"])


def result(farm: DialectFarm, template: str, job: str) -> requests.Response:
    url = f"{base(farm, template)}/jobs/{job}/result"
    return call(farm, "GET", url, allow_redirects=False)


def run(farm: DialectFarm, *words: str | Path) -> str:
    """What an example client printed."""
    done = subprocess.run(
        list(map(str, words)),
        env={**os.environ, **farm.environment()},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pages(content: bytes) -> list[str]:
    """The text of each page of a PDF."""
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def test_the_documented_loop(farm: DialectFarm) -> None:
    farm.template("tpl_mail", "<h1>Invoice</h1><p>{{ name }} owes {{total}}</p>")
    job = exchange(farm, "tpl_mail", "submit")["jobId"]
    exchange(farm, "tpl_mail", "status", job)
    ended(farm, "tpl_mail", job)
    exchange(farm, "tpl_mail", "completed", job)
    exchange(farm, "tpl_mail", "list", job)
    found = result(farm, "tpl_mail", job)
    assert (found.status_code, found.headers["Content-Type"]) == (200, "application/zip")
    assert "attachment" in found.headers["Content-Disposition"]
    assert sorted(pdf_names(found.content)) == ["invoice-Alice.pdf", "invoice-Bob.pdf"]
    with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
        assert "Alice owes $1,200" in pages(archive.read("invoice-Alice.pdf"))[0]


@pytest.mark.parametrize(
    "name",
    [
        "no rows",
        "no such output",
        "unknown job",
        "result of an unknown job",
        "no token",
        "wrong method",
    ],
)
def test_an_error(farm: DialectFarm, name: str) -> None:
    exchange(farm, "tpl_mail", name)


def test_an_api_key_is_no_token(farm: DialectFarm) -> None:
    answer = call(farm, "GET", f"{base(farm, 'tpl_mail')}/jobs", token=farm.key)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


def test_a_curl_client_uploads_a_csv(farm: DialectFarm, tmp_path: Path) -> None:
    farm.template("tpl_letter", "<p>Dear {{ Customer Name }}, order {{Order-No.}}</p>")
    sheet = tmp_path / "people.csv"
    text = 'Customer Name;Order-No.;\r\nJürgen;"1;2";\r\n\r\nZoë;3\r\n'
    sheet.write_bytes(text.encode("windows-1252"))
    archive = tmp_path / "batch.zip"
    words = ["-F", "fileNamePattern={{Customer Name}}.pdf"]
    run(farm, "sh", HERE / "client.sh", "tpl_letter", sheet, archive, *words)
    assert sorted(pdf_names(archive.read_bytes())) == ["Jürgen.pdf", "Zoë.pdf"]
    with zipfile.ZipFile(archive) as files:
        assert "Dear Jürgen, order 1;2" in pages(files.read("Jürgen.pdf"))[0]


def test_a_curl_client_merges_a_workbook(farm: DialectFarm, tmp_path: Path) -> None:
    farm.template("tpl_statement", "<p>{{ name }}: {{ total }}</p>")
    book, file, merged = Workbook(), tmp_path / "people.xlsx", tmp_path / "merged.pdf"
    sheet = book.worksheets[0]
    for row in (["name", "total"], ["Alice", 1200.5], ["Bob", 950]):
        sheet.append(row)
    for cell in ("B2", "B3"):
        sheet[cell].number_format = "#,##0.00 [$€-407]"
    book.save(file)
    words = ["-F", "output=merged"]
    run(farm, "sh", HERE / "client.sh", "tpl_statement", file, merged, *words)
    first, second = pages(merged.read_bytes())
    assert "Alice: 1,200.50 €" in first
    assert "Bob: 950.00 €" in second


def test_a_javascript_client_merges_rows_and_reads_of_failures(
    farm: DialectFarm, tmp_path: Path
) -> None:
    farm.template("tpl_shares", "<p>{{ 10 / share }} for {{ nobody }}</p>")
    request = {"rows": [{"share": 4}, {"share": 0}, {"share": 5}], "output": "merged"}
    merged = tmp_path / "merged.pdf"
    printed = run(farm, "node", HERE / "client.mjs", "tpl_shares", json.dumps(request), merged)
    job = json.loads(printed)
    assert (job["status"], job["total"], job["completed"], job["failed"]) == ("completed", 3, 2, 1)
    (failure,) = job["failures"]
    assert failure["row"] == 2
    assert "zero" in failure["error"]
    assert "tpl_shares.pdf" in job["name"]
    first, second = pages(merged.read_bytes())
    assert "2.5 for" in first
    assert "2 for" in second


def test_a_missing_template_fails_the_job(farm: DialectFarm) -> None:
    job = submitted(farm, "tpl_missing", rows=[{}])
    found = ended(farm, "tpl_missing", job)
    assert found["status"] == "failed"
    assert "tpl_missing" in found["error"]
    assert result(farm, "tpl_missing", job).status_code == 409


def test_where_no_row_came_out_the_zip_is_empty_and_nothing_is_merged(farm: DialectFarm) -> None:
    farm.template("tpl_hopeless", "{{ 1 / 0 }}")
    rows = [{}] * 25
    zipped = submitted(farm, "tpl_hopeless", rows=rows)
    merged = submitted(farm, "tpl_hopeless", rows=rows, output="merged")
    for job in (zipped, merged):
        found = ended(farm, "tpl_hopeless", job)
        assert (found["status"], found["completed"], found["failed"]) == ("completed", 0, 25)
        assert [failure["row"] for failure in found["failures"]] == list(range(1, 26))
    assert pdf_names(result(farm, "tpl_hopeless", zipped).content) == []
    assert result(farm, "tpl_hopeless", merged).status_code == 409


def test_names_are_safe_and_unique_and_images_are_printed_as_pdf(farm: DialectFarm) -> None:
    farm.template("tpl_names", "<p>{{ n }}</p>", page={"output": "png"})
    rows = [{"n": "a/b.pdf"}, {"n": "a/b.pdf"}, {"n": "日本"}]
    job = submitted(farm, "tpl_names", rows=rows, fileNamePattern="{{ n }}")
    ended(farm, "tpl_names", job)
    names = pdf_names(result(farm, "tpl_names", job).content)
    assert sorted(names) == ["a_b (2).pdf", "a_b.pdf", "日本.pdf"]
