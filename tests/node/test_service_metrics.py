"""What services use, on a real node: at the prompt, over the API, and to a person with a SQLite shell."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from reconciler.errors import NotFound, Problem
from tests.node.running import HOLDFAST, RunningNode, running_node, service, until

pytestmark = [pytest.mark.req("CORE-29")]

PAGE = Path("docs/reference/store.md")
BUSY = "while :; do :; done"
GROUP = """\
apiVersion: holdfast.dev/v1
kind: ServiceGroup
metadata: {name: shop, namespace: trade}
spec:
  services:
    db: {command: [sleep, "3600"]}
    web: {command: [sleep, "3600"], needs: {db: started}}
"""
ENDED = """\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {name: once}
spec: {command: ["true"], restart: never}
"""
BURNING = f"""\
apiVersion: holdfast.dev/v1
kind: Service
metadata: {{name: busy}}
spec: {{command: [sh, -c, "{BUSY}"]}}
"""
ALL = {
    "service/busy",
    "service/idle",
    "service/once",
    "service/trade/shop.db",
    "service/trade/shop.web",
    "servicegroup/trade/shop",
}


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node() as node:
        declared = "---\n".join((service("idle", f"mark-{uuid4().hex}"), GROUP, ENDED, BURNING))
        (node.place / "all.yaml").write_text(declared)
        node.start(HOLDFAST_METRICS_INTERVAL_S="0.2")
        until(lambda: node.has(ALL), "all run, or have run")
        until(lambda: len(series(node, "busy")) > 5, "some rounds are kept")
        yield node


def series(node: RunningNode, name: str, **query: str) -> list[dict[str, Any]]:
    return list(node.ask(f"/services/{name}/metrics", query)["data"])


def shell(node: RunningNode, query: str) -> list[dict[str, Any]]:
    """As somebody with `sqlite3` asks, while the node runs."""
    with closing(sqlite3.connect(f"file:{node.data}/holdfast.db?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


# --------------------------------------------------------------------------------------- the command line


@pytest.mark.req("CLI-07")
def test_a_person_sees_what_each_service_uses(node: RunningNode) -> None:
    told = node.command("service", "stats")
    assert told.returncode == 0, told.stderr
    head, *rows = told.stdout.splitlines()
    assert head.split() == ["NAME", "REASON", "CPU", "%", "MEMORY", "PROCESSES", "RESTARTS", "SINCE"]
    by_name = {row.split()[0]: row.split() for row in rows}
    assert by_name.keys() == {name for name in ALL if name.startswith("service/")}
    assert float(by_name["service/busy"][2]) > 5
    assert float(by_name["service/idle"][2]) < 5
    assert by_name["service/idle"][4] in {"KiB", "MiB"}
    assert by_name["service/idle"][5:7] == ["1", "0"]
    assert by_name["service/once"][1:] == ["Completed", "-", "-", "-", "-", "-"]


def test_programs_see_the_same(node: RunningNode) -> None:
    told = node.command("service", "stats", "-o", "json", "busy", "service/trade/shop.db", "once")
    assert told.returncode == 0, told.stderr
    busy, db, once = json.loads(told.stdout)
    assert (busy["ref"], db["ref"], once["ref"]) == ("service/busy", "service/trade/shop.db", "service/once")
    assert busy["used"]["cpu_s"] > 0
    assert busy["used"]["processes"] == 1
    assert db["used"]["memory_bytes"] > 0
    assert db["namespace"] == "trade"
    assert once["used"] is None
    of_trade = json.loads(node.command("service", "stats", "-n", "trade", "-o", "json").stdout)
    assert [one["name"] for one in of_trade] == ["shop.db", "shop.web"]


@pytest.mark.parametrize("name", ["nobody", "key/release", "service/trade/busy"])
def test_who_is_not_there_is_named(node: RunningNode, name: str) -> None:
    told = node.command("service", "stats", "busy", name)
    assert told.returncode == 5
    assert name.rpartition("/")[2] in told.stderr
    assert "holdfast get service" in told.stderr


def test_following_goes_on_until_the_node_goes(node: RunningNode) -> None:
    with running_node() as own:
        (own.place / "web.yaml").write_text(service("web", f"mark-{uuid4().hex}"))
        own.start()
        until(lambda: own.has({"service/web"}), "it runs")
        following = subprocess.Popen(
            [HOLDFAST, "service", "stats", "web", "--follow", "-o", "json", "--data", str(own.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert following.stdout is not None
        looked = (json.loads(line)[0]["used"] for line in following.stdout)
        seen = islice(
            (used["at"] for used in looked if used), 2
        )  # its start may be younger than the last look
        first, second = seen
        assert first < second
        assert own.stop() == 0
        _, told = following.communicate(timeout=60)
        assert following.returncode == 7
        assert "holdfast up" in told


def test_on_a_terminal_the_table_is_drawn_over_itself_and_fits(node: RunningNode) -> None:
    ours, theirs = pty.openpty()
    command = [HOLDFAST, "service", "stats", "--follow", "--data", str(node.data)]
    window = {"COLUMNS": "30", "LINES": "5"}
    following = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | window)
    os.close(theirs)
    shown = b""
    while shown.count(b"\x1b[H") < 2:
        assert select.select([ours], [], [], 60)[0]
        shown += os.read(ours, 65536)
    following.send_signal(signal.SIGINT)
    assert following.wait(timeout=60) == 130
    os.close(ours)
    drawn = shown.decode().split("\x1b[H")[1].replace("\x1b[K", "").replace("\x1b[J", "").splitlines()
    assert drawn[1].startswith("service/busy")
    assert drawn[3:] == ["and 3 more: name those that yo"]
    assert max(map(len, drawn)) <= 30


def test_without_a_node_what_runs_is_looked_at_all_the_same(node: RunningNode) -> None:
    with running_node() as own:
        (own.place / "web.yaml").write_text(service("web", f"mark-{uuid4().hex}"))
        own.start()
        until(lambda: own.has({"service/web"}), "it runs")
        assert own.stop() == 0
        told = own.command("service", "stats", "-o", "json")
        assert told.returncode == 0, told.stderr
        (web,) = json.loads(told.stdout)
        assert web["ref"] == "service/web"
        assert web["used"]["memory_bytes"] > 0
        follow = own.command("service", "stats", "--follow")
        assert follow.returncode == 7
        own.start()
        until(lambda: own.has({"service/web"}), "it is there again, so that it can be ended")


def test_where_nothing_is_declared_that_is_said() -> None:
    with running_node() as own:
        told = own.command("service", "stats")
        assert (told.returncode, told.stdout) == (0, "no service is declared\n")


# ------------------------------------------------------------------------------------------------ the API


def test_the_series_is_told_in_pieces(node: RunningNode) -> None:
    whole = series(node, "busy", until=datetime.now(UTC).isoformat())
    assert [one["at"] for one in whole] == sorted({one["at"] for one in whole})
    assert {one["restarts"] for one in whole} == {0}
    assert all(one["memory_peak_bytes"] >= one["memory_bytes"] > 0 for one in whole)
    pieces: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "2", "until": whole[-1]["at"], **({"cursor": cursor} if cursor else {})}
        piece = node.ask("/services/busy/metrics", query)
        pieces += piece["data"]
        cursor = piece["next"]
    assert pieces == whole


def test_a_span_is_what_was_asked_for(node: RunningNode) -> None:
    whole = series(node, "idle")
    first, last = whole[1]["at"], whole[3]["at"]
    asked = series(node, "idle", since=first, until=last)
    assert [one["at"] for one in asked] == [one["at"] for one in whole[1:4]]
    long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    assert series(node, "idle", until=long_ago) == []


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"until": "1 hour"},
        {"cursor": "nonsense"},
        {"limit": "0"},
        {"step": "5"},
        {"cursor": "' OR 1=1 --"},
    ],
    ids=str,
)
def test_bad_input_is_named(node: RunningNode, query: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        series(node, "busy", **query)
    assert caught.value.code in {"INVALID_FIELD", "INVALID_REQUEST"}
    assert next(iter(query)) in caught.value.message


def test_nobody_has_no_series(node: RunningNode) -> None:
    with pytest.raises(NotFound):
        series(node, "nobody")


# ----------------------------------------------------------------------------------------------- the shell


def test_the_store_tells_of_services(node: RunningNode) -> None:
    found = {(one["namespace"], one["name"]): one for one in shell(node, "SELECT * FROM services")}
    assert found.keys() == {
        ("default", "busy"),
        ("default", "idle"),
        ("default", "once"),
        ("trade", "shop.db"),
        ("trade", "shop.web"),
    }
    web, busy, once = found["trade", "shop.web"], found["default", "busy"], found["default", "once"]
    assert (web["service_group"], web["ready"], web["reason"], web["source"]) == (
        "shop",
        1,
        "Running",
        "root",
    )
    assert (busy["service_group"], busy["restarts"], busy["processes"]) == (None, 0, 1)
    assert busy["cpu_s"] > 0
    assert busy["started_at"] <= busy["measured_at"] <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert (once["reason"], once["memory_bytes"], once["measured_at"]) == ("Completed", None, None)


def test_the_store_tells_of_groups(node: RunningNode) -> None:
    (shop,) = shell(node, "SELECT * FROM service_groups")
    assert (shop["namespace"], shop["name"], shop["ready"]) == ("trade", "shop", 1)
    assert (shop["services"], shop["services_ready"]) == (2, 2)


def test_the_store_tells_what_was_done_and_by_whom(node: RunningNode) -> None:
    assert node.command("service", "stop", "idle", "--reason", "a look").returncode == 0
    until(lambda: node.status("service/idle")["reason"] == "Stopped", "it is stopped")
    assert node.command("service", "start", "service/default/idle").returncode == 0
    until(lambda: node.status("service/idle")["reason"] == "Running", "it runs again")
    assert node.command("reconcile", "service/trade/shop.db", "servicegroup/trade/shop").returncode == 0
    done = shell(node, "SELECT * FROM service_operations ORDER BY at")
    of_idle = [
        (one["operation"], one["actor"] != "node", one["state"]) for one in done if one["name"] == "idle"
    ]
    assert of_idle[0] == ("Start", False, "planned")
    assert ("override", True, "done") in of_idle
    assert ("Stop", False, "planned") in of_idle
    assert ("end-override", True, "done") in of_idle
    assert {one["namespace"] for one in done if one["name"] == "idle"} == {"default"}
    asked = [(one["kind"], one["namespace"], one["name"]) for one in done if one["operation"] == "reconcile"]
    assert asked == [("Service", "trade", "shop.db"), ("ServiceGroup", "trade", "shop")]
    assert all(one["operation_id"].startswith("op-") for one in done if one["actor"] != "node")


def test_the_store_tells_what_was_used(node: RunningNode) -> None:
    query = (
        "SELECT name, max(cpu_us) AS most, max(memory_peak_bytes) AS peak, count(*) AS rounds "
        "FROM service_metrics GROUP BY name ORDER BY most DESC"
    )
    found = shell(node, query)
    assert found[0]["name"] == "busy"
    assert {one["name"] for one in found} >= {"busy", "idle", "shop.db", "shop.web"}
    assert all(one["peak"] > 0 and one["rounds"] > 1 for one in found if one["name"] != "once")


def test_the_page_about_the_store_is_right(node: RunningNode) -> None:
    """Its question is answered, and it names each column that there is."""
    (question,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    shares = {one["name"]: one["cpu_percent"] for one in shell(node, question)}
    assert shares["busy"] > shares["shop.db"]
    named = set(re.findall(r"`(\w+)`", PAGE.read_text())) | {"seal"}
    columns = shell(
        node,
        "SELECT t.name AS of_table, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c "
        "WHERE t.type = 'view' OR t.name = 'service_metrics'",
    )
    assert {one["of_table"] for one in columns} >= {"resources", "services", "service_metrics"}
    assert [one for one in columns if one["name"] not in named] == []
