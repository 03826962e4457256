"""The engine as a whole, in virtual time: what a person would see of it."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.engine.workers import Pace
from reconciler.errors import Failed
from reconciler.model import Origin, Override, Ref, Resource, Seen
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Planned
from tests.engine.virtual import House, converged, snapshot, thing, virtual
from tests.simulation.thing import Thing, ThingSpec, Uses, named

pytestmark = pytest.mark.req("TST-47")


@virtual
async def test_what_only_a_mirror_has_lost_is_removed_before_it_is_forgotten() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    del house.outside.mirror[named("a")]
    await engine.submit(snapshot(revision="2"))
    await house.settled()
    assert len(engine.book) == 0
    assert not house.outside.bodies


@virtual
async def test_drift_is_repaired_when_it_is_told_of_and_when_it_is_not() -> None:
    house = House()
    await converged(house, a=thing(value=1))
    house.outside.listeners.clear()  # nobody tells
    house.outside.outsider_alters(named("a"), 9)
    await asyncio.sleep(80)  # the longest resync
    assert house.value("a") == 1


@virtual
async def test_a_running_engine_takes_another_pace() -> None:
    house = House(pace=Pace(workers=4, resync_s=100_000))
    engine = await converged(house, a=thing(value=1))
    house.outside.listeners.clear()
    house.outside.outsider_alters(named("a"), 9)
    await house.settled()
    assert house.value("a") == 9, "nobody has looked"
    engine.set_pace(Pace(workers=4, resync_s=10))
    engine.request(named("a"))  # what was due stays due: from the next look on it is the new pace
    await house.settled()
    assert house.value("a") == 1
    house.outside.outsider_alters(named("a"), 7)
    await asyncio.sleep(15)
    assert house.value("a") == 1


@virtual
async def test_a_second_pass_writes_nothing() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1), b=thing(uses=["a"]))
    handed = len(house.store.handed)
    looked = len(house.diary.calls)
    engine.request(named("a"))
    await house.settled()
    assert len(house.store.handed) == handed
    assert len(house.diary.calls) > looked


@virtual
async def test_the_plan_and_the_memory_are_durable_before_the_first_step() -> None:
    house = House()
    closed: list[object] = []

    async def shut(writes: object) -> None:
        if any(isinstance(write, Planned) for write in writes):  # type: ignore[attr-defined]
            closed.append(writes)
            raise Failed("the disk is full")

    house.store.delay = shut
    await converged(house, a=thing())
    assert closed
    assert house.value("a") is None
    assert not [call for call in house.diary.calls if call.startswith("Make")]


@virtual
async def test_what_acts_is_read_anew_and_not_from_the_mirror() -> None:
    house = House()
    await converged(house, a=thing())
    assert house.diary.calls[:3] == ["observe a", "Make a", "observe a fresh"]


@virtual
async def test_acting_without_effect_is_a_failure_that_backs_off() -> None:
    class Idle(Thing):
        async def act(self, ref: Ref, step: object, uses: Uses) -> None:
            uses.witness.acting(ref, step)  # type: ignore[arg-type]

    house = House(Kinds({"Thing": Idle()}))
    await converged(house, a=thing())
    status = house.engine.status(named("a"))
    assert status is not None
    assert "acting did not change what is there" in status.error
    assert status.stalled
    assert len(house.diary.calls) < 100


@virtual
async def test_a_failing_driver_is_tried_ever_less_often_and_at_once_when_it_recovers() -> None:
    house = House()
    engine = await house.start()
    house.faults.take_down("act", 600.0)
    await engine.submit(snapshot({"a": thing(value=1)}))
    await asyncio.sleep(599)
    tries = [call for call in house.diary.calls if call == "Make a"]
    assert 12 < len(tries) < 30  # 5 ms doubling, and not once a second
    assert house.reason("a") == "ServiceUnavailable"
    await asyncio.sleep(2)
    wake = engine._waker("Thing")
    wake(None)
    await asyncio.sleep(0.01)
    assert house.value("a") == 1


@virtual
async def test_a_new_wish_begins_the_tries_anew() -> None:
    house = House()
    engine = await house.start()
    house.faults.take_down("act", 300.0)
    await engine.submit(snapshot({"a": thing(value=1)}))
    await asyncio.sleep(301)
    await engine.submit(snapshot({"a": thing(value=2)}, revision="2"))
    await asyncio.sleep(0.01)
    assert house.value("a") == 2


@virtual
async def test_its_own_events_do_not_hurry_what_fails() -> None:
    house = House()
    engine = await house.start()
    house.faults.take_down("observe", 300.0)
    await engine.submit(snapshot({"a": thing()}))
    await asyncio.sleep(100)
    looked = len(house.diary.calls)
    for _ in range(50):
        engine.wake(named("a"))
        await asyncio.sleep(0.001)
    assert len(house.diary.calls) - looked <= 1


@virtual
async def test_a_failure_that_cannot_pass_waits_for_the_resync() -> None:
    house = House()
    await converged(house, a=thing(follows="b"))
    assert house.reason("a") == "InvalidRequest"
    assert len(house.diary.calls) < 10


@virtual
async def test_what_follows_another_looks_again_when_that_moves() -> None:
    house = House()
    engine = await converged(house, a=thing(follows="b"))
    await engine.submit(snapshot({"a": thing(follows="b"), "b": thing(value=3)}, revision="2"))
    await asyncio.sleep(3)
    assert house.value("a") == 3


@virtual
async def test_many_refs_at_once_and_one_pass_a_ref() -> None:
    at_once: set[Ref] = set()
    most = 0

    class Slow(Thing):
        async def observe(self, want: Resource[ThingSpec], *args: object, **kwargs: object) -> Seen:  # type: ignore[type-arg]
            nonlocal most
            assert want.ref not in at_once
            at_once.add(want.ref)
            most = max(most, len(at_once))
            await asyncio.sleep(1)
            at_once.discard(want.ref)
            return await super().observe(want, *args, **kwargs)  # type: ignore[arg-type]

    house = House(Kinds({"Thing": Slow()}))
    engine = await house.start()
    await engine.submit(snapshot({name: thing() for name in "abcdef"}))
    for _ in range(100):
        engine.request(named("a"))
        await asyncio.sleep(0.3)
    assert most == house.pace.workers


@virtual
async def test_it_is_idle_when_nothing_is_left_to_do() -> None:
    house = House()
    engine = await house.start()
    assert engine.idle
    await engine.submit(snapshot({"a": thing()}))
    busy = engine.idle
    await house.settled()
    assert (busy, engine.idle) == (False, True)
    assert engine.last_pass is not None


@virtual
async def test_a_command_without_a_node_brings_about_what_can_be_and_returns() -> None:
    house = House()
    engine = house.engine
    await engine.start()
    house.faults.take_down("act", 1.0)
    await engine.submit(snapshot({"a": thing(value=1), "b": thing(follows="zzz")}))
    began = house.clock.monotonic()
    await engine.bring_about()
    assert house.clock.monotonic() - began < 2  # what has failed often is not waited for
    assert house.reason("a") == "ServiceUnavailable"
    await asyncio.sleep(1)
    engine.request(named("a"))
    await engine.bring_about()
    assert house.value("a") == 1


@virtual
async def test_several_may_wait_for_quiet_and_one_may_give_up() -> None:
    house = House()
    engine = await house.start()
    house.faults.take_down("act", 0.5)
    await engine.submit(snapshot({"a": thing()}))
    patient = asyncio.create_task(engine._workers.quiet())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await engine._workers.quiet()
    await asyncio.gather(patient, engine._workers.quiet())
    assert house.value("a") == 0 or house.reason("a") == "ServiceUnavailable"


@virtual
async def test_what_is_not_in_the_book_is_not_looked_at() -> None:
    house = House()
    engine = await converged(house, a=thing())
    looked = len(house.diary.calls)
    engine.wake(named("zzz"))
    engine.request(named("zzz"))
    engine._workers.wake(named("zzz"))
    await asyncio.sleep(1)
    assert len(house.diary.calls) == looked
    assert engine.status(named("zzz")) is None


@virtual
async def test_what_is_declared_is_shown_with_its_place() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    want = engine.wishes.wants[named("a")]
    assert want.origin == Origin("node", "1", "a.yaml")


def override(house: House, name: str, until: object = None) -> Override:
    return Override(name, named("a"), {"value": 5}, "alice", "an incident", house.clock.now(), until)  # type: ignore[arg-type]
