"""A batch from its rows to its artifacts, as a client of the HTTP API sees it."""

from __future__ import annotations

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pypdf
import pytest
from farm_api import PAGE, rows, settled_once, until
from farm_support import Client

pytestmark = pytest.mark.integration
NAMES = "/apis/pressroom.dev/v1alpha1/namespaces/pressroom/batchjobs"


def text(pdf: bytes) -> str:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return "\n".join(page.extract_text() for page in reader.pages)


def test_rows_become_files_a_zip_and_a_merged_pdf_in_row_order(client: Client) -> None:
    batch = client.submit(
        rows=rows(25), outputs=["zip", "merged"], fileNamePattern="invoice-{{ number }}"
    )
    done = client.ended(batch["id"])
    settled_once(client, done, 25)
    assert done["progress"] == 100
    assert done["rows"]["pages"] == 25
    with client.archive(batch["id"]) as archive:
        for index, name in enumerate(archive.namelist()):
            assert name == f"invoice-N-{index:05d}.pdf"
            assert f"N-{index:05d}" in text(archive.read(name))
    merged = client.http.get(f"/v1/batches/{batch['id']}/merged", params={"stream": "1"})
    assert merged.status_code == 200
    numbers = re.findall(r"N-\d{5}", text(merged.content))
    assert numbers == [f"N-{index:05d}" for index in range(25)]
    one = client.http.get(f"/v1/batches/{batch['id']}/rows/7/file", follow_redirects=True)
    assert "N-00007" in text(one.content)
    assert one.headers["content-type"] == "application/pdf"


def test_the_merged_pdf_has_bookmarks_and_what_else_is_asked_for(client: Client) -> None:
    batch = client.submit(
        rows=rows(4),
        outputs=["merged"],
        fileNamePattern="invoice-{{ number }}",
        merge={"contents": {"title": "All of them"}, "pageNumbers": {}},
    )
    done = client.ended(batch["id"])
    assert done["artifacts"]["merged"] | {"pages": 5, "rows": 4} == done["artifacts"]["merged"]
    merged = client.http.get(f"/v1/batches/{batch['id']}/merged", params={"stream": "1"})
    reader = pypdf.PdfReader(io.BytesIO(merged.content))
    titles = [(str(one.title), reader.get_destination_page_number(one)) for one in reader.outline]
    assert titles == [(f"invoice-N-{index:05d}", index + 1) for index in range(4)]
    assert "All of them" in reader.pages[0].extract_text()
    assert "5 / 5" in reader.pages[4].extract_text()


def test_rows_without_a_template_are_printed_as_what_they_are(client: Client) -> None:
    data = [
        {"invoiceNumber": "INV-7", "lineItems": [{"item": "Slate", "price": 40}], "total": 40},
        {"salutation": "Dear Ana,", "body": "All is well.", "closing": "Yours, Lena"},
        {"colour": "green"},
    ]
    batch = client.submit(
        html=None,
        document={"style": "stripe-clean"},
        rows=data,
        fileNamePattern="{{ invoiceNumber or 'other' }}-{{ row }}",
        missingValues="lenient",
    )
    done = client.ended(batch["id"])
    settled_once(client, done, 3)
    with client.archive(batch["id"]) as archive:
        invoice, letter, other = (text(archive.read(name)) for name in archive.namelist())
        assert archive.namelist()[0] == "INV-7-0.pdf"
    assert "Invoice" in invoice and "40.00" in invoice
    assert "Dear Ana," in letter
    assert "green" in other


def test_a_merged_pdf_cut_into_files_is_a_zip(client: Client) -> None:
    batch = client.submit(rows=rows(5), outputs=["merged"], merge={"maxPages": 2})
    client.ended(batch["id"])
    got = client.http.get(f"/v1/batches/{batch['id']}/merged", params={"stream": "1"})
    assert got.headers["content-type"] == "application/zip"
    assert f"{batch['id']}-merged.zip" in got.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        names = archive.namelist()
    assert names == ["merged-001.pdf", "merged-002.pdf", "merged-003.pdf"]


