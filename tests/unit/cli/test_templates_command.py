"""`pressroom templates`: folders to templates and back, previews, versions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_support import FakeFarm, problem
from typer.testing import Result

from pressroom_cli import preview

Run = Callable[..., Result]
PNG = b"\x89PNG\r\n\x1a\nrest"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "invoice"
    (made / "assets").mkdir(parents=True)
    (made / "template.html").write_text("<img src=\"{{ 'logo.png'|asset }}\">{{ total|money }}")
    (made / "style.css").write_text("p {}")
    (made / "header.html").write_text("<b>{{ total }}</b>")
    (made / "page.json").write_text('{"format": "A5", "metadata": {"title": "{{ total }}"}}')
    (made / "schema.json").write_text('{"required": ["total"]}')
    (made / "sample.json").write_text('{"total": 5}')
    (made / "template.json").write_text('{"missingValues": "lenient"}')
    (made / "assets" / "logo.png").write_bytes(PNG)
    return made


def answer(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def parts(farm: FakeFarm, place: int) -> dict[str, bytes]:
    """What a form had: by file name, else by field."""
    kind = farm.requests[place].headers["Content-Type"]
    form = message_from_bytes(f"Content-Type: {kind}\n\n".encode() + farm.bodies[place])
    found = {}
    for part in form.get_payload():
        assert not isinstance(part, str)
        name = part.get_filename() or part.get_param("name", header="content-disposition")
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        found[str(name)] = body
    return found


def calls(farm: FakeFarm) -> list[str]:
    return [f"{one.method} {one.url.path.removeprefix('/v1/templates')}" for one in farm.requests]


def test_push_sends_the_folder_with_its_assets(run: Run, farm: FakeFarm, folder: Path) -> None:
    farm.answers = [answer(id="invoice", version=3)]
    assert run("templates", "push", "invoice", "invoice").stdout == "invoice is version 3\n"
    assert calls(farm) == ["PUT /invoice"]
    form = parts(farm, 0)
    assert json.loads(form.pop("template")) == {
        "html": (folder / "template.html").read_text(),
        "css": "p {}",
        "missingValues": "lenient",
        "page": {
            "format": "A5",
            "metadata": {"title": "{{ total }}"},
            "headerHtml": "<b>{{ total }}</b>",
        },
        "dataSchema": {"required": ["total"]},
        "sampleData": {"total": 5},
    }
    assert form == {"logo.png": PNG}


def test_push_warns_of_what_the_farm_takes_and_lint_does_not(
    run: Run, farm: FakeFarm, folder: Path
) -> None:
    (folder / "sample.json").write_text("{}")
    farm.answers = [answer(id="invoice", version=3)]
    result = run("templates", "push", "invoice", "invoice")
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert told.startswith("invoice is version 3 warning: invoice/sample.json: $: 'total' is a")


def test_what_is_pulled_is_what_was_pushed(run: Run, farm: FakeFarm, folder: Path) -> None:
    farm.answers = [answer(version=1)]
    run("templates", "push", "invoice", "invoice")
    pushed = json.loads(parts(farm, 0)["template"])
    stored = answer(id="invoice", assets=[{"name": "logo.png"}], **pushed)
    farm.answers = [stored, httpx.Response(200, content=PNG)]
    assert run("templates", "pull", "invoice", "copy").exit_code == 0
    assert calls(farm)[1:] == ["GET /invoice", "GET /invoice/assets/logo.png"]
    for file in folder.rglob("*.*"):
        copied = folder.parent / "copy" / file.relative_to(folder)
        if file.suffix == ".json":
            assert json.loads(copied.read_text()) == json.loads(file.read_text())
        else:
            assert copied.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", ["../../evil", "..", "a/b/c"])
def test_no_asset_is_written_outside_the_folder(run: Run, farm: FakeFarm, name: str) -> None:
    farm.answers = [answer(html="x", assets=[{"name": name}]), httpx.Response(200, content=b"x")]
    result = run("templates", "pull", "invoice", "copy")
    assert result.exit_code == 1
    assert "names an asset" in result.stderr


def test_pull_warns_of_files_that_would_change_the_template(
    run: Run, farm: FakeFarm, folder: Path
) -> None:
    (folder / "notes.txt").write_text("mine")
    farm.answers = [answer(id="invoice", html="<p>", css="p {}", assets=[])]
    told = " ".join(run("templates", "pull", "invoice", "invoice").stdout.split())
    for kept in ("header.html", "page.json", "assets/logo.png"):
        warning = f"warning: invoice/{kept} is not part of invoice, and the next push would add it"
        assert warning in told
        assert (folder / kept).exists()
    assert told.count("warning") == 6
    assert "notes.txt" not in told


def test_a_template_is_deleted(run: Run, farm: FakeFarm) -> None:
    farm.answers = [httpx.Response(204)]
    assert run("templates", "delete", "invoice").stdout == "invoice is deleted\n"
    assert calls(farm) == ["DELETE /invoice"]


def test_preview_prints_the_folder_under_a_scratch_id(
    run: Run, farm: FakeFarm, folder: Path
) -> None:
    pdf = httpx.Response(200, content=b"%PDF")
    farm.answers = [answer(version=1), pdf, httpx.Response(204)]
    (folder.parent / "row.json").write_text('{"total": 7}')
    result = run("templates", "preview", "invoice", "-o", "out.pdf", "--data", "row.json")
    assert result.stdout == "out.pdf: 4 bytes\n"
    assert (folder.parent / "out.pdf").read_bytes() == b"%PDF"
    scratch = preview.scratch_id(folder)
    assert calls(farm) == [f"PUT /{scratch}", f"POST /{scratch}/preview", f"DELETE /{scratch}"]
    assert json.loads(farm.bodies[1]) == {"page": {"output": "pdf"}, "data": {"total": 7}}


def test_a_preview_warns_of_what_the_checks_found(run: Run, farm: FakeFarm, folder: Path) -> None:
    found = [
        {"check": "failedAssets", "message": "Not loaded: a.png: the template has no such asset"},
        {"check": "cutContent", "message": "A table is cut.", "page": 2},
    ]
    headers = {"X-Pressroom-Findings": json.dumps(found)}
    pdf = httpx.Response(200, content=b"%PDF", headers=headers)
    farm.answers = [answer(version=1), pdf, httpx.Response(204)]
    told = " ".join(run("templates", "preview", "invoice", "-o", "out.pdf").stdout.split())
    assert told == (
        "out.pdf: 4 bytes "
        "warning: Not loaded: a.png: the template has no such asset (failedAssets) "
        "warning: page 2: A table is cut. (cutContent)"
    )


def test_a_preview_that_fails_leaves_nothing_behind(run: Run, farm: FakeFarm, folder: Path) -> None:
    fault = problem(422, "template_failed", "Line 1 of the template: it is wrong.")
    farm.answers = [answer(version=1), fault, httpx.Response(204)]
    result = run("templates", "preview", "invoice", "-o", "out.png")
    assert result.exit_code == 1
    assert "invoice/template.html:1: it is wrong." in result.stderr
    assert calls(farm)[-1].startswith("DELETE /preview-invoice-")
    assert not (folder.parent / "out.png").exists()


REFUSED = {
    "a text that does not compile": (
        problem(
            *(422, "invalid_option", "Line 7 of page.footerHtml is no template: unexpected '}'."),
            path="page.footerHtml",
            line=7,
        ),
        "invoice/footer.html:7: unexpected '}'.",
    ),
    "an option that there is not": (
        problem(400, "invalid_request", "page.x is not a field.", path="page.x", line=1),
        "invoice/page.json: page.x is not a field.",
    ),
    "an asset that is something else": (
        problem(422, "asset_invalid", "l.png: It is no picture.", path="assets.l.png"),
        "invoice/assets/l.png: It is no picture.",
    ),
    "an alias that is none": (
        problem(422, "invalid_option", "aliases[0] is none.", path="aliases[0]", line=1),
        "invoice/template.json: aliases[0] is none.",
    ),
}
FAILED = {
    "a header": ("headerHtml, line 2: No x.", "invoice/header.html:2: No x."),
    "a title": (
        "metadata.title, line 1: No x.",
        "invoice/page.json: metadata.title, line 1: No x.",
    ),
    "data": (
        "The data does not fit the template's schema: $.a: no",
        "invoice/sample.json: does not fit schema.json: $.a: no",
    ),
}


@pytest.mark.parametrize(("refusal", "wanted"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_with_the_file_that_it_stands_in(
    run: Run, farm: FakeFarm, folder: Path, refusal: httpx.Response, wanted: str
) -> None:
    farm.answers = [refusal]
    result = run("templates", "push", "invoice", "invoice")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {wanted}\n({refusal.json()['code']})")


@pytest.mark.parametrize(("detail", "wanted"), FAILED.values(), ids=FAILED)
def test_a_preview_that_fails_is_told_with_the_file_at_fault(
    run: Run, farm: FakeFarm, folder: Path, detail: str, wanted: str
) -> None:
    farm.answers = [answer(version=1), problem(422, "x", detail), httpx.Response(204)]
    result = run("templates", "preview", "invoice", "-o", "out.pdf")
    assert " ".join(result.stderr.split()) == f"Error: {wanted} (x)"


def test_a_fault_of_other_data_is_told_with_its_file(
    run: Run, farm: FakeFarm, folder: Path
) -> None:
    (folder.parent / "row.json").write_text("{}")
    fault = problem(422, "data_invalid", "The data does not fit the template's schema: $: no")
    farm.answers = [answer(version=1), fault, httpx.Response(204)]
    result = run("templates", "preview", "invoice", "-o", "out.pdf", "--data", "row.json")
    assert "row.json: does not fit schema.json: $: no" in result.stderr


def test_an_output_of_no_known_kind_is_refused(run: Run, farm: FakeFarm, folder: Path) -> None:
    assert "end its name in" in run("templates", "preview", "invoice", "-o", "o.doc").stderr
    assert farm.requests == []


def test_watch_prints_again_on_every_save_and_goes_on_after_faults(
    run: Run, farm: FakeFarm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = folder / "template.html"

    def save(text: str) -> None:
        page.write_text(text)
        later = page.stat().st_mtime_ns + 1_000_000
        os.utime(page, ns=(later, later))

    def interrupt() -> None:
        raise KeyboardInterrupt

    saves = [lambda: save("{{ wrong"), lambda: None, lambda: save("right"), interrupt]
    monkeypatch.setattr(preview.time, "sleep", lambda _: saves.pop(0)())
    farm.answers = [
        *(answer(version=1), httpx.Response(200, content=b"%PDF-1")),
        problem(422, "invalid_option", "Line 1 of html is no template."),
        *(answer(version=2), httpx.Response(200, content=b"%PDF-22")),
        httpx.Response(204),
    ]
    result = run("templates", "preview", "invoice", "-o", "invoice/out.pdf", "--watch")
    assert result.exit_code == 130
    told = [line.split(" ", 1)[-1] for line in result.stdout.splitlines()]
    assert told[0].startswith("invoice/out.pdf: 6 bytes in ")
    assert told[1] == "Line 1 of html is no template."
    assert told[-1].startswith("invoice/out.pdf: 7 bytes in ")
    assert calls(farm)[-1].startswith("DELETE")
    assert len(farm.requests) == 6


def test_versions_are_listed_and_rolled_back_to(run: Run, farm: FakeFarm) -> None:
    found = [
        {"version": 2, "digest": "b" * 64, "createdAt": "2026-01-02T03:04:05Z", "current": True},
        {"version": 1, "digest": "a" * 64, "createdAt": "2026-01-01T03:04:05Z"},
    ]
    farm.answers = [answer(versions=found), answer(version=3)]
    lines = run("templates", "versions", "invoice").stdout.splitlines()
    assert lines[1].split() == ["2", "2026-01-02T03:04", "b" * 12, "current"]
    told = run("templates", "rollback", "invoice", "1").stdout
    assert told == "invoice is version 3, the same as version 1\n"
    assert json.loads(farm.bodies[1]) == {"version": 1}


def test_templates_are_listed(run: Run, farm: FakeFarm) -> None:
    long = "x" * 120
    farm.answers = [answer(templates=[{"id": "a", "version": 4}, {"id": long}])]
    assert run("templates", "list").stdout.splitlines()[1].split() == ["a", "4"]
    fault = {"reason": "SyntaxError", "message": "Line 1 of html: no."}
    farm.answers = [answer(templates=[{"id": "a", "ready": True}, {"id": "b", "fault": fault}])]
    lines = run("templates", "list").stdout.splitlines()[1:]
    assert [line.split() for line in lines] == [["a", "yes"], ["b", "SyntaxError"]]
    farm.answers = [answer(templates=[])]
    assert run("templates", "list").stdout == "No templates.\n"


# --- lint ----------------------------------------------------------------------------------------
def linted(run: Run) -> tuple[int, str]:
    result = run("templates", "lint", "invoice")
    return result.exit_code, " ".join(result.stdout.split())


def test_a_good_folder_is_fine(run: Run, farm: FakeFarm, folder: Path) -> None:
    assert linted(run) == (0, "invoice: fine")
    assert farm.requests == []


@pytest.mark.parametrize(
    ("file", "text", "wanted"),
    [
        ("template.html", "\n{% if %}", "invoice/template.html:2: "),
        ("template.html", "{{ 1|mony }}", "template.html:1: No filter named 'mony'."),
        ("template.html", "\n{{ 'b.png'|asset }}", "template.html:2: there is no assets/b.png"),
        (
            "template.html",
            "\n<img\nsrc='b%20c.png'>",
            "html:2: there is no assets/b c.png",
        ),
        ("template.html", "<img src=/b.png?v=2>", "template.html:1: there is no assets/b.png"),
        ("template.html", "<link rel=stylesheet href=b.css>", "there is no assets/b.css"),
        ("template.html", "<style>\np{fill:url(b.png)}</style>", "template.html:2: there is no"),
        ("template.html", "<p style='background:url(b.png)'>", "there is no assets/b.png"),
        (
            "template.html",
            "<img src=assets/logo.png>",
            "without their folder: logo.png, not",
        ),
        (
            "style.css",
            "/* \n */@font-face{src:url('b.woff2')}",
            "style.css:2: there is no",
        ),
        ("assets/print.css", "@import 'b.css'", "assets/print.css:1: there is no assets/b.css"),
        ("footer.html", "<img src='b.png'>", "footer.html:1: there is no assets/b.png"),
        ("header.html", "<b>\n{{ x", "invoice/header.html:2: "),
        ("page.json", '{"format":\n "A5",}', "invoice/page.json:2: no JSON: "),
        ("page.json", "[]", "page.json: must be a JSON object."),
        ("page.json", '{"fromat": "A5"}', "page.json: page.fromat is not a field"),
        ("page.json", '{"margin": {"top": "1 mile"}}', "page.json: page.margin.top"),
        ("page.json", '{"watermark": {"image": "w.png"}}', "there is no assets/w.png"),
        ("page.json", '{"metadata": {"title": "{{ x"}}', "page.json metadata.title:1: "),
        ("schema.json", '{"type": "nubmer"}', "schema.json: no JSON Schema: $.type"),
        ("sample.json", "{}", "sample.json: $: 'total' is a required property"),
        ("template.json", '{"missing": 1}', "template.json: missing is not one of"),
        ("assets/logo.png", "GIF89a", "assets/logo.png: not what its name says (.png)"),
        ("assets/l!.css", "p {}", "assets/l!.css: not a name for an asset"),
    ],
)
def test_a_fault_is_told_with_its_file(
    run: Run, folder: Path, file: str, text: str, wanted: str
) -> None:
    (folder / file).write_text(text)
    code, told = linted(run)
    assert code == 1
    assert "error: " in told
    assert wanted in told


@pytest.mark.parametrize(
    "text",
    [
        "<img src='logo.png'><img src=\"./logo.png#x\"><a href='other.html'>",
        "<img src='https://x.example/a.png'><img src='//x.example/a'><img src='data:image/png,x'>",
        "<img src='{{ picture }}'><img src='{% if a < b %}a{% endif %}.png'>",
        "<!-- <img src=b.png> -->{# <img src=b.png> #}<svg><use href='#a'/></svg>",
        "<base href='https://x.example/'><img src=b.png>",
        "<p style='fill:url(#a)'><style>/* url(b.png) */p{background:url(data:x)}</style>url(c)",
    ],
)
def test_what_is_no_asset_or_not_known_yet_is_no_fault(run: Run, folder: Path, text: str) -> None:
    (folder / "template.html").write_text(text)
    assert linted(run) == (0, "invoice: fine")


def test_what_is_not_used_is_warned_of(run: Run, folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    assert linted(run) == (0, "warning: invoice/notes.txt: not used invoice: fine")


def test_a_folder_without_a_template_is_said(run: Run, folder: Path) -> None:
    (folder / "template.html").unlink()
    result = run("templates", "lint", "invoice")
    assert result.exit_code == 1
    assert "There is no invoice/template.html." in result.stderr
