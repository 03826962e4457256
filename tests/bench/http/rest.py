"""A node at rest, `alone` or `open` with its API, that says how much memory it has.

Rules: of the API nothing is imported here, or a node without it would have it in memory all the same.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile

import psutil

from reconciler.runtime.node import open_node
from reconciler.settings import load
from tests.bench.asked import asked

REST_S = 5.0
FREE_PORTS = {"api.listen": "127.0.0.1:0", "daemon.legacy_listen": "127.0.0.1:0"}


async def main(how: str) -> None:
    with tempfile.TemporaryDirectory(prefix="hf") as folder:
        async with open_node(load(folder, FREE_PORTS, {}), living=True) as node:
            work = asyncio.create_task(node.run() if how == "open" else node.engine.run())
            await asyncio.sleep(REST_S)
            sys.stdout.write(
                f"{psutil.Process().memory_info().rss / 2**20} {len(node.desk.daemon.listeners)}\n"
            )
            sys.stdout.flush()
            async for _ in asked():
                pass
            node.stopping.set()
            work.cancel()
            await asyncio.wait([work])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
