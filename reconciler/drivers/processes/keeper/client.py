"""One connection to the keeper: lines in, lines out, and nobody is waited for.

Rules: who does not read is dropped when the backlog is full (it connects again and lists anew), and so
is who sends a line without end.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from .loop import READ, WRITE, Loop

LONGEST_LINE = 8 << 20  # the kernel lets arguments and environment together be no longer than 6 MiB
LARGEST_BACKLOG = 16 << 20
CHUNK = 1 << 18


class Client:
    def __init__(self, loop: Loop, connection: socket.socket, hear: Callable[[Client, bytes], None]) -> None:
        self.subscribed = False
        self.open = True
        self._loop = loop
        self._socket = connection
        self._hear = hear
        self._came = bytearray()
        self._backlog = bytearray()
        connection.setblocking(False)
        loop.watch(connection.fileno(), self._ready)

    def send(self, message: object) -> None:
        if not self.open:
            return
        self._backlog += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._flush()
        if len(self._backlog) > LARGEST_BACKLOG:
            self.close()

    def close(self) -> None:
        if self.open:
            self.open = False
            self._loop.forget(self._socket.fileno())
            self._socket.close()

    def _ready(self) -> None:
        if self._backlog:
            self._flush()
        if self.open:
            self._receive()

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._backlog)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._backlog[:sent]
        self._loop.watch(self._socket.fileno(), self._ready, READ | WRITE if self._backlog else READ)

    def _receive(self) -> None:
        try:
            chunk = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self.close()
            return
        start = len(self._came)
        self._came += chunk
        end = self._came.find(b"\n", start)
        while end >= 0 and self.open:
            line = bytes(self._came[:end])
            del self._came[: end + 1]
            self._hear(self, line)
            end = self._came.find(b"\n")
        if len(self._came) > LONGEST_LINE:
            self.close()
