"""Every example comes up as it stands, and agrees with itself afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.node.running import running_node, until

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.timeout(120)
@pytest.mark.req("CORE-01", "CORE-02")
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_an_example_comes_up_and_agrees_with_itself(name: str) -> None:
    with running_node() as node:
        shutil.copytree(EXAMPLES / name, node.place, dirs_exist_ok=True)
        node.start()
        until(node.answers, "the node answers")
        ready = node.command("wait", "source/root", "--for", "Ready", "--timeout", "60s")
        assert ready.returncode == 0, ready.stderr
        ready = node.command("wait", "servicegroup", "--all", "--for", "Ready", "--timeout", "60s")
        assert ready.returncode == 0, ready.stderr
        told = node.command("diff", "-f", str(EXAMPLES / name))
        assert told.returncode == 0, told.stdout
        assert told.stdout.splitlines()[-1].startswith("Plan: 0 to add, 0 to change, 0 to remove, ")
