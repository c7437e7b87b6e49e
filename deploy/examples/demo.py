"""The demo: start a farm, print 250 invoices, check every one of them, stop the farm.

With PRESSROOM_URL and PRESSROOM_API_KEY set it uses that farm, and starts and stops none. It
leaves ``invoices.zip`` and ``invoices.pdf`` in ``out/`` and no process. The last line sums up; the
exit code is 0 only if every check held. ``render_seconds`` runs from before the request until both
files have been fetched.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from rich.console import Console

from pressroom_cli.client import Client
from pressroom_cli.data import Artifact, read_rows, source_option
from pressroom_cli.errors import CliError
from pressroom_cli.render import Job, render
from pressroom_local.children import marked
from pressroom_local.farm import FarmError, start_farm
from pressroom_local.state import State

ROOT = Path(__file__).resolve().parents[2]
INVOICES = ROOT / "deploy" / "examples" / "invoices"
#: Relative to the root, where the demo runs: what is shown can be opened from there.
OUT = Path("out")
#: Parts whose memory is shown.
WATCHED = ("gateway", "operator", "finalizer")
#: Seconds for one run of qpdf or pdftotext.
TOOL_SECONDS = 60
_NUMBER = re.compile(r"INV-2026-\d{4}")


class DemoError(Exception):
    """A check that did not hold."""


@dataclass(frozen=True)
class Rendered:
    """What the farm gave back, counted by us."""

    zip_files: int
    merged_pages: int
    seconds: float


def numbers_of(data: Path) -> list[str]:
    """The invoice numbers, in row order."""
    with data.open(encoding="utf-8", newline="") as file:
        return [row["number"] for row in csv.DictReader(file)]


def print_invoices(url: str, api_key: str, console: Console) -> float:
    """Send the batch and fetch its outputs, as `pressroom render` does; the seconds it took."""
    targets: Mapping[Artifact, Path] = {
        "zip": OUT / "invoices.zip",
        "merged": OUT / "invoices.pdf",
    }
    request = {
        **source_option(str(INVOICES / "template.html"), None),
        "fileNamePattern": "{{ number }}.pdf",
    }
    job = Job(request, read_rows(INVOICES / "rows.csv"), targets)
    with Client(url, api_key) as client:
        start = time.perf_counter()
        code = render(client, job, console)
        seconds = time.perf_counter() - start
    if code:
        raise DemoError("not every row was rendered")
    return seconds


def check(numbers: list[str], seconds: float) -> Rendered:
    """Look into everything that came out. Raises DemoError."""
    with tempfile.TemporaryDirectory(prefix="pressroom-demo-files-") as name:
        folder = Path(name)
        with zipfile.ZipFile(OUT / "invoices.zip") as archive:
            names = archive.namelist()
            wanted = [f"{number}.pdf" for number in numbers]
            if names != wanted:
                odd = sorted(set(names) ^ set(wanted))[:5] or "their order differs"
                raise DemoError(f"the ZIP holds {len(names)} files, not the rows' own: {odd}")
            archive.extractall(folder)  # the names are the ones that we asked for
        with ThreadPoolExecutor(4) as pool:
            pages = list(pool.map(check_invoice, (folder / one for one in names), numbers))
    merged = OUT / "invoices.pdf"
    check_structure(merged)
    per_page = [_NUMBER.findall(page) for page in text_of(merged).split("\f")[:-1]]
    wanted_pages = [
        number for number, count in zip(numbers, pages, strict=True) for _ in range(count)
    ]
    if [set(found) for found in per_page] != [{number} for number in wanted_pages]:
        raise DemoError("the merged PDF does not hold the invoices' pages in the rows' order")
    return Rendered(len(names), len(per_page), seconds)


def check_invoice(path: Path, number: str) -> int:
    """One row's PDF is sound and names that row alone; its pages."""
    check_structure(path)
    found = set(_NUMBER.findall(text_of(path)))
    if found != {number}:
        raise DemoError(f"{path.name} names {sorted(found) or 'no invoice'}, not {number}")
    with pikepdf.open(path) as pdf:
        return len(pdf.pages)


