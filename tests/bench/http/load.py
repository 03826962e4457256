"""Asks a server the same over and over, on many connections at once, as cheaply as Python can.

Rules: one request at a time on each connection; of an answer only its status and its length are read, so that
this process is not what is measured. Told `ask SECONDS PATH` on its standard input, it says what came of it.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from statistics import quantiles

LENGTH = re.compile(rb"content-length: (\d+)")
PIECE = 1 << 20


class Connection:
    def __init__(self, place: str, request: bytes) -> None:
        host, _, port = place.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._left = 0  # bytes of the answer that have not come
        self._asked = 0.0
        self.taken: list[float] = []

    def ask(self) -> None:
        self._asked = time.perf_counter()
        self.socket.sendall(self._request)

    def hear(self) -> bool:
        """True: that was all of it."""
        data = self.socket.recv(PIECE)
        if not self._left:
            head = data.index(b"\r\n\r\n") + 4
            length = LENGTH.search(data, 0, head)
            if not data.startswith(b"HTTP/1.1 200") or length is None:
                raise RuntimeError(data.decode("latin-1"))
            self._left = head + int(length[1])
        self._left -= len(data)
        if self._left:
            return False
        self.taken.append(time.perf_counter() - self._asked)
        return True


def load(place: str, path: str, key: str, connections: int, seconds: float) -> dict[str, float]:
    request = f"GET {path} HTTP/1.1\r\nHost: {place}\r\nX-API-Key: {key}\r\n\r\n".encode()
    with selectors.DefaultSelector() as waiting:
        asking = [Connection(place, request) for _ in range(connections)]
        for one in asking:
            waiting.register(one.socket, selectors.EVENT_READ, one)
            one.ask()
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            for found, _ in waiting.select():
                if found.data.hear():
                    found.data.ask()
        took = time.perf_counter() - began
    for one in asking:
        one.socket.close()
    taken = [each for one in asking for each in one.taken]
    cuts = quantiles(taken, n=100)
    return {"requests": len(taken), "seconds": took, "p95_ms": cuts[94] * 1000, "p99_ms": cuts[98] * 1000}


def main(place: str, key: str, connections: str) -> None:
    for line in sys.stdin:
        _, seconds, path = line.split()
        told = load(place, path, key, int(connections), float(seconds))
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
