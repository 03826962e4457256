"""A kind, a driver or the store fails: the others go on, and nothing is lost. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.errors import Invalid
from reconciler.model import Ref, Resource, Seen
from reconciler.ports.kind import Wake
from reconciler.ports.kinds import Kinds
from tests.engine.virtual import House, converged, snapshot, thing, virtual
from tests.simulation.crowd import Crowd, CrowdSpec
from tests.simulation.thing import Plain, Thing, ThingSpec, Uses, named

pytestmark = pytest.mark.req("TST-47")


@virtual
async def test_one_kinds_crash_is_nobody_elses() -> None:
    class Broken(Plain):
        async def observe(self, *args: object, **kwargs: object) -> Seen:  # type: ignore[type-arg]
            raise KeyError("a bug")

    house = House(Kinds({"Thing": Thing(), "Plain": Broken()}))
    await converged(house, a=thing(value=2), p0=thing())
    assert house.value("a") == 2
    assert house.reason("p0") == "Crashed"


@virtual
async def test_a_kind_that_cannot_even_say_what_it_looks_at_fails_alone() -> None:
    class Blind(Plain):
        def looks_at(self, want: Resource[ThingSpec]) -> frozenset[Ref]:
            raise LookupError("a bug")

    house = House(Kinds({"Thing": Thing(), "Plain": Blind()}))
    await converged(house, a=thing(value=2), p0=thing())
    assert house.value("a") == 2
    status = house.engine.status(named("p0"))
    assert status is not None
    assert status.error == "LookupError: a bug"


@virtual
async def test_a_whole_whose_parts_cannot_be_told_fails_alone_and_loses_none() -> None:
    class Moody(Crowd):
        broken = False

        def parts(self, want: Resource[CrowdSpec]) -> tuple[Resource[ThingSpec], ...]:
            if self.broken:
                raise Invalid("the parts cannot be told")
            return super().parts(want)

    crowd = Moody()
    house = House(Kinds({"Thing": Thing(), "Crowd": crowd}))
    engine = await house.start()
    specs = {"crowd/c": CrowdSpec(members={"x": thing(value=1)}), "a": thing()}
    await engine.submit(snapshot(specs))
    await house.settled()
    crowd.broken = True
    changed = {**specs, "a": thing(value=5), "crowd/c": CrowdSpec(members={"x": thing(value=2)})}
    answer = await engine.submit(snapshot(changed, revision="2"))
    await house.settled()
    assert answer.removes == ()
    assert (house.value("c-x"), house.value("a")) == (1, 5)
    status = engine.status(Ref("Crowd", "default", "c"))
    assert status is not None
    assert "the parts cannot be told" in status.error
    assert house.reason("c-x") == "NotDeclared"
    crowd.broken = False
    await engine.submit(snapshot(changed, revision="3"))
    await house.settled()
    assert (house.value("c-x"), house.reason("c-x")) == (2, "Converged")


@virtual
async def test_a_kind_that_cannot_listen_is_reported_and_found_by_looking() -> None:
    class Deaf(Thing):
        def watch(self, uses: Uses, wake: Wake) -> None:
            raise OSError("no such socket")

    house = House(Kinds({"Thing": Deaf()}))
    await converged(house, a=thing(value=1))
    assert house.value("a") == 1
    deaf = next(event for event in await house.events() if event.name == "kind.deaf")
    assert deaf.data == {"kind": "Thing", "error": "OSError: no such socket"}


@virtual
async def test_a_store_that_fails_costs_time_and_nothing_else() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    house.store.open = False
    house.outside.outsider_alters(named("a"), 9)
    await house.settled()
    assert house.value("a") == 9  # no step without a recorded plan
    house.store.open = True
    engine.request(named("a"))
    await house.settled()
    assert house.value("a") == 1
    saved = await house.store.load()
    assert saved.statuses[named("a")] == engine.status(named("a"))


@virtual
async def test_an_answer_that_was_lost_leaves_store_and_memory_agreed() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    house.store.loses_answers = True
    house.faults.take_down("observe", 50.0)
    engine.request(named("a"))
    await asyncio.sleep(30)
    house.store.loses_answers = False
    await house.settled(1500)
    saved = await house.store.load()
    assert saved.statuses[named("a")] == engine.status(named("a"))
    assert engine.status(named("a")).ready  # type: ignore[union-attr]


@virtual
async def test_what_was_told_of_a_foreign_object_does_not_answer_the_wish_to_adopt_it() -> None:
    house = House()
    engine = await house.start()
    house.outside.outsider_makes(named("a"), 9)
    await engine.submit(snapshot({"a": thing(value=1)}))
    await house.settled()
    assert house.reason("a") == "ForeignObject"
    engine = await house.restart()
    await engine.submit(snapshot({"a": thing(value=1)}))
    await engine.submit(snapshot({"a": thing(value=2)}, revision="2"))
    assert engine.book[named("a")].judged is None
    await house.settled()
    status = engine.book[named("a")].judged
    assert status is not None
    assert (status.generation, house.reason("a")) == (2, "ForeignObject")
    await engine.submit(snapshot({"a": thing(value=2, adopt=True)}, revision="3"))
    assert engine.book[named("a")].judged is None
    await house.settled()
    status = engine.book[named("a")].judged
    assert status is not None
    assert (status.generation, house.reason("a")) == (3, "Converged")


@virtual
async def test_the_last_process_knew_how_often_the_wish_for_a_foreign_object_had_changed() -> None:
    house = House()
    engine = await house.start()
    house.outside.outsider_makes(named("a"), 9)
    for value in (1, 2):
        await engine.submit(snapshot({"a": thing(value=value)}, revision=str(value)))
        await house.settled()
    engine = await house.restart()
    assert engine.book[named("a")].generation == 2
