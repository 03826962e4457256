"""How a custom resource stands, as `kubectl wait` and other tools read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.model import EMPTY, Condition, Event, JsonValue, Ref, Status
from reconciler.sources.cluster import events
from reconciler.sources.cluster.objects import CustomResource
from reconciler.sources.cluster.standing import Standing, patch, status_of

pytestmark = pytest.mark.req("CORE-07", "CORE-06")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
ONE = CustomResource(Ref("Key", "shop", "release"), "uid", "7", 3, b"")


def judged(*conditions: tuple[str, bool, str], error: str = "") -> Status:
    made = (Condition(name, status, reason, "", NOW) for name, status, reason in conditions)
    return Status(tuple(made), 1, 1, "r", waits_for=(Ref("Secret", "shop", "db"),), error=error)


def conditions(status: dict[str, JsonValue]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


READY = judged(("Ready", True, "Converged"))


def test_what_is_ready_says_so_for_the_generation_in_force() -> None:
    status = status_of(ONE, Standing(READY, generation=3, columns={"role": "creator"}), NOW)
    assert conditions(status) == {"Ready": ("True", "Converged")}
    assert status["observedGeneration"] == 3
    assert status["columns"] == {"role": "creator"}
    assert status["waitsFor"] == ["secret/shop/db"]


def test_a_status_of_an_earlier_wish_does_not_pass_for_one_of_the_present() -> None:
    before = replace(ONE, status=status_of(replace(ONE, generation=2), Standing(READY, generation=2), NOW))
    assert status_of(before, Standing(READY, generation=None), LATER)["observedGeneration"] == 2
    assert status_of(ONE, Standing(), NOW)["observedGeneration"] == 0
    assert conditions(status_of(ONE, Standing(), NOW))["Reconciling"] == ("True", "Pending")


def test_an_obstacle_is_told_instead_of_the_version_in_force() -> None:
    wrong = Standing(READY, generation=2, obstacle=("Invalid", "spec.role: …"), stalled=True)
    status = status_of(ONE, wrong, NOW)
    assert conditions(status) == {"Ready": ("False", "Invalid"), "Stalled": ("True", "Invalid")}
    assert status["observedGeneration"] == 3, "what is wrong is the present one"
    held = status_of(ONE, Standing(READY, generation=2, obstacle=("PruneBudget", "…")), NOW)
    assert conditions(held) == {"Ready": ("False", "PruneBudget"), "Reconciling": ("True", "PruneBudget")}
    assert held["observedGeneration"] == 2


def test_a_transition_is_one_of_the_status_and_not_of_the_message() -> None:
    first = status_of(ONE, Standing(judged(("Ready", False, "Starting")), generation=3), NOW)
    seen = replace(ONE, status=first)
    still = status_of(seen, Standing(judged(("Ready", False, "Waiting")), generation=3), LATER)
    assert still["conditions"][0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    turned = status_of(seen, Standing(READY, generation=3), LATER)
    assert turned["conditions"][0]["lastTransitionTime"] == "2026-01-02T04:00:00Z"


def test_the_same_is_not_written_twice_and_what_is_gone_is_taken_away() -> None:
    standing = Standing(READY, generation=3, columns={"role": "creator", "bits": "256"})
    written = replace(ONE, status=status_of(ONE, standing, NOW))
    assert patch(written, status_of(written, standing, LATER)) == {}
    fewer = status_of(written, replace(standing, columns={"role": "creator"}), LATER)
    assert patch(written, fewer) == {"columns": {"role": "creator", "bits": None}}


def test_an_event_names_its_object_and_keeps_its_own_name() -> None:
    part = Event(
        "reconcile.applied", NOW, Ref("Service", "shop", "web.a"), {"steps": ["Start", "Wait"]}, id=18
    )
    told = events.told(part, ONE, "0123456789abcdef")
    assert told["metadata"] == {"name": "release.0123456700000012", "namespace": "shop"}
    assert (told["type"], told["reason"]) == ("Normal", "ReconcileApplied")
    assert told["message"] == "service/shop/web.a: Start, Wait"
    assert told["involvedObject"]["uid"] == "uid"
    assert events.told(part, ONE, "0123456789abcdef") == told
    failed = events.told(Event("reconcile.failed", NOW, ONE.ref, {"error": "x" * 5000}), ONE, "n")
    assert failed["type"] == "Warning"
    assert len(failed["message"]) == 1024
    ready = events.told(Event("resource.ready", NOW, ONE.ref, EMPTY), ONE, "n")
    assert ready["message"] == "ready"
