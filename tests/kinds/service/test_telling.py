"""What is told of a service and of a group: each start and end, however little was seen of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.kinds.service import Service, ServiceGroup
from reconciler.kinds.service.group import Gathered
from reconciler.kinds.service.running import Phase, Running
from reconciler.kinds.service.spec import ServiceGroupSpec, ServiceSpec
from reconciler.model import Case, Condition, JsonValue, Look, Origin, Owner, Ref, Resource, Seen, Status

pytestmark = pytest.mark.req("EVT-09")

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WEB = Ref("Service", "default", "web")
SHOP = Ref("ServiceGroup", "default", "shop")
SPEC = ServiceSpec.model_validate({"command": ["run"]})
GROUP = ServiceGroupSpec.model_validate({"services": {"a": {"command": ["run"]}, "b": {"command": ["run"]}}})
PARTS = ServiceGroup().looks_at(Resource(SHOP, GROUP, Origin("root")))


def saw(phase: Phase | None, since: str = "first", **facts: JsonValue) -> Seen[Running]:
    if phase is None:
        return Seen(None, Owner.NONE, NOW)
    return Seen(
        Running(phase), Owner.OURS, NOW, facts={"started_at": since, "pid": 7, "restarts": 0, **facts}
    )


def status(reason: str, *, ready: bool = True) -> Status:
    return Status((Condition("Ready", ready, reason, "", NOW),), 1, 1, "r1")


def told(
    was: Seen[Running] | None, seen: Seen[Running], before: Status | None = None
) -> list[tuple[str, dict[str, JsonValue]]]:
    case = Case(Resource(WEB, SPEC, Origin("root")), seen)
    return [(name, dict(data)) for name, data in Service().tells(case, was, before)]


def names(was: Seen[Running] | None, seen: Seen[Running], before: Status | None = None) -> list[str]:
    return [name for name, _ in told(was, seen, before)]


def test_a_start_and_an_end_are_told() -> None:
    assert told(saw(None), saw(Phase.RUNNING)) == [("service.started", {"pid": 7, "restarts": 0})]
    ended = saw(Phase.ENDED, exit_code=3, signal=None)
    assert told(saw(Phase.RUNNING), ended) == [("service.stopped", {"exit_code": 3, "signal": None})]
    assert names(saw(Phase.ENDING), saw(None)) == ["service.stopped"]
    assert names(saw(Phase.RUNNING), saw(Phase.STOPPED)) == ["service.stopped"]


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.FROZEN, Phase.ENDING])
def test_one_life_is_told_once(phase: Phase) -> None:
    assert names(saw(Phase.RUNNING), saw(phase)) == []
    assert names(saw(Phase.ENDED), saw(Phase.ENDED), status("Completed")) == []
    assert names(saw(None), saw(None)) == []


def test_a_restart_between_two_looks_is_told_as_both() -> None:
    again = told(saw(Phase.RUNNING), saw(Phase.RUNNING, "second", restarts=1))
    assert again == [("service.stopped", {}), ("service.started", {"pid": 7, "restarts": 1})]


@pytest.mark.parametrize("reason", ["Running", "Unhealthy", "Starting"])
def test_what_ended_while_no_node_was_there_is_told_by_the_next(reason: str) -> None:
    ended = saw(Phase.ENDED, exit_code=None, signal=9)
    assert told(None, ended, status(reason)) == [("service.stopped", {"exit_code": None, "signal": 9})]
    assert names(ended, saw(Phase.RUNNING, "second"), status(reason)) == ["service.started"]
    assert names(None, saw(Phase.RUNNING), status(reason)) == [], "it has run on"
    assert names(None, ended, status("Completed")) == [], "it was told before"
    assert names(None, saw(None), None) == []


def test_a_change_of_health_is_told_within_one_life() -> None:
    healthy, ill = (
        saw(Phase.RUNNING, health="healthy"),
        saw(Phase.RUNNING, health="unhealthy", health_message="503"),
    )
    assert told(healthy, ill) == [
        ("service.health_changed", {"was": "healthy", "health": "unhealthy", "message": "503"})
    ]
    assert names(healthy, healthy) == []
    assert names(saw(Phase.RUNNING), healthy) == [], "the check is new, and it has not changed yet"
    assert names(healthy, saw(Phase.RUNNING)) == []
    assert names(healthy, saw(Phase.RUNNING, "second", health="starting")) == [
        "service.stopped",
        "service.started",
    ]


def of_group(reason: str | None, before: Status | None, wish: ServiceGroupSpec | None = GROUP) -> list[str]:
    """`reason`: of its services; None: they are gone."""
    want = Resource(WEB, SPEC, Origin("root"))
    look = Look(want, None, status(reason)) if reason is not None else Look(None, None, None)
    case = Case(
        Resource(SHOP, wish, Origin("root"), last=GROUP),
        Seen(Gathered() if wish is not None else None, Owner.OURS, NOW),
        dict.fromkeys(PARTS, look),
    )
    return [name for name, _ in ServiceGroup().tells(case, case.seen, before)]


def test_a_group_starts_with_the_last_and_stops_with_the_last_of_its_services() -> None:
    assert of_group("Running", None) == ["group.started"]
    assert of_group("Running", status("ServicesNotReady", ready=False)) == ["group.started"]
    assert of_group("Running", status("AllReady")) == []
    assert of_group("Stopped", status("AllReady")) == ["group.stopped"]
    assert of_group("Stopped", status("Stopped")) == []
    assert of_group("Stopped", None) == [], "it was declared so"
    assert of_group("Running", status("Stopped")) == ["group.started"]


def test_a_group_that_is_to_go_stops_when_nothing_is_left_of_it() -> None:
    assert of_group("Running", status("AllReady"), None) == []
    assert of_group(None, status("AllReady"), None) == ["group.stopped"]


def test_a_group_whose_services_are_stopped_says_so() -> None:
    def verdict(*reasons: str) -> str:
        looks = [Look(None, None, status(one) if one else None) for one in reasons]
        seen = Seen(Gathered(), Owner.OURS, NOW)
        case = Case(Resource(SHOP, GROUP, Origin("root")), seen, dict(zip(sorted(PARTS), looks, strict=True)))
        return ServiceGroup().verdict(case).reason

    assert verdict("Stopped", "Stopped") == "Stopped"
    assert verdict("Stopped", "Running") == "AllReady"
    assert verdict("Stopped", "") == "ServicesNotReady"
