"""A secret value is searched for everywhere it must not be; it is in its service's environment only."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.node.running import HOLDFAST, RunningNode, processes, running_node, service, until
from tests.process_table import started_on
from tests.saving import save

pytestmark = [pytest.mark.req("CORE-10", "TST-47")]


def test_a_secret_is_found_in_the_environment_of_its_service_only() -> None:
    first, second, marker = (f"leak{uuid4().hex}" for _ in range(3))
    with running_node() as node:
        reads = {"PASSWORD": {"secret": "db", "key": "value"}, "PLAIN": marker}
        save(node.place / "web.yaml", service("web", marker, env=reads))
        save(node.place / "db.yaml", _encrypted(node, first))
        node.start()
        until(lambda: node.converged({"secret/db", "service/web"}), "it runs with the secret")
        assert _has(processes(marker), first)

        save(node.place / "db.yaml", _encrypted(node, second))
        until(lambda: _has(processes(marker), second), "the secret was changed")
        until(lambda: node.converged({"secret/db", "service/web"}), "it runs with the new one")
        changed = node.place.parent / "changed.yaml"
        changed.write_text(
            service("web", marker, env=reads | {"MORE": "1"}) + "---\n" + _encrypted(node, "x" * 9)
        )
        shown = [node.command(*words) for words in _questions(str(changed))]
        told = "\n".join(one.stdout + one.stderr for one in shown)
        assert "service/web" in told
        assert marker in told, "what is searched would be found"
        for secret in (first, second):
            assert secret not in told
            assert not _holding(node.data.parent, secret), "no file holds it, the node's own log included"
            family = _family(node)
            assert secret not in str(family)
            assert not _has(family, secret)
            assert (
                secret
                not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
            )
        assert _holding(node.data.parent, marker), "what is searched would be found"


def test_a_secret_in_plain_text_is_refused_and_not_repeated() -> None:
    secret, manifest = (
        f"leak{uuid4().hex}",
        "apiVersion: holdfast.dev/v1\nkind: Secret\nmetadata: {name: db}\n",
    )
    with running_node() as node:
        node.start()
        until(node.answers, "the node is up")
        written = node.place / "db.yaml"
        for spec in (
            f"{{encrypted: {{value: {secret}}}}}",
            f"{{value: {secret}}}",
            f"[{secret}",
            f"{{a: *{secret}}}",
            f"{{a: !{secret}}}",
        ):
            before = node.source().get("seen_revision")
            written.write_text(f"{manifest}spec: {spec}\n")
            until(lambda old=before: node.source().get("seen_revision") != old, "it is read")  # type: ignore[misc]
            until(lambda: bool(node.source()["problems"]), "and refused")
            shown = [node.command(*words) for words in _questions(str(written), "source/root")]
            assert secret not in "\n".join(one.stdout + one.stderr for one in shown), spec
        written.unlink()
        assert node.stop() == 0
        assert secret not in node.printed


def _encrypted(node: RunningNode, value: str) -> str:
    done = subprocess.run(
        [HOLDFAST, "secret", "encrypt", "--name", "db"],
        env=os.environ | {"HOLDFAST_DATA": str(node.data)},
        input=value, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def _questions(file: str, ref: str = "service/web") -> list[list[str]]:
    """All that a person may ask of the node, and of a manifest."""
    asked = [
        ["describe", ref],
        ["explain", ref],
        ["get", "-o", "yaml"],
        ["get", "-o", "wide"],
        ["status", "-o", "json"],
    ]
    asked += [
        ["events", "--tail", "1000", "-o", "json"],
        ["graph"],
        ["source", "show"],
        ["source", "ls", "-o", "json"],
    ]
    asked += [["diff", "-f", file], ["diff", "-f", file, "-o", "json"], ["apply", "--dry-run", "-f", file]]
    return [*asked, ["apply", "--yes", "-f", file], ["validate", "-f", file]]


def _has(found: dict[int, list[str]], value: str) -> bool:
    for pid in found:
        with suppress(OSError):  # it has ended meanwhile
            if value in Path(f"/proc/{pid}/environ").read_text():
                return True
    return False


def _holding(folder: Path, value: str) -> list[str]:
    """The files below a folder that hold it, as they are."""
    return [
        str(file)
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and value.encode() in file.read_bytes()
    ]


def _family(node: RunningNode) -> dict[int, list[str]]:
    """The node, its keeper, and whatever else it has started, save the services themselves."""
    found = started_on(node.data)
    assert node.pid in found
    return found
