"""What real processes use: whole families of them, and whose each process is."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.drivers.processes.keeper import proc
from reconciler.drivers.processes.usage import Family, Look
from reconciler.errors import Unavailable
from reconciler.ports.processes import Care, ProcessState, Run
from reconciler.ports.usage import Usage
from tests.drivers.processes.rigs import PATIENCE_S, RealRig, until

pytestmark = pytest.mark.req("SVC-22", "CORE-29")

NOBODY = 65534
HOLDS = "import time; held = bytearray(b'x' * (48 << 20)); print('holds', flush=True); time.sleep(60)"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[RealRig]:
    made = RealRig(tmp_path)
    yield made
    await made.port.shutdown()


async def used(rig: RealRig, id: str) -> Usage:
    return (await rig.port.usage())[id]


async def test_a_child_counts_even_in_a_session_of_its_own(rig: RealRig) -> None:
    await rig.port.start(rig.run("web"))
    before = await used(rig, "web")
    await rig.compute("web", apart=True)
    after = await used(rig, "web")
    assert after.processes == before.processes + 1
    assert after.cpu_s - before.cpu_s >= 0.05
    assert after.memory_bytes > before.memory_bytes


async def test_a_child_counts_that_has_cleared_its_environment(rig: RealRig) -> None:
    """As long as it stays in the session, as with what the keeper ends."""
    script = "env -i sh -c 'echo cleared; exec sleep 60' & wait"
    await rig.port.start(Run("web", ("sh", "-c", script), {"PATH": "/usr/bin:/bin"}))
    await printed(rig, "web", "cleared")
    assert (await used(rig, "web")).processes == 2


async def test_short_lived_children_are_not_lost(rig: RealRig) -> None:
    burn = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"
    script = f"for turn in 1 2 3; do sh -c '{burn}'; done; echo done; exec sleep 60"
    await rig.port.start(Run("web", ("sh", "-c", script), {"PATH": "/usr/bin:/bin"}))
    await printed(rig, "web", "done")
    found = await used(rig, "web")
    assert found.processes == 1
    assert found.cpu_s >= 0.05


async def test_memory_is_what_is_resident(rig: RealRig) -> None:
    await rig.port.start(Run("web", ("python3", "-c", HOLDS), {"PATH": "/usr/bin:/bin"}))
    await printed(rig, "web", "holds")
    assert 48 << 20 <= (await used(rig, "web")).memory_bytes < 96 << 20


async def test_bytes_on_disk_are_counted(rig: RealRig, tmp_path: Path) -> None:
    write = (
        f"dd if=/dev/zero of={tmp_path}/big bs=1M count=8 conv=fsync 2>/dev/null; echo done; exec sleep 60"
    )
    await rig.port.start(Run("web", ("sh", "-c", write), {"PATH": "/usr/bin:/bin"}))
    await printed(rig, "web", "done")
    found = await used(rig, "web")
    assert found.read_bytes is not None
    assert found.written_bytes is not None
    assert found.written_bytes >= 8 << 20


async def test_what_outlives_its_leader_still_counts(rig: RealRig) -> None:
    """Until all of it is gone the service is ending, and uses what is left."""
    script = "(trap '' TERM; echo begun; while :; do sleep 60; done) & wait"
    care = Care(grace_s=60.0)
    await rig.port.start(Run("web", ("sh", "-c", script), {"PATH": "/usr/bin:/bin"}, care=care))
    await printed(rig, "web", "begun")
    await rig.kill("web", signal.SIGKILL)
    await until(rig.port, lambda all_: all_["web"].state is ProcessState.ENDING)
    assert (await used(rig, "web")).processes >= 1
    await rig.port.stop("web", signal.SIGTERM, 0.0)
    assert await rig.port.usage() == {}


async def test_a_number_that_was_given_out_again_is_another_process(rig: RealRig) -> None:
    started = await rig.port.start(rig.run("web"))
    stat = proc.stat(started.pid)
    assert stat is not None
    right = Family(started.pid, stat.start, "", started.started_at, 0)
    assert Look().look({"web": right}).keys() == {"web"}
    assert Look().look({"web": right._replace(start=stat.start - 1)}) == {}


async def test_a_family_that_is_gone_is_no_error() -> None:
    nobody = Family(2**22 + 1, 1, "nobody:web:0", datetime(2026, 11, 21, tzinfo=UTC), 0)
    assert Look().look({"web": nobody}) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else for a moment")
async def test_bytes_that_nobody_tells_us_are_not_known_and_the_rest_is(rig: RealRig) -> None:
    """The kernel tells of another user's process how much it computes, and not what it reads and writes."""
    started = await rig.port.start(rig.run("web"))
    await rig.compute("web")  # until it is its program, the kernel tells of it what it likes
    stat = proc.stat(started.pid)
    assert stat is not None
    family = Family(started.pid, stat.start, "", started.started_at, 0)
    os.seteuid(NOBODY)
    try:
        found = Look().look({"web": family})["web"]
    finally:
        os.seteuid(0)
    assert (found.read_bytes, found.written_bytes) == (None, None)
    assert found.memory_bytes > 0


async def test_without_file_numbers_it_is_not_known_and_no_less(rig: RealRig) -> None:
    await rig.port.start(rig.run("web"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    used_up = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used_up[0] + 1, most[1]))
    try:
        with pytest.raises(Unavailable, match="Too many open files"):
            await rig.port.usage()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
        os.close(used_up[0])
    assert (await used(rig, "web")).processes == 1


async def printed(rig: RealRig, id: str, text: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async for line in rig.port.logs(id, follow=True):
            if line.text == text:
                return
