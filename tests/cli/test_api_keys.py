"""`holdfast api-key`, with a node and without one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.api.nodes import api_key, secret
from tests.cli.shell import run
from tests.node.running import key, running_node, until
from tests.saving import save

CREATE = ("api-key", "create", "--name")


@pytest.mark.req("CLI-09", "CLI-11", "CLI-13", "AUTH-01", "AUTH-14")
def test_a_key_is_made_and_its_secret_opens() -> None:
    with running_node() as node:
        save(node.place / "declared.yaml", key("release"))
        node.start()
        until(node.answers, "the node is up")
        until(lambda: node.has({"key/release"}), "what it follows is read")
        done = node.command(*CREATE, "CI Pipeline", "--permissions", "read, write", "-o", "json")
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert (made["name"], made["permissions"]) == ("CI Pipeline", ["read", "write"])
        assert "nobody can show it again" in done.stderr
        assert made["secret"] not in done.stderr
        again = node.command(*CREATE, "CI Pipeline")
        assert again.returncode != 0
        assert "there is apikey/ci-pipeline already" in again.stderr
        address = node.ask("/daemon/status")["listeners"]["public"]
        seen = node.command("get", "key", "--api-url", f"http://{address}", "--api-key", made["secret"])
        assert "key/release" in seen.stdout
        refused = node.command("get", "key", "--api-url", f"http://{address}", "--api-key", "sk-none")
        assert refused.returncode != 0
        assert "does not count" in refused.stderr
        rotated = json.loads(
            node.command("api-key", "rotate", made["id"], "--grace", "1h", "-o", "json").stdout
        )
        assert rotated["secret"] != made["secret"]
        for one in (made["secret"], rotated["secret"]):
            assert node.command("get", "--api-url", f"http://{address}", "--api-key", one).returncode == 0
        revoked = node.command("api-key", "revoke", "CI Pipeline")
        assert (revoked.returncode, revoked.stderr) == (0, "revoked: CI Pipeline\n")
        for one in (made["secret"], rotated["secret"]):
            assert node.command("get", "--api-url", f"http://{address}", "--api-key", one).returncode != 0
        assert json.loads(node.command("api-key", "list", "-o", "json").stdout) == []


@pytest.mark.req("CLI-09", "CLI-10", "CLI-11", "CLI-12", "CLI-13", "AUTH-11")
def test_without_a_node_it_is_there_for_the_next_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = run(data, *CREATE, "ci", "--expires", "30d", "-n", "team")
    assert done.returncode == 0, done.stderr
    secret = done.stdout.decode().strip()
    shown = json.loads(run(data, "get", "apikey", "-o", "json").stdout)
    [one] = shown["items"] if isinstance(shown, dict) else shown
    assert one["metadata"]["namespace"] == "team"
    assert one["status"]["reason"] == "InForce"
    assert one["spec"]["expiresAt"] > one["spec"]["createdAt"]
    [listed] = json.loads(run(data, "api-key", "list", "-o", "json").stdout)
    shown_id = listed["id"]
    assert listed["permissions"] == ["read"]
    told = run(data, "api-key", "show", shown_id).stdout.decode()
    assert "name: ci\n" in told
    assert "permissions: read\n" in told
    assert "sha256" not in told
    assert json.loads(run(data, "api-key", "show", "team:ci", "-o", "json").stdout) == listed
    lines = run(data, "api-key", "list").stdout.decode().splitlines()
    assert lines[0].split() == ["ID", "NAME", "BEGINS", "PERMISSIONS", "STATE", "LAST", "USED"]
    assert lines[1].split()[:4] == [shown_id, "ci", secret[:7], "read"]
    other = run(data, "api-key", "rotate", "ci").stdout.decode().strip()
    assert other != secret
    assert run(data, "api-key", "show", "nobody").returncode != 0
    assert run(data, "api-key", "revoke", "ci").returncode == 0
    assert json.loads(run(data, "api-key", "list", "-o", "json").stdout) == []
    kept = [path for path in data.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert kept == []


def test_a_permission_that_there_is_not_is_named(tmp_path: Path) -> None:
    done = run(tmp_path / "data", *CREATE, "ci", "--permissions", "service:write")
    assert done.returncode == 2
    assert b"services:write" in done.stderr


@pytest.mark.req("AUTH-15")
def test_a_node_that_asks_for_keys_makes_the_first_one_once() -> None:
    with running_node() as node:
        save(node.place / "declared.yaml", key("release"))
        node.start(HOLDFAST_API_REQUIRE_AUTH="true")
        until(lambda: "the first API key" in node.printed, "it is shown")
        [found] = re.findall(r"show again: (sk-\S+)", node.printed)
        address = node.ask("/daemon/status")["listeners"]["public"]
        listed = ("api-key", "list", "-o", "json", "--api-url", f"http://{address}", "--api-key", found)
        [one] = json.loads(node.command(*listed).stdout)
        assert (one["name"], one["permissions"]) == ("admin", ["admin"])
        assert node.command("api-key", "revoke", "admin").returncode == 0
        node.stop()
        node.start(HOLDFAST_API_REQUIRE_AUTH="true")
        until(node.answers, "the node is up again")
        until(lambda: "key/release" in node.resources(), "what it follows is read")
        assert node.printed.count("the first API key") <= 1
        assert json.loads(node.command("api-key", "list", "-o", "json").stdout) == []


def rated(name: str, secret: str, per_minute: int) -> str:
    """A key that has one call, and then as many a minute."""
    text = api_key(name, secret, "read")
    return text.replace("]}", f"], rate: {{perMinute: {per_minute}, burst: 1}}}}")


@pytest.mark.req("RTL-07")
def test_who_meets_a_limit_waits_for_as_long_as_it_says_if_there_is_time() -> None:
    with running_node() as node:
        keys = [rated("quick", secret("q"), 60), rated("slow", secret("s"), 1)]
        save(node.place / "declared.yaml", "---\n".join(keys))
        node.start()
        until(node.answers, "the node is up")
        until(lambda: node.has({"apikey/quick", "apikey/slow"}), "what it follows is read")
        there = (
            "--api-url",
            f"http://{node.ask('/daemon/status')['listeners']['public']}",
            "-v",
            "--api-key",
        )
        told = [node.command("graph", *there, secret("q")) for _ in range(3)]
        assert [done.returncode for done in told] == [0, 0, 0]
        assert re.search("again in [12] s", "".join(done.stderr for done in told))
        first, second = (node.command("graph", *there, secret("s")) for _ in range(2))
        assert first.returncode == 0
        assert second.returncode != 0
        assert "allows" in second.stderr
        assert "again in" not in second.stderr


IMPORTED = "550e8400-e29b-41d4-a716-446655440000"
KEYS = f"""\
keys:
- id: {IMPORTED}
  name: admin-bootstrap-key
  permissions: [read, write, admin]
  created_at: 2024-01-01T00:00:00Z
  last_used_at: null
  enabled: true
