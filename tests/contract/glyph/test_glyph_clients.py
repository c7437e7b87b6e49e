"""Glyph's documented examples, and clients written from its document, against a whole farm.

``golden.json`` has each request with the answer it must get. In answers, words in angle brackets
stand for values that differ each time.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import pypdf
import pytest
import requests
from dialects_support import PATIENCE, DialectFarm, Json

pytestmark = pytest.mark.integration
HERE = Path(__file__).parent
GOLDEN: Json = json.loads((HERE / "golden.json").read_text())
INVOICES = [item["data"] for item in GOLDEN["two invoices"]["request"]["items"]]
VARYING = {
    "<pdf>": r"data:application/pdf;base64,JVBERi0[A-Za-z0-9+/]+=*",
    "<png>": r"data:image/png;base64,iVBORw0KGgo[A-Za-z0-9+/]+=*",
    "<invoice-0>": r"invoice-0-\d{13}\.pdf",
    "<invoice-1>": r"invoice-1-\d{13}\.pdf",
    "<document-0>": r"document-0-\d{13}\.png",
    "<text>": ".{6,}",
}


def generate(farm: DialectFarm, body: Any, **headers: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {farm.key}"} | headers
    url = f"{farm.url}/v1/batch/generate"
    return requests.post(url, json=body, headers=headers, timeout=PATIENCE)


def same(golden: Any, found: Any) -> bool:
    if isinstance(golden, dict) and isinstance(found, dict):
        return list(golden) == list(found) and all(
            same(value, found[key]) for key, value in golden.items()
        )
    if isinstance(golden, list) and isinstance(found, list):
        return len(golden) == len(found) and all(map(same, golden, found))
    if golden in ("<size>", "<millis>"):
        return type(found) is int and found >= (1 if golden == "<size>" else 0)
    if isinstance(golden, str) and golden in VARYING:
        return re.fullmatch(VARYING[golden], str(found)) is not None
    return type(golden) is type(found) and bool(golden == found)


def shown(answer: Json) -> str:
    """An answer without its files, for a message."""
    return re.sub(r"(base64,.{20})[^\"]*", r"\1…", json.dumps(answer))


def file_of(result: Json) -> bytes:
    assert result["status"] == "success", result
    data = base64.b64decode(result["url"].split(",")[1])
    assert len(data) == result["size"]
    return data


def one(farm: DialectFarm, **item: Any) -> bytes:
    """The file of one item."""
    answer = generate(farm, {"items": [{"data": {"name": "Pump 7"}} | item]})
    assert answer.status_code == 200, answer.text
    return file_of(answer.json()["results"][0])


def pdf(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(data))


def paper(data: bytes) -> tuple[int, int]:
    box = pdf(data).pages[0].mediabox
    return round(box.width), round(box.height)


def image_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def run(farm: DialectFarm, *command: str) -> str:
    """What an example client prints."""
    environment = {**os.environ, **farm.environment()}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, cwd=HERE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- examples ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(GOLDEN))
def test_the_documented_examples(farm: DialectFarm, name: str) -> None:
    golden = GOLDEN[name]
    answer = generate(farm, golden["request"])
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.status_code == golden["status"], answer.text
    assert same(golden["answer"], answer.json()), shown(answer.json())


def test_the_files_show_their_data(farm: DialectFarm) -> None:
    answer = generate(farm, GOLDEN["two invoices"]["request"]).json()
    first, second = (pdf(file_of(one)).pages[0].extract_text() for one in answer["results"])
    assert all(word in first for word in ("Invoice", "Acme Corp", "Consulting", "1,500.00"))
    assert all(word in second for word in ("Invoice", "Globex Inc", "License", "12,000.00"))


def test_the_curl_client(farm: DialectFarm) -> None:
    golden = GOLDEN["two invoices"]
    found = json.loads(run(farm, "sh", "client.sh", json.dumps(golden["request"])))
    assert same(golden["answer"], found), shown(found)


def test_the_javascript_client(farm: DialectFarm) -> None:
    lines = run(farm, "node", "report.mjs", json.dumps([*INVOICES, {}])).splitlines()
    assert re.fullmatch(r"0 success invoice-0-\d{13}\.pdf \d+", lines[0])
    assert re.fullmatch(r"1 success invoice-1-\d{13}\.pdf \d+", lines[1])
    assert lines[2:] == ["2 error Data object cannot be empty", "2 of 3"]


def test_the_javascript_client_that_saves_the_files(farm: DialectFarm, tmp_path: Path) -> None:
    run(farm, "node", "save.mjs", json.dumps(INVOICES), str(tmp_path / "output"))
    files = sorted((tmp_path / "output").iterdir())
    assert [re.sub(r"\d{13}", "T", file.name) for file in files] == [
        "invoice-0-T.pdf",
        "invoice-1-T.pdf",
    ]
    assert "Globex Inc" in pdf(files[1].read_bytes()).pages[0].extract_text()


# --- fields --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (612, 792)),
        ({"pageSize": "A4"}, (595, 842)),
        ({"pageSize": "legal"}, (612, 1008)),
        ({"pageSize": "letter", "orientation": "landscape"}, (792, 612)),
    ],
)
def test_paper(farm: DialectFarm, options: Json, size: tuple[int, int]) -> None:
    found = paper(one(farm, options=options))
    assert all(abs(a - b) <= 1 for a, b in zip(found, size, strict=True)), found


def _first_word(data: bytes) -> tuple[float, float, float]:
    """Distance from the left and the top, and height, of the first text, in points."""
    page = pdf(data).pages[0]
    places: list[tuple[float, float, float]] = []

    def note(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        if text.strip():
            x, y = tm[4] * cm[0] + cm[4], tm[5] * cm[3] + cm[5]
            places.append((x, float(page.mediabox.height) - y, size * abs(tm[3] * cm[3])))

    page.extract_text(visitor_text=note)
    return places[0]


def test_margins_are_kept_upright_and_across(farm: DialectFarm) -> None:
    for orientation in ("portrait", "landscape"):
        margin = {"left": "2in", "top": "3in"}
        left, top, _ = _first_word(
            one(farm, options={"orientation": orientation, "margin": margin})
        )
        assert abs(left - 144) < 4
        assert 216 < top < 250


@pytest.mark.parametrize("scale", [0.1, 0.5, 2, 3])
def test_scale_magnifies_the_page_and_not_its_margins(farm: DialectFarm, scale: float) -> None:
    _, _, plain = _first_word(one(farm))
    left, _, scaled = _first_word(one(farm, options={"scale": scale}))
    assert abs(scaled / plain - scale) < 0.03 * scale
    assert abs(left - 36) < 5


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (816, 1056)),
        ({"orientation": "landscape"}, (1056, 816)),
        ({"scale": 0.5}, (408, 528)),
        ({"scale": 3}, (2448, 3168)),
    ],
)
def test_images_are_the_whole_page(farm: DialectFarm, options: Json, size: tuple[int, int]) -> None:
    assert image_size(one(farm, format="png", options=options)) == size


def test_a_long_image_is_as_long_as_its_content(farm: DialectFarm) -> None:
    readings = [{"time": n, "value": n} for n in range(200)]
    width, height = image_size(one(farm, format="png", data={"readings": readings}))
    assert width == 816
    assert height > 4000


def test_styles_differ(farm: DialectFarm) -> None:
    styles = ("stripe-clean", "bold", "minimal", "corporate")
    items = [{"data": INVOICES[0], "format": "png", "style": style} for style in styles]
    results = generate(farm, {"items": items}).json()["results"]
    assert len({file_of(result) for result in results}) == 4


def test_a_stored_template(farm: DialectFarm) -> None:
    page = {"format": "A5", "margin": {"left": "1in"}}
    farm.template(
        "tpl_Glyph.1",
        "<style>body{margin:0}</style><p>Dear {{ name }}{{ no.thing }}</p>",
        css="p{margin:0;font-size:20px}",
        page=page,
    )
    plain = one(farm, template="tpl_Glyph.1")
    assert "Dear Pump 7" in pdf(plain).pages[0].extract_text()
    assert paper(plain) == (420, 596)
    large = one(farm, template="tpl_Glyph.1", options={"scale": 3, "pageSize": "letter"})
    assert paper(large) == (612, 792)
    assert abs(_first_word(large)[2] / _first_word(plain)[2] - 3) < 0.1
    assert abs(_first_word(large)[0] - 72) < 5


def test_ten_items_come_in_order(farm: DialectFarm) -> None:
    items = [{"data": {"name": f"Pump {n}"}} for n in range(10)]
    answer = generate(farm, {"items": items}).json()
    assert (answer["successCount"], answer["failCount"]) == (10, 0)
    texts = [pdf(file_of(result)).pages[0].extract_text() for result in answer["results"]]
    assert [text.split("\n")[0].strip() for text in texts] == [f"Pump {n}" for n in range(10)]


def test_an_unknown_key_is_refused_in_glyphs_shape(farm: DialectFarm) -> None:
    answer = generate(farm, {"items": []}, Authorization="Bearer gk_your_api_key")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert set(answer.json()) == {"error", "code"}


def test_a_token_is_no_key(farm: DialectFarm) -> None:
    answer = generate(farm, {"items": []}, Authorization=f"Bearer {farm.jwt}")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
