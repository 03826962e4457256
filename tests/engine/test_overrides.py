"""What people override: in force at once, for its time, and over whatever goes wrong. In virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.errors import Failed, Invalid, NotFound
from reconciler.model import Override, Ref
from tests.engine.virtual import House, converged, snapshot, thing, virtual
from tests.simulation.crowd import CrowdSpec
from tests.simulation.thing import named

pytestmark = pytest.mark.req("TST-47")


def override(house: House, name: str, until: object = None) -> Override:
    return Override(name, named("a"), {"value": 5}, "alice", "an incident", house.clock.now(), until)  # type: ignore[arg-type]


@virtual
async def test_an_override_is_in_force_at_once_and_ends_by_itself() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    now = house.clock.now()
    await engine.override(override(house, "o1", until=now + timedelta(minutes=5)))
    await asyncio.sleep(3)
    assert house.value("a") == 5
    assert [o.author for o in engine.overrides] == ["alice"]
    await asyncio.sleep(320)
    assert house.value("a") == 1
    assert engine.overrides == ()
    ended = [event for event in await house.events() if event.name == "override.ended"]
    assert [event.data for event in ended] == [{"reason": "expired"}]


@virtual
async def test_the_end_of_an_override_is_noticed_when_the_wall_clock_jumps() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    await engine.override(override(house, "o1", until=house.clock.now() + timedelta(hours=1)))
    await asyncio.sleep(3)
    house.clock.offset += timedelta(hours=1)
    await asyncio.sleep(15)
    assert house.value("a") == 1


@virtual
async def test_an_override_survives_a_restart() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    await engine.override(override(house, "o1"))
    await asyncio.sleep(3)
    engine = await house.restart()
    await engine.submit(snapshot({"a": thing(value=2)}, revision="2"))
    await house.settled()
    assert house.value("a") == 5
    await engine.end_override(named("a"), "bob")
    await asyncio.sleep(3)
    assert house.value("a") == 2
    ended = [event for event in await house.events() if event.name == "override.ended"]
    assert [event.actor for event in ended] == ["bob"]


@virtual
async def test_a_later_override_takes_the_place_of_an_earlier_one() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    await engine.override(override(house, "o1"))
    await engine.override(replace(override(house, "o2"), patch={"value": 6}))
    await asyncio.sleep(3)
    assert house.value("a") == 6
    assert [o.id for o in engine.overrides] == ["o2"]
    assert [o.id for o in (await house.store.load()).overrides] == ["o2"]


@virtual
async def test_an_override_of_what_is_not_there_or_does_not_fit_is_refused() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    with pytest.raises(NotFound, match="thing/zzz is not declared"):
        await engine.override(replace(override(house, "o1"), ref=named("zzz")))
    with pytest.raises(Invalid, match="the override does not fit thing/a"):
        await engine.override(replace(override(house, "o1"), patch={"value": "many"}))
    with pytest.raises(NotFound, match="thing/a has no override"):
        await engine.end_override(named("a"), "bob")
    assert engine.overrides == ()


@virtual
async def test_an_override_that_could_not_be_stored_is_not_in_force() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    house.store.open = False
    with pytest.raises(Failed):
        await engine.override(override(house, "o1"))
    house.store.open = True
    await house.settled()
    assert (engine.overrides, house.value("a")) == ((), 1)


@virtual
async def test_the_end_of_an_override_that_cannot_be_stored_is_tried_again() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    await engine.override(override(house, "o1", until=house.clock.now() + timedelta(seconds=30)))
    await asyncio.sleep(5)
    house.store.open = False
    await asyncio.sleep(60)
    house.store.open = True
    await house.settled(1200)
    assert (engine.overrides, house.value("a")) == ((), 1)


@virtual
async def test_an_override_whose_end_could_not_be_stored_comes_back_when_the_clock_is_set_back() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    await engine.override(override(house, "o1", until=house.clock.now() + timedelta(seconds=30)))
    await asyncio.sleep(5)
    house.store.open = False
    await asyncio.sleep(60)
    await engine.submit(snapshot({"a": thing(value=1)}, revision="2"))  # it counts no more for what is wanted
    house.clock.offset -= timedelta(hours=1)
    house.store.open = True
    await house.settled()
    assert ([o.id for o in engine.overrides], house.value("a")) == (["o1"], 5)
    await asyncio.sleep(3600)
    assert (engine.overrides, house.value("a")) == ((), 1)


@virtual
async def test_an_override_that_fits_no_more_gives_way_to_the_manifest() -> None:
    house = House()
    engine = await house.start()
    await engine.submit(snapshot({"crowd/c": CrowdSpec(members={"x": thing(value=1)})}))
    await house.settled()
    patch = {"members": {"x": {"value": 7}, "y": {"size": 1}}}
    ref = Ref("Crowd", "default", "c")
    await engine.override(replace(override(house, "o1"), ref=ref, patch=patch))
    await asyncio.sleep(3)
    assert (house.value("c-x"), house.value("c-y")) == (7, 0)
    await engine.end_override(ref, "bob")
    await house.settled()
    assert (house.value("c-x"), house.value("c-y")) == (1, None)


@virtual
async def test_what_an_override_would_change_is_told_before_it_is_said() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    said = override(house, "o1")
    preview = await engine.preview((), [named("a")], engine.with_override(said))
    assert [one.action for one in preview.differences] == ["change"]
    assert house.value("a") == 1
    await engine.override(said)
    await asyncio.sleep(3)
    back = await engine.preview((), [named("a")], engine.without_override(named("a")))
    assert [(one.action, one.changes[0].want) for one in back.differences] == [("change", 1)]
    assert house.value("a") == 5
    with pytest.raises(NotFound):
        engine.without_override(named("b"))
