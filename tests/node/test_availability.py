"""A node that is killed and started again knows how long it was away."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from tests.node.running import RunningNode, running_node, until


def stats(node: RunningNode) -> dict[str, Any]:
    return dict(node.ask("/daemon/stats"))


@pytest.mark.req("OBS-11")
def test_what_a_kill_costs_is_counted_and_no_more() -> None:
    with running_node() as node:
        node.start()
        until(node.answers, "it is up")
        until(lambda: node.ask("/daemon/status")["last_heartbeat_age_s"] is not None, "its life is noted")
        assert stats(node)["availability"] == 1.0
        began = datetime.fromisoformat(node.ask("/daemon/status")["started_at"]).timestamp()
        node.kill()
        node.start()
        until(node.answers, "it is up again")
        again = datetime.fromisoformat(node.ask("/daemon/status")["started_at"]).timestamp()
        up, whole = time.time() - again, time.time() - began  # the share grows from here on
        found = stats(node)
        assert found["availability_target"] == 0.999
        assert up / whole < found["availability"] < 1.0
