"""The words on a server's standard input, as they come."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator


async def asked() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()
