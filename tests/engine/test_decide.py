"""What a pass may do: each gate shuts what it should, in the order in which people want to hear of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from reconciler.engine.decide import Decision, Gate, Surroundings, decide
from reconciler.errors import Invalid
from reconciler.model import (
    EMPTY,
    Case,
    Change,
    Condition,
    JsonValue,
    Look,
    Need,
    Origin,
    Owner,
    Plan,
    Ref,
    Resource,
    Seen,
    Spec,
    Status,
    Step,
)
from reconciler.ports.kind import Kind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF, OTHER = Ref("Thing", "default", "it"), Ref("Thing", "default", "other")


class ThingSpec(Spec):
    size: int = 0


@dataclass(frozen=True, slots=True)
class State:
    size: int


class Thing(Kind[ThingSpec, State, Step, None]):
    """Takes its size from the other one, when it looks at one."""

    spec = ThingSpec

    async def observe(
        self, want: Resource[ThingSpec], memory: Mapping[str, JsonValue], uses: None, *, fresh: bool
    ) -> Seen[State]:
        raise AssertionError("deciding observes nothing")

    def settle(self, case: Case[ThingSpec, State]) -> State | None:
        if OTHER in case.look and case.look[OTHER].seen is None:
            raise Invalid("the other is not there")
        return State(case.want.wish.size)

    def plan(self, case: Case[ThingSpec, State], changes: Sequence[Change]) -> Plan[Step]:
        return Plan((Step(),)) if changes else Plan()

    async def act(self, ref: Ref, step: Step, uses: None) -> None:
        raise AssertionError("deciding acts on nothing")


class Lives(Thing):
    lives: ClassVar[bool] = True


class Suspends(Thing):
    suspends: ClassVar[bool] = True


def case(spec: dict[str, Any] | None = None, **changes: Any) -> Case[Any, Any]:  # noqa: ANN401
    wish = ThingSpec.model_validate({"size": 1, **(spec or {})})
    want = Resource(REF, wish, Origin("root"), **changes.pop("want", {}))
    return replace(Case(want, seen(None)), **changes)


def gone(**changes: Any) -> Case[Any, Any]:  # noqa: ANN401
    want: Resource[Any] = Resource(REF, None, Origin("root"), last=ThingSpec(size=1), **changes)
    return Case(want, seen(State(1)))


def seen(actual: State | None, owner: Owner | None = None) -> Seen[State]:
    return Seen(actual, owner or (Owner.OURS if actual else Owner.NONE), NOW)


def look(status: Status | None = None, *, spec: ThingSpec | None = None, there: bool = True) -> Look:
    return Look(
        Resource(OTHER, spec or ThingSpec(), Origin("root")), seen(State(0)) if there else None, status
    )


def status(*, ready: bool, reached: frozenset[Need] = frozenset()) -> Status:
    condition = Condition("Ready", ready, "Converged" if ready else "Late", "", NOW)
    return Status((condition,), 1, 1, "r", reached)


def needing(looks: Mapping[Ref, Look], need: Need = Need.READY, **changes: Any) -> Case[Any, Any]:  # noqa: ANN401
    return case(want={"needs": {OTHER: need}}, look=looks, **changes)


def decided(of: Case[Any, Any], kind: Thing | None = None, **around: Any) -> Decision:  # noqa: ANN401
    return decide(kind or Thing(), of, Surroundings(**around))


def test_what_differs_is_planned() -> None:
    found = decided(case())
    assert found.gate is Gate.OPEN
    assert found.changes == (Change((), None, {"size": 1}),)
    assert len(found.plan.steps) == 1
    assert found.settled == State(1)


def test_what_is_as_wanted_has_no_step() -> None:
    found = decided(case(seen=seen(State(1))))
    assert (found.gate, found.changes, found.plan) == (Gate.OPEN, (), Plan())


def test_what_is_to_go_is_planned_as_absent() -> None:
    found = decided(gone())
    assert found.changes == (Change((), {"size": 1}, None),)
    assert found.plan.steps


@pytest.mark.parametrize(
    "suspended",
    [
        case({"suspend": True}),
        case(want={"annotations": {"holdfast.dev/reconcile": "disabled"}}),
        gone(annotations={"holdfast.dev/reconcile": "disabled"}),
    ],
)
def test_suspended_is_observed_and_not_acted_upon(suspended: Case[Any, Any]) -> None:
    found = decided(suspended)
    assert found.gate is Gate.SUSPENDED
    assert found.changes
    assert not found.plan.steps


def test_what_is_suspended_and_declared_no_more_says_both() -> None:
    off = {"holdfast.dev/reconcile": "disabled"}
    found = decided(replace(gone(), want=replace(gone().want, annotations=off)))
    assert found.message == (
        "nothing declares it any more; suspended: observed, not acted upon, as its annotation "
        "`holdfast.dev/reconcile: disabled` said last; declare it once without that, then it can go"
    )


def test_a_kind_may_carry_out_its_own_suspension() -> None:
    assert decided(case({"suspend": True}), Suspends()).gate is Gate.OPEN


def test_any_other_annotation_suspends_nothing() -> None:
    assert decided(case(want={"annotations": {"holdfast.dev/reconcile": "enabled"}})).gate is Gate.OPEN


@pytest.mark.req("CORE-09")
def test_foreign_is_not_planned_even_where_it_is_as_wanted() -> None:
    for size in (1, 2):
        found = decided(case(seen=seen(State(size), Owner.FOREIGN)))
        assert found.gate is Gate.FOREIGN
        assert not found.plan.steps


def test_foreign_is_planned_when_it_is_to_be_adopted() -> None:
    found = decided(case({"adopt": True}, seen=seen(State(2), Owner.FOREIGN)))
    assert found.gate is Gate.OPEN
    assert found.plan.steps


def test_a_wish_that_is_gone_adopts_nothing() -> None:
    """Adopted once, replaced by somebody since: it is not ours to remove."""
    want: Resource[Any] = Resource(REF, None, Origin("root"), last=ThingSpec(adopt=True))
    found = decided(Case(want, seen(State(1), Owner.FOREIGN)))
    assert found.gate is Gate.FOREIGN
    assert not found.plan.steps


def test_a_member_of_a_knot_is_told_with_all_of_it() -> None:
    found = decided(case(), cycle=(REF, OTHER))
    assert found.gate is Gate.CYCLE
    assert found.message == "needs itself: thing/it -> thing/other -> thing/it"
    assert not found.plan.steps


def test_a_member_of_a_knot_may_go() -> None:
    assert decided(gone(), cycle=(REF, OTHER)).gate is Gate.OPEN


def test_a_need_that_nothing_declares() -> None:
    found = decided(needing({OTHER: Look(None, seen(State(0)), None)}))
    assert found.gate is Gate.UNDECLARED
    assert found.message == "needs thing/other, which nothing declares"
    assert found.waits_for == (OTHER,)
    assert not found.plan.steps


def test_a_need_that_is_being_removed() -> None:
    going: Resource[Any] = Resource(OTHER, None, Origin("root"), last=ThingSpec())
    found = decided(needing({OTHER: Look(going, seen(State(0)), status(ready=True))}))
    assert found.gate is Gate.WAITS
    assert found.message == "needs thing/other, which is being removed"


@pytest.mark.parametrize(
    ("of_other", "need", "message"),
    [
        (None, Need.READY, "waits for thing/other to be ready"),
        (status(ready=False), Need.READY, "waits for thing/other to be ready (Late)"),
        (status(ready=True), Need.HEALTHY, "waits for thing/other to be healthy"),
        (status(ready=False), Need.STARTED, "waits for thing/other to be started (Late)"),
    ],
)
def test_a_need_that_is_not_met_yet(of_other: Status | None, need: Need, message: str) -> None:
    found = decided(needing({OTHER: look(of_other)}, need))
    assert (found.gate, found.message, found.waits_for) == (Gate.WAITS, message, (OTHER,))
    assert not found.plan.steps


@pytest.mark.parametrize(
    ("of_other", "need"),
    [
        (status(ready=True), Need.READY),
        (status(ready=False, reached=frozenset({Need.STARTED})), Need.STARTED),
        (status(ready=False, reached=frozenset({Need.STARTED, Need.COMPLETED})), Need.COMPLETED),
    ],
)
def test_a_need_that_is_met_opens_the_gate(of_other: Status, need: Need) -> None:
    assert decided(needing({OTHER: look(of_other)}, need)).plan.steps


def test_needs_gate_acting_and_not_observing() -> None:
    found = decided(needing({OTHER: look(None)}, seen=seen(State(1))))
    assert found.gate is Gate.OPEN
    assert not found.changes


def test_what_cannot_be_settled_while_it_waits_is_waiting() -> None:
    found = decided(needing({OTHER: look(None, there=False)}))
    assert found.gate is Gate.WAITS
    assert found.unsettled
    assert not found.plan.steps


def test_what_cannot_be_settled_with_all_needs_met_is_broken() -> None:
    with pytest.raises(Invalid, match="the other is not there"):
        decided(needing({OTHER: look(status(ready=True), there=False)}))


def test_what_cannot_be_settled_is_not_said_to_be_as_wanted() -> None:
    found = decided(_suspended_unsettled())
    assert found.gate is Gate.SUSPENDED
    assert found.unsettled


def _suspended_unsettled() -> Case[Any, Any]:
    waiting = needing({OTHER: look(None, there=False)})
    return replace(waiting, want=replace(waiting.want, spec=ThingSpec(size=1, suspend=True)))


def test_what_is_needed_stays() -> None:
    found = decided(gone(), dependents=(OTHER,))
    assert (found.gate, found.waits_for) == (Gate.NEEDED, (OTHER,))
    assert found.message == "still needed by thing/other"
    assert not found.plan.steps


def test_what_may_be_wanted_by_a_source_that_nobody_has_read_stays() -> None:
    found = decided(gone(), unread=("two", "three"))
    assert found.gate is Gate.UNREAD
    assert "two, three not read" in found.message
    assert not found.plan.steps


def test_dependents_and_unread_sources_hold_back_removals_only() -> None:
    assert decided(case(), dependents=(OTHER,), unread=("two",)).gate is Gate.OPEN


@pytest.mark.parametrize("of", [case(), gone()])
def test_what_lives_waits_for_a_living_node(of: Case[Any, Any]) -> None:
    assert decided(of, Lives(), living=False).gate is Gate.NODE
    assert decided(of, Lives(), living=True).gate is Gate.OPEN
    assert decided(of, Thing(), living=False).gate is Gate.OPEN


def test_what_lives_and_is_as_wanted_waits_for_nothing() -> None:
    assert decided(case(seen=seen(State(1))), Lives(), living=False).gate is Gate.OPEN


def test_several_needs_are_told_together() -> None:
    third = Ref("Thing", "default", "third")
    needs = {OTHER: Need.READY, third: Need.READY}
    of = case(want={"needs": needs}, look={OTHER: look(None), third: Look(None, None, None)})
    assert decided(of).gate is Gate.UNDECLARED
    assert decided(of).waits_for == (OTHER, third)


def test_nothing_of_it_reads_a_clock_or_keeps_anything() -> None:
    of = needing({OTHER: look(status(ready=True))}, memory=EMPTY)
    assert decided(of) == decided(of)
