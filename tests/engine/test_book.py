"""What the engine knows at this moment: who looks at whom, who is part of whom, what a wish counts as."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.book import Book
from reconciler.engine.entry import digest
from reconciler.engine.wishes import Wishes
from reconciler.model import Condition, Need, Origin, Ref, Resource, Status
from reconciler.ports.store import Kept, Saved
from tests.engine.virtual import KINDS, ref_of, thing
from tests.simulation.thing import ThingSpec, named

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = named("a"), named("b"), named("c")


def wish(ref: Ref, spec: ThingSpec | None = None, **changes: object) -> Resource[ThingSpec]:
    spec = spec or thing()
    want = Resource(ref, spec, Origin("node", "1", "f.yaml"), needs=KINDS.needs(ref, spec))
    return replace(want, **changes)  # type: ignore[arg-type]


def wishes(*wants: Resource[ThingSpec]) -> Wishes:
    return Wishes({want.ref: want for want in wants})


def row(ref: Ref, **changes: object) -> Kept:
    return replace(Kept(ref, {"value": 1}, "", 3, "node", "1"), **changes)  # type: ignore[arg-type]


def book(*rows: Kept) -> Book:
    it = Book(KINDS)
    it.load(Saved(inventory={one.ref: one for one in rows}))
    return it


def test_what_has_moved_is_told_and_nothing_else() -> None:
    it = book()
    a, b = wish(A), wish(B)
    assert it.wish(wishes(a, b)) == (A, B)
    assert it.wish(wishes(a, b)) == ()
    assert it.wish(wishes(replace(a), b)) == ()  # another object that says the same
    assert it.wish(wishes(wish(A, thing(value=2)), b)) == (A,)
    assert it.wish(wishes(b)) == (A,)


def test_what_is_there_is_in_order_whatever_has_come_and_gone() -> None:
    def told(kind: str = "") -> list[Ref]:
        return [entry.ref for entry in it.in_order(kind)]

    it = book(row(B))
    assert told() == told(A.kind) == [B]
    it.wish(wishes(wish(C), wish(A)))
    assert told() == told(A.kind) == [A, B, C]
    assert told("Other") == []
    assert it.as_if(wishes(wish(named("d")))).in_order()[-1].ref == named("d")
    it.drop(B)
    assert told() == told(A.kind) == [A, C]
    it.recall([row(B)])
    assert told() == [A, B, C]
    it.load(Saved(inventory={named("d"): row(named("d"))}))
    assert told(A.kind)[-1] == named("d")


def test_every_part_of_a_wish_can_move_it() -> None:
    moves = [
        wish(A, thing(value=2)),
        wish(A, labels={"x": "y"}),
        wish(A, annotations={"x": "y"}),
        wish(A, needs={B: Need.HEALTHY}),
        wish(A, parent=B),
        wish(A, origin=Origin("other", "1")),
    ]
    for moved in moves:
        it = book()
        it.wish(wishes(wish(A)))
        assert it.wish(wishes(moved)) == (A,)


def test_where_it_stands_in_its_file_does_not_move_it() -> None:
    it = book()
    it.wish(wishes(wish(A)))
    elsewhere = wish(A, origin=Origin("node", "2", "g.yaml", 7))
    assert it.wish(wishes(elsewhere)) == ()
    assert it[A].want is elsewhere


def test_a_fault_that_comes_or_goes_moves_it() -> None:
    it, want, fault = book(), wish(A), ValueError("no parts")
    it.wish(wishes(want))
    broken = Wishes({A: want}, faults={A: fault})
    assert it.wish(broken) == (A,)
    assert it[A].fault is fault
    assert it.wish(broken) == ()
    assert it.wish(wishes(want)) == (A,)
    assert it[A].fault is None


def test_readers_are_those_who_need_or_look() -> None:
    it = book()
    it.wish(wishes(wish(A), wish(B, thing(uses=["a"])), wish(C, thing(follows="a"))))
    assert it.readers(A) == (B, C)
    assert it.dependents(A) == (B,)
    it.wish(wishes(wish(A), wish(B), wish(C, thing(follows="b"))))
    assert it.readers(A) == ()
    assert it.readers(B) == (C,)


def test_a_look_shows_all_that_is_known_of_another() -> None:
    it = book(row(B))
    it.wish(wishes(wish(A, thing(uses=["b", "zzz"]))))
    looks = it.look(it.resource(A))
    gone = looks[B].want
    assert gone is not None
    assert (gone.spec, gone.last) == (None, thing(value=1))
    assert looks[named("zzz")].want is None
    assert it.look(wish(C)) == {}


def test_parts_follow_their_whole() -> None:
    crowd, mob = ref_of("crowd/c"), ref_of("crowd/m")
    it = book()
    it.wish(wishes(wish(A, parent=crowd), wish(B, parent=crowd)))
    assert it.parts(crowd) == (A, B)
    assert it.dependents(crowd) == (A, B)
    it.wish(wishes(wish(A, parent=mob), wish(B, parent=crowd)))
    assert (it.parts(crowd), it.parts(mob)) == ((B,), (A,))
    it.drop(B)
    assert it.parts(crowd) == ()


def test_a_knot_holds_no_member_back_from_going() -> None:
    it = book(row(A, needs={B: Need.READY}), row(B, needs={A: Need.READY}), row(C, needs={A: Need.READY}))
    assert it.knot(A) == (A, B)
    assert it.knot(C) == ()
    assert it.dependents(A) == (C,)


def test_what_is_left_of_a_knot_goes_in_its_order() -> None:
    around = (row(A, needs={B: Need.READY}), row(B, needs={C: Need.READY}), row(C, needs={A: Need.READY}))
    it = book(*around)
    assert it.dependents(B) == ()
    it.drop(C)
    assert it.knot(A) == ()
    assert it.dependents(B) == (A,)


def test_what_is_dropped_is_out_of_every_index() -> None:
    it = book()
    it.wish(wishes(wish(A, thing(uses=["b"]))))
    it.drop(A)
    assert it.readers(B) == ()
    assert A not in it
    assert it.get(A) is None
    assert len(it) == 0
    assert it.needs() == {}


def test_a_tombstone_says_what_was_wanted_last() -> None:
    it = book(row(A, labels={"x": "y"}, annotations={"n": "o"}, needs={B: Need.STARTED}, parent=C))
    gone = it.resource(A)
    assert (gone.spec, gone.last) == (None, thing(value=1))
    assert (gone.labels, gone.annotations, gone.parent) == ({"x": "y"}, {"n": "o"}, C)
    assert gone.needs == {B: Need.STARTED}
    assert gone.origin.source == "node"


def test_a_tombstone_of_another_version_or_of_nothing_can_still_go() -> None:
    it = book(row(A, spec={"no": "such field"}))
    assert it.resource(A).last is None
    it.wish(wishes(wish(B)))
    it.wish(wishes())
    assert it.resource(B).last is None


def test_rows_of_kinds_that_are_not_here_are_left_alone() -> None:
    assert len(book(row(Ref("Widget.example.com", "default", "w")))) == 0


def test_a_status_without_a_row_is_known_too() -> None:
    status = Status((Condition("Ready", False, "ForeignObject", "", NOW),), 1, 1, "1")
    it = Book(KINDS)
    it.load(Saved(statuses={A: status}))
    assert it[A].status == status
    assert it.inventory == {}


def test_the_line_of_a_part_goes_up_to_its_whole() -> None:
    crowd = ref_of("crowd/c")
    it = book(row(A, parent=crowd), row(crowd, spec={}))
    assert [*it.line(A)] == [A, crowd]
    assert [*it.line(crowd)] == [crowd]
    assert it.line(B) == {}
    ring = book(row(A, parent=B), row(B, parent=A))
    assert [*ring.line(A)] == [A, B]


def test_a_source_keeps_what_it_has_until_it_takes_it_back() -> None:
    it = book(row(A, source="one"), row(B, source="one", doomed=True))
    assert (it.source(A), it.source(B), it.source(C)) == ("one", "", "")
    it.wish(wishes(wish(A)))
    assert it.source(A) == "node"
    it.wish(wishes(wish(C)))
    it.wish(wishes())
    assert it.source(C) == ""


def test_the_generation_grows_when_the_wish_moves() -> None:
    want = wish(A)
    it = book(row(A, digest=digest(want)))
    it.wish(wishes(want))
    assert it[A].generation == 3
    it.wish(wishes(wish(A, thing(value=9))))
    assert it[A].generation == 4
    it.wish(wishes())
    assert it[A].generation == 3
    it.wish(wishes(wish(B)))
    assert it[B].generation == 1


def test_withdrawn_is_what_nobody_wants_and_nobody_has_decided_about() -> None:
    it = book(row(A), row(B, doomed=True))
    assert (it[A].withdrawn, it[B].withdrawn) == (True, False)
    it.wish(wishes(wish(A)))
    assert not it[A].withdrawn


def test_a_copy_with_other_wants_leaves_the_book_as_it_is() -> None:
    it = book()
    it.wish(wishes(wish(A), wish(B, thing(uses=["a"]))))
    other = it.as_if(wishes(wish(B), wish(C)))
    assert {entry.ref for entry in other} == {A, B, C}
    assert other[A].want is None
    assert {entry.ref for entry in it if entry.want is not None} == {A, B}
    assert it.readers(A) == (B,)


specs = st.builds(thing, value=st.integers(0, 2), size=st.integers(0, 2), polish=st.booleans())


@given(specs, specs)
def test_a_digest_tells_wishes_apart_by_what_is_written(one: ThingSpec, other: ThingSpec) -> None:
    assert (digest(wish(A, one)) == digest(wish(A, other))) == (one == other)


@pytest.mark.req("CORE-06")
def test_a_status_counts_for_the_wish_that_it_is_about() -> None:
    ready = Status((Condition("Ready", True, "Ready", "", NOW),), 3, 3, "1")
    it = Book(KINDS)
    it.load(Saved(inventory={A: row(A, digest=digest(wish(A)))}, statuses={A: ready, B: ready}))
    it.wish(wishes(wish(A)))
    assert it[A].judged is ready
    assert it[B].judged is None
    it.wish(wishes(wish(A, thing(value=2))))
    assert it[A].judged is None, "how it was before it was wished otherwise says nothing"
    it.wish(wishes(wish(A)))
    assert it[A].judged is ready
