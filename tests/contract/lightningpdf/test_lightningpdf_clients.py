"""LightningPDF's documented examples, sent by curl and by Python to a whole farm.

``golden.json`` has each request with the answer it must get. In answers, words in angle brackets
stand for values that differ each time; ``<job>`` is the test's own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pypdf
import pytest
import requests
from dialects_support import DialectFarm, Receiver

pytestmark = pytest.mark.integration

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text())
VARYING = {
    "<id>": r"job_[0-9A-Za-z]{21}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "<number>": r"\d+",
    "<pdf>": r"JVBERi0[0-9A-Za-z+/]+={0,2}",
    "<text>": r".{6,}",
}
#: Templates that take longer than the test.
ENDLESS = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
ENDED = ("completed", "partial", "failed", "cancelled")


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
        return list(golden) == list(found) and all(
            same(value, found[key]) for key, value in golden.items()
        )
    if isinstance(golden, list) and isinstance(found, list):
        return len(golden) == len(found) and all(map(same, golden, found))
    if isinstance(golden, str) and golden in VARYING:
        number = golden == "<number>"
        return isinstance(found, int if number else str) and bool(
            re.fullmatch(VARYING[golden], str(found))
        )
    return type(golden) is type(found) and bool(golden == found)


def exchange(farm: DialectFarm, name: str, job: str = "<job>") -> Any:
    """Send an example; its answer, which is as documented."""
    example = json.loads(json.dumps(GOLDEN[name]).replace("<job>", job))
    request = example["request"]
    words = ["-X", request["method"], f"{farm.url}/api/v1{request['path']}"]
    words += ["-H", f"Authorization: Bearer {request.get('key', farm.key)}"]
    if "body" in request:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(request["body"])]
    status, text = curl(*words)
    found = json.loads(text)
    assert (status, same(example["answer"], found)) == (example["status"], True), text[:3000]
    return found


def ended(farm: DialectFarm, job: str) -> Any:
    """The status of a job once it has ended; until then it is shown as documented."""
    deadline = time.monotonic() + 90
    while True:
        url, headers = f"{farm.url}/v1/pdf/jobs/{job}", {"Authorization": f"Bearer {farm.key}"}
        data = requests.get(url, headers=headers, timeout=30).json()["data"]
        if data["status"] in ENDED:
            return data
        assert data["status"] in ("pending", "processing"), data
        assert set(data["progress"]) == {"completed", "failed", "total", "percentage"}
        assert "results" not in data
        assert time.monotonic() < deadline, data
        time.sleep(0.1)


def pdf_of(text: str) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(base64.b64decode(text, validate=True)))


def size_of(pdf: pypdf.PdfReader) -> tuple[float, float]:
    """Width and height of the first page in points."""
    box = pdf.pages[0].mediabox
    return float(box.width), float(box.height)


def text_of(text: str) -> str:
    return pdf_of(text).pages[0].extract_text()


def test_a_batch_from_creation_to_deletion(farm: DialectFarm) -> None:
    farm.template("tpl_abc123", "<p>{{ customer_name }} owes {{ total }}</p>")
    job = exchange(farm, "create")["data"]["job_id"]
    ended(farm, job)
    first, second = exchange(farm, "completed", job)["data"]["results"]
    assert "Customer: John Doe" in text_of(first["pdf"])
    assert "Jane Smith owes 250" in text_of(second["pdf"])
    assert "250.0" not in text_of(second["pdf"])
    assert size_of(pdf_of(first["pdf"])) == pytest.approx((595.3, 841.9), abs=1)  # A4
    assert exchange(farm, "list")["data"]["jobs"][0]["job_id"] == job
    exchange(farm, "delete", job)
    exchange(farm, "unknown job", job)


def test_merged_output(farm: DialectFarm) -> None:
    job = exchange(farm, "merge")["data"]["job_id"]
    ended(farm, job)
    merged = pdf_of(exchange(farm, "merged", job)["data"]["merged_pdf"])
    assert [page.extract_text().strip() for page in merged.pages] == ["Page 1", "Page 2", "Page 3"]


def test_an_unknown_template_fails_its_item_alone(farm: DialectFarm) -> None:
    job = exchange(farm, "create with an unknown template")["data"]["job_id"]
    ended(farm, job)
    first, _ = exchange(farm, "partial", job)["data"]["results"]
    assert "{{7*7}} stays" in text_of(first["pdf"])


def test_an_active_job_is_cancelled(farm: DialectFarm) -> None:
    farm.template("tpl_endless", ENDLESS)
    job = exchange(farm, "create what takes long")["data"]["job_id"]
    exchange(farm, "cancel", job)
    data = ended(farm, job)
    assert data["status"] == "cancelled"
    assert [one["id"] for one in data["results"]] == ["1", "2", "3"]
    assert {one["status"] for one in data["results"]} == {"failed"}


@pytest.mark.parametrize("name", ["no items", "bad option", "bad status", "wrong key"])
def test_errors(farm: DialectFarm, name: str) -> None:
    exchange(farm, name)


def test_an_unknown_job(farm: DialectFarm) -> None:
    exchange(farm, "unknown job", "job_xyz789")


def test_bulk_invoices_by_a_polling_client(farm: DialectFarm, tmp_path: Path) -> None:
    """As the documented Python client does it: create, poll, save each result by its id."""
    lines = "{% for one in items %}{{ one.quantity }} {{ one.description }} {% endfor %}"
    farm.template("tpl_bulk", f"{{{{ invoice_number }}}} {lines}for {{{{ customer_name }}}}")
    customers = [(1, "INV-001", "Acme Corp", "Widget"), (2, "INV-002", "Tech Inc", "Gadget")]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {farm.key}"
    answer = session.post(
        f"{farm.url}/api/v1/pdf/batch",
        json={
            "items": [
                {
                    "id": f"invoice_{number}",
                    "template_id": "tpl_bulk",
                    "variables": {
                        "invoice_number": invoice,
                        "customer_name": name,
                        "items": [{"description": what, "quantity": 5, "price": 50}],
                        "total": 250.00,
                    },
                }
                for number, invoice, name, what in customers
            ],
            "options": {"format": "Letter", "print_background": True},
        },
        timeout=30,
    )
    data = ended(farm, answer.json()["data"]["job_id"])
    assert data["status"] == "completed"
    for result in data["results"]:
        (tmp_path / f"{result['id']}.pdf").write_bytes(base64.b64decode(result["pdf"]))
    for number, invoice, name, what in customers:
        saved = pypdf.PdfReader(tmp_path / f"invoice_{number}.pdf")
        assert f"{invoice} 5 {what} for {name}" in saved.pages[0].extract_text()
        assert size_of(saved) == pytest.approx((612, 792), abs=1)  # Letter


def test_the_signed_webhook(farm: DialectFarm, receiver: Receiver) -> None:
    items = [{"id": "a", "html": "<p>a</p>"}, {"id": "b", "template_id": "tpl_invalid"}]
    answer = requests.post(
        f"{farm.url}/api/v1/pdf/batch",
        json={"items": items, "callback_url": receiver.url},
        headers={"Authorization": f"Bearer {farm.key}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    call = receiver.next()
    payload = json.loads(call.body)
    assert list(payload) == ["event", "job_id", "status", "progress", "completed_at"]
    assert payload["event"] == "batch.completed"
    assert payload["job_id"] == answer.json()["data"]["job_id"]
    assert payload["status"] == "partial"
    assert payload["progress"] == {"completed": 1, "failed": 1, "total": 2}
    assert same("<time>", payload["completed_at"])
    expected = hmac.new(farm.webhook_secret.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["x-lightningpdf-signature"] == expected
    # What it told of can be fetched by then.
    assert ended(farm, payload["job_id"])["results"][0]["pdf"]
