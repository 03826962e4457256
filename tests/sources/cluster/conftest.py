from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.connection import Login
from tests.sources.cluster.apiserver import OPERATOR, Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One for all tests; each works in a namespace of its own."""
    with TemporaryDirectory(prefix="hf-cluster") as folder, running_cluster(Path(folder)) as cluster:
        yield cluster


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    name = f"test-{uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def log_in(cluster: Cluster) -> Callable[..., Login]:
    """As the operator's own service account, with no more than its rights."""

    def login(token: str = OPERATOR, port: int | None = None) -> Login:
        tls = ssl.create_default_context(cafile=str(cluster.authority))
        headers = {"Authorization": f"Bearer {token}"}
        return Login(f"https://127.0.0.1:{port or cluster.port}", "holdfast-system", headers, tls)

    return login


@pytest.fixture
async def client(log_in: Callable[..., Login]) -> AsyncIterator[Client]:
    async with Client(log_in) as client:
        yield client
