"""A wire that breaks: passes on what the node says, and cuts it off somewhere in the midst."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Cutting:
    """`after`: how many bytes of the next connection get through; None: all.

    `late`: by how many seconds the next piece is.
    """

    def __init__(
        self, host: str, port: int, after: Callable[[], int | None], late: Callable[[], float]
    ) -> None:
        self._node = host, port
        self._after = after
        self._late = late
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(*self._node)
        asking = asyncio.create_task(_pass(reader, onward))
        try:
            left = self._after()
            while piece := await there.read(65536 if left is None else left):
                await asyncio.sleep(self._late())
                writer.write(piece)
                await writer.drain()
                if left is not None and not (left := left - len(piece)):
                    self.cuts += 1
                    return
        except OSError:
            return
        finally:
            asking.cancel()
            for end in (writer, onward):
                end.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)


@asynccontextmanager
async def cutting(
    host: str, port: int, after: Callable[[], int | None], late: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[tuple[Cutting, int]]:
    """It, and the port that it listens on."""
    wire = Cutting(host, port, after, late)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    async with server:
        yield wire, server.sockets[0].getsockname()[1]
