"""Several sources that were never read: their order decides what counts, and not when each is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import permutations

import pytest

from reconciler.engine.turns import PATIENCE_S, SILENT_S
from reconciler.model import Snapshot
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Kept, Note, Write
from tests.engine.virtual import KINDS, House, SlowToLook, snapshot, thing, virtual
from tests.simulation.crowd import CrowdSpec
from tests.simulation.feed import FeedSpec
from tests.simulation.thing import named

pytestmark = pytest.mark.req("CORE-01", "CORE-09")

FEED = FeedSpec(repo="x")
ROOT = snapshot({"source/two": FEED, "source/one": FEED})
ONE = snapshot({"a": thing(value=1), "source/below": FEED}, source="one")
TWO = snapshot({"a": thing(value=2)}, source="two")
BELOW = snapshot({"a": thing(value=3), "b": thing(value=3)}, source="below")


def made(house: House) -> list[str]:
    return [call for call in house.diary.calls if call.startswith("Make")]


@pytest.mark.parametrize("arrival", list(permutations([ONE, TWO, BELOW])))
@virtual
async def test_whatever_is_read_first_the_first_in_order_counts(arrival: Sequence[Snapshot]) -> None:
    house = House()
    engine = await house.start()
    for one in (ROOT, *arrival):
        await engine.submit(one)
        await asyncio.sleep(5.0)
    assert house.value("a") == 1
    assert sorted(made(house)) == ["Make a", "Make b"]
    assert [len(engine.clashes(name)) for name in ("one", "two", "below")] == [0, 1, 1]
    assert engine.book.inventory[named("a")].source == "one"


@virtual
async def test_the_store_may_be_lost_and_the_order_decides_as_at_first() -> None:
    house = House()
    engine = await house.start()
    for one in (ROOT, ONE, TWO, BELOW):
        await engine.submit(one)
    await house.settled()
    uid = house.outside.bodies[named("a")].uid
    await house.stop()
    house.store = type(house.store)()
    await house.store.commit(Note("rebuilt", True))
    engine = await house.restart()
    for one in (ROOT, TWO, BELOW):
        await engine.submit(one)
        await asyncio.sleep(5.0)
    assert house.value("a") == 1
    await engine.submit(ONE)
    await house.settled()
    assert (house.value("a"), house.outside.bodies[named("a")].uid) == (1, uid)
    assert not any("Set" in call for call in house.diary.calls)


@virtual
async def test_who_is_not_read_for_long_holds_nothing_up_and_comes_second() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(SILENT_S / 2)
    assert engine.status(named("a")) is None
    assert named("a") not in {getattr(write, "ref", None) for write in house.store.handed}
    await asyncio.sleep(SILENT_S)
    told = engine.status(named("a"))
    assert told is not None
    waits = (
        "another source may declare it as well, and comes first: one not read yet; "
        "waits for that 30 s at most"
    )
    assert (told.conditions[0].reason, told.conditions[0].message) == ("WaitsForSource", waits)
    assert named("a") not in engine.book.inventory
    await asyncio.sleep(PATIENCE_S - 2 * SILENT_S)
    assert house.value("a") is None
    await asyncio.sleep(SILENT_S)
    assert (house.value("a"), house.reason("a")) == (2, "Converged")
    await engine.submit(ONE)
    await house.settled()
    assert house.value("a") == 2
    assert len(engine.clashes("one")) == 1


@virtual
async def test_who_comes_first_waits_for_nobody() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(ONE)
    await asyncio.sleep(0.1)
    assert house.value("a") == 1


@virtual
async def test_what_is_in_force_waits_for_nobody() -> None:
    house = House()
    engine = await house.start()
    for one in (ROOT, snapshot({"source/below": FEED}, source="one"), TWO):
        await engine.submit(one)
    await house.settled()
    house.outside.outsider_removes(named("a"))
    engine = await house.restart()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(0.1)
    assert house.value("a") == 2
    await engine.submit(ONE)
    await house.settled()
    assert house.value("a") == 2


@virtual
async def test_a_source_that_is_named_later_is_waited_for_by_what_is_new() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(snapshot({"source/two": FEED}))
    await engine.submit(TWO)
    await house.settled()
    await engine.submit(snapshot({"source/two": FEED, "source/one": FEED}, revision="2"))
    later = snapshot({"a": thing(value=7), "b": thing(value=2)}, source="two", revision="2")
    await engine.submit(later)
    await asyncio.sleep(5.0)
    assert (house.value("a"), house.value("b")) == (7, None)
    await engine.submit(snapshot({"b": thing(value=1)}, source="one"))
    await asyncio.sleep(0.1)
    assert house.value("b") == 1


@virtual
async def test_a_source_that_counts_no_more_is_waited_for_no_more() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(5.0)
    await engine.submit(snapshot({"source/two": FEED}, revision="2"))
    await asyncio.sleep(0.1)
    assert house.value("a") == 2


@virtual
async def test_what_is_withdrawn_while_it_waits_leaves_no_trace() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(5.0)
    await engine.submit(snapshot(source="two", revision="2"))
    await engine.submit(snapshot(source="one"))
    await house.settled()
    assert named("a") not in engine.book
    assert made(house) == []


@virtual
async def test_the_parts_of_a_whole_wait_with_it() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(snapshot({"crowd/c": CrowdSpec(members={"x": thing(value=2)})}, source="two"))
    await asyncio.sleep(5.0)
    assert house.value("c-x") is None
    await engine.submit(snapshot({"crowd/c": CrowdSpec(members={"y": thing(value=1)})}, source="one"))
    await asyncio.sleep(0.1)
    assert (house.value("c-x"), house.value("c-y")) == (None, 1)


@virtual
async def test_what_is_foreign_is_in_force_by_nobodys_word() -> None:
    house = House()
    engine = await house.start()
    house.outside.outsider_makes(named("a"), 9)
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(PATIENCE_S + 1.0)
    assert house.reason("a") == "ForeignObject"
    await engine.submit(snapshot({"a": thing(value=1, adopt=True)}, source="one"))
    await house.settled()
    assert house.value("a") == 1


@virtual
async def test_what_a_pass_has_begun_with_is_in_force() -> None:
    """Else the row that it writes would take the word back from whoever has come meanwhile."""
    house = House(Kinds({**KINDS, "Thing": SlowToLook()}))
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(PATIENCE_S + 5.0)
    assert named("a") not in engine.book.inventory
    await engine.submit(ONE)
    await house.settled()
    assert house.value("a") == 2
    assert made(house) == ["Make a"]


@virtual
async def test_who_reads_no_sources_waits_for_none() -> None:
    house = House()
    engine = house.new_engine(living=False)
    await engine.start()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await engine.bring_about()
    assert house.value("a") == 2


@virtual
async def test_what_the_last_process_told_of_it_puts_nothing_in_force() -> None:
    """That it waits is stored, so the next process looks at it before anybody has declared it again."""
    house = House(Kinds({**KINDS, "Thing": SlowToLook()}))
    engine = await house.start()
    await engine.submit(ROOT)
    await engine.submit(TWO)
    await asyncio.sleep(5.0)
    assert house.reason("a") == "WaitsForSource"
    engine = await house.restart()
    await engine.submit(ROOT)
    engine.request(named("a"))
    await asyncio.sleep(5.0)
    await engine.submit(TWO)
    await engine.submit(ONE)
    await house.settled()
    assert house.value("a") == 1


@virtual
async def test_what_would_begin_while_another_source_is_given_the_word_waits_for_that() -> None:
    """Else the pass would write down a word that counts no more."""
    house = House()
    engine = await house.start()
    for one in (ROOT, snapshot({"b": thing()}, source="one"), snapshot(source="two")):
        await engine.submit(one)
    await house.settled()

    async def takes_a_second(writes: Sequence[Write]) -> None:
        await asyncio.sleep(1.0)

    house.store.delay = takes_a_second
    instead_of_b = snapshot({"a": thing(value=1)}, source="one", revision="2")
    await asyncio.gather(engine.submit(TWO), engine.submit(instead_of_b))
    await house.settled()
    kept = [row.source for row in house.store.handed if isinstance(row, Kept) and row.ref == named("a")]
    assert set(kept) == {"one"}
    assert made(house) == ["Make b", "Make a"]
