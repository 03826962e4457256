"""The samples of the guide on integration, run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from tests.api.nodes import Running, api_key, key, running, secret
from tests.api.test_hooks import BODY, SECRET, hooked, signature

GUIDE = Path("docs/how-to/integrate.md").read_text()
PIPELINE = secret("p")


def sample(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


async def run(node: Running, folder: Path, *command: str, **environ: str) -> str:
    address = str(node.public.base_url).rstrip("/")
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, "HOLDFAST": address, **environ},
        cwd=folder,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.req("DOC-06")
@pytest.mark.needs("curl")
async def test_a_pipeline_makes_the_node_look_and_waits(tmp_path: Path) -> None:
    permissions = '"read", {scope: "reconcile:write", names: [root]}'
    manifests = "---\n".join((key("release"), api_key("pipeline", PIPELINE, permissions)))
    async with running(manifests, api__require_auth=True, api__writes=True) as node:
        await node.ready("key/release", "apikey/pipeline", "source/root")
        said = await run(node, tmp_path, "sh", "-ec", sample("sh"), HOLDFAST_KEY=PIPELINE)
        assert said.strip() == '"stalled":0'
        assert [operation.kind for operation in await node.node.store.operations(10)] == ["push"]


@pytest.mark.req("DOC-06", "DOC-11")
async def test_a_script_signs_a_hook_as_forges_do(tmp_path: Path) -> None:
    async with hooked() as told:
        said = await run(told.api, tmp_path, sys.executable, "-c", sample("python"), HOOK_SECRET=SECRET)
        assert said == "root\n"
        assert await told.operations() == 1


@pytest.mark.req("DOC-11")
async def test_the_sample_verifies_what_the_node_verifies() -> None:
    names: dict[str, Any] = {}
    exec(compile(sample("python verify"), "integrate.md", "exec"), names)  # noqa: S102 - the guide's own
    headers = {
        "right": f"sha256={signature()}",
        "another secret": f"sha256={signature(secret='guessed')}",
        "another body": f"sha256={signature(b'{}')}",
        "no scheme": signature(),
        "SHA-1": f"sha1={signature()}",
        "half": f"sha256={signature()[:32]}",
        "empty": "",
        "no hex": "sha256=\xff",
    }
    async with hooked() as told:
        for name, header in headers.items():
            answer = await told.hook({"X-Hub-Signature-256": header})
            assert names["proven"](SECRET.encode(), BODY, header) == (answer.status_code == 202), name
            assert (answer.status_code == 202) == (name in {"right", "no scheme"}), name