def test_a_row_that_fails_fails_alone_and_can_be_retried(client: Client) -> None:
    data = rows(6)
    del data[3]["name"]
    done = client.ended(client.submit(rows=data)["id"])
    assert done["state"] == "partiallyFailed"
    assert (done["rows"]["succeeded"], done["rows"]["failed"]) == (5, 1)
    [failure] = done["failures"]
    assert (failure["row"], failure["code"]) == (3, "template_undefined")
    assert "name" in failure["message"]
    failed = client.rows(done["id"], state="failed")
    assert [row["row"] for row in failed] == [3]
    answer = client.http.post(f"/v1/batches/{done['id']}/retry")
    assert answer.status_code == 202, answer.text
    again = client.ended(answer.json()["id"])
    assert again["rows"]["total"] == 1
    assert again["state"] == "failed"


def test_every_row_failing_is_told_from_a_fault_of_the_batch(client: Client) -> None:
    broken = [{"html": "{{ broken", "data": row} for row in rows(3)]
    done = client.ended(client.submit(items=broken)["id"])
    assert done["state"] == "failed"
    assert done["rows"]["failed"] == 3
    assert {failure["code"] for failure in done["failures"]} == {"template_syntax"}
    assert done["reason"] == "AllRowsFailed"


def test_csv_and_ndjson_uploads(client: Client) -> None:
    client.http.put("/v1/templates/letter_1", json={"html": PAGE}).raise_for_status()
    csv = "number,name\nN-1,Zoë\nN-2,山田\n".encode()
    ndjson = b'{"number": "N-1", "name": "a"}\n{"number": "N-2", "name": "b"}\n'
    for body, kind in ((csv, "text/csv"), (ndjson, "application/x-ndjson")):
        answer = client.http.post(
            "/v1/batches",
            params={"template": "letter_1"},
            content=body,
            headers={"Content-Type": kind},
        )
        assert answer.status_code == 202, answer.text
        settled_once(client, client.ended(answer.json()["id"]), 2)


def test_one_document_synchronously(client: Client) -> None:
    answer = client.http.post("/v1/render", json={"html": PAGE, "data": rows(1)[0]})
    assert answer.status_code == 200, answer.text
    assert "N-00000" in text(answer.content)
    failed = client.http.post("/v1/render", json={"html": "{{ nothing }}", "data": {}})
    assert failed.status_code == 422
    assert failed.json()["code"] == "template_undefined"


def test_a_job_given_to_the_kubernetes_api_with_inline_rows(client: Client) -> None:
    body = {
        "apiVersion": "pressroom.dev/v1alpha1",
        "kind": "BatchJob",
        "metadata": {"name": "by.hand"},
        "spec": {
            "html": PAGE,
            "rows": [{"id": row["number"], "data": row} for row in rows(12)],
            "outputs": ["Zip", "Merged"],
        },
    }
    answer = client.kube.post(
        NAMES, json=body, params={"fieldManager": "kubectl-client-side-apply"}
    )
    assert answer.status_code == 201, answer.text
    settled_once(client, client.ended("by.hand"), 12)
    status = client.kube.get(f"{NAMES}/by.hand").json()["status"]
    conditions = {one["type"]: one["status"] for one in status["conditions"]}
    assert conditions["Succeeded"] == conditions["Finalized"] == "True"
    answer = client.http.get("/v1/batches/by.hand/rows/N-00005/file", follow_redirects=True)
    assert "N-00005" in text(answer.content)


def test_suspend_and_resume(client: Client) -> None:
    batch = client.submit(rows=rows(400))
    client.until(batch["id"], lambda found: found["rows"]["succeeded"] > 0)
    client.http.post(f"/v1/batches/{batch['id']}/suspend").raise_for_status()
    client.until(batch["id"], lambda found: found["state"] == "suspended")
    client.http.post(f"/v1/batches/{batch['id']}/resume").raise_for_status()
    settled_once(client, client.ended(batch["id"]), 400)


