"""The manifests that are shipped, as a real API server takes them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from tests.sources.cluster.apiserver import OPERATOR, Cluster

pytestmark = [pytest.mark.needs("etcd", "kube-apiserver", "openssl"), pytest.mark.req("CORE-07", "TST-47")]
MANIFESTS = Path("manifests")
EXAMPLES = Path("examples")
OURS = "holdfast.dev/"


def test_every_definition_is_established_and_structural(cluster: Cluster) -> None:
    for file in sorted((MANIFESTS / "crds").glob("*.yaml")):
        found = cluster.http.get(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{file.stem}.holdfast.dev"
        )
        conditions = {one["type"]: one["status"] for one in found.json()["status"]["conditions"]}
        assert conditions["Established"] == conditions["NamesAccepted"] == "True", file
        assert conditions.get("NonStructuralSchema", "False") == "False", file


def test_the_deployment_and_its_rights_name_only_fields_that_there_are(cluster: Cluster) -> None:
    for name in ("namespace", "rbac", "operator"):
        cluster.apply_files(MANIFESTS / f"{name}.yaml", dryRun="All")


@pytest.mark.req("CORE-01")
@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.yaml")), ids=str)
def test_the_same_manifests_are_custom_resources(cluster: Cluster, namespace: str, file: Path) -> None:
    documents = [one for one in yaml.safe_load_all(file.read_text()) if one["apiVersion"].startswith(OURS)]
    assert documents
    for document in documents:
        document["metadata"].setdefault("namespace", namespace)
        cluster.apply(document, dryRun="All")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/apis/holdfast.dev/v1/keys", True),
        ("GET", "/api/v1/secrets", False),
        ("GET", "/api/v1/pods", False),
        ("POST", "/apis/holdfast.dev/v1/namespaces/default/keys", False),
        ("DELETE", "/apis/holdfast.dev/v1/namespaces/default/keys/any", False),
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", False),
    ],
)
def test_the_operator_has_its_rights_and_no_others(
    cluster: Cluster, method: str, path: str, allowed: bool
) -> None:
    answer = cluster.http.request(method, path, headers={"Authorization": f"Bearer {OPERATOR}"}, json={})
    assert (answer.status_code != httpx.codes.FORBIDDEN) == allowed, answer.text
