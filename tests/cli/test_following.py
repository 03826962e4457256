"""What is followed ends only with its own end: a node that goes meanwhile is no success."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.shell import HOLDFAST
from tests.node.running import RunningNode, running_node, until
from tests.saving import save

pytestmark = [pytest.mark.req("CLI-01", "CLI-08")]
TALKER = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: talker}
spec: {command: [sh, -c, "echo hello; sleep 3600"]}
---
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: once}
spec: {command: [echo, done], restart: never}
"""
FOLLOW = [("logs", "talker", "--follow"), ("logs", "talker", "once", "--follow"), ("events", "--follow")]


@pytest.fixture
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        save(node.place / "talker.yaml", TALKER)
        node.start()
        until(lambda: node.converged({"service/talker", "service/once"}), "the node is up")
        yield node


@pytest.mark.parametrize("words", FOLLOW)
@pytest.mark.parametrize("killed", [True, False])
def test_the_end_of_the_node_is_no_good_end(node: RunningNode, words: tuple[str, ...], killed: bool) -> None:
    following = subprocess.Popen(
        [HOLDFAST, *words, "--data", str(node.data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline()
    if killed:
        node.kill()
    else:
        assert node.stop() == 0
    _, said = following.communicate(timeout=60)
    assert following.returncode == 7
    assert "error (Service Unavailable): " in said
