"""ImaginePDF's documented examples, sent by curl to a whole farm.

``golden.json`` has each request with the answer it must get. In answers, words in angle brackets
stand for values that differ each time; ``<job>`` is the job of the test.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pypdf
import pytest
import requests
from dialects_support import DialectFarm

pytestmark = pytest.mark.integration

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text())
VARYING = {
    "<id>": r"job_[0-9A-Za-z]{21}",
    "<word>": r"queued|processing|completed",
    "<count>": r"[012]",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "<url>": r"https?://\S+",
    "<text>": r".{6,}",
}
DESIGN = "<h1>{{ invoice_number }}</h1><p>{{ customer_name }} owes {{ amount }}</p>"


def curl(*words: str) -> tuple[int, bytes]:
    """Status and body."""
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *words], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    text, _, status = done.stdout.rpartition(b"\n")
    return int(status), text


def same(golden: Any, found: Any) -> bool:
    if isinstance(golden, dict) and isinstance(found, dict):
        return golden.keys() == found.keys() and all(
            same(value, found[key]) for key, value in golden.items()
        )
    if isinstance(golden, str) and golden in VARYING:
        return re.fullmatch(VARYING[golden], str(found)) is not None
    return type(golden) is type(found) and bool(golden == found)


def exchange(farm: DialectFarm, name: str, job: str = "<job>") -> Any:
    """Send an example; its answer, which is as documented."""
    example = json.loads(json.dumps(GOLDEN[name]).replace("<job>", job))
    request = example["request"]
    words = ["-X", request["method"], f"{farm.url}/api/v1{request['path']}"]
    words += ["-H", f"X-API-Key: {request.get('key', farm.key)}"]
    if "body" in request:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(request["body"])]
    status, text = curl(*words)
    found = json.loads(text)
    assert (status, same(example["answer"], found)) == (example["status"], True), text
    return found


def completed(farm: DialectFarm, job: str) -> Any:
    """The status of a job once it has completed, asked for as the documents say."""
    deadline = time.monotonic() + 60
    while True:
        url = f"{farm.url}/api/v1/batch/{job}/status"
        data = requests.get(url, headers={"X-API-Key": farm.key}, timeout=10).json()["data"]
        if data["status"] == "completed":
            return data
        assert data["status"] in ("queued", "processing") and time.monotonic() < deadline, data
        time.sleep(0.1)


def texts(archive: bytes) -> list[str]:
    """The text of each PDF in a ZIP."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.testzip() is None
        assert all(name.endswith(".pdf") for name in files.namelist())
        found = (pypdf.PdfReader(io.BytesIO(files.read(name))) for name in files.namelist())
        return [pdf.pages[0].extract_text() for pdf in found]


def test_the_documented_loop(farm: DialectFarm, tmp_path: Path) -> None:
    farm.template("design_abc123", DESIGN)
    job = exchange(farm, "submit")["data"]["jobId"]
    exchange(farm, "status", job)
    assert completed(farm, job)["completed"] == 2
    exchange(farm, "status", job)
    url = exchange(farm, "download", job)["data"]["url"]
    status, _ = curl("-L", "-o", str(tmp_path / "batch.zip"), url)
    assert status == 200
    first, second = sorted(texts((tmp_path / "batch.zip").read_bytes()))
    assert "INV-001" in first and "Acme Corp owes $100" in first
    assert "INV-002" in second and "Globex Inc owes $250" in second


@pytest.mark.parametrize(
    "name", ["no design", "no rows", "unknown design", "unknown job", "no key"]
)
def test_an_error(farm: DialectFarm, name: str) -> None:
    farm.template("design_abc123", DESIGN)
    exchange(farm, name)


def test_a_failed_row_is_left_out(farm: DialectFarm) -> None:
    farm.template("design_halves", "<p>{{ 10 / share }} and {{ missing }}</p>")
    url = f"{farm.url}/api/v1/batch"
    key = {"X-API-Key": farm.key}
    body = {"rows": [{"share": 0}, {"share": 4}]}
    made = requests.post(f"{url}/generate?design=design_halves", json=body, headers=key, timeout=10)
    job = made.json()["data"]["jobId"]
    data = completed(farm, job)
    assert (data["total"], data["completed"], data["failed"]) == (2, 1, 1)
    link = requests.get(f"{url}/{job}/download", headers=key, timeout=10).json()["data"]["url"]
    (only,) = texts(requests.get(link, timeout=10).content)
    assert "2.5" in only
