"""Who the operator is, by a kubeconfig; and its commands before there is any cluster."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.errors import Invalid
from reconciler.runtime.probe import answering
from tests.free_ports import free_port
from tests.node.running import HOLDFAST

pytestmark = pytest.mark.req("CORE-07")


def operator(tmp_path: Path, *options: str, kubeconfig: str = "") -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(tmp_path), "KUBECONFIG": kubeconfig, "HOLDFAST_DATA": str(tmp_path / "data")}
    command = [HOLDFAST, "operator", *options]
    return subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_a_cluster_it_says_where_it_looked(tmp_path: Path) -> None:
    ended = operator(tmp_path)
    assert ended.returncode == 2
    assert "there is no cluster to be an operator of" in ended.stderr
    assert "KUBECONFIG" in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "current-context: nowhere",
        "[]",
        "current-context: x\ncontexts: [{name: x, context: {cluster: c}}]",
        "\0",
    ],
)
def test_a_broken_kubeconfig_is_an_error_and_no_crash(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    ended = operator(tmp_path, kubeconfig=str(path))
    assert (ended.returncode, "the kubeconfig cannot be used" in ended.stderr) == (2, True), ended.stderr


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = operator(tmp_path, kubeconfig=str(tmp_path / "nowhere"))
    assert ended.returncode == 2
    assert "nowhere" in ended.stderr


def test_it_can_be_stopped_while_the_server_is_not_there(tmp_path: Path) -> None:
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    environ = {"KUBECONFIG": str(path), "HOLDFAST_DATA": str(tmp_path / "data")}
    waiting = subprocess.Popen(
        [HOLDFAST, "operator"], env=os.environ | environ, stderr=subprocess.PIPE, text=True
    )
    with waiting:
        assert waiting.stderr is not None
        assert "waiting for the lease in namespace default" in waiting.stderr.readline()
        waiting.terminate()
        assert waiting.wait(timeout=60) == 0
    assert not (tmp_path / "data").exists(), "who does not lead touches nothing"


def test_where_nobody_can_listen_it_says_so(tmp_path: Path) -> None:
    ended = operator(tmp_path, "--probe", "127.0.0.1:http")
    assert ended.returncode == 2
    assert "write HOST:PORT" in ended.stderr


async def test_probes_are_answered_by_how_it_stands() -> None:
    state, port = "standby", free_port()

    async def ask(text: bytes = b"GET / HTTP/1.1\r\n\r\n") -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        writer.write_eof()
        answer = b""
        with suppress(ConnectionResetError):  # it hung up before all was read
            answer = await reader.read()
        writer.close()
        return answer

    async with answering(f"127.0.0.1:{port}", lambda: state):
        assert (await ask()).startswith(b"HTTP/1.1 200 OK")
        state = "stalled"
        assert (await ask()).startswith(b"HTTP/1.1 503")
        assert await ask(b"half a") == b""
        assert await ask(b"x" * 100_000) == b""
        assert (await ask()).endswith(b"stalled")
        with pytest.raises(Invalid, match="cannot be answered"):
            async with answering(f"127.0.0.1:{port}", lambda: state):
                pass


def test_an_error_in_a_kubeconfig_quotes_no_token(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text('users:\n- name: a\n  user:\n    token: "s3cr3t-value\n    x: y\n')
    done = operator(tmp_path, kubeconfig=str(config))
    assert "the kubeconfig cannot be used: line" in done.stderr
    assert "s3cr3t" not in done.stderr + done.stdout
