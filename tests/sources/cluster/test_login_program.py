"""Credentials that a program prints, as the kubeconfigs of managed clusters have it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shlex
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from reconciler.errors import Invalid, Unavailable
from reconciler.sources.cluster.client import Client
from reconciler.sources.cluster.connection import login
from reconciler.sources.cluster.login_program import printed_credentials
from tests.api.certificates import Authority
from tests.node.running import HOLDFAST, processes, until
from tests.sources.cluster.apiserver import OPERATOR, Cluster
from tests.sources.cluster.operators import sleeper

pytestmark = pytest.mark.req("CORE-07")

API = "client.authentication.k8s.io/v1"
PRINTS = """#!{python}
import json, os, pathlib, sys
calls = pathlib.Path({calls!r})
before = calls.read_text().splitlines() if calls.exists() else []
calls.write_text("\\n".join([*before, os.environ["KUBERNETES_EXEC_INFO"]]))
token = sys.argv[1] if before else "spent"
print(json.dumps({{"kind": "ExecCredential", "apiVersion": {api!r}, "status": {{"token": token}}}}))
"""


def config(folder: Path, server: str, program: Any, **cluster: Any) -> Path:  # noqa: ANN401 - as people write it
    written = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "other", "user": {"token": "no"}}, {"name": "u", "user": {"exec": program}}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(written))
    return path


def script(folder: Path, text: str, name: str = "log-in") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_program_beside_the_kubeconfig_is_that_one_wherever_it_is_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "bin"
    installed.mkdir()
    for folder, token in ((tmp_path, "ours"), (installed, "theirs")):
        script(folder, f'#!/bin/sh\necho \'{{"status": {{"token": "{token}"}}}}\'\n')
    path = config(tmp_path, "http://127.0.0.1:1", {"apiVersion": API, "command": "./log-in"})
    monkeypatch.setenv("PATH", str(installed), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    for named in (str(path), "config", f"../{tmp_path.name}/config"):
        monkeypatch.setenv("KUBECONFIG", named)
        assert printed_credentials() == {"token": "ours"}


@pytest.mark.needs("etcd", "kube-apiserver", "openssl")
async def test_it_is_asked_again_when_the_server_takes_its_token_no_more(
    cluster: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    script(tmp_path, PRINTS.format(python=sys.executable, calls=str(calls), api=API))
    program = {"apiVersion": API, "command": "./log-in", "args": [OPERATOR], "provideClusterInfo": True}
    server, authority = f"https://127.0.0.1:{cluster.port}", base64.b64encode(cluster.authority.read_bytes())
    path = config(tmp_path, server, program, **{"certificate-authority-data": authority.decode()})
    monkeypatch.setenv("KUBECONFIG", str(path))
    async with Client(login) as client:
        found = await client.get(f"/apis/holdfast.dev/v1/namespaces/{namespace}/keys")
    assert found["items"] == []
    asked = [json.loads(line) for line in calls.read_text().splitlines()]
    told = {"server": server, "certificate-authority-data": authority.decode()}
    assert (
        asked
        == [{"apiVersion": API, "kind": "ExecCredential", "spec": {"interactive": False, "cluster": told}}]
        * 2
    ), "with the first the server let nobody in"


async def test_a_certificate_that_it_prints_is_shown_to_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    authority.issue()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    tls.load_cert_chain(authority.certificate, authority.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    script(tmp_path, '#!/bin/sh\ncat "$ANSWER"\n')
    answer = tmp_path / "answer"
    env = [{"name": "ANSWER", "value": str(answer)}]
    async with await asyncio.start_server(_empty_list, "127.0.0.1", 0, ssl=tls) as server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        program = {"apiVersion": API, "command": "./log-in", "env": env}
        path = config(tmp_path, address, program, **{"certificate-authority": str(authority.file)})
        monkeypatch.setenv("KUBECONFIG", str(path))
        whole = {
            "clientCertificateData": authority.certificate.read_text(),
            "clientKeyData": authority.key.read_text(),
        }
        answer.write_text(json.dumps({"status": whole}))
        async with Client(login) as client:
            assert await client.get("/apis") == {"items": []}
        answer.write_text(json.dumps({"status": {"clientCertificateData": "s3cr3t"}}))
        with pytest.raises(Invalid, match="kubeconfig cannot be used") as refused:
            login()
        assert "s3cr3t" not in str(refused.value)


async def _empty_list(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b'{"items": []}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    writer.write(head + body)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("text", "more", "status", "told"),
    [
        ("echo 's3cr3t '; echo 'no session for ada' >&2; exit 3", {}, 7, "status 3: no session for ada"),
        ("exit 1", {}, 7, "it says nothing"),
        ("echo s3cr3t", {}, 2, "has printed no credential"),
        ("echo '[1]'", {}, 2, "has printed no credential"),
        ("""echo '{"status": {"token": {"a": "s3cr3t"}}}'""", {}, 2, "has printed no credential"),
        ("""echo '{"status": {}}'""", {}, 2, "has printed no credential"),
        ("exit 1", {"interactiveMode": "Always"}, 2, "wants a terminal"),
        ("exit 1", {"apiVersion": "v1"}, 2, "wants a command, and an apiVersion"),
        ("exit 1", {"command": ""}, 2, "wants a command, and an apiVersion"),
        ("exit 1", {"command": "no-such-program"}, 2, "cannot be run: No such file"),
        ("exit 1", {"command": "no-such", "installHint": "apt install it"}, 2, "apt install it"),
    ],
)
def test_what_is_wrong_with_it_is_told_without_what_it_printed(
    tmp_path: Path, text: str, more: dict[str, str], status: int, told: str
) -> None:
    program = {"apiVersion": API, "command": str(script(tmp_path, f"#!/bin/sh\n{text}\n"))} | more
    path = config(tmp_path, "http://127.0.0.1:1", program)
    environ = os.environ | {"KUBECONFIG": str(path), "HOLDFAST_DATA": str(tmp_path / "data")}
    ended = subprocess.run(
        [HOLDFAST, "operator"], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, told in ended.stderr) == (status, True), ended.stderr
    assert "s3cr3t" not in ended.stderr + ended.stdout


def test_one_that_never_ends_is_ended_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = uuid4().hex
    sleeps = shlex.join(sleeper(marker, "log-in"))
    script(tmp_path, f"#!/bin/sh\n{sleeps} &\nwait\n")
    path = config(tmp_path, "http://127.0.0.1:1", {"apiVersion": API, "command": "./log-in"})
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(Unavailable, match=r"has not ended in 0\.5 s"):
        printed_credentials(patience_s=0.5)
    until(lambda: not processes(marker), "nothing of it is left")
