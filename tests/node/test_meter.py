"""What services use, measured in virtual time: at which pace, what is kept, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.drivers.processes.fake import FakeProcesses
from reconciler.kinds.service.service import Uses
from reconciler.kinds.service.spec import ServiceSpec
from reconciler.model import NODE_SOURCE, Origin, Ref, Resource, Snapshot
from reconciler.ports.processes import Run
from reconciler.ports.store import Sampled
from reconciler.ports.usage import Usage
from reconciler.runtime.measured import of_sample, of_series
from reconciler.runtime.meter import FRESH_S, SHARE, SLOWEST, Meter
from reconciler.runtime.parts import Parts
from reconciler.settings import load
from tests.engine.virtual import Shop, virtual
from tests.kinds.worlds import AnySecret
from tests.simulation.virtual_time import EPOCH, VirtualClock

pytestmark = pytest.mark.req("CORE-29", "SVC-22")

WEB = Ref("Service", "default", "web")
ALWAYS = EPOCH + timedelta(days=999)


class Machine(FakeProcesses):
    """Its processes, and how looking at them goes."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.takes_s = 0.0
        self.computed_s = 0.0  # of which others may have had the rest
        self.crashes = False
        self.looks = 0

    async def usage(self) -> Mapping[str, Usage]:
        self.looks += 1
        await asyncio.sleep(self.takes_s)
        self.computed_s += self.takes_s / 2
        if self.crashes:
            raise RuntimeError("a slip of ours")
        return await super().usage()


class House:
    """The parts of a node that declares one service, with a machine of its own."""

    def __init__(self, folder: Path) -> None:
        clock = VirtualClock()
        self.store = Shop()
        self.machine = Machine(clock)
        self.parts = Parts(load(str(folder), environ={}), self.store, clock, living=True)
        self.parts.uses["Service"] = Uses(self.machine, AnySecret(), clock)  # type: ignore[index]
        self.meter = Meter(self.parts, lambda: self.machine.computed_s)

    async def open(self) -> None:
        spec = ServiceSpec.model_validate({"command": ["serve"]})
        await self.parts.engine.start()
        await self.parts.engine.submit(
            Snapshot(NODE_SOURCE, "", {WEB: Resource(WEB, spec, Origin(NODE_SOURCE))})  # nobody acts
        )
        self.store.handed.clear()

    async def serve(self) -> None:
        await self.machine.start(Run("default/web", ("serve",)))

    async def run(self, seconds: float) -> None:
        """Measure for so long, every 15 seconds."""
        task = asyncio.create_task(self.meter.run(15.0))
        await asyncio.sleep(seconds)
        task.cancel()

    async def kept(self) -> list[Sampled]:
        return list(await self.store.samples(WEB, EPOCH, ALWAYS, 9999))

    async def times(self) -> list[float]:
        return [(one.at - EPOCH).total_seconds() for one in await self.kept()]


@virtual
async def test_a_round_is_kept_at_each_interval(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.serve()
    await house.run(20.0)
    house.machine.spend("default/web", cpu_s=3.0, memory_bytes=5)
    await house.run(20.0)
    kept = await house.kept()
    assert await house.times() == [0.0, 15.0, 20.0, 35.0]
    assert [one.usage.cpu_s for one in kept] == [0.0, 0.0, 3.0, 3.0]
    assert [one.memory_peak_bytes - one.usage.memory_bytes for one in kept] == [0, 0, 0, 0]


@virtual
async def test_nothing_is_written_where_nothing_runs(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.run(100.0)
    assert house.machine.looks == 7
    assert house.store.handed == []


@virtual
async def test_who_has_ended_is_measured_no_more(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.serve()
    await house.run(20.0)
    house.machine.end("default/web", exit_code=0)
    await house.run(40.0)
    assert await house.times() == [0.0, 15.0]


@virtual
async def test_a_look_that_fails_is_a_gap(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.serve()
    measuring = asyncio.create_task(house.run(100.0))
    await asyncio.sleep(20)
    house.machine.away = True
    await asyncio.sleep(15)
    house.machine.away = False
    house.machine.crashes = True
    await asyncio.sleep(15)
    house.machine.crashes = False
    house.store.open = False
    await asyncio.sleep(15)
    house.store.open = True
    await measuring
    assert await house.times() == [0.0, 15.0, 75.0, 90.0]


@virtual
async def test_measuring_slows_down_with_what_it_computes(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.serve()
    house.machine.takes_s = 0.08
    await house.run(1000.0)
    assert house.machine.looks == 1 + int(1000 / (0.04 * SHARE + 0.08))
    house.machine.looks, house.machine.takes_s = 0, 8.0
    await house.run(1000.0)
    assert house.machine.looks == 1 + int(1000 / (15 * SLOWEST + 8.0)), "but not without end"


@virtual
async def test_however_many_ask_there_is_one_look(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.serve()
    house.machine.takes_s = 0.1
    looks = await asyncio.gather(*(house.meter.look() for _ in range(50)))
    assert house.machine.looks == 1
    assert all(latest is looks[0][0] for latest, _ in looks)
    await asyncio.sleep(FRESH_S)
    house.machine.spend("default/web", cpu_s=0.55)
    latest, before = await house.meter.look()
    assert house.machine.looks == 2
    assert before is looks[0][0]
    assert of_sample(latest[WEB], before[WEB])["cpu_percent"] == pytest.approx(50.0, abs=1.0)


def used(at_s: float, cpu_s: float, started_s: float = 0.0) -> Sampled:
    usage = Usage(EPOCH + timedelta(seconds=started_s), 0, cpu_s, 1 << 20, 1)
    return Sampled(WEB, EPOCH + timedelta(seconds=at_s), usage, 1 << 20)


def test_shares_are_of_the_time_between_measurements_of_one_life() -> None:
    series = [
        used(10, 1.0),
        used(20, 6.0),
        used(30, 6.0),
        used(40, 5.0),
        used(50, 1.0, 48),
        used(60, 2.0, 48),
    ]
    views = of_series(series, None)
    assert [view["cpu_percent"] for view in views] == [10.0, 50.0, 0.0, 0.0, 50.0, 10.0]
    assert [view["cpu_percent_of_s"] for view in views] == [10.0, 10.0, 10.0, 10.0, 2.0, 10.0]


def test_going_on_behind_a_measurement_goes_on_with_its_share() -> None:
    series = [used(10, 1.0), used(20, 6.0), used(30, 7.0)]
    assert of_series(series, series[0].at) == of_series(series, None)[1:]
    assert of_series(series[1:], series[0].at) == of_series(series[1:], None)
    assert of_series([], None) == []


def test_of_no_time_there_is_no_share() -> None:
    assert of_sample(used(0, 1.0), None)["cpu_percent"] is None
    assert of_sample(used(5, 1.0), used(7, 0.5))["cpu_percent"] is None, "the clock was set back"
