"""`pressroom keys` on Secrets in memory."""

from __future__ import annotations

import asyncio
import base64
import builtins
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pressroom import names
from pressroom.adapters import kube
from pressroom.errors import UnavailableError
from pressroom.ports import SECRETS, Jobs, Json
from pressroom.settings import KubeSettings
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom_cli.main import app

NAMESPACE = "pressroom"
SPEAKING = "2040-05-06T07:08:09Z"


class Keys:
    """A cluster with keys, and the command."""

    def __init__(self) -> None:
        self.jobs = MemoryJobs()
        self.configs: list[Path | None] = []

    @asynccontextmanager
    async def open(self, settings: KubeSettings, *, timeout: float) -> AsyncIterator[Jobs]:
        self.configs.append(settings.config)
        yield self.jobs

    def run(self, *words: str) -> Result:
        result = CliRunner().invoke(app, ["keys", *words], env={"COLUMNS": "80"})
        for line in (result.stdout + result.stderr).splitlines():
            assert len(line) <= 80, line
        return result

    def secrets(self) -> list[Json]:
        return asyncio.run(self.jobs.list(SECRETS, NAMESPACE)).items

    def values(self, secret: Json) -> dict[str, str]:
        return {name: base64.b64decode(text).decode() for name, text in secret["data"].items()}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Keys:
    found = Keys()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRESSROOM_KUBE_CONFIG", raising=False)
    monkeypatch.delenv("PRESSROOM_NAMESPACE", raising=False)
    monkeypatch.setattr(kube, "open_jobs", found.open)
    (tmp_path / ".pressroom").mkdir()
    (tmp_path / ".pressroom" / "kubeconfig").touch()
    return found


def test_a_key_is_shown_once_and_only_its_hash_is_kept(keys: Keys) -> None:
    result = keys.run(
        *("create", "--tenant", "acme", "--name", "ci", "--prefix", "lpdf_"),
        *("--scope", "batches:read", "--scope", "usage:read", "--expires", SPEAKING),
    )
    assert result.exit_code == 0, result.stderr
    key = result.stdout.removesuffix("\n")
    assert re.fullmatch("lpdf_[a-z2-7]{32}", key)  # 160 bits
    assert "key-ci is a key of tenant acme" in result.stderr
    assert "There is no Tenant acme" in result.stderr
    [secret] = keys.secrets()
    assert secret["metadata"]["name"] == "key-ci"
    assert secret["metadata"]["labels"] == {names.LABEL_API_KEY: "true"}
    assert keys.values(secret) == {
        "hash": names.api_key_hash(key),
        "tenant": "acme",
        "scopes": "batches:read usage:read",
        "expires": SPEAKING,
    }
    assert key not in json.dumps(secret) + result.stderr


def test_keys_differ_and_need_no_options(keys: Keys) -> None:
    made = {keys.run("create").stdout for _ in range(3)}
    assert len(made) == 3
    assert all(set(keys.values(one)) == {"hash", "tenant"} for one in keys.secrets())
    assert len(keys.secrets()) == 3


