"""Needs as an order: everything after what it needs, and every knot named with all its members."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.graph import cycles, dependents, order, readers
from reconciler.model import Ref

Needs = dict[Ref, tuple[Ref, ...]]


def ref(name: object) -> Ref:
    return Ref("Thing", "default", str(name))


NODES = [ref(n) for n in range(7)]
graphs = st.dictionaries(
    st.sampled_from(NODES), st.lists(st.sampled_from(NODES), max_size=3).map(tuple), max_size=7
)


def reaches(needs: Needs, start: Ref) -> set[Ref]:
    """Whatever a walk along the needs meets, by brute force."""
    met: set[Ref] = set()
    todo = [n for n in needs.get(start, ()) if n in needs]
    while todo:
        at = todo.pop()
        if at not in met:
            met.add(at)
            todo.extend(n for n in needs[at] if n in needs)
    return met


@given(graphs)
def test_every_ref_stands_once_and_after_what_it_needs(needs: Needs) -> None:
    line = order(needs)
    assert sorted(line) == sorted(needs)
    knotted = {one for knot in cycles(needs) for one in knot}
    place = {one: at for at, one in enumerate(line)}
    for one in line:
        if one not in knotted:
            assert all(place[n] < place[one] for n in needs[one] if n in needs and n not in knotted)


@given(graphs)
def test_a_knot_has_all_that_need_one_another_and_nobody_else(needs: Needs) -> None:
    knots = [set(knot) for knot in cycles(needs)]
    for one in needs:
        around = {other for other in reaches(needs, one) if one in reaches(needs, other)}
        assert [knot for knot in knots if one in knot] == ([around | {one}] if around else [])


@given(graphs)
def test_a_knot_names_each_member_once(needs: Needs) -> None:
    assert all(len(set(knot)) == len(knot) for knot in cycles(needs))


@given(graphs)
def test_the_order_of_the_input_does_not_matter(needs: Needs) -> None:
    backwards = dict(reversed(needs.items()))
    assert cycles(backwards) == cycles(needs)


@given(graphs, st.sampled_from(NODES))
def test_dependents_are_those_whose_needs_lead_here(needs: Needs, one: Ref) -> None:
    expected = {other for other in needs if one in {*reaches(needs | {one: needs.get(one, ())}, other)}}
    assert set(dependents(one, readers(needs))) == expected - {one}


def test_a_knot_is_told_in_the_order_of_its_needs() -> None:
    a, b, c, d = map(ref, "abcd")
    assert cycles({c: (a,), a: (b,), b: (c,), d: (a,)}) == ((a, b, c),)


def test_what_one_line_cannot_show_comes_at_its_end() -> None:
    a, b, c, d = map(ref, "abcd")
    assert cycles({a: (b, d), b: (a, c), c: (a,), d: (a,)}) == ((a, b, c, d),)


def test_a_ref_may_need_itself() -> None:
    assert cycles({ref("a"): (ref("a"),)}) == ((ref("a"),),)


def test_what_is_not_in_the_graph_is_no_edge() -> None:
    assert order({ref("a"): (ref("gone"),)}) == (ref("a"),)
    assert cycles({ref("a"): (ref("gone"),)}) == ()


def test_a_chain_and_a_ring_may_be_as_long_as_they_like() -> None:
    names = [ref(f"{n:05}") for n in range(20_000)]
    chain: Needs = {one: (need,) for one, need in zip(names[1:], names, strict=False)} | {names[0]: ()}
    assert order(chain) == tuple(names)
    ring = chain | {names[0]: (names[-1],)}
    assert cycles(ring) == ((names[0], *reversed(names[1:])),)
