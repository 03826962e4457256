"""The keystores of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.drivers.keystore import Keystore
from tests.drivers.keystore.stores import Store, in_memory, real


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keystore"


@pytest.fixture
def keystore(folder: Path) -> Keystore:
    return Keystore(folder)


@pytest.fixture(params=["files", "fake"])
def store(request: pytest.FixtureRequest, folder: Path) -> Store:
    """Each of the two: a test that asks for it runs on both."""
    return real(folder) if request.param == "files" else in_memory()
