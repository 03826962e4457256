"""The command at a node that speaks TLS: with a key or a token, believing whom it is told to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from reconciler.runtime.asker import Asker
from tests.api.certificates import Authority
from tests.api.nodes import api_key, running, secret
from tests.cli.shell import run

SECRET = secret("t")


@pytest.mark.req("AUTH-30", "CLI-04")
async def test_it_is_told_who_vouches_for_the_node_and_says_who_asks(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("localhost")
    async with running(
        api_key("ci", SECRET, "read"),
        api__require_auth=True,
        api__tls_certificate=str(authority.certificate),
        api__tls_key=str(authority.key),
    ) as api:
        await api.ready("apikey/ci")
        url = f"https://127.0.0.1:{api.address('public')[1]}"

        async def told(*words: str, **environ: str) -> tuple[int, str, str]:
            done = await asyncio.to_thread(
                run, tmp_path, "--api-url", url, *words, "status", "-o", "json", environ=environ
            )
            return done.returncode, done.stdout.decode(), done.stderr.decode()

        code, _, why = await told(HOLDFAST_API_KEY=SECRET)
        assert (code, "cannot prove that it is the node" in why, "--ca-file" in why) == (7, True, True)
        code, _, why = await told("--ca-file", str(tmp_path / "none.pem"), HOLDFAST_API_KEY=SECRET)
        assert (code, "none.pem holds no certificates" in why) == (2, True)
        environ = {"HOLDFAST_CA_FILE": str(authority.file)}
        code, _, why = await told(**environ)
        assert (code, "nobody has said who is asking" in why) == (4, True)
        desk = api.node.desk
        holder = desk.holder(SECRET)
        assert not isinstance(holder, str)
        token = (await desk.tokens.issue(holder, Asker("a test")))["access_token"]
        for credential in (SECRET, token):
            code, out, why = await told(**environ, HOLDFAST_API_KEY=credential)
            assert (code, why) == (0, "")
            assert json.loads(out)["node_id"] == api.node.node_id
