from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from tests.sources.cluster.apiserver import Cluster, running_cluster


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
