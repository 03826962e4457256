"""The samples of the guides on the API, run as they stand there: in four languages they do the same."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.nodes import Running, api_key, key, running, secret

GUIDE = Path("docs/how-to/use-the-api.md").read_text()
DEPLOY = secret("d")


@pytest.fixture
async def node() -> AsyncIterator[Running]:
    manifests = "---\n".join((key("release"), api_key("deploy", DEPLOY, "read, write")))
    async with running(manifests, api__require_auth=True, api__writes=True) as found:
        await found.ready("key/release", "apikey/deploy", "source/root")
        await found.judged("inbox")
        yield found


def sample(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


async def run(node: Running, folder: Path, *command: str) -> list[str]:
    """What it prints, once it has ended well."""
    environ = {
        **os.environ,
        "HOLDFAST": str(node.public.base_url).rstrip("/"),
        "HOLDFAST_KEY": DEPLOY,
    }
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=STDOUT, env=environ, cwd=folder
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode().splitlines()


async def declared(node: Running) -> bool:
    answer = await node.socket.get("/api/v1/resources/key/default/carol")
    return bool(answer.json()["status"]["ready"])


@pytest.mark.req("DOC-05")
@pytest.mark.needs("curl")
async def test_the_shell_sample_declares_and_waits(node: Running, tmp_path: Path) -> None:
    assert await run(node, tmp_path, "sh", "-ec", sample("sh")) == ["key/carol is ready"]
    assert '"adds":1' in (tmp_path / "plan.json").read_text()
    assert await declared(node)


@pytest.mark.req("DOC-05")
async def test_the_python_sample_declares_and_waits(node: Running, tmp_path: Path) -> None:
    said = await run(node, tmp_path, sys.executable, "-c", sample("python"))
    assert said == ["would add 1", "key/carol is ready"]
    assert await declared(node)


@pytest.mark.req("DOC-05")
@pytest.mark.needs("node")
async def test_the_javascript_sample_declares_and_waits(node: Running, tmp_path: Path) -> None:
    (tmp_path / "declare.mjs").write_text(sample("javascript"))
    assert await run(node, tmp_path, "node", "declare.mjs") == ["would add 1", "key/carol is ready"]
    assert await declared(node)


@pytest.mark.req("DOC-05")
@pytest.mark.needs("go")
async def test_the_go_sample_declares_and_waits(node: Running, tmp_path: Path) -> None:
    (tmp_path / "declare.go").write_text(sample("go"))
    assert await run(node, tmp_path, "go", "run", "declare.go") == ["would add 1", "key/carol is ready"]
    assert await declared(node)
