"""A canary in every kind of secret: whoever looks, wherever the node speaks or writes, finds none of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.openapi import document
from tests.node.running import RunningNode, key, processes, running_node, service, until
from tests.node.test_secrets_stay import _encrypted, _has, _holding
from tests.saving import save

pytestmark = pytest.mark.req("OBS-24", "TST-47")

VALUES = {"kind": "service", "namespace": "default", "name": "web"}
SECRETS = ("value", "hook", "wrong key", "bearer", "basic", "cookie", "query")
ENDLESS = {"/api/v1/events", "/api/v1/events/ws"}


def canary() -> str:
    return f"canary{uuid4().hex}"


def private_key(node: RunningNode) -> str:
    """A pair that is taken in; what must not be seen is its one secret line."""
    made = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    file = node.place.parent / "pair"
    file.write_bytes(made)
    node.command("key", "import", "mine", str(file))
    file.unlink()
    save(node.place / "mine.yaml", key("mine").replace("generate: true", "generate: true, adopt: true"))
    return made.decode().splitlines()[2]


def api_key(node: RunningNode) -> str:
    made = node.command("api-key", "create", "--name", "ci", "--permissions", "read", "-o", "json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["secret"])


def asked_with(node: RunningNode, secrets: dict[str, str]) -> None:
    """Requests over TCP that bear secrets, right ones and wrong ones, in every place that has been tried."""
    host, _, port = node.ask("/daemon/status")["listeners"]["public"].rpartition(":")
    for path, headers in (
        ("/api/v1/resources", {"X-API-Key": secrets["api key"]}),
        ("/api/v1/resources", {"X-API-Key": secrets["wrong key"]}),
        ("/api/v1/resources", {"Authorization": f"Bearer {secrets['bearer']}"}),
        ("/api/v1/resources", {"Authorization": f"Basic {secrets['basic']}"}),
        ("/api/v1/resources", {"Cookie": f"session={secrets['cookie']}"}),
        (f"/api/v1/resources?api_key={secrets['query']}", {}),
        (f"/api/v1/resources?token={secrets['query']}", {}),
    ):
        connection = HTTPConnection(host, int(port), timeout=30)
        connection.request("GET", path, headers=headers)
        assert connection.getresponse().status in {200, 400, 401, 403}
        connection.close()
    connection = HTTPConnection(host, int(port), timeout=30)
    connection.request("POST", "/api/v1/hooks/root", b"{}", {"X-Gitlab-Token": secrets["hook"]})
    assert connection.getresponse().status == 202
    connection.close()


def told(node: RunningNode) -> Iterator[tuple[str, str]]:
    """All that the API answers, and what the commands print."""
    transport = httpx.HTTPTransport(uds=str(node.data / "holdfast.sock"))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=30) as client:
        for path, methods in document()["paths"].items():
            if "get" in methods and path not in ENDLESS:
                for name in ({}, {"kind": "secret", "name": "db"}, {"name": "root"}):
                    yield path, client.get(path.format(**{**VALUES, **name})).text
    for words in (
        ("events", "--tail", "1000", "-o", "json"),
        ("audit", "ls", "--tail", "1000", "-o", "json"),
        ("get", "-o", "yaml"),
        ("describe", "service/web"),
        ("describe", "secret/db"),
        ("describe", "key/mine"),
        ("api-key", "list", "-o", "json"),
        ("diff", "-f", str(node.place)),
        ("doctor",),
        ("status", "-o", "json"),
        ("logs", "service/web"),
    ):
        ended = node.command(*words)
        yield " ".join(words), ended.stdout + ended.stderr


def test_no_canary_is_found_anywhere() -> None:
    marker = canary()
    with running_node() as node:
        hook = node.place.parent / "hook"
        secrets = {name: canary() for name in SECRETS}
        hook.write_text(secrets["hook"])
        hook.chmod(0o600)
        save(node.place / "db.yaml", _encrypted(node, secrets["value"]))
        reads = {"PASSWORD": {"secret": "db", "key": "value"}, "PLAIN": marker}
        save(node.place / "web.yaml", service("web", marker, env=reads))
        secrets["private key"] = private_key(node)
        node.start(
            HOLDFAST_LOG_LEVEL="debug",
            HOLDFAST_LOG_FORMAT="json",
            HOLDFAST_API_HOOK_SECRET_FILE=str(hook),
        )
        until(lambda: node.converged({"secret/db", "service/web", "key/mine"}), "it runs with the secret")
        assert _has(processes(marker), secrets["value"]), "the service has it, and only the service"
        secrets["api key"] = api_key(node)
        asked_with(node, secrets)
        shown = list(told(node))
        assert any(marker in text for _, text in shown), "what is searched would be found"
        listed = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
        assert node.stop() == 0
        hook.unlink()
        for name, secret in secrets.items():
            assert [where for where, text in shown if secret in text] == [], name
            assert secret not in listed, name
            assert secret not in node.printed, name
            assert _holding(node.data.parent, secret) == [], name
        assert _holding(node.data.parent, marker), "what is searched would be found"
        assert "/api/v1/hooks/root" in node.printed, "what is searched would be found"
