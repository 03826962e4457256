"""The life of a node as a process: its listeners, its lock, its end in order, and what a restart finds."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.settings import Settings
from tests.node.running import PATIENCE_S, RunningNode, key, running_node, until
from tests.saving import save


def get(address: str, path: str) -> int:
    host, _, port = address.rpartition(":")
    asked = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    try:
        asked.request("GET", path)
        return asked.getresponse().status
    finally:
        asked.close()


def listeners(node: RunningNode, *doors: str) -> dict[str, str]:
    """Where it listens, once it listens at all these."""
    until(
        lambda: node.answers() and set(doors) <= node.ask("/daemon/status")["listeners"].keys(), "it listens"
    )
    return dict(node.ask("/daemon/status")["listeners"])


@pytest.mark.req("DMN-09")
def test_a_stop_tells_its_readers_writes_all_down_and_exits_with_0() -> None:
    with running_node() as node:
        save(node.place / "a.yaml", key("a"))
        node.start()
        until(lambda: node.converged({"key/a"}), "it is up")
        with socket.socket(socket.AF_UNIX) as reader:
            reader.settimeout(PATIENCE_S)
            reader.connect(str(node.data / "holdfast.sock"))
            reader.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: holdfast\r\n\r\n")
            heard = reader.recv(65536)
            assert heard.startswith(b"HTTP/1.1 200 ")
            os.kill(node.pid, signal.SIGTERM)
            while piece := reader.recv(65536):
                heard += piece
        assert b'event: stream.end\ndata: {"reason":"the node stops"}' in heard
        assert node.wait() == 0
        assert not (node.data / "holdfast.sock").exists()
        assert [file.name for file in node.data.glob("holdfast.db*")] == ["holdfast.db"], (
            "nothing is left in a log"
        )
        with sqlite3.connect(f"file:{node.data / 'holdfast.db'}?mode=ro&immutable=1", uri=True) as store:
            assert store.execute("SELECT count(*) FROM inventory").fetchone()[0] == 3


@pytest.mark.req("DMN-07", "DMN-06")
def test_internal_endpoints_and_the_api_have_a_port_each() -> None:
    usual = Settings(Path("/"))
    assert (usual.daemon.legacy_listen, usual.api.listen) == ("127.0.0.1:8080", "127.0.0.1:8081")
    with running_node() as node:
        node.start(HOLDFAST_DAEMON_LEGACY_LISTEN="127.0.0.1:0")
        where = listeners(node, "socket", "internal", "public")
        assert (get(where["internal"], "/stats"), get(where["internal"], "/api/v1/status")) == (200, 404)
        assert (get(where["public"], "/stats"), get(where["public"], "/api/v1/status")) == (404, 200)
        assert node.command("status").returncode == 0


@pytest.mark.req("DMN-08", "DMN-06")
def test_with_the_http_api_switched_off_the_socket_serves() -> None:
    with running_node() as node:
        save(node.place / "a.yaml", key("a"))
        node.start(HOLDFAST_API_ENABLED="false", HOLDFAST_DAEMON_LEGACY_LISTEN="127.0.0.1:0")
        where = listeners(node, "socket", "internal")
        assert where.keys() == {"socket", "internal"}
        assert _ports_of(node.pid) == {int(where["internal"].rpartition(":")[2])}
        until(lambda: node.converged({"key/a"}), "it works")
        assert node.command("get", "key/a", "-o", "name").stdout == "key/a\n"
        assert node.command("reconcile", "key/a").returncode == 0


def _ports_of(pid: int) -> set[int]:
    """The TCP ports that a process listens on, as the kernel tells it."""
    own = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            own.add(str(file.readlink()))
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {
        int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own
    }


@pytest.mark.req("DMN-12")
def test_one_node_a_folder_and_a_killed_one_is_in_nobodys_way() -> None:
    with running_node() as node:
        save(node.place / "a.yaml", key("a"))
        node.start()
        until(lambda: node.converged({"key/a"}), "it is up")
        second = node.command("up", str(node.place))
        assert second.returncode == 6
        assert f"{node.data} is in use by process {node.pid}" in second.stderr
        assert "remedy: talk to that node, stop it with `holdfast down`" in second.stderr
        assert node.converged({"key/a"}), "the first one does not notice"
        node.kill()
        node.start()
        until(lambda: node.converged({"key/a"}), "a lock dies with its process")
