"""The engine as a whole, in virtual time: what a person would see of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.engine.loop import Engine
from reconciler.engine.workers import Pace
from reconciler.errors import Failed, Invalid, NotFound
from reconciler.model import Origin, Override, Ref, Resource, Seen
from reconciler.ports.kind import Wake
from reconciler.ports.kinds import Kinds
from reconciler.ports.store import Planned
from tests.engine.virtual import House, snapshot, thing, virtual
from tests.simulation.crowd import Crowd, CrowdSpec
from tests.simulation.thing import Plain, Thing, ThingSpec, Uses, named

pytestmark = pytest.mark.req("TST-47")


async def converged(house: House, **specs: ThingSpec) -> Engine:
    engine = await house.start()
    await engine.submit(snapshot({**specs}))
    await house.settled()
    return engine


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
    await house.settled()
    assert house.outside.bodies[named("a")].uid == uid
    assert not (await house.store.load()).inventory[named("a")].doomed


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
    crowd.broken = False
    await engine.submit(snapshot(changed, revision="3"))
    await house.settled()
    assert house.value("c-x") == 2


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
async def test_a_preview_changes_nothing_and_says_what_would() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1), b=thing(uses=["a"]), c=thing(), d=thing())
    before = await house.store.dump()
    wanted = snapshot({"a": thing(size=2), "b": thing(uses=["a"]), "c": thing(), "e": thing()}, revision="2")
    preview = await engine.preview([wanted], [named(name) for name in "abce"])
    assert {d.ref.name: d.action for d in preview.differences} == {
        "a": "recreate",
        "b": "none",
        "c": "none",
        "d": "remove",
        "e": "add",
    }
    assert preview.differences[0].affects == (named("b"),)
    assert await house.store.dump() == before
    assert engine.snapshot("node") is not None
    assert engine.snapshot("node").revision == "1"  # type: ignore[union-attr]
    assert preview.digest == (await engine.preview([wanted], [named(name) for name in "abce"])).digest


@virtual
async def test_a_preview_tells_what_waits_and_what_cannot_be_told_yet() -> None:
    house = House()
    engine = await converged(house, a=thing())
    house.outside.outsider_makes(named("p1"), 3)
    await asyncio.sleep(5)
    wanted = snapshot(
        {
            "a": thing(),
            "b": thing(dependsOn=["thing/c"]),
            "d": thing(follows="zzz"),
            "p0": thing(follows="e", dependsOn=["thing/e"]),
            "p1": thing(follows="zzz"),
            "e": thing(),
            "c": thing(),
        },
        revision="2",
    )
    preview = await engine.preview([wanted], [*wanted.resources])
    found = {d.ref.name: (d.action, d.reason) for d in preview.differences}
    assert found["b"] == ("add", "waits for thing/c to be ready")
    assert found["d"] == ("add", "thing/d follows zzz, which is not there")
    assert found["p0"] == ("add", "waits for thing/e to be ready")
    assert found["p1"][0] == "change"


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
async def test_what_is_declared_is_shown_with_its_place() -> None:
    house = House()
    engine = await converged(house, a=thing(value=1))
    want = engine.wishes.wants[named("a")]
    assert want.origin == Origin("node", "1", "a.yaml")


def override(house: House, name: str, until: object = None) -> Override:
    return Override(name, named("a"), {"value": 5}, "alice", "an incident", house.clock.now(), until)  # type: ignore[arg-type]
