"""What the port `Processes` promises, tried on real processes and on the Fake alike."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from itertools import pairwise

import pytest

from reconciler.errors import Conflict, Failed, NotFound
from reconciler.ports.health import Health, HealthState
from reconciler.ports.log_line import LogLine
from reconciler.ports.processes import RELEASED, Care, ProcessState, Run
from tests.drivers.processes.rigs import PATIENCE_S, Rig, until

TERM = signal.SIGTERM
RUNNING, STOPPED, ENDING, EXITED = ProcessState


@pytest.mark.req("TST-48")
async def test_a_started_process_runs_and_is_listed_with_its_labels(rig: Rig) -> None:
    process = await rig.port.start(rig.run("shop/web", Care({"spec": "abc"})))
    assert process.state is RUNNING
    assert process.care == Care({"spec": "abc"})
    assert rig.port.processes() == {"shop/web": process}
    assert await rig.port.fresh() == {"shop/web": process}


async def test_nothing_runs_at_first(rig: Rig) -> None:
    assert rig.port.processes() == {}
    assert await rig.port.fresh() == {}


async def test_many_starts_of_one_id_start_one_process(rig: Rig) -> None:
    started = await asyncio.gather(*(rig.port.start(rig.run("web")) for _ in range(5)))
    again = await rig.port.start(rig.run("web", Care({"spec": "another"})))
    assert {process.pid for process in (*started, again)} == {started[0].pid}
    assert again.care.labels == {}


async def test_an_end_that_nobody_asked_for_keeps_its_exit_code_and_the_next_start_is_a_restart(
    rig: Rig,
) -> None:
    first = await rig.port.start(rig.run("web"))
    await rig.end("web", 3)
    ended = (await until(rig.port, lambda all_: all_["web"].state is EXITED))["web"]
    assert (ended.exit_code, ended.signal, ended.asked, ended.restarts) == (3, None, False, 0)
    assert ended.exited_at is not None
    assert ended.exited_at >= ended.started_at
    second = await rig.port.start(rig.run("web"))
    assert (second.state, second.restarts, second.exit_code) == (RUNNING, 1, None)
    assert second.pid != first.pid


async def test_a_killed_process_keeps_its_signal(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.kill("web", signal.SIGKILL)
    ended = (await until(rig.port, lambda all_: all_["web"].state is EXITED))["web"]
    assert (ended.exit_code, ended.signal, ended.asked) == (None, signal.SIGKILL, False)


async def test_stop_returns_when_the_process_has_ended_and_a_start_after_it_is_no_restart(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.port.stop("web", TERM, 10)
    ended = rig.port.processes()["web"]
    assert (ended.state, ended.signal, ended.asked) == (EXITED, TERM, True)
    assert (await rig.port.start(rig.run("web"))).restarts == 0


async def test_stopping_twice_at_once_or_what_is_not_there_is_no_error(rig: Rig) -> None:
    await rig.port.stop("web", TERM, 10)
    await rig.port.start(rig.run("web"))
    await asyncio.gather(rig.port.stop("web", TERM, 10), rig.port.stop("web", TERM, 10))
    await rig.port.stop("web", TERM, 10)
    assert rig.port.processes()["web"].state is EXITED


async def test_what_ignores_its_signal_is_killed_after_the_shortest_grace(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.ignore_signals("web")
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as together:
        together.create_task(rig.port.stop("web", TERM, 3600))
        await until(rig.port, lambda all_: all_["web"].state is ENDING)
        together.create_task(rig.port.stop("web", TERM, 0.1))
    ended = rig.port.processes()["web"]
    assert (ended.signal, ended.asked) == (signal.SIGKILL, True)


async def test_a_start_waits_for_the_end_of_what_is_just_ending(rig: Rig) -> None:
    first = await rig.port.start(rig.run("web"))
    await rig.ignore_signals("web")
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as together:
        together.create_task(rig.port.stop("web", TERM, 0.3))
        await until(rig.port, lambda all_: all_["web"].state is ENDING)
        starting = together.create_task(rig.port.start(rig.run("web")))
    assert starting.result().pid != first.pid
    assert rig.port.processes()["web"].state is RUNNING


async def test_a_frozen_process_is_seen_and_resumed(rig: Rig) -> None:
    process = await rig.port.start(rig.run("web"))
    await rig.freeze("web")
    await until(rig.port, lambda all_: all_["web"].state is STOPPED)
    assert (await rig.port.start(rig.run("web"))).pid == process.pid
    await rig.port.resume("web")
    await until(rig.port, lambda all_: all_["web"].state is RUNNING)
    assert rig.port.processes()["web"].pid == process.pid


async def test_a_frozen_process_ends_when_it_is_stopped(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.freeze("web")
    await until(rig.port, lambda all_: all_["web"].state is STOPPED)
    await rig.port.stop("web", TERM, 3600)
    assert rig.port.processes()["web"].signal == TERM


async def test_only_what_runs_can_be_resumed(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.port.resume("web")
    await rig.port.start(rig.run("web"))
    await rig.port.stop("web", TERM, 10)
    with pytest.raises(NotFound):
        await rig.port.resume("web")


async def test_an_ended_process_is_forgotten_a_running_one_is_not(rig: Rig) -> None:
    await rig.port.forget("web")
    await rig.port.start(rig.run("web"))
    with pytest.raises(Conflict):
        await rig.port.forget("web")
    await rig.port.stop("web", TERM, 10)
    await rig.port.forget("web")
    assert rig.port.processes() == {}
    assert await rig.port.fresh() == {}


async def test_a_program_that_cannot_be_run_leaves_nothing(rig: Rig) -> None:
    if hasattr(rig.port, "missing"):
        rig.port.missing.add("no-such-program")
    with pytest.raises(Failed, match="cannot start web: cannot run 'no-such-program': No such file"):
        await rig.port.start(Run("web", ("no-such-program",)))
    assert await rig.port.fresh() == {}


async def test_a_program_that_cannot_be_run_leaves_what_was_there_before(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.end("web", 7)
    ended = (await until(rig.port, lambda all_: all_["web"].state is EXITED))["web"]
    if hasattr(rig.port, "missing"):
        rig.port.missing.add("no-such-program")
    with pytest.raises(Failed):
        await rig.port.start(Run("web", ("no-such-program",)))
    assert await rig.port.fresh() == {"web": ended}


async def test_each_change_is_told_until_the_door_is_closed(rig: Rig) -> None:
    told: list[str | None] = []
    rig.port.subscribe(told.append)
    await rig.port.start(rig.run("web"))
    await rig.freeze("web")
    await until(rig.port, lambda all_: all_["web"].state is STOPPED)
    await rig.port.stop("web", TERM, 10)
    await rig.port.forget("web")
    await asyncio.sleep(0)
    assert set(told) == {"web"}
    assert len(told) >= 4
    heard = len(told)
    await rig.reopen()
    await rig.port.start(rig.run("db"))
    assert len(told) == heard


async def test_processes_live_on_while_nobody_is_there(rig: Rig) -> None:
    before = await rig.port.start(rig.run("web", Care({"spec": "abc"})))
    await rig.reopen()
    assert rig.port.processes() == {"web": before}
    assert (await rig.port.start(rig.run("web"))).pid == before.pid
    await rig.end("web", 5)
    assert (await until(rig.port, lambda all_: all_["web"].state is EXITED))["web"].exit_code == 5


async def test_shutdown_ends_every_process(rig: Rig) -> None:
    for name in ("web", "db", "queue"):
        await rig.port.start(rig.run(name, Care(stop_signal=signal.SIGINT if name == "db" else TERM)))
    await rig.port.shutdown()
    await rig.reopen()
    ended = await rig.port.fresh()
    assert {name: (process.state, process.signal, process.asked) for name, process in ended.items()} == {
        "web": (EXITED, TERM, True),
        "db": (EXITED, signal.SIGINT, True),
        "queue": (EXITED, TERM, True),
    }


async def test_what_was_let_go_of_goes_on_after_a_shutdown(rig: Rig) -> None:
    left = await rig.port.start(rig.run("left"))
    await rig.port.start(rig.run("web"))
    await rig.port.tend("left", Care({RELEASED: "true"}))
    await rig.port.shutdown()
    await rig.reopen()
    found = await rig.port.fresh()
    assert {name: process.state for name, process in found.items()} == {"left": RUNNING, "web": EXITED}
    assert found["left"].pid == left.pid
    await rig.print("left", "still heard")
    async with asyncio.timeout(PATIENCE_S):
        assert (await anext(rig.port.logs("left", follow=True))).text == "still heard"
    assert (await rig.port.start(rig.run("web"))).state is RUNNING, "and others may be started again"
    await rig.port.tend("left", Care())


# ------------------------------------------------------------------------------------------------ logs


async def _following(rig: Rig, wanted: int) -> list[LogLine]:
    lines: list[LogLine] = []
    async with asyncio.timeout(PATIENCE_S):
        async for line in rig.port.logs("web", follow=True):
            lines.append(line)
            if len(lines) == wanted:
                break
    return lines


async def test_what_is_printed_is_read_line_by_line_with_its_time(rig: Rig) -> None:
    process = await rig.port.start(rig.run("web"))
    for number in range(5):
        await rig.print("web", f"line {number}")
    lines = await _following(rig, 5)
    assert [line.text for line in lines] == [f"line {number}" for number in range(5)]
    assert all(line.stream == "stdout" and line.at >= process.started_at for line in lines)
    assert all(earlier.at <= later.at for earlier, later in pairwise(lines))
    assert [line.text async for line in rig.port.logs("web", tail=2)] == ["line 3", "line 4"]
    assert [line.text async for line in rig.port.logs("web", tail=0)] == []
    assert [line async for line in rig.port.logs("web", since=lines[2].at)] == [
        line for line in lines if line.at >= lines[2].at
    ]


async def test_both_streams_are_kept_apart(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.print("web", "fine")
    await rig.print("web", "broken", "stderr")
    lines = await _following(rig, 2)
    assert {(line.stream, line.text) for line in lines} == {("stdout", "fine"), ("stderr", "broken")}


async def test_following_goes_on_with_what_comes(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.print("web", "before")
    await _following(rig, 1)
    reading = asyncio.create_task(_following(rig, 2))
    await asyncio.sleep(0)
    await rig.print("web", "after")
    assert [line.text for line in await reading] == ["before", "after"]


async def test_logs_stay_when_a_process_is_forgotten_unless_they_shall_not(rig: Rig) -> None:
    for logs in (False, True):
        await rig.port.start(rig.run("web"))
        await rig.print("web", "kept")
        await _following(rig, 1)
        await rig.port.stop("web", TERM, 10)
        await rig.port.forget("web", logs=logs)
        if not logs:
            assert [line.text async for line in rig.port.logs("web")] == ["kept"]
    with pytest.raises(NotFound):
        rig.port.logs("web")


# ---------------------------------------------------------------------------------------------- health


@pytest.mark.req("SVC-22")
async def test_health_follows_what_the_check_finds(rig: Rig) -> None:
    def says(state: HealthState) -> bool:
        health = rig.port.health("web")
        return health is not None and health.state is state

    await rig.port.start(rig.run("web", Care(check=rig.check("web"))))
    await until(rig.port, lambda _: says(HealthState.HEALTHY))
    rig.sicken("web")
    await until(rig.port, lambda _: says(HealthState.UNHEALTHY))
    health = rig.port.health("web")
    assert health is not None
    assert health.failures >= 2
    assert health.message
    rig.heal("web")
    await until(rig.port, lambda _: says(HealthState.HEALTHY))


async def test_health_begins_anew_with_each_process_and_ends_with_it(rig: Rig) -> None:
    for _ in range(2):
        await rig.port.start(rig.run("web", Care(check=rig.check("web"))))
        await until(rig.port, lambda _: rig.port.health("web") == Health(HealthState.HEALTHY))
        await rig.port.stop("web", TERM, 10)
        assert rig.port.health("web") is None


# ------------------------------------------------------------------------------------------------ care


async def test_how_a_process_is_looked_after_changes_while_it_goes_on(rig: Rig) -> None:
    before = await rig.port.start(rig.run("web"))
    assert rig.port.health("web") is None
    care = Care({"spec": "two"}, signal.SIGINT, 3.0, 20_000, 2, rig.check("web"))
    await rig.port.tend("web", care)
    assert await rig.port.fresh() == {"web": replace(before, care=care)}
    await until(rig.port, lambda _: rig.port.health("web") == Health(HealthState.HEALTHY))
    await rig.reopen()
    assert rig.port.processes() == {"web": replace(before, care=care)}
    await until(rig.port, lambda _: rig.port.health("web") == Health(HealthState.HEALTHY))
    await rig.port.tend("web", replace(care, check=None))
    await until(rig.port, lambda _: rig.port.health("web") is None)
    await rig.port.shutdown()
    await rig.reopen()
    assert (await rig.port.fresh())["web"].signal == signal.SIGINT


async def test_what_has_ended_is_looked_after_as_well(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.port.stop("web", TERM, 10)
    await rig.port.tend("web", Care({"spec": "two"}))
    ended = (await rig.port.fresh())["web"]
    assert (ended.state, ended.care) == (EXITED, Care({"spec": "two"}))


async def test_nobody_looks_after_what_is_not_there(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.port.tend("web", Care())


async def test_nothing_is_used_where_nothing_runs(rig: Rig) -> None:
    assert await rig.port.usage() == {}


@pytest.mark.req("SVC-22", "TST-48")
async def test_what_a_process_uses_is_told_while_it_lives(rig: Rig) -> None:
    started = await rig.port.start(rig.run("shop/web"))
    await rig.port.start(rig.run("db"))
    first = await rig.port.usage()
    assert first.keys() == {"shop/web", "db"}
    assert first["shop/web"].processes == 1
    assert (first["shop/web"].started_at, first["shop/web"].restarts) == (started.started_at, 0)
    await rig.compute("shop/web")
    second = await rig.port.usage()
    assert second["shop/web"].cpu_s - first["shop/web"].cpu_s >= 0.05
    assert second["shop/web"].memory_bytes > 0
    assert second["db"].cpu_s - first["db"].cpu_s < 0.05
    await rig.port.stop("shop/web", TERM, 5.0)
    assert (await rig.port.usage()).keys() == {"db"}


async def test_what_a_process_uses_begins_anew_with_each_start(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.compute("web")
    before = (await rig.port.usage())["web"]
    await rig.end("web", 1)
    await until(rig.port, lambda all_: all_["web"].state is EXITED)
    again = await rig.port.start(rig.run("web"))
    after = (await rig.port.usage())["web"]
    assert after.cpu_s < before.cpu_s
    assert (after.started_at, after.restarts) == (again.started_at, 1)


async def test_what_a_process_uses_is_known_to_whom_comes_later(rig: Rig) -> None:
    await rig.port.start(rig.run("web"))
    await rig.compute("web")
    before = (await rig.port.usage())["web"]
    await rig.reopen()
    after = (await rig.port.usage())["web"]
    assert after.cpu_s >= before.cpu_s
    assert after.started_at == before.started_at
