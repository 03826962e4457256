"""Many WebSocket clients in one process, as bare as they can be: each notes when something came.

Rules: nothing is parsed before all have heard, so that the clients' own work is not measured. They stay until
the standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
import time

from tests.bench.asked import asked

SENT = re.compile(rb'"sent":(\d+)')
SUBSCRIBE = b'{"action":"subscribe","type":["bench.*"]}'
GOING_AWAY = struct.pack("!H", 1001)
CLOSE = GOING_AWAY + b"the node stops"
AT_ONCE = 100  # that connect


class Client(asyncio.Protocol):
    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self.ready = asyncio.get_running_loop().create_future()
        self.told = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._crowd.handshake)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self.ready.done():
            if b"stream.end" in data:
                self.told = True
            if CLOSE in data and self._transport is not None:
                self._transport.write(masked(GOING_AWAY, 0x88))
            elif b'"sent":' in data:
                self._crowd.hear(now, data)
            return
        self._head += data
        if b"\r\n\r\n" in self._head and self._crowd.subscribes and b"stream.subscribed" not in self._head:
            if self._head.endswith(b"\r\n\r\n") and self._transport is not None:
                self._transport.write(masked(SUBSCRIBE))
        elif b"\r\n\r\n" in self._head:
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError(self._head.decode("latin-1")))
        self._crowd.lose(told=self.told)


class Crowd:
    def __init__(self, place: str, what: str, count: int) -> None:
        address, _, path = place.partition("/")
        host, _, port = address.rpartition(":")
        self._host, self._port, self._count = host, int(port), count
        self.subscribes = what == "subscribe"
        self.handshake = (
            f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
        self._heard: list[tuple[int, bytes]] = []
        self._lost = self._told = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for begun in range(0, self._count, AT_ONCE):
            some = [
                loop.create_connection(lambda: Client(self), self._host, self._port)
                for _ in range(min(AT_ONCE, self._count - begun))
            ]
            for _, client in await asyncio.gather(*some):
                await client.ready
        say("ready")
        async for _ in asked():
            pass

    def hear(self, now: int, data: bytes) -> None:
        self._heard.append((now, data))
        if len(self._heard) == self._count:
            heard, self._heard = self._heard, []
            say([(at - int(found[1])) / 1e6 for at, data in heard if (found := SENT.search(data))])

    def lose(self, *, told: bool) -> None:
        self._lost += 1
        self._told += told
        if self._lost == self._count:
            say({"told": self._told})


def masked(payload: bytes, kind: int = 0x81) -> bytes:
    """A client's frame; a mask of zeros is one too."""
    return struct.pack("!BB4x", kind, 0x80 | len(payload)) + payload


def say(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    place, what = sys.argv[1].split()
    asyncio.run(Crowd(place, what, int(sys.argv[2])).run())
