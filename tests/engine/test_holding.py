"""What is to go holds what others want: who keeps it, how long, and that nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.engine.holding import PATIENCE
from reconciler.errors import Conflict
from reconciler.model import Ref
from reconciler.ports.kinds import Kinds
from tests.engine.virtual import KINDS, House, snapshot, thing, virtual
from tests.simulation.thing import Make, Thing, ThingSpec, ThingStep, Uses, named

pytestmark = pytest.mark.req("CORE-04", "TST-47")

PATIENCE_S = PATIENCE.total_seconds()
PORT = 80  # a size that only one may have at a time


class Port(Thing):
    """As with a port, whoever wants it is refused as long as somebody has it."""

    async def act(self, ref: Ref, step: ThingStep, uses: Uses) -> None:
        if isinstance(step, Make) and step.size == PORT:
            for other, body in uses.outside.bodies.items():
                if other != ref and body.size == PORT:
                    raise Conflict(f"{other} has it")
        await super().act(ref, step, uses)


async def converged(**specs: ThingSpec) -> House:
    house = House(Kinds({**KINDS, "Thing": Port()}))
    await house.start()
    await change(house, **specs)
    await house.settled()
    return house


async def change(house: House, **specs: ThingSpec) -> None:
    await house.engine.submit(snapshot({**specs}))


def there(house: House) -> set[str]:
    return {ref.name for ref in house.outside.bodies}


@virtual
async def test_what_is_renamed_and_wants_what_it_had_gets_it_in_the_end() -> None:
    """`web` was made with `old` and waits for `new`, which fails as `old` has the port, which `web` keeps."""
    house = await converged(old=thing(size=PORT), web=thing(uses=["old"]))
    await change(house, new=thing(size=PORT), web=thing(uses=["new"], value=2))
    await asyncio.sleep(PATIENCE_S - 60)
    assert there(house) == {"old", "web"}
    assert (house.reason("old"), house.reason("web"), house.reason("new")) == (
        "StillNeeded",
        "WaitsForDependency",
        "Conflict",
    )
    await asyncio.sleep(240)
    assert there(house) == {"new", "web"}
    assert (house.value("web"), house.reason("web")) == (2, "Converged")


@virtual
async def test_so_does_who_takes_over_itself_what_it_needed() -> None:
    house = await converged(old=thing(size=PORT), web=thing(uses=["old"]))
    await change(house, web=thing(size=PORT))
    await asyncio.sleep(PATIENCE_S - 60)
    assert (house.reason("old"), house.reason("web")) == ("StillNeeded", "Conflict")
    await asyncio.sleep(240)
    assert there(house) == {"web"}
    assert house.reason("web") == "Converged"


@virtual
async def test_through_whatever_it_waits() -> None:
    house = await converged(old=thing(size=PORT), web=thing(uses=["old"]))
    await change(
        house, new=thing(size=PORT), between=thing(uses=["new"]), web=thing(uses=["between"], value=2)
    )
    await asyncio.sleep(PATIENCE_S + 180)
    assert there(house) == {"new", "between", "web"}
    assert house.reason("web") == "Converged"


@virtual
async def test_who_is_led_on_to_what_has_failed_for_long_can_be_led_back() -> None:
    """`web` works with `old`; that `new` cannot be made was so before anybody thought of moving it there."""
    others = {"taken": thing(size=PORT), "new": thing(size=PORT)}
    house = await converged(old=thing(), web=thing(uses=["old"]), **others)
    await asyncio.sleep(2 * PATIENCE_S)
    assert house.reason("new") == "Conflict"
    await change(house, web=thing(uses=["new"], value=2), **others)
    await asyncio.sleep(PATIENCE_S - 60)
    assert there(house) == {"old", "web", "taken"}
    await change(house, old=thing(), web=thing(uses=["old"]), **others)
    await asyncio.sleep(PATIENCE_S)
    assert there(house) == {"old", "web", "taken"}
    assert (house.reason("old"), house.reason("web")) == ("Converged", "Converged")
    assert not any(call == "Remove old" for call in house.diary.calls)


@virtual
async def test_who_has_failed_for_long_leaves_the_time_to_go_back_when_it_is_wished_anew() -> None:
    """`web` has not been as it is wished since long before `old` was to go."""
    others = {"taken": thing(size=PORT)}
    house = await converged(old=thing(), web=thing(uses=["old"]), **others)
    await change(house, old=thing(), web=thing(uses=["old"], size=PORT), **others)
    await asyncio.sleep(2 * PATIENCE_S)
    assert house.reason("web") == "Conflict"
    await change(house, web=thing(size=PORT, value=3), **others)
    await asyncio.sleep(PATIENCE_S - 60)
    assert there(house) == {"old", "web", "taken"}
    await change(house, old=thing(), web=thing(uses=["old"]), **others)
    await asyncio.sleep(PATIENCE_S)
    assert (house.reason("old"), house.reason("web")) == ("Converged", "Converged")
    assert not any(call == "Remove old" for call in house.diary.calls)


@virtual
async def test_what_fails_for_a_while_only_costs_nobody_what_it_works_with() -> None:
    house = await converged(old=thing(), web=thing(uses=["old"]))
    house.faults.take_down("act", PATIENCE_S - 120)
    await change(house, new=thing(), web=thing(uses=["new"], value=2))
    await asyncio.sleep(PATIENCE_S - 180)
    assert there(house) == {"old", "web"}
    await house.settled(1200)
    assert there(house) == {"new", "web"}
    calls = [call for call in house.diary.calls if call.startswith(("Make", "Remove"))]
    assert calls[-1] == "Remove old"


@virtual
async def test_who_needs_it_as_it_is_wished_keeps_it() -> None:
    house = await converged(old=thing(size=PORT), web=thing(uses=["old"]))
    await change(house, web=thing(uses=["old"], size=PORT))
    await house.settled(2 * PATIENCE_S)
    assert there(house) == {"old", "web"}
    assert house.reason("web") == "WaitsForDependency"


@virtual
async def test_who_waits_for_what_does_not_fail_keeps_it() -> None:
    """Nobody declares the other, or a person has to act: that is no sign of its wanting what is held."""
    house = await converged(old=thing(), web=thing(uses=["old"]), other=thing(uses=["old"]))
    house.outside.outsider_makes(named("foreign"), 9)
    lost, led_on = thing(uses=["missing"], value=2), thing(uses=["foreign"], value=2)
    await change(house, web=lost, other=led_on, foreign=thing(size=1))
    await house.settled(2 * PATIENCE_S)
    assert there(house) == {"old", "web", "other", "foreign"}
    assert (house.reason("old"), house.reason("web")) == ("StillNeeded", "DependencyMissing")
