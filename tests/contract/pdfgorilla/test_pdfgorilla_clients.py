"""PDFGorilla's documented examples, sent by curl to a whole farm.

``golden.json`` has each request with the answer it must get. In answers, words in angle brackets
stand for values that differ each time; ``<job>`` and ``<key>`` are the test's own.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

import pypdf
import pytest
import requests
from dialects_support import DialectFarm, Received, Receiver
from standardwebhooks import Webhook

pytestmark = pytest.mark.integration

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text())
VARYING = {
    "<id>": r"c[0-9a-z]{24}",
    "<word>": r"queued|processing|completed",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "<text>": r".{6,}",
}
#: Of the client's own; no base64.
SECRET = "a secret, of any text: é"
#: Templates that take longer than the test.
ENDLESS = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"


def curl(*words: str, data: bytes = b"") -> tuple[int, bytes]:
    """Status and body."""
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *words], input=data, capture_output=True, timeout=60
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


def exchange(farm: DialectFarm, name: str, job: str = "<job>", key: str = "<key>") -> Any:
    """Send an example; its answer, which is as documented."""
    example = json.loads(json.dumps(GOLDEN[name]).replace("<job>", job).replace("<key>", key))
    request = example["request"]
    words = ["-X", request["method"], f"{farm.url}/api/v1{request['path']}"]
    words += ["-H", f"x-api-key: {request.get('key', farm.key)}"]
    if "body" in request:
        words += ["-H", f"Content-Type: {request.get('type', 'application/json')}"]
        words += ["-d", json.dumps(request["body"])]
    status, text = curl(*words)
    found = json.loads(text)
    assert (status, same(example["answer"], found)) == (example["status"], True), text
    return found


def ended(farm: DialectFarm, job: str) -> Any:
    """The job once it has ended."""
    deadline = time.monotonic() + 60
    while True:
        url = f"{farm.url}/api/v1/jobs/{job}"
        found = requests.get(url, headers={"x-api-key": farm.key}, timeout=10).json()
        if found["status"] not in ("queued", "processing"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.fixture
def template(farm: DialectFarm) -> None:
    """The template that the documents name."""
    farm.template("TEMPLATE_ID", "<h1>Order {{ orderId }}</h1>")


def text_of(farm: DialectFarm, job: str, path: Path) -> str:
    """The text of a job's PDF, fetched by curl without following redirects."""
    words = ("-D", str(path / "head"), "-o", str(path / "job.pdf"), "-H", f"x-api-key: {farm.key}")
    status, _ = curl(*words, f"{farm.url}/api/v1/jobs/{job}/download")
    assert status == 200
    assert "content-type: application/pdf" in (path / "head").read_text().lower()
    pdf = pypdf.PdfReader(io.BytesIO((path / "job.pdf").read_bytes()))
    return pdf.pages[0].extract_text()


@pytest.mark.usefixtures("template")
def test_the_documented_example(farm: DialectFarm, tmp_path: Path) -> None:
    job = exchange(farm, "generate")["jobId"]
    assert ended(farm, job)["status"] == "completed"
    exchange(farm, "status", job)
    assert "Order A-1" in text_of(farm, job, tmp_path)
    exchange(farm, "cancel too late", job)
    exchange(farm, "delete too late", job)


@pytest.mark.usefixtures("template")
def test_every_field(farm: DialectFarm, tmp_path: Path) -> None:
    key = uuid.uuid4().hex
    job = exchange(farm, "every field", key=key)["jobId"]
    exchange(farm, "every field again", job, key)
    assert ended(farm, job)["status"] == "completed"
    exchange(farm, "every field again", job, key)
    assert "Order B-2" in text_of(farm, job, tmp_path)


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize(
    "name",
    [
        "placeholders",
        "content type",
        "no secret",
        "local webhook",
        "no key",
        "unknown template",
        "unknown job",
    ],
)
def test_an_error(farm: DialectFarm, name: str) -> None:
    exchange(farm, name)


@pytest.mark.usefixtures("template")
def test_a_bearer_key_is_taken_too(farm: DialectFarm) -> None:
    path = "/api/v1/templates/TEMPLATE_ID/generate-async"
    words = ("-H", f"Authorization: Bearer {farm.key}", "-H", "Content-Type: application/json")
    status, text = curl("-X", "POST", farm.url + path, *words, "-d", "{}")
    assert (status, json.loads(text)["status"]) == (202, "queued")


