"""Answers a kubelet's probes: alive as long as the engine is, or as it waits for its turn.

Rules: it says 200 or 503 to whatever is asked, and nothing else; it is no API.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from reconciler.errors import Invalid

PATIENCE_S = 5.0
WELL = frozenset({"standby", "running", "stopping"})


@asynccontextmanager
async def answering(where: str, state: Callable[[], str]) -> AsyncIterator[None]:
    """Listen at HOST:PORT as long as the block runs."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await reader.readuntil(b"\r\n\r\n")
                told = state()
                line = "200 OK" if told in WELL else "503 Service Unavailable"
                head = f"HTTP/1.1 {line}\r\nContent-Type: text/plain\r\nContent-Length: {len(told)}"
                writer.write(f"{head}\r\nConnection: close\r\n\r\n{told}".encode())
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or asked for something else
        finally:
            writer.close()

    host, _, port = where.rpartition(":")
    try:
        server = await asyncio.start_server(answer, host or None, int(port))
    except (OSError, ValueError, OverflowError) as error:
        raise Invalid(f"probes cannot be answered at '{where}': {error}", remedy="name HOST:PORT") from error
    async with server:
        yield
