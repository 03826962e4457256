"""A preview tells what would be and changes nothing; what it finds as it should be is spared its pass."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn

import pytest

from reconciler.engine.loop import Engine
from reconciler.engine.preview import Preview
from reconciler.model import Case, Ref, Snapshot, Verdict
from reconciler.ports.kinds import Kinds
from tests.engine.virtual import House, converged, snapshot, thing, virtual
from tests.simulation.thing import Thing, ThingSpec, ThingState, named

pytestmark = pytest.mark.req("CLI-02", "TST-47")

WANTED = snapshot({"a": thing(value=1), "b": thing(value=2), "c": thing(uses=["a"])})


async def looked_at(house: House, wanted: Snapshot) -> tuple[Engine, Preview]:
    """What was made by a process that has ended is previewed by another one."""
    await house.start()
    await house.engine.submit(WANTED)
    await house.settled()
    await house.stop()
    house.outside.restarted()
    engine = house.new_engine(living=False)
    await engine.start()
    return engine, await engine.preview([wanted], tuple(wanted.resources))


def observed(house: House) -> Mapping[str, int]:
    names = [call.split()[1] for call in house.diary.calls if call.startswith("observe")]
    return {name: names.count(name) for name in names}


@virtual
async def test_what_is_as_it_should_be_is_looked_at_once_and_nothing_is_written() -> None:
    house = House()
    engine, preview = await looked_at(house, WANTED)
    house.diary.calls.clear()
    handed = len(house.store.handed)
    await engine.submit(WANTED, preview.ready())
    await engine.bring_about()
    assert observed(house) == {"c": 1}, "it looks at another one"
    assert len(house.store.handed) == handed
    status = engine.status(named("a"))
    assert status is not None
    assert status.ready
    seen = engine.book[named("a")].seen
    assert seen is not None
    assert seen.actual == ThingState(1, 0, "", polished=False)


@virtual
async def test_what_differs_or_is_not_recorded_so_gets_its_pass() -> None:
    house = House()
    await looked_at(house, WANTED)
    house.outside.outsider_alters(named("a"), 9)
    house.outside.restarted()
    labelled = snapshot({"a": thing(value=1), "b": thing(value=2)}, annotations={"b": {"x": "y"}})
    engine = house.new_engine(living=False)
    await engine.start()
    preview = await engine.preview([labelled], tuple(labelled.resources))
    assert preview.ready() == {}
    await engine.submit(labelled, preview.ready())
    await engine.bring_about()
    assert house.value("a") == 1
    kept = engine.book[named("b")].kept
    assert kept is not None
    assert kept.annotations == {"x": "y"}


@virtual
async def test_what_has_moved_since_the_preview_gets_its_pass() -> None:
    house = House()
    engine, preview = await looked_at(house, WANTED)
    again = snapshot({"a": thing(value=5), "b": thing(value=2)})
    await engine.submit(again, preview.ready())
    await engine.bring_about()
    assert house.value("a") == 5


class Moody(Thing):
    """Judged anew each time it is asked."""

    verdict_now = Verdict()

    def verdict(self, case: Case[ThingSpec, ThingState]) -> Verdict:
        return self.verdict_now


class Crashing(Thing):
    def verdict(self, case: Case[ThingSpec, ThingState]) -> NoReturn:
        raise LookupError("a bug")


@virtual
async def test_what_is_judged_another_way_than_recorded_gets_its_pass() -> None:
    moody = Moody()
    house = House(Kinds({"Thing": moody}))
    _, before = await looked_at(house, WANTED)
    spared = set(before.ready())
    moody.verdict_now = Verdict(ready=False, reason="Warming", message="not yet")
    house.kinds = Kinds({"Thing": moody})
    engine = house.new_engine(living=False)
    await engine.start()
    preview = await engine.preview([WANTED], tuple(WANTED.resources))
    assert (spared, preview.ready()) == ({named("a"), named("b")}, {})


@virtual
async def test_a_kind_that_crashes_over_its_verdict_says_so_in_a_pass() -> None:
    house = House()
    await looked_at(house, WANTED)
    house.kinds = Kinds({"Thing": Crashing()})
    engine = house.new_engine(living=False)
    await engine.start()
    preview = await engine.preview([WANTED], tuple(WANTED.resources))
    await engine.submit(WANTED, preview.ready())
    await engine.bring_about()
    status = engine.status(Ref("Thing", "default", "a"))
    assert status is not None
    assert status.conditions[0].reason == "Crashed"


@virtual
async def test_what_is_to_be_looked_at_again_soon_gets_its_pass() -> None:
    house = House()
    wanted = snapshot({"a": thing(value=1, ripens=1e6)})
    await house.start()
    await house.engine.submit(wanted)
    await house.settled()
    await house.stop()
    house.outside.restarted()
    engine = house.new_engine(living=False)
    await engine.start()
    assert (await engine.preview([wanted], tuple(wanted.resources))).ready() == {}


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
async def test_what_is_foreign_and_wanted_no_more_is_no_removal() -> None:
    """Ours has gone, somebody else's is there by its name: our row is forgotten, and what is there stays."""
    house = House()
    wanted = {name: thing(value=1) for name in "abcdef"}
    engine = await converged(house, **wanted)
    for name in "abc":
        house.outside.outsider_removes(named(name))
        house.outside.outsider_makes(named(name), 9)
    await house.settled()
    left = snapshot({name: wanted[name] for name in "ef"}, revision="2")
    preview = await engine.preview([left], tuple(left.resources))
    actions = {one.ref.name: one.action for one in preview.differences}
    assert actions == dict.fromkeys("abc", "foreign") | {"d": "remove", "e": "none", "f": "none"}
    assert {one.reason for one in preview.differences if one.action == "foreign"} == {
        "nothing declares it any more; it was made elsewhere or let go of, and stays"
    }
    assert preview.submission.accepted, "one of the three that are ours goes"
    assert (await engine.submit(left)).accepted
    await house.settled()
    assert [house.value(name) for name in "abcdef"] == [9, 9, 9, None, 1, 1]
    assert set(engine.book.inventory) == {named("e"), named("f")}


@virtual
async def test_what_was_never_ours_is_no_removal_either() -> None:
    house = House()
    house.outside.outsider_makes(named("a"), 9)
    engine = await converged(house, a=thing(value=1), b=thing(value=1))
    (as_it_is,) = (await engine.preview([], [named("a")])).differences
    assert (as_it_is.action, bool(as_it_is.changes)) == ("foreign", True)
    left = snapshot({"b": thing(value=1)}, revision="2")
    preview = await engine.preview([left], (named("a"), named("b")))
    assert {one.ref.name: one.action for one in preview.differences} == {"a": "foreign", "b": "none"}
    assert preview.submission.removes == ()
