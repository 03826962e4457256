"""Litestar with its ChannelsPlugin and nothing else, telling as much whenever it is asked to."""

from __future__ import annotations

import asyncio
import sys
import time

from litestar import Litestar
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from uvicorn import Config, Server

from tests.api.nodes import until
from tests.bench.asked import asked


async def main() -> None:
    channels = ChannelsPlugin(
        MemoryChannelsBackend(),
        channels=["news"],
        create_ws_route_handlers=True,
        ws_handler_base_path="/",
        subscriber_max_backlog=100,
    )
    config = Config(
        Litestar([], plugins=[channels], logging_config=None, openapi_config=None),
        port=0,
        loop="none",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="critical",  # its end is forced, and it would show at length what that broke off
        backlog=2048,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    host, port = server.servers[0].sockets[0].getsockname()
    sys.stdout.write(f"{host}:{port}/news listen\n")
    sys.stdout.flush()
    async for _ in asked():
        channels.publish({"sent": time.monotonic_ns(), "filling": "x" * 200}, ["news"])
    server.should_exit = True
    server.force_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main())
