"""Whether a revision has come up is decided by what is known, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Condition, Need, Origin, Ref, Resource, Snapshot, Spec, Status
from reconciler.sources.rollout import STALL_GRACE_S, Outcome, Rollout, advance, begin, decides_at, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE_S = 60.0


class Wish(Spec):
    word: str = ""


def ref(name: str) -> Ref:
    return Ref("Wish", "default", name)


def snapshot(revision: str, wishes: dict[str, str], origin: str = "") -> Snapshot:
    """Every resource bears the revision that wrote it; `origin` an older one, where it did not change."""
    resources = {
        ref(name): Resource(ref(name), Wish(word=word), Origin("root", origin or revision))
        for name, word in wishes.items()
    }
    return Snapshot("root", revision, resources)


def status(
    revision: str, *, ready: bool = False, stalled: str = "", reached: frozenset[Need] = frozenset()
) -> Status:
    conditions = [Condition("Ready", ready, "", "", NOW)]
    if stalled:
        conditions.append(Condition("Stalled", status=True, reason="Broken", message=stalled, since=NOW))
    return Status(tuple(conditions), 1, 1, revision, reached)


def two() -> Rollout:
    """A revision that changed `a` and made `b`, at 0 s."""
    return begin(snapshot("1", {"a": "x", "c": "z"}), snapshot("2", {"a": "y", "b": "x", "c": "z"}), 0.0)


def test_only_what_a_revision_changed_is_its_business() -> None:
    assert two().changed == {ref("a"): "2", ref("b"): "2"}
    assert begin(None, snapshot("1", {"a": "x"}), 0.0).changed == {ref("a"): "1"}


def test_a_revision_that_changes_nothing_has_succeeded() -> None:
    same = begin(snapshot("1", {"a": "x"}), snapshot("2", {"a": "x"}), 0.0)
    assert judge(same, DEADLINE_S, 0.0) is Outcome.SUCCEEDED
    gone = begin(snapshot("1", {"a": "x"}), snapshot("2", {}), 0.0)
    assert judge(gone, DEADLINE_S, 0.0) is Outcome.SUCCEEDED


def test_it_succeeds_when_all_is_ready_at_one_moment() -> None:
    rollout = advance(two(), {ref("a"): status("2", ready=True)}, 1.0)
    assert judge(rollout, DEADLINE_S, 1.0) is Outcome.RUNNING
    assert rollout.why == "no progress: wish/b is not ready"
    rollout = advance(rollout, {ref("a"): status("2"), ref("b"): status("2", ready=True)}, 2.0)
    assert judge(rollout, DEADLINE_S, 2.0) is Outcome.RUNNING
    rollout = advance(rollout, {ref(name): status("2", ready=True) for name in "ab"}, 3.0)
    assert judge(rollout, DEADLINE_S, 3.0) is Outcome.SUCCEEDED


def test_a_status_of_an_earlier_wish_says_nothing() -> None:
    stale = {ref("a"): status("1", ready=True), ref("b"): status("1", stalled="long ago")}
    rollout = advance(two(), stale, 1.0)
    assert rollout.waiting == {ref("a"), ref("b")}
    assert not rollout.stalled


def test_a_resource_that_came_back_is_judged_by_the_revision_that_wrote_it() -> None:
    rollout = begin(snapshot("2", {}), snapshot("3", {"a": "x"}, origin="1"), 0.0)
    rollout = advance(rollout, {ref("a"): status("1", ready=True)}, 1.0)
    assert judge(rollout, DEADLINE_S, 1.0) is Outcome.SUCCEEDED


def test_it_fails_when_something_stays_stalled() -> None:
    stuck = {ref("a"): status("2", ready=True), ref("b"): status("2", stalled="no such image")}
    rollout = advance(advance(two(), stuck, 1.0), stuck, 5.0)
    assert judge(rollout, DEADLINE_S, 1.0 + STALL_GRACE_S - 0.1) is Outcome.RUNNING
    assert judge(rollout, DEADLINE_S, 1.0 + STALL_GRACE_S) is Outcome.FAILED
    assert rollout.why == "wish/b is stalled: no such image"


def test_a_passing_stall_is_forgotten() -> None:
    rollout = advance(two(), {ref("b"): status("2", stalled="driver gone")}, 1.0)
    rollout = advance(rollout, {ref("b"): status("2")}, 9.0)
    assert decides_at(rollout, DEADLINE_S) == DEADLINE_S
    rollout = advance(rollout, {ref("b"): status("2", stalled="driver gone")}, 12.0)
    assert decides_at(rollout, DEADLINE_S) == 12.0 + STALL_GRACE_S


def test_it_fails_when_nothing_gets_further() -> None:
    rollout = advance(two(), {ref("a"): status("2", ready=True)}, 50.0)
    assert judge(rollout, DEADLINE_S, 50.0 + DEADLINE_S - 0.1) is Outcome.RUNNING
    assert judge(rollout, DEADLINE_S, 50.0 + DEADLINE_S) is Outcome.FAILED


def test_starting_over_and_over_is_no_progress() -> None:
    up, down = status("2", reached=frozenset({Need.STARTED})), status("2")
    rollout = two()
    for second in range(1, 100):
        rollout = advance(rollout, {ref("a"): up if second % 2 else down}, float(second))
    assert rollout.moved_at == 1.0
    assert judge(rollout, DEADLINE_S, 1.0 + DEADLINE_S) is Outcome.FAILED


def test_a_short_deadline_is_never_outlived_by_the_grace() -> None:
    rollout = advance(two(), {ref("b"): status("2", stalled="x")}, 0.0)
    assert decides_at(rollout, 1.0) == 1.0


STATUSES = st.builds(
    status,
    st.sampled_from(["1", "2"]),
    ready=st.booleans(),
    stalled=st.sampled_from(["", "why"]),
    reached=st.frozensets(st.sampled_from(list(Need))),
)
LOOKS = st.lists(
    st.tuples(st.floats(0, 30), st.dictionaries(st.sampled_from([ref("a"), ref("b")]), STATUSES)), max_size=30
)


@given(LOOKS)
def test_every_rollout_ends(looks: list[tuple[float, dict[Ref, Status]]]) -> None:
    """Whatever the statuses do, and however often: each of 2 refs can get further 4 times at most."""
    now, rollout = 0.0, two()
    for pause, statuses in looks:
        now += pause
        before, rollout = rollout, advance(rollout, statuses, now)
        assert rollout.reached >= before.reached
        assert (rollout.moved_at == now and rollout.reached > before.reached) or (
            rollout.moved_at == before.moved_at and rollout.reached == before.reached
        )
    assert rollout.moved_at <= now
    assert judge(rollout, DEADLINE_S, rollout.moved_at + DEADLINE_S) is not Outcome.RUNNING


@given(LOOKS)
def test_looking_twice_is_looking_once(looks: list[tuple[float, dict[Ref, Status]]]) -> None:
    now, rollout = 0.0, two()
    for pause, statuses in looks:
        now += pause
        rollout = advance(rollout, statuses, now)
        again = advance(rollout, statuses, now + 1)
        assert replace(again, stalled_at=rollout.stalled_at) == rollout
        assert judge(again, DEADLINE_S, now) == judge(rollout, DEADLINE_S, now)


def test_labels_and_annotations_are_part_of_the_wish() -> None:
    before, after = snapshot("1", {"a": "x"}), snapshot("2", {"a": "x"})
    wish = after.resources[ref("a")]
    for other in (replace(wish, labels={"k": "v"}), replace(wish, annotations={"k": "v"})):
        assert begin(before, replace(after, resources={ref("a"): other}), 0.0).changed == {ref("a"): "2"}