def test_an_expiry_may_be_a_span(keys: Keys) -> None:
    assert keys.run("create", "--expires", "90d").exit_code == 0
    [secret] = keys.secrets()
    left = datetime.fromisoformat(keys.values(secret)["expires"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--expires", "soon"), "--expires takes 90d"),
        (("--expires", "2020-01-01T00:00:00Z"), "is over already"),
        (("--expires", "2040-01-01T00:00:00"), "--expires takes 90d"),
        (("--prefix", "a.b.c"), "A prefix is"),
        (("--tenant", "No Tenant"), "A tenant is"),
        (("--name", "No_Name"), "A key's name is"),
    ],
)
def test_what_makes_no_sense_is_said_and_makes_no_key(
    keys: Keys, words: tuple[str, ...], said: str
) -> None:
    result = keys.run("create", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert not keys.secrets()


def test_an_unknown_scope_is_wrong_usage(keys: Keys) -> None:
    assert keys.run("create", "--scope", "everything").exit_code == 2
    assert not keys.secrets()


def test_a_name_is_given_once(keys: Keys) -> None:
    assert keys.run("create", "--name", "ci").exit_code == 0
    again = keys.run("create", "--name", "key-ci")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "There is a key key-ci already" in again.stderr


def test_the_list_tells_keys_apart_in_80_columns(keys: Keys) -> None:
    scopes = [word for scope in ("batches:read", "templates:write") for word in ("--scope", scope)]
    long = "a-very-long-name-of-a-key-that-somebody-made-up-one-day"
    keys.run("create", "--name", long, "--tenant", f"{long}-tenant", *scopes)
    keys.run("create", "--name", "ci", "--expires", SPEAKING)
    note = {"metadata": {"annotations": {names.ANNOTATION_LAST_USED: "2031-02-03T04:05:06Z"}}}
    asyncio.run(keys.jobs.patch(SECRETS, NAMESPACE, "key-ci", note))
    result = keys.run("list")
    assert result.exit_code == 0, result.stderr
    [line] = [line for line in result.stdout.splitlines() if line.startswith("key-ci ")]
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert line.split() == ["key-ci", "default", "all", "2040-05-06", "2031-02-03", today]
    assert "templates:write" in result.stdout
    assert "never" in result.stdout
    [one] = json.loads(keys.run("list", "--json", "--tenant", "default").stdout)
    assert (one["name"], one["expires"]) == ("key-ci", SPEAKING)
    assert "hash" not in one


def test_no_keys_are_said(keys: Keys) -> None:
    assert keys.run("list").stdout == "No keys.\n"


@pytest.mark.parametrize("by", ["name", "short name", "key"])
def test_a_key_is_revoked_by_its_name_or_itself(keys: Keys, by: str) -> None:
    key = keys.run("create", "--name", "ci", "--prefix", "").stdout.strip()
    keys.run("create", "--name", "other")
    result = keys.run("revoke", {"name": "key-ci", "short name": "ci", "key": key}[by])
    assert result.stdout == "key-ci is revoked\n"
    assert [one["metadata"]["name"] for one in keys.secrets()] == ["key-other"]


def test_only_keys_can_be_revoked(keys: Keys) -> None:
    other: Json = {"kind": "Secret", "metadata": {"name": "s3-access"}, "stringData": {"a": "b"}}
    asyncio.run(keys.jobs.create(SECRETS, NAMESPACE, other))
    result = keys.run("revoke", "s3-access")
    assert result.exit_code == 1
    assert "There is no such key" in result.stderr
    assert len(keys.secrets()) == 1


def test_the_cluster_is_the_one_that_was_named(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = tmp_path / "farm"
    farm.mkdir()
    for path in (farm / "kubeconfig", tmp_path / "given", tmp_path / "environment"):
        path.touch()
    keys.run("list")
    monkeypatch.setenv("PRESSROOM_KUBE_CONFIG", str(tmp_path / "environment"))
    keys.run("list")
    keys.run("list", "--state-dir", str(farm))
    keys.run("list", "--kubeconfig", str(tmp_path / "given"))
    assert keys.configs == [
        Path(".pressroom/kubeconfig"),
        tmp_path / "environment",
        farm / "kubeconfig",
        tmp_path / "given",
    ]
    result = keys.run("list", "--kubeconfig", "nowhere")
    assert result.exit_code == 1
    assert "no kubeconfig at nowhere" in result.stderr


def test_a_cluster_that_is_away_is_said(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> Any:
        raise UnavailableError("The Kubernetes API did not answer.")

    monkeypatch.setattr(keys.jobs, "list", away)
    result = keys.run("list")
    assert result.exit_code == 1
    assert "The Kubernetes API did not answer." in result.stderr


def test_a_missing_client_is_said(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "pressroom.adapters.kube":
            raise ModuleNotFoundError("No module named 'kubernetes'", name="kubernetes")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    result = keys.run("list")
    assert result.exit_code == 1
    assert "kubernetes is missing. Install pressroom[cli]." in result.stderr
