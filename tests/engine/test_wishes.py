"""Out of many snapshots one set of wants, whatever order they came in; and what may go away because of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.wishes import BUDGET_FROM, check_override, complete, gone, merge, weigh, written
from reconciler.errors import Invalid, Misplaced, Place
from reconciler.model import EMPTY, DeletionPolicy, Override, Ref, Resource, Snapshot, Spec
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Kept
from tests.engine.virtual import KINDS, ref_of, snapshot, thing
from tests.simulation.crowd import Crowd, CrowdSpec
from tests.simulation.feed import FeedSpec
from tests.simulation.thing import ThingSpec, named

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = (Misplaced(Place("a.yaml"), "", "broken"),)
FEED = FeedSpec(repo="x")


def merged(
    *snapshots: Snapshot,
    overrides: Sequence[Override] = (),
    inventory: Mapping[Ref, Kept] = EMPTY,
    kinds: Kinds = KINDS,
) -> Any:  # noqa: ANN401
    by_source = {one.source: one for one in snapshots}
    return merge(by_source, overrides, kinds, inventory, lambda ref: taken_from(ref, inventory))


def taken_from(ref: Ref, inventory: Mapping[Ref, Kept]) -> str:
    return inventory[ref].source if ref in inventory else ""


def root(*sources: str, **specs: Spec) -> Snapshot:
    return snapshot({**{f"source/{name}": FEED for name in sources}, **specs})


def kept(name: str, source: str = "node", *, doomed: bool = False, parent: Ref | None = None) -> Kept:
    return Kept(ref_of(name), {}, "", 1, source, "1", parent=parent, doomed=doomed)


def rows(*these: Kept) -> dict[Ref, Kept]:
    return {row.ref: row for row in these}


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


# --------------------------------------------------------------------------------------------- what may go


def test_what_nobody_wants_any_more_may_go() -> None:
    inventory = rows(kept("a"), kept("b"), kept("c", doomed=True))
    assert gone(inventory, merged(root(a=thing()), inventory=inventory)) == (named("b"),)


@pytest.mark.req("CORE-04")
def test_a_part_waits_for_the_source_that_its_whole_has_moved_to() -> None:
    """Rows are written one by one: a crash may lie between that of the whole and those of its parts."""
    parts = [kept("part", "one", parent=named("whole")), kept("below", "one", parent=named("part"))]
    inventory = rows(kept("whole", "two"), *parts, kept("other", "one"))
    one_is_read = [root("one", "two"), snapshot({}, source="one")]
    assert gone(inventory, merged(*one_is_read, inventory=inventory)) == (named("other"),)
    doomed = {**inventory, named("whole"): kept("whole", "two", doomed=True)}
    going = (named("part"), named("below"), named("other"))
    assert gone(doomed, merged(*one_is_read, inventory=doomed)) == going, "with it they go"


def test_what_came_from_a_source_that_is_gone_may_go() -> None:
    inventory = rows(kept("source/one"), kept("b", "one"))
    assert gone(inventory, merged(root(), inventory=inventory)) == (ref_of("source/one"), named("b"))


def test_a_broken_or_unread_source_takes_nothing_away() -> None:
    inventory = rows(kept("source/one"), kept("b", "one"))
    assert gone(inventory, merged(root("one"), inventory=inventory)) == ()
    broken = snapshot({}, source="one", problems=BROKEN)
    assert gone(inventory, merged(root("one"), broken, inventory=inventory)) == ()


def test_nor_does_one_that_those_have_declared() -> None:
    """Read again after a restart, or broken: the children of a source that cannot speak are as mute."""
    inventory = rows(
        kept("source/one"), kept("source/two", "one"), kept("source/three", "two"), kept("c", "three")
    )
    assert gone(inventory, merged(root("one"), inventory=inventory)) == ()
    broken = snapshot({}, source="one", problems=BROKEN)
    assert gone(inventory, merged(root("one"), broken, inventory=inventory)) == ()
    whole = snapshot({}, source="one")
    assert {ref.name for ref in gone(inventory, merged(root("one"), whole, inventory=inventory))} == {
        "two",
        "three",
        "c",
    }


def test_sources_that_are_not_spelled_out_count_and_speak_for_themselves() -> None:
    inventory = rows(kept("source/one"), kept("b", "one"), kept("c", "one"))
    unspelled = replace(snapshot({}, problems=BROKEN), unspelled=("one",))
    wishes = merged(unspelled, snapshot({"b": thing()}, source="one"), inventory=inventory)
    assert set(wishes.wants) == {named("b")}
    assert gone(inventory, wishes) == (named("c"),)


def test_before_the_first_source_was_read_nothing_goes() -> None:
    inventory = rows(kept("a"), kept("b", "elsewhere"))
    assert gone(rows(kept("a")), merged(inventory=inventory)) == ()


def test_what_nobody_is_known_to_have_wanted_waits_until_all_have_spoken() -> None:
    inventory = rows(kept("a", ""))
    assert gone(inventory, merged(root("one"), inventory=inventory)) == ()
    all_read = merged(root("one"), snapshot({}, source="one"), inventory=inventory)
    assert gone(inventory, all_read) == (named("a"),)


def test_the_parts_of_a_whole_that_cannot_tell_them_stay() -> None:
    class Mute(Crowd):
        def parts(self, want: Resource[CrowdSpec]) -> tuple[Resource[Any], ...]:
            raise Invalid("not today")

    kinds = Kinds({**KINDS, "Crowd": Mute()})
    whole, inner = ref_of("crowd/c"), ref_of("crowd/inner")
    inventory = rows(
        kept("crowd/c"),
        kept("crowd/inner", parent=whole),
        kept("c-x", parent=inner),
        kept("c-y", parent=ref_of("crowd/other")),
    )
    wishes = merged(root(**{"crowd/c": CrowdSpec()}), inventory=inventory, kinds=kinds)
    assert [*wishes.faults] == [whole]
    assert gone(inventory, wishes) == (named("c-y"),)


# -------------------------------------------------------------------------------------------- the budget


def inventory_of(total: int, doomed: int = 0) -> dict[Ref, Kept]:
    return rows(*(kept(f"n{n}", doomed=n < doomed) for n in range(total)))


@pytest.mark.req("CORE-04")
@given(st.integers(0, 40), st.data())
def test_more_than_half_of_five_or_more_needs_a_word(total: int, data: st.DataObject) -> None:
    inventory = inventory_of(total)
    removes = data.draw(st.sets(st.sampled_from(sorted(inventory)))) if total else set()
    answer = weigh(inventory, removes, allowed=False, rebuilt=False)
    assert answer.accepted == (total < BUDGET_FROM or len(removes) * 2 <= total)
    assert answer.removes == tuple(sorted(removes))
    assert weigh(inventory, removes, allowed=True, rebuilt=False).accepted


@pytest.mark.parametrize(
    ("total", "removed", "accepted"),
    [
        (4, 4, True),
        (5, 2, True),
        (5, 3, False),
        (6, 3, True),
        (6, 4, False),
        (100, 50, True),
        (100, 51, False),
    ],
)
def test_the_budget_at_its_edges(total: int, removed: int, accepted: bool) -> None:
    inventory = inventory_of(total)
    answer = weigh(inventory, sorted(inventory)[:removed], allowed=False, rebuilt=False)
    assert answer.accepted == accepted
    assert answer.reason == ("Accepted" if accepted else "PruneBudget")


def test_the_refusal_says_how_much_and_how_to_allow_it() -> None:
    inventory = inventory_of(6)
    answer = weigh(inventory, sorted(inventory), allowed=False, rebuilt=False)
    assert "it would remove 6 of 6 resources, more than half" in answer.message
    assert "--allow-prune" in answer.message


def test_what_is_doomed_already_counts_on_neither_side() -> None:
    inventory = inventory_of(10, doomed=5)
    left = [ref for ref, row in inventory.items() if not row.doomed]
    assert weigh(inventory, left[:2], allowed=False, rebuilt=False).accepted
    assert not weigh(inventory, left[:3], allowed=False, rebuilt=False).accepted


def test_after_the_loss_of_the_store_all_goes_on_but_removing() -> None:
    inventory = inventory_of(10)
    answer = weigh(inventory, sorted(inventory)[:1], allowed=False, rebuilt=True)
    assert (answer.accepted, answer.reason, answer.removes) == (True, "StoreRebuilt", ())
    assert "1 of 10 resources are kept until a person confirms" in answer.message
    assert weigh(inventory, sorted(inventory)[:1], allowed=True, rebuilt=True).removes
    assert weigh(inventory, (), allowed=False, rebuilt=True).reason == "Accepted"


@pytest.mark.req("CORE-07")
def test_what_was_deleted_by_its_name_goes_with_its_parts_and_counts_for_no_budget() -> None:
    whole, part, others = kept("c"), kept("c-x", parent=ref_of("c")), [kept(f"n{n}") for n in range(6)]
    inventory = rows(whole, part, *others)
    gone = [one.ref for one in (whole, part, *others[:3])]
    counted = weigh(inventory, gone, allowed=False, rebuilt=False)
    assert not counted.accepted
    assert "it would remove 5 of 8" in counted.message
    deleted = weigh(inventory, gone, allowed=False, rebuilt=False, deleted={whole.ref})
    assert deleted.accepted
    assert deleted.removes == tuple(sorted(gone))
    most = [one.ref for one in (whole, part, *others[:5])]
    refused = weigh(inventory, most, allowed=False, rebuilt=False, deleted={whole.ref})
    assert "it would remove 5 of 8" in refused.message


@pytest.mark.req("CORE-07")
def test_after_the_loss_of_the_store_what_was_deleted_by_its_name_goes_all_the_same() -> None:
    inventory = inventory_of(10)
    first, second = sorted(inventory)[:2]
    answer = weigh(inventory, [first, second], allowed=False, rebuilt=True, deleted={first})
    assert (answer.accepted, answer.reason, answer.removes) == (True, "StoreRebuilt", (first,))
