"""What goes, what stays, and what was never ours: in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.model import Ref
from reconciler.ports.kinds import Kinds
from tests.engine.virtual import House, SlowToLook, converged, snapshot, thing, virtual
from tests.simulation.thing import Plain, Thing, ThingSpec, Uses, named

pytestmark = pytest.mark.req("TST-47")


@virtual
async def test_a_deletion_survives_a_restart_and_whatever_it_waits_for() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    house.faults.take_down("act", 1000.0)
    assert (await engine.submit(snapshot(revision="2"))).removes == (named("a"),)
    await house.settled()
    engine = await house.restart()
    await house.settled()
    assert house.value("a") == 1  # nothing is decided before the first source was read
    house.faults.cease()
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert house.value("a") is None
    assert "reconcile.removed" in await house.names()


@virtual
async def test_a_restart_before_any_source_was_read_removes_nothing() -> None:
    house = House()
    await converged(house, a=thing(), b=thing())
    engine = await house.restart()
    for name in "ab":
        engine.request(named(name))
    await house.settled()
    assert len(house.outside.bodies) == 2
    assert all(row.doomed is False for row in engine.book.inventory.values())


@virtual
async def test_what_was_being_removed_and_is_wanted_again_stays() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1), b=thing(uses=["a"]))
    await engine.submit(snapshot({"b": thing(uses=["a"])}, revision="2"))
    await house.settled()
    assert house.reason("a") == "StillNeeded"
    uid = house.outside.bodies[named("a")].uid
    await engine.submit(snapshot({"a": thing(value=1), "b": thing(uses=["a"])}, revision="3"))
    assert not (await house.store.load()).inventory[named("a")].doomed  # before any pass
    await house.settled()
    assert house.outside.bodies[named("a")].uid == uid


@pytest.mark.parametrize(
    ("spec", "annotations"),
    [(thing(deletionPolicy="Orphan"), {}), (thing(), {"holdfast.dev/prune": "disabled"})],
)
@virtual
async def test_what_is_to_be_left_is_left_and_our_mark_taken_off(
    spec: ThingSpec, annotations: dict[str, str]
) -> None:
    released: list[Ref] = []

    class Marked(Thing):
        async def release(self, ref: Ref, uses: Uses) -> None:
            released.append(ref)

    house = House(Kinds({"Thing": Marked()}))
    engine = await house.start()
    await engine.submit(snapshot({"a": spec}, annotations={"a": annotations}))
    await house.settled()
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert house.value("a") == 0
    assert released == [named("a")]
    assert (await house.store.load()).inventory == {}
    assert "reconcile.released" in await house.names()


@virtual
async def test_what_is_to_be_left_is_left_though_that_was_said_after_the_last_pass_had_begun() -> None:
    house = House(Kinds({"Thing": SlowToLook()}))
    engine = await converged(house, a=thing(value=1))
    engine.request(named("a"))
    await asyncio.sleep(5)
    left = {"a": {"holdfast.dev/prune": "disabled"}}
    await engine.submit(snapshot({"a": thing(value=1)}, revision="2", annotations=left))
    await engine.submit(snapshot(revision="3"))
    await house.settled()
    assert house.value("a") == 1
    assert "reconcile.released" in await house.names()


@virtual
async def test_a_kind_without_marks_has_none_to_take_off() -> None:
    house = House()
    await Plain().release(named("p0"), house.uses)
    engine = await house.start()
    await engine.submit(snapshot({"p0": thing(deletionPolicy="Orphan", value=4)}))
    await house.settled()
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert house.value("p0") == 4


@virtual
async def test_foreign_is_left_alone_until_it_is_to_be_adopted() -> None:
    house = House()
    house.outside.outsider_makes(named("a"), 9)
    engine = await converged(house, a=thing(value=1))
    assert house.value("a") == 9
    assert house.reason("a") == "ForeignObject"
    assert (await house.store.load()).inventory == {}
    await engine.submit(snapshot({"a": thing(value=1, adopt=True)}, revision="2"))
    await house.settled()
    assert house.value("a") == 1


@virtual
async def test_a_foreign_one_that_nobody_wants_any_more_is_forgotten_untouched() -> None:
    house = House()
    house.outside.outsider_makes(named("a"), 9)
    engine = await converged(house, a=thing(value=1))
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert house.value("a") == 9
    saved = await house.store.load()
    assert (saved.inventory, saved.statuses) == ({}, {})


@virtual
async def test_a_mirrors_word_is_not_enough_to_forget_something() -> None:
    house = House()
    engine = await converged(house, a=thing())
    house.outside.mirror.clear()
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert house.value("a") is None
    assert "Remove a" in house.diary.calls