def check_structure(path: Path) -> None:
    """`qpdf --check` finds nothing to complain of."""
    done = subprocess.run(
        ["qpdf", "--check", str(path)], capture_output=True, text=True, timeout=TOOL_SECONDS
    )
    if done.returncode:
        raise DemoError(f"qpdf --check {path.name}: {(done.stderr or done.stdout).strip()[:500]}")


def text_of(path: Path) -> str:
    """The text of a PDF; a form feed ends each page."""
    done = subprocess.run(
        ["pdftotext", str(path), "-"], capture_output=True, timeout=TOOL_SECONDS, check=True
    )
    return done.stdout.decode()


def peak_memory(pids: Mapping[str, int], parts: Iterable[str]) -> str:
    """The most memory that each part had resident, in megabytes (Linux only)."""
    shown = []
    for part in parts:
        status = Path(f"/proc/{pids[part]}/status").read_text()
        peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        shown.append(f"{part} {int(peak.group(1)) * 1024 / 1e6:.0f} MB" if peak else f"{part} ?")
    return ", ".join(shown)


def run(state_dir: Path, console: Console) -> Rendered:
    """The whole demo on a farm of its own."""
    console.print("starting a farm", highlight=False)
    start = time.perf_counter()
    with start_farm(state_dir) as farm:
        console.print(f"ready after {time.perf_counter() - start:.1f} s", highlight=False)
        seconds = print_invoices(farm.url, farm.api_key, console)
        memory = peak_memory(farm.pids, WATCHED)
    left = marked(State.at(state_dir).farm)
    if left:
        raise DemoError(f"the farm left processes behind: {sorted(left)}")
    console.print("the farm has stopped; checking what it printed", highlight=False)
    rendered = check(numbers_of(INVOICES / "rows.csv"), seconds)
    console.print(f"peak memory: {memory}", highlight=False)
    return rendered


def run_on(url: str, api_key: str, console: Console) -> Rendered:
    """The demo on a farm that is there."""
    seconds = print_invoices(url, api_key, console)
    return check(numbers_of(INVOICES / "rows.csv"), seconds)


def sum_up(rendered: Rendered, console: Console) -> None:
    """What there is to look at, and the last line."""
    rows = len(numbers_of(INVOICES / "rows.csv"))
    for name in ("invoices.zip", "invoices.pdf"):
        console.print(f"look at {OUT / name}", highlight=False)
    console.print(
        f"demo: rows={rows} succeeded={rows} failed=0 zip_files={rendered.zip_files} "
        f"merged_pages={rendered.merged_pages} render_seconds={rendered.seconds:.2f}",
        highlight=False,
        soft_wrap=True,
    )


def main() -> int:
    """Run the demo; the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the farm is stopped, too
    os.chdir(ROOT)
    OUT.mkdir(exist_ok=True)
    console = Console()
    url, api_key = os.environ.get("PRESSROOM_URL", ""), os.environ.get("PRESSROOM_API_KEY", "")
    state_dir = Path(tempfile.mkdtemp(prefix="pressroom-demo-"))
    try:
        theirs = url and api_key
        rendered = run_on(url, api_key, console) if theirs else run(state_dir, console)
    except (DemoError, FarmError, CliError, OSError, subprocess.SubprocessError) as error:
        console.print(f"demo failed: {error}", markup=False, highlight=False)
        if (state_dir / "logs").is_dir():
            console.print(f"the farm's logs are in {state_dir / 'logs'}", highlight=False)
        return 1
    except BaseException:
        shutil.rmtree(state_dir, ignore_errors=True)
        raise
    shutil.rmtree(state_dir, ignore_errors=True)
    sum_up(rendered, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
