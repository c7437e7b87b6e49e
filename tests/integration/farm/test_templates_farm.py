"""Stored templates on a real farm: assets, versions, previews, and what the quality gate says."""

from __future__ import annotations

import io
import json
from typing import Any

import pikepdf
import pypdf
from farm_support import Client
from PIL import Image

HTML = (
    '<link rel=stylesheet href="brand.css"><img src="logo.png" width=60><h1>{{ word }} {{ n }}</h1>'
)


def push(client: Client, template: str, spec: dict[str, Any], **assets: bytes) -> dict[str, Any]:
    files = [("template", ("template.json", json.dumps(spec), "application/json"))]
    files += [
        ("assets", (name.replace("_", "."), content, "application/octet-stream"))
        for name, content in assets.items()
    ]
    answer = client.http.put(f"/v1/templates/{template}", files=files)
    assert answer.status_code in (200, 201), answer.text
    pushed: dict[str, Any] = answer.json()
    return pushed


def submit(client: Client, **request: Any) -> dict[str, Any]:
    answer = client.http.post("/v1/batches", json=request)
    assert answer.status_code == 202, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


def logo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 30), (200, 0, 0)).save(out, "PNG")
    return out.getvalue()


def text(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).strip()


def row_file(client: Client, batch: str, row: int) -> bytes:
    answer = client.http.get(f"/v1/batches/{batch}/rows/{row}/file", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_batch_keeps_its_version_while_the_template_goes_on(client: Client) -> None:
    spec = {"html": HTML, "sampleData": {"word": "Sample", "n": 0}}
    first = push(client, "kept", spec, logo_png=logo(), brand_css=b"h1{color:#c00}")
    changed = {**spec, "html": HTML.replace("<h1>", "<h1>New "), "assets": first["assets"]}
    second = push(client, "kept", changed)
    assert (first["version"], second["version"]) == (1, 2)
    batches = [
        submit(client, template="kept", rows=[{"word": "Row", "n": 1}], **more)
        for more in ({"templateVersion": 1}, {})
    ]
    old, new = (client.ended(batch["id"])["id"] for batch in batches)
    assert text(row_file(client, old, 0)) == "Row 1"
    assert text(row_file(client, new, 0)) == "New Row 1"
    for batch in (old, new):
        (row,) = client.rows(batch)
        assert row["template"] == f"kept@{1 if batch == old else 2}"
        assert row["findings"] == []  # logo and style sheet came from the store
        with pikepdf.open(io.BytesIO(row_file(client, batch, 0))) as pdf:
            assert len(pdf.pages[0].get_images()) == 1
    back = client.http.post("/v1/templates/kept/rollback", json={"version": 1})
    assert back.json()["version"] == 3
    preview = client.http.post("/v1/templates/kept/preview", json={})
    assert preview.status_code == 200, preview.text
    assert text(preview.content) == "Sample 0"
    versions = client.http.get("/v1/templates/kept/versions").json()["versions"]
    assert [one["version"] for one in versions] == [3, 2, 1]
    assert versions[0]["digest"] == versions[2]["digest"]


def test_what_the_quality_gate_found_is_counted(client: Client) -> None:
    html = "<p>{{ n }}</p>{% if n == 1 %}<div style='break-before:page'></div>{% endif %}"
    html += "<img src='https://nowhere.example/x.png'>"
    batch = client.submit(
        html=html.replace("</p>", "</p>{{ '\ue000' if n == 2 }}"),
        rows=[{"n": 0}, {"n": 1}, {"n": 2}],
        page={"checks": {"missingGlyphs": "Fail"}},
    )
    done = client.ended(batch["id"])
    assert (done["rows"]["succeeded"], done["rows"]["failed"], done["rows"]["flagged"]) == (2, 1, 3)
    assert done["findings"]["failedAssets"] == 3
    assert done["findings"]["missingGlyphs"] == 1
    (failed,) = client.rows(done["id"], state="failed")
    assert (failed["row"], failed["attempts"]) == (2, 1)
    assert failed["error"]["code"] == "quality"
    path = f"/v1/batches/{done['id']}/rows"
    flagged = client.http.get(path, params={"flagged": "true", "state": "succeeded"}).json()
    assert [row["row"] for row in flagged["rows"]] == [0, 1]
    clean = client.ended(client.submit(html="<p>{{ n }}", rows=[{"n": 0}])["id"])["id"]
    none = client.http.get(f"/v1/batches/{clean}/rows", params={"flagged": "true"}).json()
    assert none["rows"] == []


def test_data_that_does_not_fit_fails_its_row_alone(client: Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    push(client, "typed", {"html": "{{ n }}", "dataSchema": schema})
    done = client.ended(submit(client, template="typed", rows=[{"n": 1}, {"n": "x"}])["id"])
    assert (done["rows"]["succeeded"], done["rows"]["failed"]) == (1, 1)
    (failure,) = done["failures"]
    assert (failure["row"], failure["code"]) == (1, "data_invalid")
    assert "$.n" in failure["message"]