- {{id: 6ba7b810-9dad-41d1-80b4-00c04fd430c8, name: CI, permissions: [read], enabled: false}}
"""


@pytest.mark.req("AUTH-12", "AUTH-11", "X-06")
def test_keys_of_libreseed_are_taken_over_by_their_hashes(tmp_path: Path) -> None:
    file, clash = tmp_path / "api-keys.yaml", tmp_path / "clash.yaml"
    file.write_text(KEYS)
    clash.write_text(KEYS.replace("CI,", "another,"))
    with running_node() as node:
        save(node.place / "declared.yaml", key("release"))
        node.start()
        until(node.answers, "the node is up")
        for _ in range(2):  # the second time nothing is new
            done = node.command("api-key", "import", str(file))
            assert done.returncode == 0, done.stderr
            assert "taken over: apikey/admin-bootstrap-key, apikey/ci" in done.stderr
        listed = json.loads(node.command("api-key", "list", "-o", "json").stdout)
        assert [(one["name"], one["permissions"], one["enabled"]) for one in listed] == [
            ("admin-bootstrap-key", ["read", "write", "admin"], True),
            ("CI", ["read"], False),
        ]
        assert listed[0]["created_at"].startswith("2024-01-01T00:00:00")
        assert IMPORTED not in json.dumps(listed)
        address = f"http://{node.ask('/daemon/status')['listeners']['public']}"
        seen = node.command("api-key", "list", "--api-url", address, "--api-key", IMPORTED)
        assert seen.returncode == 0, seen.stderr
        assert node.command(*CREATE, "another").returncode == 0
        refused = node.command("api-key", "import", str(clash))
        assert (refused.returncode, "there is another apikey/another" in refused.stderr) == (6, True)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and IMPORTED.encode() in path.read_bytes()]
    assert sorted(kept) == sorted([file, clash])


@pytest.mark.req("AUTH-12", "AUTH-33")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no keys"),
        ("keys: {}", "has no keys"),
        ("keys: [planted", "api-keys.yaml: line 1: "),
        ("keys: \x00planted", "api-keys.yaml: no YAML"),
        ("keys: [1]", "keys[0] is no key"),
        (f"keys: [{{id: {IMPORTED}, name: a, permissions: [read], secret: x}}]", "keys[0] is no key"),
        ("keys: [{id: planted, name: a, permissions: [read]}]", "keys[0] is no key"),
        (f"keys: [{{id: {IMPORTED}, name: [], permissions: [read]}}]", "keys[0] is no key"),
        (f"keys: [{{id: {IMPORTED}, name: a, permissions: [read], enabled: perhaps}}]", "keys[0] is no key"),
        (f"keys: [{{id: {IMPORTED}, name: a, permissions: [nothing]}}]", "there is no permission 'nothing'"),
        (KEYS.replace("CI,", "admin-bootstrap-key,"), "keys[1]: another key is called"),
        ("#" * 1_100_000, "is larger than"),
    ],
)
def test_what_is_no_file_of_keys_is_refused_and_not_repeated(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "api-keys.yaml"
    file.write_text(text)
    done = run(tmp_path / "data", "api-key", "import", str(file))
    assert (done.returncode, why in done.stderr.decode()) == (2, True), done.stderr
    assert b"planted" not in done.stderr
