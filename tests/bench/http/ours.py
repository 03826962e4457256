"""A node with a hundred keys and one that asks for them, its limits on and too high to be met."""

from __future__ import annotations

import asyncio
import sys

from tests.api.nodes import api_key, key, running, secret
from tests.bench.asked import asked

KEYS = 100
ENOUGH = 1_000_000_000


async def main() -> None:
    manifests = [key(f"k{number}") for number in range(KEYS)] + [api_key("bench", secret("b"), "read")]
    async with running(
        "---\n".join(manifests),
        limits__enabled=True,
        limits__per_minute=ENOUGH,
        limits__burst=ENOUGH,
    ) as api:
        await api.ready("apikey/bench", *(f"key/k{number}" for number in range(KEYS)))
        await api.judged()
        sys.stdout.write(f"{api.node.desk.daemon.listeners['public']} {secret('b')}\n")
        sys.stdout.flush()
        async for _ in asked():
            pass


if __name__ == "__main__":
    asyncio.run(main())
