"""A farm for people who have nothing but kubectl."""

from __future__ import annotations

import pytest
from farm import PARTS, Farm, Json, batch_job
from farm_api import until
from minio import Minio
from tools import ToolError

pytestmark = pytest.mark.e2e
ROWS = [{"data": {"number": f"N-{index}", "name": f"Customer {index}"}} for index in range(5)]


def test_inline_rows(farm: Farm) -> None:
    said = farm.cluster.apply(batch_job("inline", rows=ROWS, outputs=["Zip", "Merged"]))
    assert "batchjob.pressroom.dev/inline created" in said
    assert "condition met" in farm.kubectl_wait("inline")
    heading, line = farm.cluster.kubectl("get", "bj", "inline").splitlines()
    columns = dict(zip(heading.split(), line.split(), strict=True))
    assert columns.pop("AGE")
    assert columns["NAME"] == "inline"
    assert (columns["REASON"], columns["DONE"], columns["FAILED"], columns["TOTAL"]) == (
        "Completed",
        "5",
        "0",
        "5",
    )


def test_describe_tells_the_story_and_not_every_row(farm: Farm) -> None:
    farm.cluster.apply(batch_job("described", rows=ROWS))
    farm.kubectl_wait("described")
    told = until(
        lambda: farm.cluster.kubectl("describe", "bj", "described").partition("\nEvents:")[2],
        lambda text: "Completed" in text,
        20,
    )
    assert "Accepted" in told
    assert len(told.strip().splitlines()) < 2 + len(ROWS) + 3


def test_a_config_map_of_more_than_annotations_can_hold(farm: Farm) -> None:
    count = 4_000
    lines = [f"N-{index},{'Customer ' * 8}{index}" for index in range(count)]
    csv = "\n".join(["number,name", *lines])
    assert len(csv) > 256 * 1024
    rows = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "many"}}
    with pytest.raises(ToolError, match="Too long"):
        farm.cluster.apply({**rows, "data": {"rows.csv": csv}})
    farm.cluster.apply({**rows, "data": {"rows.csv": csv}}, server_side=True)
    source = {"name": "many", "key": "rows.csv"}
    farm.cluster.apply(batch_job("many", configMap=source, priority=1))
    accepted = until(lambda: farm.condition("many", "Accepted"), bool, 60)
    assert accepted["status"] == "True", accepted
    assert farm.cluster.get("bj", "many")["status"]["rows"]["total"] == count
    farm.cluster.kubectl("patch", "bj", "many", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    until(lambda: farm.reason("many"), lambda reason: reason == "Cancelled", 60)


def test_a_named_template(farm: Farm) -> None:
    template = _template("letter", {"html": "<h1>Dear {{ name }}</h1>"})
    job = batch_job("letters", rows=ROWS, template={"name": "letter"})
    del job["spec"]["html"]
    farm.cluster.apply(template, job)
    farm.kubectl_wait("letters")


def test_a_template_with_an_asset_from_a_config_map(farm: Farm) -> None:
    style = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "brand"}}
    spec = {
        "html": '<link rel="stylesheet" href="brand.css"><h1>Dear {{ name }}</h1>',
        "assets": [{"name": "brand.css", "configMap": {"name": "brand", "key": "brand.css"}}],
        "sampleData": {"name": "Ada"},
    }
    farm.cluster.apply(
        {**style, "data": {"brand.css": "h1 { color: #00c }"}}, _template("brand", spec)
    )
    until(lambda: _ready("brand", farm), lambda ready: ready["status"] == "True", 60)
    job = batch_job("branded", rows=ROWS, template={"name": "brand"}, outputs=["Merged"])
    del job["spec"]["html"]
    job["spec"]["merge"] = {"contents": {"title": "Letters"}, "pdfStandard": "PdfA2b"}
    farm.cluster.apply(job)
    farm.kubectl_wait("branded")
    status = farm.cluster.get("bj", "branded")["status"]
    assert status["artifacts"]["merged"]["pages"] == len(ROWS) + 1
    assert status["rows"].get("flagged", 0) == 0


def test_a_template_that_does_not_compile_says_where(farm: Farm) -> None:
    farm.cluster.apply(_template("broken", {"html": "<p>\n{% if name %}"}))
    ready = until(lambda: _ready("broken", farm), lambda found: found["status"] == "False", 60)
    assert "Line 2 of html" in ready["message"], ready


def test_rows_without_a_template(farm: Farm) -> None:
    rows = [{"data": {"invoiceNumber": "7", "lineItems": [{"item": "Slate", "price": 4}]}}]
    job = batch_job("built-in", rows=rows, document={"style": "Bold"})
    del job["spec"]["html"]
    farm.cluster.apply(job)
    farm.kubectl_wait("built-in")


def _template(name: str, spec: dict[str, object]) -> Json:
    return {
        "apiVersion": "pressroom.dev/v1alpha1",
        "kind": "Template",
        "metadata": {"name": name},
        "spec": spec,
    }


def _ready(name: str, farm: Farm) -> Json:
    """The template's condition Ready; its status is empty until the operator has seen it."""
    conditions = farm.cluster.get("template", name).get("status", {}).get("conditions", [])
    found = [one for one in conditions if one["type"] == "Ready"]
    return found[0] if found else {"status": "Unknown"}


def test_suspend_and_go_on(farm: Farm) -> None:
    farm.cluster.apply(batch_job("paused", rows=ROWS, suspend=True))
    until(lambda: farm.reason("paused"), lambda reason: reason == "Suspended", 30)
    farm.cluster.kubectl(
        "patch", "bj", "paused", "--type=merge", "-p", '{"spec":{"suspend":false}}'
    )
    farm.kubectl_wait("paused")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"rows": ROWS, "priority": 12}, "spec.priority"),
        ({"rows": ROWS, "configMap": {"name": "a", "key": "a.csv"}}, "exactly one"),
        ({"rows": ROWS, "template": {"name": "letter"}}, "template"),
        ({"rows": ROWS, "outputs": ["Tar"]}, "Tar"),
        ({"rows": ROWS, "page": {"format": "A4", "margin": {"top": "wide"}}}, "margin"),
        ({"rows": ROWS, "pages": {}}, "unknown field"),
        ({"rows": ROWS, "merge": {"contents": {}}}, "merge needs Merged"),
        ({"rows": ROWS, "document": {}}, "only one of template, html, url and document"),
    ],
)
def test_a_spec_that_breaks_a_rule_is_refused(
    farm: Farm, spec: dict[str, object], says: str
) -> None:
    with pytest.raises(ToolError, match=f"(?s){says}") as refused:
        farm.cluster.apply(batch_job("wrong", **spec))
    assert len(str(refused.value)) < 1_500, "readable"


def test_a_spec_cannot_change(farm: Farm) -> None:
    farm.cluster.apply(batch_job("fixed", rows=ROWS))
    with pytest.raises(ToolError, match="immutable"):
        farm.cluster.apply(batch_job("fixed", rows=ROWS[:2]))


def test_delete_takes_the_data_along(farm: Farm) -> None:
    farm.cluster.apply(batch_job("deleted", rows=ROWS, outputs=["Zip"]))
    farm.kubectl_wait("deleted")
    uid = farm.cluster.get("bj", "deleted")["metadata"]["uid"]
    store = Minio(
        farm.store_url.removeprefix("http://"),
        access_key="end-to-end-access",
        secret_key="end-to-end-secret",
        secure=False,
    )
    prefix = f"jobs/{uid}/"
    assert any(store.list_objects("pressroom", prefix))
    farm.cluster.kubectl("delete", "bj", "deleted", "--timeout=60s", seconds=70)
    assert not any(store.list_objects("pressroom", prefix))


def test_logs_have_no_errors_so_far(farm: Farm) -> None:
    for part in PARTS:
        said = farm.cluster.kubectl(
            "logs", "-l", f"app.kubernetes.io/component={part}", "--tail=-1"
        )
        assert "Traceback" not in said, said
