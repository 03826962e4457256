"""A world for each test, and no process left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconciler.drivers.processes import Processes
from tests.drivers.processes.alive import living
from tests.drivers.processes.rigs import FakeRig, RealRig, Rig, driver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
async def processes(folder: Path) -> AsyncIterator[Processes]:
    made = driver(folder)
    await made.open()
    yield made
    await made.shutdown()
    assert living(folder) == {}


@pytest.fixture(params=["fake", "real"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    made: Rig = FakeRig() if request.param == "fake" else RealRig(tmp_path)
    yield made
    await made.port.shutdown()
