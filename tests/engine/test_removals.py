"""What may go away because of what is wanted, and how much of it at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.removals import BUDGET_FROM, gone, weigh
from reconciler.errors import Invalid
from reconciler.model import Ref, Resource
from reconciler.ports.kinds import Kinds
from reconciler.ports.sources import Submission
from reconciler.ports.store import Kept
from tests.engine.virtual import KINDS, ref_of, snapshot, thing
from tests.engine.wished import BROKEN, kept, merged, root, rows
from tests.simulation.crowd import Crowd, CrowdSpec
from tests.simulation.thing import named

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


def weighed(
    inventory: Mapping[Ref, Kept],
    removes: Collection[Ref],
    *,
    allowed: bool = False,
    rebuilt: bool = False,
    deleted: Collection[Ref] = (),
    foreign: Collection[Ref] = (),
) -> Submission:
    said = snapshot(allow_prune=allowed, deleted=frozenset(deleted))
    return weigh(inventory, removes, [snapshot(), said], foreign=foreign, rebuilt=rebuilt)


def inventory_of(total: int, doomed: int = 0) -> dict[Ref, Kept]:
    return rows(*(kept(f"n{n}", doomed=n < doomed) for n in range(total)))


@pytest.mark.req("CORE-04")
@given(st.integers(0, 40), st.data())
def test_more_than_half_of_five_or_more_needs_a_word(total: int, data: st.DataObject) -> None:
    inventory = inventory_of(total)
    removes = data.draw(st.sets(st.sampled_from(sorted(inventory)))) if total else set()
    answer = weighed(inventory, removes)
    assert answer.accepted == (total < BUDGET_FROM or len(removes) * 2 <= total)
    assert answer.removes == tuple(sorted(removes))
    assert weighed(inventory, removes, allowed=True).accepted


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
    answer = weighed(inventory, sorted(inventory)[:removed])
    assert answer.accepted == accepted
    assert answer.reason == ("Accepted" if accepted else "PruneBudget")


def test_the_refusal_says_how_much_and_how_to_allow_it() -> None:
    inventory = inventory_of(6)
    answer = weighed(inventory, sorted(inventory))
    assert "it would remove 6 of 6 resources, more than half" in answer.message
    assert "--allow-prune" in answer.message


def test_what_is_doomed_already_counts_on_neither_side() -> None:
    inventory = inventory_of(10, doomed=5)
    left = [ref for ref, row in inventory.items() if not row.doomed]
    assert weighed(inventory, left[:2]).accepted
    assert not weighed(inventory, left[:3]).accepted


def test_after_the_loss_of_the_store_all_goes_on_but_removing() -> None:
    inventory = inventory_of(10)
    answer = weighed(inventory, sorted(inventory)[:1], rebuilt=True)
    assert (answer.accepted, answer.reason, answer.removes) == (True, "StoreRebuilt", ())
    assert "1 of 10 resources are kept until a person confirms" in answer.message
    assert weighed(inventory, sorted(inventory)[:1], allowed=True, rebuilt=True).removes
    assert weighed(inventory, (), rebuilt=True).reason == "Accepted"


@pytest.mark.req("CORE-07")
def test_what_was_deleted_by_its_name_goes_with_its_parts_and_counts_for_no_budget() -> None:
    whole, part, others = kept("c"), kept("c-x", parent=ref_of("c")), [kept(f"n{n}") for n in range(6)]
    inventory = rows(whole, part, *others)
    gone = [one.ref for one in (whole, part, *others[:3])]
    counted = weighed(inventory, gone)
    assert not counted.accepted
    assert "it would remove 5 of 8" in counted.message
    deleted = weighed(inventory, gone, deleted={whole.ref})
    assert deleted.accepted
    assert deleted.removes == tuple(sorted(gone))
    most = [one.ref for one in (whole, part, *others[:5])]
    refused = weighed(inventory, most, deleted={whole.ref})
    assert "it would remove 5 of 8" in refused.message


@pytest.mark.req("CORE-07")
def test_after_the_loss_of_the_store_what_was_deleted_by_its_name_goes_all_the_same() -> None:
    inventory = inventory_of(10)
    first, second = sorted(inventory)[:2]
    answer = weighed(inventory, [first, second], rebuilt=True, deleted={first})
    assert (answer.accepted, answer.reason, answer.removes) == (True, "StoreRebuilt", (first,))


@pytest.mark.req("CORE-04")
def test_what_is_foreign_counts_neither_as_gone_nor_as_there() -> None:
    inventory = inventory_of(10)
    ours, foreign = sorted(inventory)[:6], sorted(inventory)[6:]
    assert not weighed(inventory, [*ours[:2], *foreign]).accepted, "with nobody's word on whose they are"
    most = weighed(inventory, [*ours[:3], *foreign], foreign=foreign)
    assert (most.accepted, len(most.removes)) == (True, 7)
    refused = weighed(inventory, ours[:4], foreign=foreign)
    assert "it would remove 4 of 6" in refused.message
    rebuilt = weighed(inventory, foreign, foreign=foreign, rebuilt=True)
    assert rebuilt.removes == ()
    assert "4 of 10 resources are kept" in rebuilt.message, "where nothing goes, it counts like any other"
