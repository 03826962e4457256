"""The samples of the guide on following events, run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from reconciler.model import Ref
from tests.api.nodes import Running, publish, until

GUIDE = Path("docs/how-to/follow-events.md").read_text()
BOB = Ref("Key", "default", "bob")


def samples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


async def heard(api: Running, command: list[str], lines: int, folder: Path) -> list[str]:
    """The first lines of what it prints of two events that happen when it listens."""
    host, port = api.address("public")
    before = len(api.node.store.lags())
    environ = {**os.environ, "HOLDFAST": f"http://{host}:{port}"}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=DEVNULL, env=environ, cwd=folder, start_new_session=True
    )
    assert process.stdout is not None
    try:
        await until(lambda: len(api.node.store.lags()) > before)
        await publish(api, "test.one", "test.two", subject=BOB)
        async with asyncio.timeout(60):
            return [(await process.stdout.readline()).decode().strip() for _ in range(lines)]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


BOTH = ["test.one key/bob", "test.two key/bob"]


@pytest.mark.req("EVT-11", "EVT-14")
@pytest.mark.parametrize("number", [0, 1])
async def test_the_python_samples_hear(api: Running, tmp_path: Path, number: int) -> None:
    assert await heard(api, [sys.executable, "-c", samples("python")[number]], 2, tmp_path) == BOTH


@pytest.mark.needs("node")
async def test_the_javascript_sample_hears(api: Running, tmp_path: Path) -> None:
    program = tmp_path / "follow.mjs"
    program.write_text(samples("javascript")[0])
    assert await heard(api, ["node", str(program)], 2, tmp_path) == BOTH


@pytest.mark.needs("go")
async def test_the_go_sample_hears(api: Running, tmp_path: Path) -> None:
    (tmp_path / "follow.go").write_text(samples("go")[0])
    built = await asyncio.create_subprocess_exec("go", "build", "-o", "follow", "follow.go", cwd=tmp_path)
    assert await built.wait() == 0
    assert await heard(api, [str(tmp_path / "follow")], 2, tmp_path) == BOTH


@pytest.mark.needs("curl")
async def test_the_shell_sample_lists_and_watches(api: Running, tmp_path: Path) -> None:
    script = samples("sh")[0].replace("service", "key")
    lines = await heard(api, ["sh", "-c", script], 10, tmp_path)
    assert [line for line in lines if line.startswith("event: ")] == ["event: test.one", "event: test.two"]
    assert '"key/bob"' in (tmp_path / "keys.json").read_text()
