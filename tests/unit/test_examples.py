"""The invoices of the demo, and the documents of the benchmark."""

from __future__ import annotations

import csv
import html
import importlib
import re
import subprocess
import sys
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

ROOT = Path(__file__).resolve().parents[2]
INVOICES = ROOT / "deploy" / "examples" / "invoices"


def invoices() -> list[dict[str, str]]:
    with (INVOICES / "rows.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines(row: dict[str, str]) -> list[tuple[str, int, Decimal]]:
    cells = (line.split("|") for line in row["items"].split(";"))
    return [(name, int(quantity), Decimal(price)) for name, quantity, price in cells]


def template(path: Path) -> Template:
    environment = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(path.read_text(encoding="utf-8"))


def bidi_classes(row: dict[str, str]) -> set[str]:
    return {unicodedata.bidirectional(sign) for value in row.values() for sign in value}


def test_the_rows_are_what_the_generator_writes() -> None:
    done = subprocess.run(
        [sys.executable, str(INVOICES / "generate.py"), "--check"], timeout=60, check=False
    )
    assert done.returncode == 0, "run deploy/examples/invoices/generate.py"


def test_there_are_250_invoices_numbered_in_order() -> None:
    expected = [f"INV-2026-{number:04d}" for number in range(1, 251)]
    assert [row["number"] for row in invoices()] == expected


def test_many_scripts_and_long_orders_are_among_them() -> None:
    rows = invoices()
    assert sum("R" in bidi_classes(row) or "AL" in bidi_classes(row) for row in rows) >= 20
    assert (
        sum(bool(re.search("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]", str(row))) for row in rows)
        >= 20
    )
    assert sum(bool(re.search("[\U0001f300-\U0001faff]", row["note"])) for row in rows) >= 20
    assert sum(len(lines(row)) >= 35 for row in rows) >= 15


def test_every_invoice_shows_its_number_and_the_right_total() -> None:
    page = template(INVOICES / "template.html")
    for row in invoices():
        cent = Decimal(1) if row["currency"] in ("JPY", "KRW") else Decimal("0.01")
        net = sum((quantity * price for _, quantity, price in lines(row)), Decimal())
        tax = (net * Decimal(row["tax_percent"]) / 100).quantize(cent, ROUND_HALF_UP)
        shown = page.render(**row)
        totals = re.findall(r'class="key">Total .*?<td class="num">([^<]+)</td>', shown)
        assert len(totals) == 1
        assert abs(Decimal(totals[0].replace(",", "")) - (net + tax)) <= cent, row["number"]
        assert f"<p>{row['number']}</p>" in shown
        assert html.escape(row["customer"], quote=False).split("&")[0].split("'")[0] in shown


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module


def test_the_benchmark_prints_different_invoices_of_twelve_lines(bench: Any) -> None:
    pages = bench("bench.documents").pages(20)
    assert len(set(pages)) == 20
    assert all(page.count("<tr><td>") == 12 for page in pages)


def test_the_benchmark_compares_medians_in_a_narrow_table(bench: Any) -> None:
    run, ceiling, farm = bench("bench.run"), bench("bench.ceiling"), bench("bench.farm")
    ceilings = [ceiling.Result(600, 600 / rate, 0.8, 9.0, 25_000) for rate in (90, 100, 300)]
    farms = [farm.Result(600, 0.1, 600 / rate, {"worker": 2.0, "s3": 3.0}) for rate in (1, 50, 60)]
    found = run.summary(ceilings, farms, cores=2)
    assert (found["ceilingPerSecond"], found["farmPerSecond"], found["ratio"]) == (100, 50, 0.5)
    shown = run.table(found)
    assert max(map(len, shown.splitlines())) <= 80
    assert re.search(r"ratio +0\.500$", shown, re.M)


def test_cpu_time_of_what_a_process_started_counts_as_its_own(bench: Any) -> None:
    usage = bench("bench.processes").usage
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        used = usage(child.pid)
        child.communicate(b"\n", timeout=30)
    assert 100 <= used.own_ms <= 2000
    assert used.browser_ms == 0
