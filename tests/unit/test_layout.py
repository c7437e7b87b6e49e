"""What a newcomer relies on: the tree, the Makefile, the set-up script and the decisions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def targets() -> list[str]:
    joined = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    phony = re.search(r"^\.PHONY: (.+)$", joined, re.M)
    assert phony is not None
    return phony.group(1).split()


def test_the_operator_folder_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_python_started_in_the_root_has_its_own_operator_module() -> None:
    done = run(sys.executable, "-c", "import operator; print(operator.add(1, 2))")
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr


def test_make_alone_lists_every_target_with_its_help() -> None:
    done = run("make", "--no-print-directory")
    assert done.returncode == 0, done.stderr
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", done.stdout, re.M))
    assert sorted(listed) == sorted(targets())


def test_every_make_command_of_the_documents_exists() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(r"(?:^|`)make ([a-z0-9-]+)", page.read_text(), re.M)
    }
    assert {name for _, name in named} >= {"demo", "test"}
    assert [each for each in named if each[1] not in targets()] == []


def test_the_continuous_integration_runs_the_documented_commands() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert re.findall(r"^make (\S+)$", script.read_text(), re.M) == [
        "lint",
        "test",
        "e2e",
    ]


def test_a_browser_that_cannot_be_run_is_named() -> None:
    done = run("sh", "deploy/local/setup.sh", "browser", PRESSROOM_CHROMIUM="/no/such/browser")
    assert done.returncode == 1
    assert "PRESSROOM_CHROMIUM=/no/such/browser" in done.stderr


def test_a_browser_of_ones_own_needs_no_package(tmp_path: Path) -> None:
    own = tmp_path / "browser"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    done = run("sh", "deploy/local/setup.sh", "browser", PRESSROOM_CHROMIUM=str(own))
    assert (done.returncode, done.stderr) == (0, "")


def test_without_apt_and_browser_the_message_says_what_to_set(tmp_path: Path) -> None:
    for tool in ("dirname", "id"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    done = run(
        "/bin/sh", "deploy/local/setup.sh", "browser", PATH=str(tmp_path), PRESSROOM_CHROMIUM=""
    )
    assert done.returncode == 1
    assert "set PRESSROOM_CHROMIUM to the path" in done.stderr


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem
)
def test_a_decision_says_why(page: Path) -> None:
    text = page.read_text()
    assert re.match(r"# \d{4}: \S", text)
    assert page.name.startswith(text[2:6])
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Choice", "What was measured"]


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_links_of_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        (page.name, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []
