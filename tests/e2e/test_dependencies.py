"""The store or NATS is away, or refuses us: it is said, and the farm goes on by itself."""

from __future__ import annotations

import base64
from functools import partial

import pytest
from farm import PARTS, RELEASE, Farm, batch_job
from farm_api import until

pytestmark = pytest.mark.e2e
ROWS = [{"data": {"number": "1", "name": "Ada"}}]


def unready(farm: Farm, part: str, seconds: float = 60) -> None:
    until(lambda: farm.cluster.ready(part), lambda names: not names, seconds)


def all_ready(farm: Farm) -> None:
    for part in PARTS:
        until(partial(farm.cluster.ready, part), bool, 120)


def test_the_store_goes_away(farm: Farm) -> None:
    farm.cluster.kubectl("scale", "deployment/minio", "--replicas=0")
    for part in PARTS:
        unready(farm, part)
    farm.cluster.apply(batch_job("no-store", rows=ROWS))
    waiting = until(
        lambda: farm.condition("no-store", "Accepted"), lambda found: bool(found.get("reason")), 60
    )
    assert waiting["status"] != "True", waiting
    assert "store" in waiting["message"].lower(), waiting
    farm.cluster.kubectl("scale", "deployment/minio", "--replicas=1")
    farm.kubectl_wait("no-store")
    all_ready(farm)


def test_nats_goes_away(farm: Farm) -> None:
    (nats,) = farm.cluster.items("statefulset", "-l", "app.kubernetes.io/component=nats")
    name = f"statefulset/{nats['metadata']['name']}"
    farm.cluster.kubectl("scale", name, "--replicas=0")
    for part in ("operator", "worker", "finalizer"):
        unready(farm, part)
    farm.cluster.apply(batch_job("no-nats", rows=ROWS))
    until(
        lambda: farm.cluster.kubectl("describe", "bj", "no-nats"),
        lambda text: "QueueUnavailable" in text,
        60,
    )
    farm.cluster.kubectl("scale", name, "--replicas=1")
    farm.kubectl_wait("no-nats")
    all_ready(farm)


def test_the_store_refuses_our_credentials(farm: Farm) -> None:
    wrong = base64.b64encode(b"wrong-secret").decode()
    right = base64.b64encode(b"end-to-end-secret").decode()
    try:
        _set_secret(farm, wrong)
        farm.cluster.kubectl("rollout", "restart", f"deployment/{RELEASE}-finalizer")
        pod = until(lambda: _unready_finalizer(farm), bool, 60)
        said = until(
            lambda: farm.cluster.logs(pod),
            lambda text: "SignatureDoesNotMatch" in text or "credential" in text.lower(),
            60,
        )
    finally:
        _set_secret(farm, right)
        farm.cluster.kubectl("rollout", "restart", f"deployment/{RELEASE}-finalizer")
    assert "Traceback" not in said
    all_ready(farm)


def _set_secret(farm: Farm, value: str) -> None:
    patch = f'{{"data":{{"secret-key":"{value}"}}}}'
    farm.cluster.kubectl("patch", "secret", "minio", "--type=merge", "-p", patch)


def _unready_finalizer(farm: Farm) -> str:
    ready = set(farm.cluster.ready("finalizer"))
    names = [pod["metadata"]["name"] for pod in farm.cluster.pods("finalizer")]
    return next((name for name in names if name not in ready), "")
