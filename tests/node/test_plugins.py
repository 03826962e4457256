"""Plug-ins of other distributions: that they are at work is told, and that they are not any more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.node.running import running_node, until

SAMPLES = Path(__file__).parents[1] / "plugins"
NAMES = {"File.example.com", "Null.example.com"}


@pytest.mark.req("EVT-09")
def test_each_is_told_of_as_it_comes_and_goes(tmp_path: Path) -> None:
    broken = tmp_path / "lost-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: lost\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[holdfast.kinds]\nLost.example.com = lost.kinds:Lost\n")
    path = os.pathsep.join(map(str, (SAMPLES, tmp_path, Path.cwd())))

    with running_node() as node:

        def told(event: str) -> list[tuple[str, str]]:
            found = node.ask("/events/history", {"type": event, "limit": "100"})["data"]
            return [(one["data"]["plugin"], one["data"]["distribution"]) for one in found]

        node.start(PYTHONPATH=path)
        until(node.answers, "it is up")
        whole = {(name, "holdfast-samples 1.0") for name in NAMES}
        assert set(told("plugin.loaded")) == whole, "none that cannot be loaded, and none of our own"
        assert told("plugin.unloaded") == []
        assert node.stop() == 0
        node.start(PYTHONPATH=path)
        until(node.answers, "it is up again")
        assert set(told("plugin.unloaded")) == whole
        assert len(told("plugin.loaded")) == 2 * len(whole)
