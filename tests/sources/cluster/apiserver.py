"""A real API server on loopback, and what a person does to it: apply, read, change, delete."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.conftest import PROGRAMS
from tests.free_ports import free_port

ADMIN, OPERATOR = "admin-token", "operator-token"
SERVICE_ACCOUNT = "system:serviceaccount:holdfast-system:holdfast-operator"
PATIENCE_S = 60.0
MANIFESTS = Path("manifests")
PLACES = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
Json = dict[str, Any]


class Cluster:
    """The API server as an administrator uses it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"https://127.0.0.1:{port}"
        self.authority = folder / "certs" / "apiserver.crt"
        self._http: httpx.Client | None = None

    @property
    def http(self) -> httpx.Client:
        if self._http is None:
            tls = ssl.create_default_context(cafile=str(self.authority))
            headers = {"Authorization": f"Bearer {ADMIN}"}
            self._http = httpx.Client(base_url=self.url, verify=tls, headers=headers, timeout=PATIENCE_S)
        return self._http

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def kubeconfig(self, token: str = OPERATOR, port: int | None = None) -> Path:
        """As the operator's own service account; `port`: by way of somebody between."""
        path = self.folder / f"kubeconfig-{token}-{port or self.port}"
        cluster = {
            "server": f"https://127.0.0.1:{port or self.port}",
            "certificate-authority": str(self.authority),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [
                {
                    "name": "test",
                    "context": {"cluster": "test", "user": "test", "namespace": "holdfast-system"},
                }
            ],
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path.write_text(json.dumps(config))
        return path

    # ------------------------------------------------------------------------------------ as kubectl does

    def apply(self, *documents: Mapping[str, Any], **query: str) -> None:
        """Server-side, refusing any field that the server does not know."""
        for document in documents:
            answer = self.http.patch(
                f"{place(document)}/{document['metadata']['name']}",
                params={"fieldManager": "tests", "force": "true", "fieldValidation": "Strict", **query},
                headers={"Content-Type": "application/apply-patch+yaml"},
                content=json.dumps(document),
            )
            assert answer.is_success, answer.text

    def apply_files(self, *files: Path, **query: str) -> None:
        for file in files:
            self.apply(*yaml.safe_load_all(file.read_text()), **query)

    def get(self, ref: str) -> Json | None:
        """`NAMESPACE/PLURAL/NAME` of our group."""
        answer = self.http.get(_path(ref))
        assert answer.status_code in {200, 404}, answer.text
        found: Json | None = answer.json() if answer.status_code == httpx.codes.OK else None
        return found

    def patch(self, ref: str, body: Mapping[str, Any]) -> None:
        answer = self.http.patch(
            _path(ref), content=json.dumps(body), headers={"Content-Type": "application/merge-patch+json"}
        )
        assert answer.is_success, answer.text

    def delete(self, ref: str) -> None:
        answer = self.http.delete(_path(ref))
        assert answer.is_success, answer.text

    def condition(self, ref: str, kind: str) -> Json | None:
        return _condition(self.get(ref) or {}, kind)

    def ready(self, ref: str) -> bool:
        """By kstatus: it says so, and about what is written there now."""
        found = self.get(ref) or {}
        said = _condition(found, "Ready")
        return (
            said is not None
            and said["status"] == "True"
            and found["status"]["observedGeneration"] == found["metadata"]["generation"]
        )


def _condition(found: Json, kind: str) -> Json | None:
    conditions = found.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), None)


def place(document: Mapping[str, Any]) -> str:
    metadata = document["metadata"]
    if document["apiVersion"] == "holdfast.dev/v1":
        plural = f"{document['kind'].lower()}s"
        return f"/apis/holdfast.dev/v1/namespaces/{metadata['namespace']}/{plural}"
    return PLACES[document["kind"]].format(metadata.get("namespace"))


def _path(ref: str) -> str:
    namespace, plural, name = ref.split("/")
    return f"/apis/holdfast.dev/v1/namespaces/{namespace}/{plural}/{name}"


def custom(kind: str, namespace: str, name: str, **spec: Any) -> Json:  # noqa: ANN401 - JSON
    return {
        "apiVersion": "holdfast.dev/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """With our definitions and roles applied; a second of processor time, and three to start."""
    store, peer, port = (free_port() for _ in range(3))
    certs = folder / "certs"
    (folder / "tokens.csv").write_text(
        f'{ADMIN},admin,admin,system:masters\n{OPERATOR},"{SERVICE_ACCOUNT}",operator\n'
    )
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    etcd = [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{store}",
        f"--advertise-client-urls=http://127.0.0.1:{store}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    ]
    server = [
        f"--etcd-servers=http://127.0.0.1:{store}",
        f"--cert-dir={certs}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://holdfast.test",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
    ]
    cluster = Cluster(folder, port)
    with _running("etcd", etcd, folder), _running("kube-apiserver", server, folder):
        try:
            _until_ready(cluster)
            cluster.apply_files(MANIFESTS / "namespace.yaml", MANIFESTS / "rbac.yaml")
            cluster.apply_files(*sorted((MANIFESTS / "crds").glob("*.yaml")))
            _until_served(cluster)
            yield cluster
        finally:
            cluster.close()


@contextmanager
def _running(program: str, arguments: list[str], folder: Path) -> Iterator[None]:
    path = shutil.which(program, path=PROGRAMS)
    assert path is not None, program
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            [path, *arguments], stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)}
        )
    try:
        yield
    finally:
        process.kill()  # nothing of it is kept
        process.wait()


def _until_ready(cluster: Cluster) -> None:
    _until(
        lambda: cluster.authority.exists() and cluster.http.get("/readyz").is_success,
        "the API server is ready",
    )


def _until_served(cluster: Cluster) -> None:
    """To the operator too: the server takes a new role to heart some time after it has been told of it."""
    groups = [file.stem for file in (MANIFESTS / "crds").glob("*.yaml")]
    tokens = [{"Authorization": f"Bearer {token}"} for token in (ADMIN, OPERATOR)]

    def served() -> bool:
        asked = ((f"/apis/holdfast.dev/v1/{one}", token) for one in groups for token in tokens)
        return all(cluster.http.get(path, headers=token).is_success for path, token in asked)

    _until(served, "our kinds are served")


def _until(holds: Any, what: str) -> None:  # noqa: ANN401 - a question
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass  # not there yet
        assert time.monotonic() < end, what
        time.sleep(0.05)
