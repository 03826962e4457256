"""What came of a pass, as conditions that people and programs can act on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.decide import Decision, Gate
from reconciler.engine.judge import STALLS_AFTER, Outcome, judge
from reconciler.errors import Invalid, Unavailable
from reconciler.model import Change, Condition, Need, Plan, Ref, Status, Verdict

pytestmark = pytest.mark.req("CORE-06")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DIFFERS = (Change(("size",), 1, 2),)


def fresh(outcome: Outcome) -> Status:
    return judge(outcome, None, generation=2, revision="r1", now=NOW)


def words(status: Status) -> list[tuple[str, bool, str]]:
    return [(c.type, c.status, c.reason) for c in status.conditions]


def test_converged_is_ready_and_nothing_else() -> None:
    status = fresh(Outcome(verdict=Verdict(reached=frozenset({Need.STARTED}))))
    assert words(status) == [("Ready", True, "Converged")]
    assert (status.generation, status.observed_generation, status.revision) == (2, 2, "r1")
    assert status.meets(Need.READY)
    assert status.meets(Need.STARTED)
    assert not status.meets(Need.HEALTHY)


def test_converged_and_not_ready_says_why() -> None:
    status = fresh(Outcome(verdict=Verdict(ready=False, reason="Starting", message="the port is shut")))
    assert words(status) == [("Ready", False, "Starting"), ("Reconciling", True, "Starting")]
    assert status.conditions[0].message == "the port is shut"


def test_a_kind_may_say_that_nothing_but_help_helps() -> None:
    status = fresh(Outcome(verdict=Verdict(ready=False, reason="Undecryptable", stalled=True)))
    assert words(status) == [("Ready", False, "Undecryptable"), ("Stalled", True, "Undecryptable")]
    assert status.stalled


def test_what_differs_is_named_and_not_observed_yet() -> None:
    last = fresh(Outcome())
    changes = tuple(Change((name,), 1, 2) for name in "abcdef")
    status = judge(Outcome(Decision(changes=changes)), last, 3, "r2", LATER)
    assert words(status) == [("Ready", False, "Progressing"), ("Reconciling", True, "Progressing")]
    assert status.conditions[0].message == "differs in a, b, c, d and 2 more"
    assert (status.generation, status.observed_generation) == (3, 2)


def test_a_whole_that_is_to_be_made_is_named_as_all() -> None:
    status = fresh(Outcome(Decision(changes=(Change((), None, {}),))))
    assert status.conditions[0].message == "differs in all"


@pytest.mark.parametrize("stalled", [False, True])
def test_a_plan_without_steps_says_what_it_waits_for(stalled: bool) -> None:
    plan: Plan[object] = Plan(waiting="for the moon", stalled=stalled)  # type: ignore[type-var]
    status = fresh(Outcome(Decision(changes=DIFFERS, plan=plan)))
    assert status.conditions[0].message == "for the moon"
    assert (status.stalled, status.conditions[1].reason) == (
        stalled,
        "NotProgressing" if stalled else "Progressing",
    )


@pytest.mark.parametrize("gate", [gate for gate in Gate if gate not in {Gate.OPEN, Gate.SUSPENDED}])
def test_a_shut_gate_is_the_reason_and_only_three_are_beyond_time(gate: Gate) -> None:
    waits = (Ref("Thing", "default", "a"),)
    status = fresh(Outcome(Decision(gate, "because", waits), Verdict(ready=False)))
    other = "Stalled" if gate in {Gate.FOREIGN, Gate.CYCLE, Gate.UNWANTED} else "Reconciling"
    assert words(status) == [("Ready", False, gate.value), (other, True, gate.value)]
    assert status.waits_for == waits


@pytest.mark.parametrize(
    ("decision", "verdict", "ready"),
    [
        (Decision(Gate.SUSPENDED), Verdict(), True),
        (Decision(Gate.SUSPENDED), Verdict(ready=False), False),
        (Decision(Gate.SUSPENDED, changes=DIFFERS), Verdict(), False),
        (Decision(Gate.SUSPENDED, unsettled=True), Verdict(), False),
    ],
)
def test_suspended_is_as_ready_as_it_is_and_tries_nothing(
    decision: Decision, verdict: Verdict, ready: bool
) -> None:
    assert words(fresh(Outcome(decision, verdict))) == [("Ready", ready, "Suspended")]


def test_a_failure_that_may_pass_is_tried_again_until_it_has_failed_too_often() -> None:
    for failures in range(1, STALLS_AFTER):
        status = fresh(Outcome(error=Unavailable("the engine is away"), failures=failures))
        assert words(status) == [
            ("Ready", False, "ServiceUnavailable"),
            ("Reconciling", True, "ServiceUnavailable"),
        ]
    status = fresh(Outcome(error=Unavailable("the engine is away"), failures=STALLS_AFTER))
    assert status.stalled
    assert status.error == "the engine is away"


def test_a_failure_that_cannot_pass_is_stalled_at_once() -> None:
    assert fresh(Outcome(error=Invalid("no such role", remedy="take another"), failures=1)).stalled


def test_a_crash_is_named_and_reaches_nothing() -> None:
    outcome = Outcome(verdict=Verdict(reached=frozenset({Need.STARTED})), error=KeyError("x"), failures=1)
    status = fresh(outcome)
    assert words(status)[0] == ("Ready", False, "Crashed")
    assert status.error == "KeyError: 'x'"
    assert not status.meets(Need.STARTED)


outcomes = st.builds(
    Outcome,
    st.builds(
        Decision,
        st.sampled_from(Gate),
        st.just("because"),
        changes=st.sampled_from([(), DIFFERS]),
        unsettled=st.booleans(),
    ),
    st.builds(Verdict, st.booleans(), st.sampled_from(["Converged", "Late"]), stalled=st.booleans()),
    st.none() | st.sampled_from([Unavailable("x"), Invalid("y"), OSError("z")]),
    st.integers(0, 10),
)


@given(outcomes, outcomes)
def test_kstatus_holds_whatever_happens(first: Outcome, second: Outcome) -> None:
    last = fresh(first)
    status = judge(second, last, 3, "r2", LATER)
    for one in (last, status):
        assert one.conditions[0].type == "Ready"
        others = [c.type for c in one.conditions[1:]]
        assert others in ([], ["Reconciling"], ["Stalled"])
        assert not (one.ready and others)
        assert one.observed_generation <= one.generation
    for condition in status.conditions:
        before = last.condition(condition.type)
        kept = before is not None and before.status == condition.status
        assert condition.since == (NOW if kept else LATER)


@given(outcomes)
def test_the_same_again_is_no_news(outcome: Outcome) -> None:
    """What is written in a status holds no clock and no counter, so nothing need be written again."""
    once = fresh(outcome)
    assert judge(outcome, once, 2, "r1", LATER) == once


def test_a_condition_keeps_its_time_until_its_truth_changes() -> None:
    once = fresh(Outcome(verdict=Verdict(ready=False, reason="Starting")))
    again = judge(Outcome(verdict=Verdict(ready=False, reason="Late")), once, 2, "r1", LATER)
    assert again.conditions[0] == Condition("Ready", False, "Late", "", NOW)
