"""`pressroom render`: what is sent, what is shown, what is fetched, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cli_support import KEY, FakeFarm, batch, problem, row
from typer.testing import Result

Run = Callable[..., Result]
WORDS = ("render", "--template", "t.html", "--data", "rows.csv")


@pytest.fixture(autouse=True)
def files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.html").write_text("<p>{{ name }}</p>")
    (tmp_path / "rows.csv").write_text("name\nAda\nBob\nCy\n")


def _request(farm: FakeFarm) -> dict[str, object]:
    """The JSON of the form's first part."""
    body = farm.bodies[0].split(b"\r\n\r\n")[1].split(b"\r\n--")[0]
    found: dict[str, object] = json.loads(body)
    return found


def test_a_batch_is_sent_followed_and_fetched(run: Run, farm: FakeFarm, tmp_path: Path) -> None:
    farm.states = [batch("queued"), batch("rendering"), batch("completed")]
    result = run(*WORDS, "--zip", "o.zip", "--merged", "o.pdf")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "o.zip").read_bytes() == b"PK"
    assert (tmp_path / "o.pdf").read_bytes() == b"%PDF"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "o.pdf", "o.zip", "rows.csv", "t.html",
    ]  # fmt: skip
    assert _request(farm) == {"html": "<p>{{ name }}</p>", "outputs": ["merged", "zip"]}
    assert b"Content-Type: text/csv\r\n\r\nname\nAda\nBob\nCy\n\r\n" in farm.bodies[0]
    assert "3 of 3 rows rendered, 0 failed, 3 pages" in result.stdout


def test_the_store_never_sees_the_key(run: Run, farm: FakeFarm) -> None:
    run(*WORDS, "--zip", "o.zip")
    to_store = [request for request in farm.requests if request.url.host == "store.test"]
    assert len(to_store) == 1
    assert KEY not in str(to_store[0].headers)


def test_failed_rows_are_listed_and_told_by_the_exit_code(run: Run, farm: FakeFarm) -> None:
    farm.states = [batch("partiallyFailed", total=30, failed=25)]
    farm.rows = [row(n, "'total' is undefined, and a long word: " + "x" * 90) for n in range(25)]
    result = run(*WORDS, "--zip", "o.zip")
    assert result.exit_code == 3
    assert "INV-19" in result.stdout
    assert "INV-20" not in result.stdout
    assert "template_undefined" in result.stdout
    assert "and 5 more: pressroom batches rows jabc --state failed" in result.stdout
    assert Path("o.zip").exists()


def test_where_every_row_failed_nothing_is_fetched(run: Run, farm: FakeFarm) -> None:
    farm.states = [batch("failed", total=1, failed=1)]
    farm.rows = [row(0, "'name' is undefined")]
    result = run(*WORDS, "--zip", "o.zip")
    assert result.exit_code == 3
    assert not Path("o.zip").exists()


@pytest.mark.parametrize("state", ["cancelled", "rejected"])
def test_a_batch_that_ends_otherwise_is_an_error(run: Run, farm: FakeFarm, state: str) -> None:
    farm.states = [batch(state, message="The tenant has no credits.")]
    result = run(*WORDS)
    assert result.exit_code == 1
    assert f"ended as {state}: The tenant has no credits." in result.stderr


def test_options_become_the_request(run: Run, farm: FakeFarm) -> None:
    run(
        *WORDS,
        "--option",
        "page.format=A5",
        "--option",
        "priority=7",
        "--option",
        "page.tagged=true",
    )
    assert _request(farm) == {
        "html": "<p>{{ name }}</p>",
        "outputs": [],
        "page": {"format": "A5", "tagged": True},
        "priority": 7,
    }


def test_a_stored_template_is_named(run: Run, farm: FakeFarm) -> None:
    run("render", "--template", "invoice", "--data", "rows.csv")
    assert _request(farm)["template"] == "invoice"


def test_a_built_in_page_needs_no_template(run: Run, farm: FakeFarm) -> None:
    assert run("render", "--style", "bold", "--data", "rows.csv").exit_code == 0
    assert _request(farm)["document"] == {"style": "bold"}


@pytest.mark.parametrize("more", [(), ("--template", "t.html", "--style", "bold")])
def test_it_takes_a_template_or_a_style(run: Run, farm: FakeFarm, more: tuple[str, ...]) -> None:
    result = run("render", "--data", "rows.csv", *more)
    assert result.exit_code == 1
    assert "either --template or --style" in result.output
    assert farm.requests == []


def test_a_json_array_is_sent_as_lines(run: Run, farm: FakeFarm, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"a": 1},\n {"a": "ß"}]')
    run("render", "--template", "t.html", "--data", "rows.json")
    assert 'ndjson\r\n\r\n{"a":1}\n{"a":"ß"}\n\r\n'.encode() in farm.bodies[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--template", "no.html", "--data", "rows.csv"), "There is no file no.html."),
        (("--template", "t.html", "--data", "no.csv"), "no.csv cannot be read: No such file"),
        (("--template", "t.html", "--data", "bad.json"), "bad.json, line 2, column 1"),
        ((*WORDS[1:], "--option", "priority"), "write KEY=VALUE"),
        ((*WORDS[1:], "--zip", "nowhere/o.zip"), "There is no directory nowhere."),
    ],
)
def test_what_is_wrong_here_is_said_before_anything_is_sent(
    run: Run, farm: FakeFarm, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "bad.json").write_text("[\n")
    result = run("render", *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert farm.requests == []


def test_a_refusal_shows_detail_code_line_and_advice(run: Run, farm: FakeFarm) -> None:
    farm.answers = [problem(400, "malformed_csv", "Line 7 has 3 fields, not 2.", line=7)]
    result = run(*WORDS)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Line 7 has 3 fields, not 2.\n(malformed_csv, line 7)\n")
    assert "Mend the line" in result.stderr


def test_a_busy_farm_is_asked_again_with_the_same_key(run: Run, farm: FakeFarm) -> None:
    farm.answers = [problem(429, "too_many_requests", "Too many batches.")]
    assert run(*WORDS).exit_code == 0
    keys = [request.headers["Idempotency-Key"] for request in farm.requests[:2]]
    assert keys[0] == keys[1]
    assert farm.bodies[0].count(b"Ada") == farm.bodies[1].count(b"Ada") == 1


def test_a_gateway_that_restarts_does_not_end_the_watch(run: Run, farm: FakeFarm) -> None:
    accepted = httpx.Response(202, json=batch("queued"))
    farm.answers = [accepted, httpx.ConnectError("refused"), problem(503, "unavailable", "Away.")]
    assert run(*WORDS).exit_code == 0


def test_a_farm_that_is_not_there_is_said_at_once(run: Run, farm: FakeFarm) -> None:
    farm.answers = [httpx.ConnectError("refused")]
    result = run(*WORDS)
    assert result.exit_code == 1
    assert "Nothing answers at http://farm.test." in result.stderr


def test_a_download_that_breaks_off_leaves_no_file(
    run: Run, farm: FakeFarm, tmp_path: Path
) -> None:
    broken = httpx.ReadError("reset")
    farm.answers = [httpx.Response(202, json=batch()), httpx.Response(200, json=batch()), broken]
    (tmp_path / "o.zip").write_bytes(b"of last time")
    result = run(*WORDS, "--zip", "o.zip")
    assert result.exit_code == 1
    assert (tmp_path / "o.zip").read_bytes() == b"of last time"
    assert not list(tmp_path.glob("*.part"))
