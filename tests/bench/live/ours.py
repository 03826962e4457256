"""A node that tells an event whenever it is asked to on its standard input."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from reconciler.model import Event
from tests.api.nodes import living, scratch, settings_in, until
from tests.bench.asked import asked


async def main() -> None:
    with scratch() as folder:
        async with living(settings_in(Path(folder), limits__enabled=False)) as node:
            await until(lambda: "public" in node.desk.daemon.listeners)
            sys.stdout.write(f"{node.desk.daemon.listeners['public']}/api/v1/ws subscribe\n")
            sys.stdout.flush()
            async for word in asked():
                if word == "stop":
                    break
                told = {"sent": time.monotonic_ns(), "filling": "x" * 60}
                await node.store.commit(Event("bench.told", datetime.now(UTC), None, told))


if __name__ == "__main__":
    asyncio.run(main())
