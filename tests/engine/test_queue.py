"""The queue against a model that is a plain list: nothing lost, nothing doubled, one worker a ref."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconciler.engine.queue import LONGEST, SHORTEST, SLACK, Priority, Queue
from reconciler.model import Ref

REFS = [Ref("Thing", "default", name) for name in "abcde"]
A, B, C, *_ = REFS


def queue() -> Queue:
    return Queue(Random(1))


class Against(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queue = queue()
        self.now = 0.0
        self.added: dict[Ref, tuple[float, Priority]] = {}
        self.busy: set[Ref] = set()

    @rule(ref=st.sampled_from(REFS), priority=st.sampled_from(Priority), delay=st.integers(0, 5))
    def add(self, ref: Ref, priority: Priority, delay: int) -> None:
        due = self.now + delay
        self.queue.add(ref, priority, due)
        before = self.added.get(ref, (due, priority))
        self.added[ref] = (min(before[0], due), min(before[1], priority))

    @rule()
    def take(self) -> None:
        ripe = {
            ref: priority
            for ref, (due, priority) in self.added.items()
            if due <= self.now and ref not in self.busy
        }
        ref = self.queue.take(self.now)
        assert (ref is None) == (not ripe)
        if ref is not None:
            assert ripe[ref] == min(ripe.values())
            del self.added[ref]
            self.busy.add(ref)

    @rule(ref=st.sampled_from(REFS))
    def done(self, ref: Ref) -> None:
        self.queue.done(ref)
        self.busy.discard(ref)

    @rule(ref=st.sampled_from(REFS))
    def forget(self, ref: Ref) -> None:
        self.queue.forget(ref)
        self.added.pop(ref, None)

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def agree(self) -> None:
        assert len(self.queue) == len(self.added)
        assert self.queue.busy == self.busy
        due = any(at <= self.now for at, _ in self.added.values())
        assert self.queue.is_idle(self.now) == (not self.busy and not due)
        nothing_but_resync = all(p is Priority.RESYNC for _, p in self.added.values())
        assert self.queue.is_quiet(tries=1) == (not self.busy and nothing_but_resync)

    @invariant()
    def says_when_to_look_again(self) -> None:
        """After `take` has nothing, `next_due` is the earliest that is still to come."""
        free = {ref: due for ref, (due, _) in self.added.items() if ref not in self.busy}
        if free and min(free.values()) > self.now:
            assert self.queue.take(self.now) is None
            due = self.queue.next_due()
            assert due is not None
            assert due <= min(free.values())


TestAgainst = Against.TestCase


def test_a_changed_resource_overtakes_the_resync() -> None:
    it = queue()
    it.add(A, Priority.RESYNC, 0.0)
    it.add(B, Priority.RETRY, 1.0)
    it.add(C, Priority.CHANGED, 2.0)
    assert [it.take(5.0) for _ in range(4)] == [C, B, A, None]


def test_of_equals_the_first_is_first() -> None:
    it = queue()
    for ref in (C, A, B):
        it.add(ref, Priority.CHANGED, 0.0)
    assert [it.take(0.0) for _ in range(3)] == [C, A, B]


def test_what_comes_while_it_is_worked_on_comes_again_afterwards() -> None:
    it = queue()
    it.add(A, Priority.CHANGED, 0.0)
    assert it.take(0.0) == A
    it.add(A, Priority.CHANGED, 0.0)
    assert it.take(0.0) is None
    it.done(A)
    assert it.take(0.0) == A
    assert it.take(0.0) is None


def test_quiet_is_when_only_what_has_failed_often_is_left() -> None:
    it = queue()
    it.add(A, Priority.RETRY, 9.0)
    assert not it.is_quiet(tries=2)
    it.failed(A)
    it.failed(A)
    assert it.is_quiet(tries=2)


@given(st.integers(), st.integers(0, 60))
@pytest.mark.req("TST-47")
def test_backoff_doubles_within_its_bounds(seed: int, tries: int) -> None:
    it = Queue(Random(seed))
    for count in range(tries):
        delay = it.failed(A)
        assert SHORTEST <= delay <= LONGEST
        middle = min(LONGEST, SHORTEST * 2.0**count)
        assert middle / 2 <= delay <= middle or delay == SHORTEST
    assert it.failures(A) == tries


def test_backoff_reaches_both_of_its_bounds() -> None:
    it = queue()
    delays = [it.failed(A) for _ in range(200)]
    assert (SHORTEST, LONGEST) == (0.005, 1000.0)
    assert delays[0] == SHORTEST
    assert max(delays) > 0.99 * LONGEST


def test_one_refs_failures_are_no_others() -> None:
    it = queue()
    it.failed(A)
    assert (it.failures(A), it.failures(B)) == (1, 0)
    it.forgive(A)
    assert it.failures(A) == 0


def test_a_flood_of_events_leaves_no_litter() -> None:
    it = queue()
    for ref in REFS:
        for n in range(10_000):
            it.add(ref, Priority.RESYNC, 10_000.0 - n)
    assert len(it._waiting) <= 2 * len(REFS) + SLACK + 1
    assert len(it) == len(REFS)


@pytest.mark.req("OBS-14")
def test_it_says_how_much_there_is_to_do_and_for_how_long() -> None:
    queue = Queue(Random(1))
    assert queue.backlog(0.0) == (0, 0, 0, 0.0)
    queue.add(A, Priority.CHANGED, 1.0)
    queue.add(B, Priority.RESYNC, 3.0)
    queue.add(C, Priority.RETRY, 50.0)
    assert queue.backlog(4.0) == (3, 2, 0, 3.0)
    assert queue.take(4.0) == A
    assert queue.backlog(5.0) == (2, 1, 1, 2.0)
