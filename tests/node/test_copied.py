"""A data folder that came from another machine: its node says so, until a person has said what it is."""

from __future__ import annotations

import pytest

from reconciler.runtime.node_id import MACHINE, MACHINE_ID
from tests.node.running import running_node, until


@pytest.mark.req("CORE-27", "X-36")
def test_a_copied_data_folder_is_told_until_it_is_somebodys() -> None:
    machines_differ = MACHINE_ID.exists() and bool(MACHINE_ID.read_bytes().strip())
    with running_node() as node:
        (node.data / MACHINE).write_text("0" * 32)
        node.start()
        until(node.answers, "it is up")
        told = [one for one in node.remote.ask("GET", "/health")["problems"] if "another machine" in one]
        assert bool(told) == machines_differ
        assert all(f"remove {node.data / MACHINE}" in one for one in told)
        assert node.stop() == 0
        (node.data / MACHINE).unlink()
        node.start()
        until(node.answers, "it is up again")
        assert not [one for one in node.remote.ask("GET", "/health")["problems"] if "another machine" in one]