def test_cancel_keeps_what_was_rendered(client: Client) -> None:
    batch = client.submit(rows=rows(2000))
    client.until(batch["id"], lambda found: found["rows"]["succeeded"] > 0)
    client.http.post(f"/v1/batches/{batch['id']}/cancel").raise_for_status()
    done = client.ended(batch["id"])
    assert done["state"] == "cancelled"
    assert 0 < done["rows"]["succeeded"] < 2000
    with client.archive(batch["id"]) as archive:
        assert len(archive.namelist()) == done["rows"]["succeeded"]
    listed = client.rows(batch["id"])
    assert len(listed) == 2000
    assert {row["state"] for row in listed} == {"succeeded", "cancelled"}


def keys(client: Client, folder: Path) -> list[str]:
    """What the store holds below a prefix."""
    from minio import Minio

    s3 = client.farm.s3
    store = Minio(
        s3["endpoint"].removeprefix("http://"),
        access_key=s3["accessKey"],
        secret_key=s3["secretKey"],
        secure=False,
        region="us-east-1",
    )
    found = store.list_objects(s3["bucket"], prefix=str(folder) + "/", recursive=True)
    return [one.object_name for one in found if one.object_name]


def uid(client: Client, batch_id: str) -> str:
    found: str = client.kube.get(f"{NAMES}/{batch_id}").json()["metadata"]["uid"]
    return found


def test_delete_purges_the_job_and_nothing_of_another(client: Client) -> None:
    kept, gone = (client.submit(rows=rows(5)) for _ in range(2))
    for batch in (kept, gone):
        client.ended(batch["id"])
    kept_uid, gone_uid = (uid(client, batch["id"]) for batch in (kept, gone))
    before = keys(client, Path("jobs") / kept_uid)
    assert client.http.delete(f"/v1/batches/{gone['id']}").status_code == 204
    assert client.http.get(f"/v1/batches/{gone['id']}").status_code == 404
    until(
        lambda: client.kube.get(f"{NAMES}/{gone['id']}").status_code,
        lambda status: status == 404,
        30,
    )
    assert keys(client, Path("jobs") / gone_uid) == []
    assert keys(client, Path("jobs") / kept_uid) == before
    settled_once(client, client.batch(kept["id"]), 5)


def test_expiry_purges_the_data_and_keeps_the_record(client: Client) -> None:
    batch = client.submit(rows=rows(3), ttlSeconds=1)
    job = uid(client, batch["id"])
    expired = client.until(batch["id"], lambda found: found["state"] == "expired")
    assert expired["rows"]["succeeded"] == 3
    assert keys(client, Path("jobs") / job) == []
    answer = client.http.get(f"/v1/batches/{batch['id']}/zip")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")


def test_an_idempotency_key_makes_one_batch(client: Client) -> None:
    def post(request: dict[str, object]) -> httpx.Response:
        return client.http.post("/v1/batches", json=request, headers={"Idempotency-Key": "k1"})

    first = post({"html": PAGE, "rows": rows(2)})
    again = post({"html": PAGE, "rows": rows(2)})
    other = post({"html": PAGE, "rows": rows(3)})
    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_two_hundred_posts_with_one_key_at_once_make_one_batch(client: Client) -> None:
    request = {"html": PAGE, "rows": rows(3)}
    headers = {"Idempotency-Key": "two-hundred"}
    before = {batch["id"] for batch in listed(client)}

    def post(_: int) -> tuple[int, str]:
        answer = client.http.post("/v1/batches", json=request, headers=headers)
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(25) as pool:
        answers = set(pool.map(post, range(200)))
    assert len(answers) == 1
    ((status, batch_id),) = answers
    assert status == 202
    assert {batch["id"] for batch in listed(client)} - before == {batch_id}
    settled_once(client, client.ended(batch_id), 3)


def listed(client: Client) -> list[dict[str, Any]]:
    answer = client.http.get("/v1/batches", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["batches"]
    return found
