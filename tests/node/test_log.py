"""What a node logs: lines for programs, each with its request, and no more than is wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.node.running import RunningNode, key, running_node, until
from tests.saving import save

pytestmark = pytest.mark.req("OBS-21", "OBS-22", "OBS-23")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def up(node: RunningNode, **settings: str) -> None:
    save(node.place / "all.yaml", key("release"))
    node.start(**settings)
    until(lambda: node.converged({"key/release"}), "it is up")


def lines(node: RunningNode) -> list[dict[str, Any]]:
    return [json.loads(line) for line in node.printed.splitlines() if line.startswith("{")]


def test_each_request_is_a_line_with_its_id_and_its_trace() -> None:
    with running_node() as node:
        up(node, HOLDFAST_LOG_FORMAT="json", HOLDFAST_LOG_LEVEL="debug")
        node.command("reconcile", "key/release", "--trace-id", TRACE)
        node.command("get", "key/nobody")
        until(lambda: any(one.get("status") == "404" for one in lines(node)), "both are told")
        (asked,) = (one for one in lines(node) if one.get("route") == "/api/v1/reconcile")
        assert asked["level"] == "debug"
        (refused,) = (one for one in lines(node) if one.get("status") == "404")
        assert refused["level"] == "info"
        assert asked["message"].startswith("POST /api/v1/reconcile 202 in ")
        assert asked["trace_id"] == TRACE
        assert asked["request_id"].startswith("req-")
        assert (asked["method"], asked["status"], asked["door"]) == ("POST", "202", "socket")
        assert asked["duration_ms"] > 0
        trail = json.loads(node.command("audit", "ls", "-o", "json").stdout)
        assert (trail[-1]["request_id"], trail[-1]["trace_id"]) == (asked["request_id"], TRACE)
        reads = [one for one in lines(node) if one.get("method") == "GET" and one["status"] == "200"]
        assert {one["level"] for one in reads} == {"debug"}
        assert all(one["request_id"] and one["trace_id"] for one in reads)
        assert len({one["span_id"] for one in reads}) == len(reads)


def test_reads_are_no_news_and_a_path_stays_on_its_line() -> None:
    with running_node() as node:
        up(node)
        node.remote.ask("GET", "/health")
        for path in ("/nothing", "/x%0Ay%1B[31m"):
            with pytest.raises(Exception, match="there is nothing at this path"):
                node.remote.ask("GET", path)
        until(lambda: "/x" in node.printed, "refusals are told")
        told = [line for line in node.printed.splitlines() if " api.answered: " in line]
        assert [line.partition(": ")[2].split()[1] for line in told] == ["/nothing", r"/x\ny\x1b[31m"]
        assert all("[req-" in line for line in told)


@pytest.mark.req("AUTH-35", "OBS-24")
def test_at_debug_others_stay_silent_though_the_log_lies_beside_what_is_watched() -> None:
    """Its own lines are changes in the folder above; to tell of those would be told of again."""
    with running_node() as node:
        up(node, HOLDFAST_LOG_FORMAT="json", HOLDFAST_LOG_LEVEL="debug")
        for number in range(20):
            save(node.place / f"{number}.yaml", key(f"k{number}"))
        until(lambda: node.has({"key/release", *(f"key/k{number}" for number in range(20))}), "all are there")
        told = [one for one in lines(node) if one["level"] == "debug"]
        assert {one["logger"].partition(".")[0] for one in told} == {"api"}
