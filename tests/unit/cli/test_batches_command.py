"""`pressroom batches`: tables for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import ID, KEY, FakeFarm, batch, problem, row
from typer.testing import Result

Run = Callable[..., Result]


def test_batches_are_listed_over_all_pages(run: Run, farm: FakeFarm) -> None:
    farm.listed = [batch(id=f"j{'a' * 23}{n}") for n in range(5)]
    result = run("batches", "list", "--limit", "4")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["id", "state", "rows", "failed", "created"]
    assert [line.split()[0] for line in lines[1:]] == [f"j{'a' * 23}{n}" for n in range(4)]
    assert lines[1].split()[1:] == ["completed", "3/3", "0", "01-02", "03:04"]


def test_an_id_is_never_broken(run: Run, farm: FakeFarm) -> None:
    long = "kubectl-" + "name-" * 7 + "1"
    farm.page = 10
    for ids in ([ID * 6], [f"j{'a' * 24}", "short"], [long, f"j{'a' * 24}"]):
        farm.listed = [
            batch("partiallyFailed", id=one, total=100_000, failed=99_999) for one in ids
        ]
        lines = run("batches", "list").stdout.splitlines()
        assert [line.split()[:3] for line in lines[1:]] == [
            [one, "partiallyFailed", "100000/100000"] for one in ids
        ]


def test_a_rows_id_is_never_broken_and_its_error_is_whole(run: Run, farm: FakeFarm) -> None:
    uuid = "123e4567-e89b-12d3-a456-426614174000"
    why = "'total' is undefined, and line 4 of the template uses it for the sum of all positions."
    farm.rows = [{**row(12345, why), "id": uuid}, row(7)]
    lines = run("batches", "rows", ID).stdout.splitlines()
    assert [line.split()[1] for line in lines if line.split()[0] in ("12345", "7")] == [
        uuid, "INV-7",
    ]  # fmt: skip
    shown = " ".join(" ".join(line[52:].split()) for line in lines)
    assert why in shown


def test_no_batches_is_said(run: Run) -> None:
    assert run("batches", "list").stdout == "No batches.\n"


def test_a_batch_is_shown(run: Run) -> None:
    text = run("batches", "get", ID).stdout
    assert "3: 3 succeeded, 0 failed" in text
    assert "2.5 MB, 3 files" in text


def test_a_batchs_merged_rows_and_webhook_are_shown(run: Run, farm: FakeFarm) -> None:
    merged = {"bytes": 900, "files": 3, "rows": 3, "pages": 7}
    hook = {"url": "https://hooks.test", "state": "failed", "message": "It answered 500."}
    farm.states = [batch(artifacts={"merged": merged}, webhook=hook)]
    text = run("batches", "get", ID).stdout
    assert "900 bytes, 3 rows, 7 pages" in text
    assert "failed: It answered 500." in text


def test_a_batch_that_has_ended_is_not_changed(run: Run, farm: FakeFarm) -> None:
    farm.answers = [problem(409, "batch_ended", "The batch has ended (completed).")]
    result = run("batches", "cancel", ID)
    assert result.exit_code == 1
    assert "has ended (completed)" in result.stderr


def test_rows_show_why_they_failed(run: Run, farm: FakeFarm) -> None:
    farm.rows = [row(0), row(1, "'total' is undefined. [/b] is kept as it stands."), row(2)]
    text = run("batches", "rows", ID).stdout
    assert [line.split()[1] for line in text.splitlines() if "INV" in line] == [
        "INV-0", "INV-1", "INV-2",
    ]  # fmt: skip
    assert "[/b]" in text
    only = run("batches", "rows", ID, "--state", "failed").stdout
    assert "INV-1" in only
    assert "INV-0" not in only


@pytest.mark.parametrize(
    ("words", "shape"),
    [(("list",), list), (("get", ID), dict), (("rows", ID), list), (("cancel", ID), dict)],
)
def test_json_is_what_the_farm_answered(
    run: Run, farm: FakeFarm, words: tuple[str, ...], shape: type
) -> None:
    farm.listed, farm.rows = [batch(unknown={"of": "a newer farm"})], [row(0)]
    found = json.loads(run("batches", *words, "--json").stdout)
    assert isinstance(found, shape)
    if words == ("list",):
        assert found == farm.listed


@pytest.mark.parametrize("verb", ["cancel", "suspend", "resume", "retry"])
def test_a_batch_is_changed(run: Run, farm: FakeFarm, verb: str) -> None:
    result = run("batches", verb, ID)
    assert result.exit_code == 0
    assert farm.requests[0].url.path == f"/v1/batches/{ID}/{verb}"
    assert ID in result.stdout


def test_a_batch_is_deleted(run: Run, farm: FakeFarm) -> None:
    assert run("batches", "delete", ID).stdout == f"batch {ID} is deleted\n"
    assert farm.requests[0].method == "DELETE"


def test_an_unknown_batch_is_an_error(run: Run, farm: FakeFarm) -> None:
    farm.answers = [problem(404, "not_found", "There is no batch 'x'.")]
    result = run("batches", "get", "x")
    assert result.exit_code == 1
    assert "There is no batch 'x'." in result.stderr


def test_a_strange_id_stays_one_path_segment(run: Run, farm: FakeFarm) -> None:
    assert run("batches", "get", "../tenants?x").exit_code == 1
    assert farm.requests[0].url.raw_path == b"/v1/batches/..%2Ftenants%3Fx"


def test_a_wrong_key_is_said(run: Run) -> None:
    result = run("batches", "list", "--api-key", "pr_other")
    assert result.exit_code == 1
    assert "This key is not known." in result.stderr


def test_the_local_farm_is_found(
    run: Run, farm: FakeFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRESSROOM_URL")
    monkeypatch.delenv("PRESSROOM_API_KEY")
    missing = run("batches", "list")
    assert missing.exit_code == 1
    assert "none runs in .pressroom" in missing.stderr
    (tmp_path / ".pressroom").mkdir()
    local = {"url": "http://local.test", "apiKey": KEY}
    (tmp_path / ".pressroom" / "local.json").write_text(json.dumps(local))
    assert run("batches", "list").exit_code == 0
    assert farm.requests[-1].url.host == "local.test"


def test_a_local_key_goes_to_no_other_farm(
    run: Run, farm: FakeFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRESSROOM_API_KEY")
    (tmp_path / ".pressroom").mkdir()
    local = {"url": "http://local.test", "apiKey": KEY}
    (tmp_path / ".pressroom" / "local.json").write_text(json.dumps(local))
    result = run("batches", "list", "--url", "http://other.test")
    assert result.exit_code == 1
    assert farm.requests == []
