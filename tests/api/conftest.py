"""One node for a test that needs no special one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.nodes import Running, key, running


@pytest.fixture
async def api() -> AsyncIterator[Running]:
    manifests = "---\n".join((key("release"), key("alice", "db"), key("bob", "db")))
    async with running(manifests) as node:
        await node.ready("key/release", "key/alice", "key/bob", "source/root")
        await node.judged("root")
        await node.judged("inbox")
        yield node
