"""Several sources and one engine: what moves, what waits, what is lost and found, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from reconciler.engine.loop import Engine
from reconciler.engine.withdrawals import PATIENCE_S
from reconciler.errors import Failed, NotFound, Unavailable
from reconciler.model import Override
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Drop, Kept, Write
from tests.engine.sourced import BROKEN, FEED, of, root, with_sources
from tests.engine.virtual import KINDS, House, SlowToLook, ref_of, snapshot, thing, virtual
from tests.simulation.crowd import CrowdSpec
from tests.simulation.thing import named

pytestmark = pytest.mark.req("CORE-01", "TST-47")


@virtual
async def test_a_ref_may_move_from_one_source_to_another() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1), of("two"))
    uid = house.outside.bodies[named("a")].uid
    await house.engine.submit(of("two", "2", a=1))
    await house.engine.submit(of("one", "2"))
    await house.settled()
    assert house.outside.bodies[named("a")].uid == uid
    assert house.engine.book.inventory[named("a")].source == "two"


@virtual
async def test_it_may_be_read_first_where_it_is_no_more() -> None:
    house = House()
    engine = await house.start()
    asked: list[str] = []
    engine.ask_others(asked.append)
    for one in (root("one", "two"), of("one", a=1), of("two")):
        await engine.submit(one)
    await house.settled()
    uid = house.outside.bodies[named("a")].uid
    early = engine.moment
    assert (await engine.submit(of("one", "2"))).removes == (named("a"),)
    assert asked == ["one"]
    engine.looked("two", early)
    await asyncio.sleep(1.0)
    assert house.value("a") == 1, "that look began before it was withdrawn"
    moment = engine.moment
    await engine.submit(of("two", "2", a=1))
    engine.looked("two", moment)
    await house.settled()
    assert house.outside.bodies[named("a")].uid == uid
    assert engine.book.inventory[named("a")].source == "two"


@virtual
async def test_a_source_that_moves_while_it_is_broken_loses_nothing_that_it_cannot_say() -> None:
    house = House()
    above = snapshot({"source/three": FEED}, source="one")
    await with_sources(house, root("one", "two"), above, of("two"), of("three", a=1, b=2))
    engine = await house.restart()
    broken = snapshot({"b": thing(value=2)}, source="three", revision="2", problems=BROKEN)
    for one in (root("one", "two"), above, of("two"), broken):
        await engine.submit(one)
    await house.settled()
    assert named("a") in (await engine.submit(snapshot(source="one", revision="2", allow_prune=True))).removes
    await engine.submit(snapshot({"source/three": FEED}, source="two", revision="2"))
    await house.settled()
    assert (house.value("a"), house.value("b")) == (1, 2)
    assert not engine.book.inventory[named("a")].doomed


@virtual
async def test_what_a_broken_source_may_still_declare_says_so() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1))
    engine = await house.restart()
    for one in (root("one"), snapshot(source="one", revision="2", problems=BROKEN)):
        await engine.submit(one)
    await house.settled()
    status = engine.status(named("a"))
    assert status is not None
    ready = status.condition("Ready")
    assert ready is not None
    assert ready.message == "its source one cannot be read whole; it stays as it is until that is mended"
    assert house.value("a") == 1
    await engine.submit(of("one", "3", a=1))
    await house.settled()
    assert house.reason("a") == "Converged"


@virtual
async def test_a_source_that_is_taken_back_for_a_while_loses_nothing_that_it_cannot_say() -> None:
    house = House()
    above = snapshot({"source/three": FEED, "b": thing(value=2)}, source="two")
    await with_sources(house, root("one", "two"), of("one"), above, of("three", a=1))
    engine = await house.restart()
    assert named("a") in (await engine.submit(root("one", revision="2", allow_prune=True))).removes
    await house.settled()  # what is to go waits for what "one" says
    await engine.submit(root("one", "two", revision="3"))
    await engine.submit(snapshot(source="two", revision="2", problems=BROKEN))
    await engine.submit(of("one"))
    await house.settled()
    assert (house.value("a"), house.value("b")) == (1, 2)
    assert not any(row.doomed for row in engine.book.inventory.values())
    await engine.submit(snapshot({"b": thing(value=2)}, source="two", revision="3"))
    await house.settled()
    assert (house.value("a"), house.value("b")) == (None, 2)


@virtual
async def test_a_source_that_is_taken_back_for_a_while_gets_nothing_back_that_it_withdrew_before() -> None:
    house = House()
    off = {"a": {"holdfast.dev/reconcile": "disabled"}}
    held = snapshot({"a": thing(value=1)}, source="two", annotations=off)
    await with_sources(house, root("one", "two"), of("one"), held)
    engine = await house.restart()
    for one in (root("one", "two"), held):
        await engine.submit(one)
    assert (await engine.submit(of("two", "2"))).removes == (named("a"),)
    await house.settled()
    assert house.reason("a") == "Suspended"  # so its tombstone stands
    await engine.submit(root("one", revision="2"))
    await engine.submit(snapshot(source="two", revision="3", problems=BROKEN))
    await engine.submit(root("one", "two", revision="3"))
    assert engine.book.inventory[named("a")].doomed
    await engine.submit(of("one", "2", a=5))
    await house.settled()
    assert (house.value("a"), house.reason("a")) == (5, "Converged")


@virtual
async def test_what_has_moved_nowhere_goes_as_soon_as_the_others_were_looked_at() -> None:
    house = House()
    await with_sources(house, root("one", "two", "three"), of("one", a=1), of("two"), of("three"))
    await house.engine.submit(of("one", "2"))
    for name in ("two", "three"):
        await asyncio.sleep(0.1)
        assert house.value("a") == 1
        house.engine.looked(name, house.engine.moment)
    await asyncio.sleep(0.1)
    assert house.value("a") is None


@virtual
async def test_a_source_that_is_read_after_a_withdrawal_is_looked_at_since_it_all_the_same() -> None:
    """What is submitted may have been read before, as of a revision that is the newest no more."""
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1), of("two"))
    uid = house.outside.bodies[named("a")].uid
    engine = await house.restart()
    await engine.submit(root("one", "two"))
    assert (await engine.submit(of("one", "2"))).removes == (named("a"),)
    await asyncio.sleep(0.1)
    assert house.reason("a") == "WaitsForSource"
    await engine.submit(of("two"))
    await asyncio.sleep(0.1)
    moment = engine.moment
    await engine.submit(of("two", "2", a=1))
    engine.looked("two", moment)
    await house.settled()
    assert house.outside.bodies[named("a")].uid == uid


@virtual
async def test_whoever_does_not_answer_is_not_waited_for_long() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1), of("two"))
    await house.engine.submit(of("one", "2"))
    await asyncio.sleep(PATIENCE_S - 0.1)
    assert house.value("a") == 1
    await asyncio.sleep(0.2)
    assert house.value("a") is None


@virtual
async def test_where_there_is_no_other_source_nothing_is_waited_for() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1))
    await house.engine.submit(of("one", "2"))
    await asyncio.sleep(0.1)
    assert house.value("a") is None


@virtual
async def test_what_comes_back_at_once_is_not_waited_for() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1), of("two"))
    await house.engine.submit(of("one", "2"))
    await house.engine.submit(of("one", "3", a=2))
    await asyncio.sleep(0.1)
    assert house.value("a") == 2


@virtual
async def test_a_source_by_a_new_name_takes_over_what_the_old_one_had() -> None:
    house = House()
    await with_sources(house, root("old"), of("old", a=1, b=2))
    uids = {ref: body.uid for ref, body in house.outside.bodies.items()}
    answer = await house.engine.submit(root("new", revision="2", allow_prune=True))
    assert named("a") in answer.removes
    await house.settled()
    assert house.reason("a") == "WaitsForSource"
    await house.engine.submit(of("new", a=1, b=2))
    await house.settled()
    assert {ref: body.uid for ref, body in house.outside.bodies.items()} == uids
    assert house.reason("a") == "Converged"


@virtual
async def test_what_nobody_has_taken_over_goes_when_all_were_read() -> None:
    house = House()
    await with_sources(house, root("old"), of("old", a=1, b=2))
    await house.engine.submit(root("new", revision="2", allow_prune=True))
    await house.settled()
    await house.engine.submit(of("new", a=1))
    await house.settled()
    assert [ref.name for ref in house.outside.bodies] == ["a"]


@virtual
async def test_a_broken_revision_keeps_what_it_cannot_say_in_force() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1, b=2))
    broken = snapshot({"a": thing(value=5)}, source="one", revision="2", problems=BROKEN)
    assert (await house.engine.submit(broken)).removes == ()
    await house.settled()
    house.outside.outsider_alters(named("b"), 9)
    await house.settled()
    assert (house.value("a"), house.value("b")) == (5, 2)


@virtual
async def test_a_revision_that_would_remove_too_much_changes_nothing() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1, b=2, c=3, d=4))
    answer = await house.engine.submit(of("one", "2", a=7))
    assert (answer.accepted, answer.reason) == (False, "PruneBudget")
    await house.settled()
    assert (house.value("a"), house.value("b")) == (1, 2)
    allowed = snapshot({"a": thing(value=7)}, source="one", revision="3", allow_prune=True)
    assert len((await house.engine.submit(allowed)).removes) == 3
    await house.settled()
    assert [(ref.name, body.value) for ref, body in house.outside.bodies.items()] == [("a", 7)]


@virtual
async def test_the_loss_of_a_source_counts_all_that_it_brought() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1, b=2, c=3, d=4))
    answer = await house.engine.submit(root(revision="2"))
    assert (answer.accepted, len(answer.removes)) == (False, 5)


@virtual
async def test_a_source_that_was_forgotten_declares_nothing_more() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1))
    await house.engine.forget_source("one")
    assert house.engine.snapshot("one") is None
    await house.settled()
    assert house.value("a") == 1  # it counts still, and nobody has read it


@virtual
async def test_a_clash_is_told_and_leaves_the_first_in_force() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1))
    await house.engine.submit(of("two", a=2))
    assert (len(house.engine.clashes("two")), house.engine.clashes("one")) == (1, ())
    await house.settled()
    assert house.value("a") == 1
    engine = await house.restart()
    await engine.submit(root("one", "two"))
    await engine.submit(of("two", a=2))  # the other way round
    await house.settled()
    assert house.value("a") == 1
    await engine.submit(of("one", a=1))
    await house.settled()
    assert house.value("a") == 1


@virtual
async def test_a_wish_that_is_withdrawn_while_it_comes_true_is_not_lost() -> None:
    """Its row is written when the submission that withdraws it has looked at the inventory already."""
    house = House(Kinds({**KINDS, "Thing": SlowToLook()}))
    engine = await house.start()
    await engine.submit(of("node", a=1))
    await asyncio.sleep(5)
    assert (await engine.submit(of("node", "2"))).removes == ()
    await house.settled()
    assert [call for call in house.diary.calls if "observe" not in call] == ["Make a", "Remove a"]
    assert len(engine.book) == 0


@virtual
async def test_a_wish_that_is_withdrawn_before_anybody_looked_leaves_no_trace() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(of("node", a=1))
    await engine.submit(of("node", "2"))
    await house.settled()
    assert (len(engine.book), house.diary.calls, house.store.handed) == (0, [], [])


@virtual
async def test_a_part_that_only_an_override_brought_goes_with_it() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(snapshot({"crowd/c": CrowdSpec(members={"x": thing()})}))
    more = {"members": {"y": {"value": 3}}}
    await engine.override(Override("o", ref_of("crowd/c"), more, "alice", "", house.clock.now()))
    await house.settled()
    assert house.value("c-y") == 3
    assert engine.book.inventory[named("c-y")].parent == ref_of("crowd/c")
    await engine.end_override(ref_of("crowd/c"), "alice")
    await house.settled()
    assert [ref.name for ref in house.outside.bodies] == ["c-x"]


@virtual
async def test_a_submission_that_could_not_be_stored_has_decided_nothing() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1, b=2))
    house.store.open = False
    with pytest.raises(Failed):
        await house.engine.submit(of("one", "2", a=1))
    house.store.open = True
    await house.settled()
    assert house.value("b") == 2
    assert not (await house.store.load()).inventory[named("b")].doomed
    assert (await house.engine.submit(of("one", "2", a=1))).removes == (named("b"),)


@virtual
async def test_of_two_submissions_at_once_the_second_knows_of_the_first() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1, b=2), of("two"))

    async def linger(writes: Sequence[Write]) -> None:
        house.store.delay = None
        await asyncio.sleep(1.0)

    house.store.delay = linger
    engine = house.engine
    await asyncio.gather(engine.submit(of("one", "2", a=1)), engine.submit(of("two", "2", c=3)))
    await house.settled()
    assert [house.value(name) for name in "abc"] == [1, None, 3]


@virtual
async def test_what_is_due_while_its_end_is_decided_waits_for_the_other_sources() -> None:
    house = House()
    engine = await one_is_broken_after_a_restart(house)

    async def linger(writes: Sequence[Write]) -> None:
        engine.request(named("a"))
        await asyncio.sleep(0.5)

    house.store.delay = linger
    assert (await engine.submit(of("one", "3", b=1))).removes == (named("a"),)
    house.store.delay = None
    await asyncio.sleep(0.1)
    assert house.value("a") == 1, "nobody has looked whether it is in the other one by now"
    engine.looked("two", engine.moment)
    await asyncio.sleep(0.1)
    assert house.value("a") is None


@virtual
async def test_what_is_due_while_its_end_cannot_be_written_down_stays() -> None:
    house = House()
    engine = await one_is_broken_after_a_restart(house)

    async def refuse(writes: Sequence[Write]) -> None:
        if any(isinstance(write, Kept) and write.doomed for write in writes):
            engine.request(named("a"))
            await asyncio.sleep(0.5)
            raise Unavailable("the disk is full")

    house.store.delay = refuse
    with pytest.raises(Unavailable):
        await engine.submit(of("one", "3", b=1))
    await house.settled()
    assert house.value("a") == 1


async def one_is_broken_after_a_restart(house: House) -> Engine:
    """It cannot say whether it still declares `a`."""
    await with_sources(house, root("one", "two"), of("one", a=1, b=1), of("two"))
    engine = await house.restart()
    broken = snapshot({"b": thing(value=1)}, source="one", revision="2", problems=BROKEN)
    for snap in (root("one", "two"), of("two"), broken):
        await engine.submit(snap)
    await house.settled()
    assert house.value("a") == 1
    return engine


@virtual
async def test_a_farewell_that_could_not_be_stored_is_said_again() -> None:
    house = House()
    await with_sources(house, of("node", a=1))

    async def refuse(writes: Sequence[Write]) -> None:
        if any(isinstance(write, Drop) for write in writes):
            raise Unavailable("the store is closed for a while")

    house.store.delay = refuse
    await house.engine.submit(of("node", "2"))
    await house.settled()
    assert house.value("a") is None
    assert named("a") in house.engine.book.inventory
    house.store.delay = None
    await house.settled(1500)
    assert (await house.store.load()).inventory == {}
    assert len(house.engine.book) == 0


@virtual
async def test_it_is_wanted_again_while_its_farewell_is_written() -> None:
    house = House()
    await with_sources(house, of("node", a=1))

    async def linger(writes: Sequence[Write]) -> None:
        if any(isinstance(write, Drop) for write in writes):
            house.store.delay = None
            await house.engine.submit(of("node", "3", a=4))

    house.store.delay = linger
    await house.engine.submit(of("node", "2"))
    await house.settled()
    assert house.value("a") == 4
    assert house.engine.book[named("a")].kept is not None
    assert house.reason("a") == "Converged"


@virtual
@pytest.mark.req("CORE-05")
async def test_a_preview_goes_by_what_an_unread_source_said_last() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one", a=1, b=2), of("two"))
    engine = await house.restart()
    await engine.submit(root("one", "two"))
    standing = engine.standing("one")
    assert engine.snapshot("one") is None
    assert standing is not None
    assert sorted(ref.name for ref in standing.resources) == ["a", "b"]
    preview = await engine.preview([of("two", "2", c=3)], [named(name) for name in "abc"])
    assert {d.ref.name: d.action for d in preview.differences} == {"a": "none", "b": "none", "c": "add"}
    blind = snapshot({"a": thing(follows="zzz")}, source="two", revision="3")
    found = (await engine.preview([blind, of("one")], [named("a")])).differences[0]
    assert (found.action, found.reason) == ("change", "thing/a follows zzz, which is not there")
    await engine.submit(of("one", "2", a=1, b=2))
    assert engine.standing("one") == engine.snapshot("one")
    assert engine.standing("three") is None


@virtual
async def test_a_source_said_nothing_last_that_only_another_version_can_read() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1, b=2))
    row = house.engine.book.inventory[named("a")]
    await house.store.commit(replace(row, spec={"colour": "red"}))
    engine = await house.restart()
    standing = engine.standing("one")
    assert standing is not None
    assert [ref.name for ref in standing.resources] == ["b"]


@virtual
async def test_an_override_outlives_a_source_that_is_not_read_yet() -> None:
    house = House()
    await with_sources(house, root("one"), of("one", a=1))
    engine = await house.restart()
    await engine.submit(root("one"))
    now = house.clock.now()
    await engine.override(Override("o1", named("a"), {"value": 7}, "alice", "a try", now))
    await house.settled()
    assert house.value("a") == 1
    await engine.submit(of("one", "2", a=1))
    await house.settled()
    assert house.value("a") == 7
    with pytest.raises(NotFound, match="is not declared"):
        await engine.override(Override("o2", named("z"), {"value": 7}, "alice", "a try", now))
