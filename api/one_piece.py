"""The head of an answer and its body written at once: each write is a call to the kernel.

Rules: only a head that says how long its body is waits for it, since that comes at once; that of a stream
does not. Whatever ends the answer writes what waits.
"""

from __future__ import annotations

import asyncio

CONTINUE = b"HTTP/1.1 100 "
LENGTH = b"\r\ncontent-length: "


class OnePiece:
    """What uvicorn's cycle of one request and its answer takes for the transport."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._begun = False
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._begun:
            self._transport.write(self._head + data if self._head else data)
            self._head = b""
        elif LENGTH in data:
            self._begun, self._head = True, data
        else:
            self._begun = not data.startswith(CONTINUE)
            self._transport.write(data)

    def close(self) -> None:
        if self._head:  # its body never came
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
