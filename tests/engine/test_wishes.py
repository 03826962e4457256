"""Out of many snapshots one set of wants, whatever order they came in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.removals import gone
from reconciler.engine.wishes import check_override, complete, written
from reconciler.errors import Invalid
from reconciler.model import DeletionPolicy, Override, Ref, Resource
from reconciler.ports.kinds import Kinds
from tests.engine.virtual import KINDS, ref_of, snapshot, thing
from tests.engine.wished import BROKEN, FEED, kept, merged, root, rows
from tests.simulation.crowd import Crowd, CrowdSpec
from tests.simulation.thing import ThingSpec, named

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def override(name: str, patch: dict[str, Any]) -> Override:
    return Override("o", ref_of(name), patch, "alice", "", NOW)


# ------------------------------------------------------------------------------------------------ merging


@pytest.mark.req("CORE-01")
def test_what_all_sources_declare_is_one_set() -> None:
    wishes = merged(
        root("one", a=thing(value=1)),
        snapshot({"b": thing(), "source/two": FEED}, source="one"),
        snapshot({"c": thing()}, source="two"),
    )
    assert {ref.name for ref in wishes.wants} == {"one", "two", "a", "b", "c"}
    assert list(wishes.sources) == ["node", "one", "two"]


def test_the_sources_are_in_order_breadth_first_and_by_name() -> None:
    wishes = merged(root("two", "one"), snapshot({"source/below": FEED}, source="one"))
    assert wishes.sources == {"node": 0, "one": 1, "two": 2, "below": 3}


def test_a_source_counts_only_while_it_is_wanted() -> None:
    assert ref_of("b") not in merged(root(), snapshot({"b": thing()}, source="one")).wants


def test_a_source_may_not_call_itself_into_being() -> None:
    islands = [snapshot({"source/b": FEED}, source="a"), snapshot({"source/a": FEED}, source="b")]
    assert merged(root(), *islands).wants == {}


def test_two_that_declare_the_same_alike_are_at_peace() -> None:
    wishes = merged(root("one", a=thing(value=1)), snapshot({"a": thing(value=1)}, source="one"))
    assert wishes.clashes == ()


@pytest.mark.req("CORE-09")
def test_two_that_declare_it_differently_clash_and_both_places_are_named() -> None:
    wishes = merged(root("one", a=thing(value=1)), snapshot({"a": thing(value=2)}, source="one"))
    assert wishes.wants[named("a")].spec.value == 1
    assert [str(clash) for clash in wishes.clashes] == [
        "thing/a is declared at a.yaml:1:1 (source node) and, differently, at a.yaml:1:1 (source one)"
    ]


@pytest.mark.parametrize("annotated", ["node", "one"])
def test_another_annotation_is_a_difference(annotated: str) -> None:
    notes = {"a": {"x": "y"}}
    first = snapshot({"source/one": FEED, "a": thing()}, annotations=notes if annotated == "node" else {})
    second = snapshot({"a": thing()}, source="one", annotations=notes if annotated == "one" else {})
    assert len(merged(first, second).clashes) == 1


@pytest.mark.parametrize("values", [(1, 2), (1, 1)])
def test_the_first_in_force_stays_alike_or_not(values: tuple[int, int]) -> None:
    snapshots = [root("one", a=thing(value=values[0])), snapshot({"a": thing(value=values[1])}, source="one")]
    wishes = merged(*snapshots, inventory=rows(kept("a", "one")))
    assert wishes.wants[named("a")].origin.source == "one"


def test_who_had_the_first_word_and_is_not_read_yet_keeps_it() -> None:
    wishes = merged(root("one", a=thing(value=1)), inventory=rows(kept("a", "one")))
    assert named("a") not in wishes.wants
    assert named("a") not in gone(rows(kept("a", "one")), wishes)


def test_who_has_said_it_before_and_counts_no_more_has_lost_the_word() -> None:
    wishes = merged(root(a=thing(value=1)), inventory=rows(kept("a", "one")))
    assert wishes.wants[named("a")].origin.source == "node"


NAMES = ("a", "b", "c")
declared = st.dictionaries(
    st.sampled_from(NAMES), st.integers(0, 1).map(lambda value: thing(value=value)), max_size=3
)


@given(declared, declared, declared, st.permutations(["node", "one", "two"]), st.sampled_from(["", "one"]))
def test_the_order_of_arrival_does_not_matter(
    of_node: dict[str, ThingSpec],
    of_one: dict[str, ThingSpec],
    of_two: dict[str, ThingSpec],
    arrival: list[str],
    in_force: str,
) -> None:
    inventory = rows(*(kept(name, in_force) for name in NAMES)) if in_force else {}
    snapshots = {
        "node": root("one", "two", **of_node),
        "one": snapshot({**of_one}, source="one"),
        "two": snapshot({**of_two}, source="two"),
    }
    usual = merged(*snapshots.values(), inventory=inventory)
    other = merged(*(snapshots[name] for name in arrival), inventory=inventory)
    assert other == usual
    assert {*usual.wants} >= {named(name) for name in (*of_node, *of_one, *of_two)}


@given(declared, st.sets(st.sampled_from(NAMES)))
def test_an_incomplete_snapshot_takes_nothing_away(specs: dict[str, ThingSpec], missing: set[str]) -> None:
    before = snapshot({**specs})
    after = snapshot({name: spec for name, spec in specs.items() if name not in missing}, problems=BROKEN)
    assert complete(after, before).resources == before.resources
    assert complete(replace(after, problems=()), before).resources == after.resources
    assert complete(after, None) is after


# ----------------------------------------------------------------------------------------- parts, overrides


def test_a_whole_stands_beside_its_parts() -> None:
    wishes = merged(root(**{"crowd/c": CrowdSpec(members={"x": thing(value=3)})}))
    assert wishes.wants[named("c-x")].spec.value == 3
    assert wishes.wants[named("c-x")].parent == ref_of("crowd/c")


def test_a_part_that_is_declared_on_its_own_as_well_is_a_clash() -> None:
    wishes = merged(root(**{"crowd/c": CrowdSpec(members={"x": thing(value=3)}), "c-x": thing(value=4)}))
    assert wishes.wants[named("c-x")].spec.value == 4
    assert [clash.ref for clash in wishes.clashes] == [named("c-x")]


def test_a_part_may_have_parts() -> None:
    class Nest(Crowd):
        def parts(self, want: Resource[CrowdSpec]) -> tuple[Resource[Any], ...]:
            if want.ref.name != "outer":
                return super().parts(want)
            inner = Ref("Crowd", "default", "inner")
            return (Resource(inner, CrowdSpec(members={"x": thing()}), want.origin, parent=want.ref),)

    wishes = merged(root(**{"crowd/outer": CrowdSpec()}), kinds=Kinds({**KINDS, "Crowd": Nest()}))
    assert {ref.name for ref in wishes.wants} == {"outer", "inner", "inner-x"}


def test_an_override_is_merged_into_the_wish() -> None:
    wishes = merged(root(a=thing(value=1, size=2)), overrides=[override("a", {"value": 7})])
    assert wishes.wants[named("a")].spec == thing(value=7, size=2)


def test_an_override_brings_the_needs_that_it_implies() -> None:
    wishes = merged(root(a=thing()), overrides=[override("a", {"uses": ["b"]})])
    assert named("b") in wishes.wants[named("a")].needs


def test_a_part_can_be_overridden() -> None:
    crowd = {"crowd/c": CrowdSpec(members={"x": thing(value=3)})}
    wishes = merged(root(**crowd), overrides=[override("c-x", {"suspend": True})])
    assert wishes.wants[named("c-x")].spec == thing(value=3, suspend=True)


@pytest.mark.parametrize("patch", [{"value": "many"}, {"dependsOn": ["nonsense"]}])
def test_an_override_that_fits_no_more_gives_way(patch: dict[str, Any]) -> None:
    assert merged(root(a=thing(value=1)), overrides=[override("a", patch)]).wants[named("a")].spec.value == 1


def test_an_override_of_what_is_not_declared_waits() -> None:
    assert merged(root(), overrides=[override("a", {"value": 1})]).wants == {}


def test_an_override_that_does_not_fit_is_refused_with_the_reason() -> None:
    want = root(a=thing()).resources[named("a")]
    check_override(override("a", {"value": 2}), want, KINDS)
    with pytest.raises(Invalid, match="the override does not fit thing/a: Input should be a valid integer"):
        check_override(override("a", {"value": "x"}), want, KINDS)
    with pytest.raises(Invalid, match="the override does not fit thing/a: 'x' names no resource"):
        check_override(override("a", {"dependsOn": ["x"]}), want, KINDS)


def test_a_wish_is_written_as_a_person_would() -> None:
    spec = thing(value=3, deletionPolicy=DeletionPolicy.ORPHAN)
    assert written(spec) == {"value": 3, "deletionPolicy": "Orphan"}
    assert written(thing()) == {}
