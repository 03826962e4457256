"""One listening socket with all its connections, from the first to the last.

Rules: takes as many connections as the process has room for, and tells the next one so; ends in two
moves, so that all listeners stop letting anybody in before the first waits for its requests to finish.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import suppress
from functools import partial

from uvicorn.config import Config

from api.identity import Door
from api.wire import Connections, Wire

SPARE_FILES = 256  # what the rest of the node may have open meanwhile
MOST = 4096


class Listener:
    def __init__(self, server: asyncio.Server, shared: Connections) -> None:
        self._server = server
        self._shared = shared

    @classmethod
    async def on(cls, listening: socket.socket, door: Door, config: Config) -> Listener:
        shared = Connections(door, room())
        loop = asyncio.get_running_loop()
        make = partial(Wire, config, shared)
        if listening.family == socket.AF_UNIX:
            server = await loop.create_unix_server(make, sock=listening)
        else:
            server = await loop.create_server(make, sock=listening)
        return cls(server, shared)

    def stop_accepting(self) -> None:
        self._server.close()

    async def finish(self, grace_s: float) -> None:
        """Let what is being answered be answered; after the grace cut it off."""
        for connection in list(self._shared.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._shared.empty.wait()
        for connection in list(self._shared.connections):
            connection.transport.abort()
        for task in list(self._shared.tasks):
            task.cancel()
        await asyncio.gather(*self._shared.tasks, return_exceptions=True)


def room() -> int:
    """How many connections one listener may have; each is an open file, of which a process has so many."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MOST, soft - SPARE_FILES))
