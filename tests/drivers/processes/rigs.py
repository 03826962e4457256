"""The two worlds in which the port's contract is tried: real processes, and the Fake's.

Rules: a rig does to a process what the world does: it ends, prints, freezes, falls ill. The real one's
program obeys orders that come through a named pipe, so that nothing has to be waited for by the clock.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from reconciler.drivers.processes import Processes
from reconciler.drivers.processes.fake import FakeProcesses
from reconciler.drivers.processes.launch import ISOLATED
from reconciler.ports.health import Check, CommandCheck
from reconciler.ports.processes import Care, Process, Run
from reconciler.ports.processes import Processes as Port
from reconciler.runtime.clock import SystemClock

PATIENCE_S = 60.0
PLAIN = Care()
# While coverage measures, it measures the keepers too; else they run as they always do.
MEASURE = os.environ.get("COVERAGE_PROCESS_CONFIG")
MEASURED = Path(__file__).with_name("measured_keeper.py")
PYTHON = ("env", f"COVERAGE_PROCESS_CONFIG={MEASURE}", sys.executable, str(MEASURED)) if MEASURE else ISOLATED
OBEY = """
exec 3<>"$ORDERS"
while read -r order rest <&3; do
    case $order in
        print) echo "$rest" ;;
        complain) echo "$rest" >&2 ;;
        end) exit "$rest" ;;
        ignore) trap "" TERM; echo ignoring ;;
        compute) i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; echo "computed $rest" ;;
        compute-apart) setsid sh -c '
            i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; echo "computed $1"; exec sleep 60
            ' sh "$rest" & ;;
    esac
done
"""


class Rig(Protocol):
    @property
    def port(self) -> Port: ...

    async def reopen(self) -> None: ...
    def run(self, id: str, care: Care = PLAIN) -> Run: ...
    async def print(self, id: str, text: str, stream: str = "stdout") -> None: ...
    async def end(self, id: str, exit_code: int) -> None: ...
    async def kill(self, id: str, number: int) -> None: ...
    async def freeze(self, id: str) -> None: ...
    async def ignore_signals(self, id: str) -> None: ...
    async def compute(self, id: str, *, apart: bool = False) -> None: ...
    def sicken(self, id: str) -> None: ...
    def heal(self, id: str) -> None: ...
    def check(self, id: str) -> Check: ...


def driver(folder: Path) -> Processes:
    return Processes(folder, SystemClock(), python=PYTHON)


async def until(port: Port, holds: Callable[[Mapping[str, Process]], bool]) -> Mapping[str, Process]:
    """Wait for news until it holds."""
    news = asyncio.Event()
    port.subscribe(lambda _: news.set())
    async with asyncio.timeout(PATIENCE_S):
        while not holds(port.processes()):
            news.clear()
            await news.wait()
    return port.processes()


class RealRig:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = driver(folder / "node")

    async def reopen(self) -> None:
        await self.port.close()
        self.port = driver(self._folder / "node")
        await self.port.open()

    def run(self, id: str, care: Care = PLAIN) -> Run:
        orders = self._orders(id)
        if not orders.exists():
            os.mkfifo(orders)
        env = {"PATH": os.environ["PATH"], "ORDERS": str(orders)}
        return Run(id, ("sh", "-c", OBEY), env=env, care=care)

    async def print(self, id: str, text: str, stream: str = "stdout") -> None:
        self._order(id, f"{'print' if stream == 'stdout' else 'complain'} {text}")

    async def end(self, id: str, exit_code: int) -> None:
        self._order(id, f"end {exit_code}")

    async def kill(self, id: str, number: int) -> None:
        os.kill(self.port.processes()[id].pid, number)

    async def freeze(self, id: str) -> None:
        await self.kill(id, signal.SIGSTOP)

    async def ignore_signals(self, id: str) -> None:
        self._order(id, "ignore")
        async with asyncio.timeout(PATIENCE_S):
            async for line in self.port.logs(id, follow=True):
                if line.text == "ignoring":
                    return

    async def compute(self, id: str, *, apart: bool = False) -> None:
        turn = uuid4().hex
        self._order(id, f"compute{'-apart' if apart else ''} {turn}")
        async with asyncio.timeout(PATIENCE_S):
            async for line in self.port.logs(id, follow=True):
                if line.text == f"computed {turn}":
                    return

    def sicken(self, id: str) -> None:
        self._orders(id).with_suffix(".sick").touch()

    def heal(self, id: str) -> None:
        self._orders(id).with_suffix(".sick").unlink(missing_ok=True)

    def check(self, id: str) -> Check:
        sick = self._orders(id).with_suffix(".sick")
        return Check(CommandCheck(("test", "!", "-e", str(sick))), 0.05, 5, 2, 0)

    def _orders(self, id: str) -> Path:
        return self._folder / f"{id.replace('/', '-')}.orders"

    def _order(self, id: str, order: str) -> None:
        with self._orders(id).open("w") as pipe:
            pipe.write(f"{order}\n")


class FakeRig:
    def __init__(self) -> None:
        self.port = FakeProcesses(SystemClock())

    async def reopen(self) -> None:
        await self.port.close()
        self.port.open()

    def run(self, id: str, care: Care = PLAIN) -> Run:
        return Run(id, ("program",), care=care)

    async def print(self, id: str, text: str, stream: str = "stdout") -> None:
        self.port.say(id, text, stream)

    async def end(self, id: str, exit_code: int) -> None:
        self.port.end(id, exit_code=exit_code)

    async def kill(self, id: str, number: int) -> None:
        self.port.end(id, signal=number)

    async def freeze(self, id: str) -> None:
        self.port.freeze(id)

    async def ignore_signals(self, id: str) -> None:
        self.port.stubborn.add(id)

    async def compute(self, id: str, *, apart: bool = False) -> None:
        self.port.spend(id, cpu_s=0.2)

    def sicken(self, id: str) -> None:
        self.port.sick[id] = "it is sick"

    def heal(self, id: str) -> None:
        self.port.sick.pop(id, None)

    def check(self, id: str) -> Check:
        return Check(CommandCheck(("test",)), 0.05, 5, 2, 0)