@pytest.mark.usefixtures("template")
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"data": {"text": "' + b"x" * 10 * 1024 * 1024 + b'"}}', 413, "REQUEST_TOO_LARGE"),
        (b'{"data": {"list": [' + b"1," * 100_000 + b"1]}}", 422, "TOO_COMPLEX"),
        (b'{"data": {"a": ' + b"[" * 64 + b"]" * 64 + b"}}", 422, "TOO_COMPLEX"),
    ],
)
def test_too_much(farm: DialectFarm, body: bytes, status: int, code: str) -> None:
    path = "/api/v1/templates/TEMPLATE_ID/generate-async"
    words = ("-H", f"x-api-key: {farm.key}", "-H", "Content-Type: application/json")
    found, text = curl("-X", "POST", farm.url + path, *words, "--data-binary", "@-", data=body)
    assert (found, json.loads(text)["code"]) == (status, code)


def generate(farm: DialectFarm, template: str, **body: Any) -> str:
    answer = requests.post(
        f"{farm.url}/api/v1/templates/{template}/generate-async",
        json=body,
        headers={"x-api-key": farm.key},
        timeout=10,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobId"])


def test_a_document_that_cannot_be_made_fails_the_job(farm: DialectFarm) -> None:
    farm.template("gorilla-share", "{{ 1 / share }}")
    job = generate(farm, "gorilla-share", data={"share": 0})
    found = ended(farm, job)
    assert found["status"] == "failed" and "zero" in found["error"]
    assert curl("-H", f"x-api-key: {farm.key}", f"{farm.url}/api/v1/jobs/{job}/download")[0] == 409


@pytest.mark.parametrize(("method", "suffix"), [("POST", "/cancel"), ("DELETE", "")])
def test_a_job_under_way_is_canceled(farm: DialectFarm, method: str, suffix: str) -> None:
    farm.template("gorilla-endless", ENDLESS)
    job = generate(farm, "gorilla-endless")
    url = f"{farm.url}/api/v1/jobs/{job}"
    words = ("-X", method, "-H", f"x-api-key: {farm.key}")
    status, text = curl(*words, url + suffix)
    assert status == 200 and json.loads(text)["jobId"] == job
    assert ended(farm, job)["status"] == "canceled"
    status, text = curl(*words, url + suffix)
    assert (status, json.loads(text)["status"]) == (200, "canceled")
    assert curl("-H", f"x-api-key: {farm.key}", f"{url}/download")[0] == 409


# --- webhooks ------------------------------------------------------------------------------------
def told(farm: DialectFarm, receiver: Receiver, job: str) -> str:
    """The status that a webhook tells of a job, once it was found to be in order."""
    call: Received = receiver.next()
    expected = hmac.new(SECRET.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["x-pdfgorilla-signature"] == expected
    Webhook(SECRET.encode()).verify(call.body, dict(call.headers))
    found, shown = call.json(), ended(farm, job)
    assert found == {
        "event": f"job.{shown['status']}",
        "jobId": job,
        "status": shown["status"],
        "completedAt": shown["completedAt"],
    }
    return str(shown["status"])


@pytest.mark.parametrize(("share", "status"), [(4, "completed"), (0, "failed")])
def test_the_end_is_told(farm: DialectFarm, receiver: Receiver, share: int, status: str) -> None:
    farm.template("gorilla-share", "{{ 1 / share }}")
    hook = {"webhookUrl": receiver.url, "webhookSecret": SECRET}
    job = generate(farm, "gorilla-share", data={"share": share}, **hook)
    assert told(farm, receiver, job) == status


def test_a_cancellation_is_told(farm: DialectFarm, receiver: Receiver) -> None:
    farm.template("gorilla-endless", ENDLESS)
    job = generate(farm, "gorilla-endless", webhookUrl=receiver.url, webhookSecret=SECRET)
    url = f"{farm.url}/api/v1/jobs/{job}/cancel"
    assert curl("-X", "POST", "-H", f"x-api-key: {farm.key}", url)[0] == 200
    assert told(farm, receiver, job) == "canceled"
