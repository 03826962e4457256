"""Which processes of a keeper really live, asked of the kernel and of nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reconciler.drivers.processes import Processes
from reconciler.drivers.processes.keeper import proc
from reconciler.ports.processes import ProcessState
from tests.drivers.processes.rigs import PATIENCE_S


def living(folder: Path) -> dict[int, str]:
    """Pid -> service id of everything that bears a token of this folder."""
    home_file = folder / "state" / "home"
    if not home_file.exists():
        return {}
    home = home_file.read_text()
    found = {pid: proc.token(pid) for pid in proc.everyone()}
    return {pid: token.split(":")[1] for pid, token in found.items() if token.startswith(f"{home}:")}


def leaders(folder: Path) -> dict[int, str]:
    """Those of them that were started as the service itself: none of an id is doubled, ever."""
    everyone = proc.everyone()
    leads = {pid for pid, who in everyone.items() if who.session == pid}
    found = {pid: service for pid, service in living(folder).items() if pid in leads}
    assert len(set(found.values())) == len(found), f"doubled: {found}"
    return found


async def all_is_known(folder: Path, processes: Processes) -> None:
    """Wait until what is listed as living is what lives, no more and no less."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            listed = (await processes.fresh()).values()
            said = {process.pid: process.id for process in listed if process.state is not ProcessState.EXITED}
            if leaders(folder) == said and set(living(folder).values()) == set(said.values()):
                return
            await asyncio.sleep(0.02)
