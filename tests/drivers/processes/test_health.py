"""When a process is asked for its health, how often, and what becomes of the answers: in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.drivers.processes.health import Probes, after
from reconciler.ports.health import Check, CommandCheck, Health, HealthState, HttpCheck, TcpCheck
from reconciler.ports.processes import Care, Process, ProcessState
from tests.simulation.virtual_time import EPOCH, VirtualClock, simulate

STARTING, HEALTHY, UNHEALTHY = HealthState
CHECK = Check(TcpCheck("127.0.0.1", 80), interval_s=10, timeout_s=1, retries=3, start_period_s=30)
WEB = Process("web", 7, ProcessState.RUNNING, EPOCH, Care(check=CHECK))


class World:
    """Answers as it is told to, and remembers when it was asked."""

    def __init__(self) -> None:
        self.failure = "refused"
        self.asked: list[float] = []
        self.told: list[str] = []
        self.open = 0
        self.answer_after_s = 0.0
        self.clock = VirtualClock()
        self.probes = Probes(self.told.append, self.clock, self._ask)

    async def _ask(self, by: CommandCheck | HttpCheck | TcpCheck, process: Process, timeout_s: float) -> str:
        self.asked.append(round(asyncio.get_running_loop().time(), 3))
        self.open += 1
        try:
            await asyncio.sleep(self.answer_after_s)
        finally:
            self.open -= 1
        return self.failure

    def state(self, process: Process = WEB) -> HealthState | None:
        self.probes.see("web", process)
        health = self.probes.health("web")
        return health.state if health else None


def checked(check: Check | None) -> Process:
    return replace(WEB, care=Care(check=check))


def virtually(body: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        world = World()
        await body(world)
        await world.probes.close()
        assert world.open == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}, "nothing is left running"

    simulate(main, 1)


def test_it_is_asked_at_once_and_quickly_until_the_start_period_ends() -> None:
    async def body(world: World) -> None:
        assert world.state() is STARTING
        await asyncio.sleep(29)
        assert world.asked == [0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 12.7, 22.7]
        assert world.state() is STARTING
        assert world.told == ["web"], "the reason is known now, and stays the same"

    virtually(body)


def test_another_reason_is_told() -> None:
    async def body(world: World) -> None:
        world.state()
        await asyncio.sleep(1)
        world.failure = "answers with 404"
        await asyncio.sleep(1)
        assert world.told == ["web", "web"]
        assert world.probes.health("web") == Health(STARTING, 0, "answers with 404")

    virtually(body)


def test_one_success_makes_it_healthy_and_the_interval_holds_from_then_on() -> None:
    async def body(world: World) -> None:
        world.state()
        await asyncio.sleep(1)
        world.failure = ""
        await asyncio.sleep(25)
        assert world.state() is HEALTHY
        assert world.asked == [0, 0.1, 0.3, 0.7, 1.5, 11.5, 21.5]
        assert world.told == ["web", "web"]

    virtually(body)


def test_failures_after_the_start_period_make_it_unhealthy_and_one_success_mends_it() -> None:
    async def body(world: World) -> None:
        web = checked(replace(CHECK, start_period_s=0))
        assert world.state(web) is STARTING
        await asyncio.sleep(19)
        assert world.state(web) is STARTING
        await asyncio.sleep(2)
        assert world.probes.health("web") == Health(UNHEALTHY, 3, "refused")
        assert world.asked == [0, 10, 20]
        world.failure = ""
        await asyncio.sleep(10)
        assert world.state(web) is HEALTHY
        assert world.told == ["web"] * 3, "why it is not healthy, that it is unhealthy, that it is healthy"

    virtually(body)


def test_a_healthy_one_survives_single_failures() -> None:
    async def body(world: World) -> None:
        world.failure = ""
        world.state()
        await asyncio.sleep(5)
        for failure in ("refused", "refused", "", "refused", "refused"):
            world.failure = failure
            await asyncio.sleep(10)
            assert world.state() is HEALTHY
        world.failure = "refused"
        await asyncio.sleep(10)
        assert world.state() is UNHEALTHY

    virtually(body)


def test_the_start_period_counts_from_the_start_of_the_process_not_of_the_node() -> None:
    async def body(world: World) -> None:
        old = replace(WEB, started_at=EPOCH - timedelta(hours=1))
        world.state(old)
        await asyncio.sleep(21)
        assert world.asked == [0, 10, 20]
        assert world.state(old) is UNHEALTHY

    virtually(body)


@pytest.mark.parametrize("state", [ProcessState.ENDING, ProcessState.EXITED])
def test_what_does_not_run_is_not_asked(state: ProcessState) -> None:
    async def body(world: World) -> None:
        over = replace(WEB, state=state)
        assert world.state(over) is None
        await asyncio.sleep(100)
        assert world.asked == []
        world.probes.see("web", WEB)
        await asyncio.sleep(0.05)
        assert world.asked == [100]
        world.probes.see("web", over)
        await asyncio.sleep(100)
        assert world.asked == [100]

    virtually(body)


def test_a_new_process_starts_anew_even_under_the_same_pid() -> None:
    async def body(world: World) -> None:
        world.failure = ""
        world.state()
        await asyncio.sleep(1)
        assert world.state() is HEALTHY
        world.failure = "refused"
        world.probes.see("web", replace(WEB, started_at=EPOCH + timedelta(seconds=1)))
        assert world.state() is STARTING

    virtually(body)


def test_a_process_that_is_only_frozen_goes_on_being_asked() -> None:
    async def body(world: World) -> None:
        web = checked(replace(CHECK, start_period_s=0))
        world.state(web)
        world.state(replace(web, state=ProcessState.STOPPED))
        await asyncio.sleep(25)
        assert world.asked == [0, 10, 20]

    virtually(body)


def test_another_check_takes_the_place_of_the_first_and_none_ends_it() -> None:
    async def body(world: World) -> None:
        world.failure = ""
        world.state()
        await asyncio.sleep(1)
        assert world.state() is HEALTHY
        other = replace(CHECK, by=TcpCheck("127.0.0.1", 81), interval_s=3)
        assert world.state(checked(other)) is STARTING
        await asyncio.sleep(7)
        assert world.asked == [0, 1, 4, 7]
        assert world.state(checked(None)) is None
        await asyncio.sleep(100)
        assert len(world.asked) == 4

    virtually(body)


def test_the_same_question_at_another_pace_keeps_what_is_known() -> None:
    async def body(world: World) -> None:
        world.failure = ""
        world.state()
        await asyncio.sleep(1)
        world.failure = "refused"
        assert world.state(checked(replace(CHECK, interval_s=3, retries=2))) is HEALTHY
        await asyncio.sleep(4)
        assert world.asked == [0, 1, 4]
        assert world.probes.health("web") == Health(UNHEALTHY, 2, "refused")

    virtually(body)


def test_an_answer_that_is_still_awaited_is_given_up_when_the_process_is_gone() -> None:
    async def body(world: World) -> None:
        world.answer_after_s = 50
        world.state()
        await asyncio.sleep(1)
        assert world.open == 1
        world.probes.see("web", None)
        await asyncio.sleep(0.001)
        assert world.open == 0

    virtually(body)


def test_what_has_no_check_is_not_asked() -> None:
    async def body(world: World) -> None:
        assert world.state(checked(None)) is None
        await asyncio.sleep(100)
        assert world.asked == []

    virtually(body)


@given(
    failures=st.lists(st.sampled_from(["", "refused"]), max_size=30),
    retries=st.integers(1, 5),
)
def test_unhealthy_is_said_exactly_after_so_many_failures_in_a_row(failures: list[str], retries: int) -> None:
    check, health = replace(CHECK, retries=retries), Health()
    for number, failure in enumerate(failures, 1):
        health = after(health, failure, check, counts=True)
        latest = "".join("." if word else "+" for word in failures[:number])
        in_a_row = len(latest) - len(latest.rstrip("."))
        assert (health.state is UNHEALTHY) == (in_a_row >= retries)
        assert (health.state is HEALTHY) == ("+" in latest and in_a_row < retries)
        assert health.failures == in_a_row


def test_failures_that_do_not_count_change_nothing_but_the_message() -> None:
    assert after(Health(), "refused", CHECK, counts=False) == Health(STARTING, 0, "refused")
