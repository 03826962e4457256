"""What a node listens on: the addresses of its API, and nothing else."""

from __future__ import annotations

import psutil
import pytest

from tests.node.running import key, running_node, until
from tests.saving import save


@pytest.mark.req("CORE-26")
def test_only_the_api_listens() -> None:
    with running_node() as node:
        save(node.place / "all.yaml", key("one"))
        node.start()
        until(lambda: node.converged({"key/one"}), "it has begun")
        told = node.ask("/daemon/status")
        family = [psutil.Process(told["pid"]), *psutil.Process(told["pid"]).children(recursive=True)]
        open_ports = {
            f"{found.laddr.ip}:{found.laddr.port}"
            for process in family
            for found in process.net_connections("inet")
            if found.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}
        }
        assert open_ports == {where for door, where in told["listeners"].items() if door != "socket"}
        assert open_ports
