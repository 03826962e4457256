"""After the loss of the store: what is known of it again, and that nothing goes before somebody confirms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from reconciler.errors import Failed, NotFound, Unavailable
from reconciler.ports.store import Note, Write
from tests.engine.sourced import BROKEN, of, root, with_sources
from tests.engine.virtual import House, snapshot, thing, virtual
from tests.simulation.thing import named

pytestmark = pytest.mark.req("CORE-01", "TST-47")


async def lose_the_store(house: House) -> None:
    await house.stop()
    house.store.__init__()  # type: ignore[misc]
    await house.store.commit(Note("rebuilt", True))
    house.outside.restarted()
    house.engine = house.new_engine()
    await house.start()


@virtual
async def test_after_the_loss_of_the_store_nothing_goes_until_somebody_confirms() -> None:
    house = House()
    await with_sources(house, of("node", a=1, b=2))
    await lose_the_store(house)
    answer = await house.engine.submit(of("node", "2", a=3))
    assert (answer.accepted, answer.reason) == (True, "StoreRebuilt")
    await house.settled()
    assert (house.value("a"), house.value("b")) == (3, 2)
    assert (house.engine.rebuilt, house.engine.withheld()) == (True, (named("b"),))
    assert house.engine.withheld("any") == (named("b"),)
    status = house.engine.status(named("b"))
    assert status is not None
    assert (status.ready, status.stalled, house.reason("b")) == (False, True, "NotDeclared")
    assert "`holdfast reconcile --allow-prune`" in status.conditions[0].message
    written = len(house.store.handed)
    await house.settled()
    assert len(house.store.handed) == written, "it is said once"
    allowed = snapshot({"a": thing(value=3)}, revision="3", allow_prune=True)
    assert (await house.engine.submit(allowed)).removes == (named("b"),)
    await house.settled()
    assert (house.value("a"), house.value("b")) == (3, None)
    assert "rebuilt" not in (await house.store.load()).notes
    assert (house.engine.rebuilt, house.engine.withheld()) == (False, ())


@virtual
async def test_nobody_confirms_what_cannot_be_told() -> None:
    house = House()
    await with_sources(house, of("node", a=1, b=2))
    house.faults.take_down("owned", 100.0)
    await lose_the_store(house)
    with pytest.raises(NotFound, match="what there is of Thing, Plain cannot be told just now"):
        await house.engine.submit(snapshot({"a": thing()}, allow_prune=True))
    assert (await house.engine.submit(of("node", "2", a=1))).accepted
    await house.settled()  # it is asked for again until it answers
    assert named("b") in house.engine.book
    assert house.value("b") == 2


@virtual
async def test_nobody_confirms_for_a_source_that_is_yet_to_be_read() -> None:
    """What was found may be its own; and if not, its first revision would have to answer for all of it."""
    house = House()
    old = of("one", a=1, b=2, c=3, d=4, e=5)
    await with_sources(house, root("one", "two"), old, of("two", p0=1))
    await lose_the_store(house)
    confirming = root("two", revision="2", allow_prune=True)
    assert (await house.engine.submit(confirming)).removes == ()
    answer = await house.engine.submit(of("two", p0=1))
    assert (answer.accepted, answer.reason) == (True, "StoreRebuilt")
    assert house.value("a") == 1
    confirming = root("two", revision="3", allow_prune=True)
    assert (await house.engine.submit(confirming)).removes == tuple(map(named, "abcde"))
    await house.settled()
    assert not any(house.value(name) for name in "abcde")
    assert not house.engine.rebuilt


@virtual
async def test_a_source_that_has_taken_back_its_word_has_lost_it() -> None:
    """Also where what it declared is kept, and also when it is broken later."""
    house = House()
    await house.store.commit(Note("rebuilt", True))
    await with_sources(house, root("one", "two"), of("one", a=1), of("two"))
    await house.engine.submit(of("one", "2"))
    await house.engine.submit(snapshot(source="one", revision="3", problems=BROKEN))
    await house.engine.submit(of("two", "2", a=2))
    await house.settled()
    assert (house.value("a"), house.reason("a")) == (2, "Converged")
    assert house.engine.book.inventory[named("a")].source == "two"


@virtual
async def test_a_word_that_was_taken_back_is_lost_for_the_next_process_too() -> None:
    house = House()
    await house.store.commit(Note("rebuilt", True))
    await with_sources(house, root("one", "two"), of("one", a=1), of("two"))
    await house.engine.submit(of("one", "2"))
    await house.settled()
    engine = await house.restart()
    await engine.submit(root("one", "two"))
    await engine.submit(snapshot(source="one", revision="3", problems=BROKEN))
    await engine.submit(of("two", "2", a=2))
    await house.settled()
    assert (house.value("a"), house.reason("a")) == (2, "Converged")


@virtual
async def test_a_word_whose_end_could_not_be_stored_still_stands() -> None:
    house = House()
    await house.store.commit(Note("rebuilt", True))
    await with_sources(house, root("one"), of("one", a=1))
    house.store.open = False
    with pytest.raises(Failed):
        await house.engine.submit(of("one", "2"))
    house.store.open = True
    assert house.engine.book.inventory[named("a")].source == "one"
    await house.engine.submit(of("one", "3"))
    assert (await house.store.load()).inventory[named("a")].source == ""


@virtual
async def test_what_was_found_can_be_written_down_later() -> None:
    house = House()
    await with_sources(house, of("node", a=1))
    await house.stop()
    house.store.__init__()  # type: ignore[misc]
    await house.store.commit(Note("rebuilt", True))

    async def refuse(writes: Sequence[Write]) -> None:
        raise Unavailable("not now")

    house.store.delay = refuse
    house.engine = house.new_engine()
    await house.start()
    assert named("a") not in house.engine.book
    house.store.delay = None
    await asyncio.sleep(15)
    assert named("a") in house.engine.book


@virtual
async def test_what_is_kept_unasked_is_left_alone_and_yet_looked_at() -> None:
    """Those that look at it must not go by what it was once."""
    house = House()
    await house.store.commit(Note("rebuilt", True))
    follower = snapshot({"b": thing(follows="a")}, source="two")
    await with_sources(house, root("one", "two"), of("one", a=1), follower)
    assert (await house.engine.submit(of("one", "2"))).reason == "StoreRebuilt"
    await house.settled()
    assert (house.value("a"), house.reason("b")) == (1, "Converged")
    house.outside.outsider_removes(named("a"))
    await house.settled()
    assert house.reason("b") == "InvalidRequest"
    assert named("a") in house.engine.book.inventory


@virtual
async def test_what_is_declared_again_while_its_end_is_weighed_stays() -> None:
    house = House()
    await house.store.commit(Note("rebuilt", True))
    await with_sources(house, root("one"), of("one", a=1))
    await house.engine.submit(of("one", "2"))
    await house.settled()

    async def linger(writes: Sequence[Write]) -> None:
        house.store.delay = None
        house.engine.request(named("a"))  # its pass has to wait for the decision that is under way
        await asyncio.sleep(5)

    house.store.delay = linger
    again = snapshot({"a": thing(value=2)}, source="one", revision="3", allow_prune=True)
    assert (await house.engine.submit(again)).removes == ()
    await asyncio.sleep(0.1)
    assert (house.value("a"), house.reason("a")) == (2, "Converged")


@virtual
async def test_what_waits_for_its_turn_when_it_is_found_is_not_forgotten() -> None:
    house = House()
    await with_sources(house, root("one", "two"), of("one"), of("two", a=1))
    house.faults.take_down("owned", 5.0)
    await lose_the_store(house)
    await house.engine.submit(root("one", "two"))
    await house.engine.submit(of("two", a=1))
    await asyncio.sleep(10.0)  # "one" comes first, and is not read
    for one in (of("two", "2"), of("one")):
        await house.engine.submit(one)
    await house.settled()
    assert house.value("a") == 1
    assert house.engine.withheld() == (named("a"),)
