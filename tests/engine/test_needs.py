"""What waits for what, and which goes first: in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.model import Ref, Spec
from tests.engine.virtual import House, converged, snapshot, thing, virtual
from tests.simulation.crowd import CrowdSpec
from tests.simulation.thing import named

pytestmark = pytest.mark.req("TST-47")


@virtual
async def test_a_dependent_is_made_after_what_it_needs_and_goes_before_it() -> None:
    house = House()
    engine = await converged(house, a=thing(uses=["b"]), b=thing(uses=["c"]), c=thing())
    made = [call for call in house.diary.calls if call.startswith("Make")]
    assert made == ["Make c", "Make b", "Make a"]
    await engine.submit(snapshot(revision="2", allow_prune=True))
    await house.settled()
    removed = [call for call in house.diary.calls if call.startswith("Remove")]
    assert removed == ["Remove a", "Remove b", "Remove c"]
    assert len(engine.book) == 0


@virtual
async def test_a_dependent_says_what_it_waits_for() -> None:
    house = House()
    await converged(house, a=thing(dependsOn=["thing/b"]), b=thing(ripens=10_000))
    status = house.engine.status(named("a"))
    assert status is not None
    assert status.waits_for == (named("b"),)
    assert status.conditions[0].message == "waits for thing/b to be ready (Ripening)"


@virtual
async def test_a_need_is_met_by_the_wish_that_is_in_force_and_not_by_an_earlier_one() -> None:
    house = House()
    engine = await converged(house, a=thing(uses=["b"], value=1), b=thing(value=1))
    house.diary.calls.clear()
    await engine.submit(snapshot({"a": thing(uses=["b"], value=2), "b": thing(value=2)}, revision="2"))
    await house.settled()
    acted = [call for call in house.diary.calls if not call.startswith("observe")]
    assert [call.rpartition(" ")[2] for call in acted] == ["b", "a"]


@virtual
async def test_what_was_needed_stays_until_what_needed_it_is_as_it_is_wanted_now() -> None:
    house = House()
    await converged(house, a=thing(uses=["b"]), b=thing())
    later: dict[str, Spec] = {"a": thing(uses=["c"], value=2)}
    await house.engine.submit(snapshot(later, revision="2"))
    await house.settled()
    assert (house.reason("a"), house.reason("b")) == ("DependencyMissing", "StillNeeded")
    engine = await house.restart()
    await engine.submit(snapshot(later, revision="2"))
    await house.settled()
    assert (house.value("a"), house.value("b")) == (0, 0)
    await engine.submit(snapshot({**later, "c": thing()}, revision="3"))
    await asyncio.sleep(1)
    assert (house.value("a"), house.value("b")) == (2, None)
    assert engine.book.inventory[named("a")].needs.keys() == {named("c")}


@virtual
async def test_what_never_became_as_it_was_wanted_last_goes_before_what_it_needed_before() -> None:
    house = House()
    engine = await converged(house, a=thing(uses=["b"]), b=thing())
    await engine.submit(snapshot({"a": thing(uses=["c"], value=2), "b": thing()}, revision="2"))
    await house.settled()
    await engine.submit(snapshot(revision="3", allow_prune=True))
    await house.settled()
    removed = [call for call in house.diary.calls if call.startswith("Remove")]
    assert removed == ["Remove a", "Remove b"]


@virtual
async def test_a_knot_is_named_and_what_was_there_before_may_still_go() -> None:
    house = House()
    engine = await converged(house, a=thing(uses=["b"]), b=thing())
    await engine.submit(snapshot({"a": thing(uses=["b"]), "b": thing(uses=["a"])}, revision="2"))
    await house.settled()
    assert (house.reason("a"), house.reason("b")) == ("DependencyCycle", "DependencyCycle")
    await engine.submit(snapshot(revision="3", allow_prune=True))
    await house.settled()
    assert not house.outside.bodies
    assert len(engine.book) == 0


@virtual
async def test_a_group_is_ready_when_its_parts_are_and_goes_after_them() -> None:
    house = House()
    engine = await house.start()
    members = {"x": thing(ripens=5), "y": thing(uses=["x"])}
    await engine.submit(snapshot({"crowd/c": CrowdSpec(members=members)}))
    await asyncio.sleep(2)
    ref = Ref("Crowd", "default", "c")
    status = engine.status(ref)
    assert status is not None
    assert status.conditions[0].message == "c-x"
    await house.settled()
    status = engine.status(ref)
    assert status is not None
    assert status.ready
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert len(engine.book) == 0
    assert not house.outside.bodies
    removed = [event.subject for event in await house.events() if event.name == "reconcile.removed"]
    assert removed == [named("c-y"), named("c-x"), ref]
