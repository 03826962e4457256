"""`holdfast audit` lists who has asked for what, and finds out whether anybody was at the log."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.node.running import key, running_node, until
from tests.saving import save

pytestmark = pytest.mark.req("OBS-07", "OBS-25")


def test_who_has_asked_for_what_and_that_nobody_was_at_it() -> None:
    with running_node() as node:
        save(node.place / "all.yaml", key("release"))
        node.start(HOLDFAST_METRICS_INTERVAL_S="0")
        until(lambda: node.converged({"key/release"}), "it is up")
        assert node.command("reconcile", "key/release").returncode == 0
        until(node.judged, "no more is written")
        listed = json.loads(node.command("audit", "ls", "-o", "json").stdout)
        assert [(one["action"], one["resource"]) for one in listed] == [
            ("operation.reconcile", ["key/release"])
        ]
        assert "operation.reconcile" in node.command("audit", "ls").stdout
        living = node.command("audit", "verify")
        assert living.returncode == 0, living.stdout
        assert " events: whole\nhead: " in living.stdout
        node.stop()
        assert json.loads(node.command("audit", "ls", "-o", "json").stdout) == listed
        assert json.loads(node.command("audit", "ls", "--actor", "nobody", "-o", "json").stdout) == []
        head = living.stdout.partition("head: ")[2].strip()
        noted = node.command("audit", "verify", "--noted", head, "-o", "json")
        assert (noted.returncode, json.loads(noted.stdout)["faults"]) == (0, [])
        with closing(sqlite3.connect(node.data / "holdfast.db")) as store:
            store.execute("UPDATE events SET actor = 'nobody' WHERE actor <> 'holdfast'")
            store.commit()
        broken = node.command("audit", "verify")
        assert broken.returncode == 3
        (number,) = [one["id"] for one in listed]
        assert broken.stdout.startswith(f"! event {number} is not as it was written")
        assert "events: BROKEN" in broken.stdout


def test_what_cannot_be_verified() -> None:
    with running_node() as node:
        nothing = node.command("audit", "verify")
        assert nothing.returncode == 5
        assert "there is no store in" in nothing.stderr
        (node.data / "holdfast.db").write_bytes(b"no store")
        assert node.command("audit", "verify", "--noted", "5").returncode in {2, 3}
