"""The tenants file of `pressroom local`: what it may hold, and how its faults are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pressroom.names import api_key_hash
from pressroom_local.tenants import (
    WEBHOOK_SECRET,
    Declared,
    TenantsError,
    built_in,
    lines,
    read_file,
    with_file,
)

TENANT = """\
apiVersion: pressroom.dev/v1alpha1
kind: Tenant
metadata: {name: acme}
spec:
  limits: {rowsPerBatch: 100, activeJobs: 3}
  credits: {mode: Metered, granted: 50}
  features: [batchGenerate]
  webhookSecretRef: {name: acme-hooks}
"""
KEY = """\
apiVersion: v1
kind: Secret
metadata:
  name: key-acme
  labels: {pressroom.dev/api-key: "true"}
stringData:
  key: lpdf_plain
  tenant: acme
  scopes: batches:read
  expires: 2040-01-01T00:00:00Z
"""
HOOK = """\
apiVersion: v1
kind: Secret
metadata: {name: acme-hooks, namespace: pressroom}
stringData: {secret: whsec_abc}
"""


def _read(tmp_path: Path, *documents: str) -> list[Declared]:
    path = tmp_path / "tenants.yaml"
    path.write_text("---\n".join(documents))
    return read_file(path)


def test_tenants_keys_and_secrets_are_read(tmp_path: Path) -> None:
    tenant, key, hook = _read(tmp_path, TENANT, KEY, HOOK)
    assert tenant.body["spec"]["limits"] == {"rowsPerBatch": 100, "activeJobs": 3}
    assert key.body["stringData"] == {
        "hash": api_key_hash("lpdf_plain"),
        "tenant": "acme",
        "scopes": "batches:read",
        "expires": "2040-01-01T00:00:00Z",
    }
    assert hook.body["stringData"] == {"secret": "whsec_abc"}


def test_a_hash_may_stand_for_the_key(tmp_path: Path) -> None:
    digest = api_key_hash("plain")
    key = _read(tmp_path, TENANT, KEY.replace("key: lpdf_plain", f"hash: {digest}"))[1]
    assert key.body["stringData"]["hash"] == digest


def test_the_default_tenant_may_have_keys_of_the_file(tmp_path: Path) -> None:
    [key] = _read(tmp_path, KEY.replace("tenant: acme", "tenant: default"))
    assert key.body["stringData"]["tenant"] == "default"


@pytest.mark.parametrize(
    ("documents", "place", "said"),
    [
        ((TENANT, "just text\n"), "document 2:", "must be a resource"),
        ((TENANT, TENANT), "document 2, metadata.name:", "document 1 is Tenant 'acme' already"),
        (("kind: Pod\n",), "document 1, kind:", "Tenant or Secret, not 'Pod'"),
        (("kind: [Pod]\n",), "document 1, kind:", "Tenant or Secret"),
        ((TENANT.replace("v1alpha1", "v1"),), "document 1, apiVersion:", "v1alpha1"),
        ((TENANT.replace("acme}", "No_Name}"),), "document 1, metadata.name:", "No_Name"),
        ((TENANT.replace("activeJobs: 3", "activeJobs: 0"),), "spec.limits.activeJobs:", "1"),
        ((TENANT.replace("activeJobs", "jobs"),), "spec.limits.jobs:", "not permitted"),
        ((TENANT.replace("[batchGenerate]", "['a b']"),), "spec.features[0]:", "pattern"),
        ((TENANT.replace("spec:", "speck:"),), "document 1, speck:", "no field of a Tenant"),
        ((HOOK.replace("pressroom}", "other}"),), "metadata.namespace:", "must be pressroom"),
        ((HOOK.replace("whsec_abc", "5"),), "document 1, stringData:", "quote"),
        ((HOOK.replace("stringData", "data"),), "document 1, data:", "in stringData"),
        ((TENANT, KEY.replace('"true"', "true")), "metadata.labels:", "quote"),
        ((TENANT, KEY.replace("key: lpdf_plain", "note: a")), "document 2, stringData:", "either"),
        ((TENANT, KEY.replace("key: lpdf", "hash: lpdf")), "stringData.hash:", "lower-case hex"),
        ((TENANT, KEY.replace("es:read", "es:red")), "stringData.scopes:", "'batches:red'"),
        ((TENANT, KEY.replace("T00:00:00Z", "")), "stringData.expires:", "such as 2030"),
        ((TENANT, KEY.replace("expires", "expiry")), "stringData.expiry:", "no field of a key"),
        ((KEY,), "document 1, stringData.tenant:", "no Tenant 'acme'"),
        (("a: [1\n",), "", "is no YAML"),
    ],
)
def test_a_fault_is_told_with_its_place(
    tmp_path: Path, documents: tuple[str, ...], place: str, said: str
) -> None:
    with pytest.raises(TenantsError) as caught:
        _read(tmp_path, *documents)
    assert str(tmp_path / "tenants.yaml") in str(caught.value)
    assert place in str(caught.value)
    assert said in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TenantsError) as caught:
        _read(
            tmp_path,
            TENANT.replace("activeJobs: 3", "jobs: 3"),
            KEY.replace("key: lpdf", "hash: lpdf"),
        )
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tenants.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TenantsError, match="cannot be read"):
        read_file(path)


def test_the_files_default_tenant_wins_and_keeps_the_farms_webhook_secret(tmp_path: Path) -> None:
    own = built_in("pr_key", "whsec_own")
    file = _read(tmp_path, TENANT.replace("acme}", "default}").split("  webhook")[0])
    found = {(one.kind.kind, one.name): one for one in with_file(own, file)}
    default = found["Tenant", "default"]
    assert default.body["spec"]["limits"]["activeJobs"] == 3
    assert default.body["spec"]["webhookSecretRef"] == {"name": WEBHOOK_SECRET}
    assert not default.is_default
    assert ("Secret", WEBHOOK_SECRET) in found


def test_each_tenant_has_a_line(tmp_path: Path) -> None:
    everything = with_file(built_in("pr_key", "whsec_own"), _read(tmp_path, TENANT, KEY, HOOK))
    assert lines(everything) == [
        "tenant default: activeJobs 1000; 1 key",
        "tenant acme: rowsPerBatch 100; activeJobs 3; features batchGenerate; credits 50; 1 key",
    ]
