"""Every example comes up as it stands, and agrees with itself afterwards."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.free_ports import free_port
from tests.node.running import RunningNode, running_node, until

EXAMPLES = Path(__file__).parents[2] / "examples"

PORT = re.compile(r"\b80\d\d\b")


def on_free_ports(manifest: str) -> str:
    """Somebody else on this machine may run the example too."""
    ports = {port: str(free_port()) for port in PORT.findall(manifest)}
    return PORT.sub(lambda found: ports[found[0]], manifest)


def bring_up(node: RunningNode) -> None:
    node.start()
    until(node.answers, "the node answers")
    for what in (("source/root",), ("servicegroup", "--all")):
        ready = node.command("wait", *what, "--for", "Ready", "--timeout", "60s")
        assert ready.returncode == 0, ready.stderr


@pytest.mark.req("CORE-01", "CORE-02")
@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
def test_an_example_comes_up_and_agrees_with_itself(name: str) -> None:
    with running_node() as node:
        shutil.copytree(EXAMPLES / name, node.place, dirs_exist_ok=True)
        for file in node.place.rglob("*.yaml"):
            file.write_text(on_free_ports(file.read_text()))
        bring_up(node)
        told = node.command("diff", "-f", str(node.place))
        assert told.returncode == 0, told.stdout
        assert told.stdout.splitlines()[-1].startswith("Plan: 0 to add, 0 to change, 0 to remove, ")


def listeners_on(port: int) -> int:
    """How many sockets listen there, as the kernel tells it."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "0A" and row[1].endswith(f":{port:04X}") for row in rows)


@pytest.mark.req("DMN-12", "CLI-08")
def test_a_second_node_beside_the_first_runs_the_quickstart_as_well() -> None:
    with running_node() as first, running_node() as second:
        shutil.copytree(EXAMPLES / "quickstart", first.place, dirs_exist_ok=True)
        manifest = first.place / "web.yaml"
        manifest.write_text(on_free_ports(manifest.read_text()))
        second.place = first.place
        for node in (first, second):
            bring_up(node)
        port = int(re.findall(r'server.py, "(\d+)"', manifest.read_text())[0])
        until(lambda: listeners_on(port) == 2, "each node's own server listens, and not only the first one's")
