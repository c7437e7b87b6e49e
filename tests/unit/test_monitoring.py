"""Alerts and dashboard ask for what the parts register, and the documents explain all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from pressroom.probes import probe_metrics
from pressroom.testing.memory_jobs import MemoryJobs
from pressroom.testing.memory_queue import MemoryQueue
from pressroom.testing.memory_store import MemoryStore
from pressroom_finalizer.consumer import Metrics as FinalizerMetrics
from pressroom_gateway.metrics import make_metrics
from pressroom_operator.farm import Operator
from pressroom_operator.lease import Lease
from pressroom_operator.metrics import metrics as operator_metrics
from pressroom_operator.settings import OperatorSettings
from pressroom_worker.metrics import WorkerMetrics

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "pressroom" / "files"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FILES / "alerts" / "pressroom.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboards" / "pressroom.json").read_text())

_SUFFIXES: dict[str, dict[str, tuple[str, ...]]] = {
    "counter": {"_total": ()},
    "histogram": {"_bucket": ("le",), "_sum": (), "_count": ()},
    "gauge": {"": ()},
}
#: What a scrape adds.
_TARGET_LABELS = {"namespace", "pod"}
_NAME = r"(?:pressroom|process)_\w+"


def registries() -> Iterator[CollectorRegistry]:
    """What each part shows at /metrics."""
    jobs, settings = MemoryJobs(), OperatorSettings()
    operator = Operator(settings, jobs, MemoryQueue(), MemoryStore())
    yield operator_metrics(operator, Lease(jobs, "pressroom", "me", 15))
    registry = CollectorRegistry()
    make_metrics(registry)
    WorkerMetrics(registry)
    FinalizerMetrics(registry)
    yield registry
    yield probe_metrics()[0]


def registered() -> dict[str, set[str]]:
    """Every name that can be asked for, with its labels."""
    found: dict[str, set[str]] = {}
    for registry in registries():
        for collector in registry._collector_to_names:
            labels = getattr(collector, "_labelnames", ())
            for family in collector.collect():
                for suffix, more in _SUFFIXES[family.type].items():
                    found[family.name + suffix] = {*labels, *more}
    return found


def documented() -> set[str]:
    return set(re.findall(rf"^\| `({_NAME})` \|", OPERATIONS, re.M))


def queries() -> dict[str, str]:
    found = {rule["alert"]: rule["expr"] for rule in ALERTS}
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


QUERIES = queries()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_metrics_and_labels_that_exist(name: str) -> None:
    known = registered()
    selectors = re.findall(rf"({_NAME})\{{([^}}]*)\}}", QUERIES[name])
    assert selectors
    assert {one for one, _ in selectors} == set(re.findall(rf"\b{_NAME}", QUERIES[name]))
    for metric, matchers in selectors:
        assert metric in known
        asked = {re.split("[=!]", one)[0] for one in re.split(r",(?=\w+[=!])", matchers)}
        assert asked <= known[metric] | _TARGET_LABELS
        assert "namespace" in asked, "another farm's figures would be mixed in"
    grouped = {
        label for by in re.findall(r"by \(([^)]*)\)", QUERIES[name]) for label in by.split(", ")
    }
    assert grouped <= {label for metric, _ in selectors for label in known[metric]} | _TARGET_LABELS


def test_every_metric_is_explained() -> None:
    ours = {name for name in registered() if name.startswith("pressroom_")}
    ours = {
        re.sub("_(bucket|sum)$", "", name) for name in ours if not name.endswith("_seconds_count")
    }
    assert documented() == ours


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    notes = rule["annotations"]
    assert notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    page, _, anchor = notes["runbook"].partition("#")
    assert (page, anchor) == ("docs/operations.md", rule["alert"].lower())
    [section] = re.findall(rf"^#### {rule['alert']}\n(.*?)(?=^##)", OPERATIONS, re.M | re.S)
    assert f"**Means** ({rule['labels']['severity']})" in section
    assert "**Look at**" in section
    assert "**Do**" in section


def test_every_section_of_an_alert_has_one() -> None:
    sections = re.findall(r"^#### (Pressroom\w+)$", OPERATIONS, re.M)
    assert sections == [*dict.fromkeys(sections)]
    assert set(sections) == {rule["alert"] for rule in ALERTS}


def test_the_links_within_the_page_have_their_headings() -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATIONS, re.M)
    anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", OPERATIONS)) <= anchors


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
