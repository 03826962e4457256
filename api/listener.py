"""One listening socket with all its connections, from the first to the last.

Rules: takes as many connections as the process has room for, and tells the next one so; ends in two
moves, so that all listeners stop letting anybody in before the first waits for its requests to finish.
Accepts by itself: asyncio's own server loses, unclosed, what it has accepted while it is being closed.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.config import Config

from api.connections import Connections
from api.wire import Wire
from reconciler.runtime.certificate import Certificate

SPARE_FILES = 256  # what the rest of the node may have open meanwhile
MOST = 8192
AT_ONCE = 64  # connections that are accepted before others get a turn of the loop
PAUSE_S = 0.25  # when there is no file left for one more
CUT_OFF_S = 1.0  # how long the loop may take to tell of a connection that was cut off

log = logging.getLogger(__name__)


class Listener:
    def __init__(
        self,
        listening: socket.socket,
        config: Config,
        shared: Connections,
        certificate: Certificate | None = None,
    ) -> None:
        self._listening = listening
        self._loop = asyncio.get_running_loop()
        self._shared = shared
        self._certificate = certificate
        self._make: Callable[[], Wire] = partial(Wire, config, shared)
        self._arriving: set[asyncio.Task[object]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._accept()

    def _accept(self) -> None:
        self._loop.add_reader(self._listening, self._arrived)

    def _arrived(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:  # no file is left: who waits in the queue goes on waiting
                self._loop.remove_reader(self._listening)
                self._paused = self._loop.call_later(PAUSE_S, self._accept)
                return
            connection.setblocking(False)
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._shared.crowded:
                connection.close()
                continue
            task = self._loop.create_task(self._begin(connection))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _begin(self, connection: socket.socket) -> None:
        wire, more = self._make(), dict[str, Any]()
        if self._certificate is not None:
            more = {"ssl": self._certificate.context, "ssl_handshake_timeout": self._shared.limits.head_s}
        try:
            await self._loop.connect_accepted_socket(lambda: wire, connection, **more)
        except OSError as error:  # a handshake that led to nothing: nobody to tell it to
            log.debug("no TLS: %s", error)
        finally:
            if not wire.made:
                wire.never_made()

    def stop_accepting(self) -> None:
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()

    async def finish(self, grace_s: float) -> None:
        """Let what is being answered be answered; after the grace cut it off."""
        self._shared.closing = True
        if self._arriving:
            await asyncio.wait(self._arriving, timeout=CUT_OFF_S)
        for task in list(self._arriving):  # whose handshake has not come to its end
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)
        for connection in list(self._shared.connections):
            connection.shutdown()
        await self._shared.none_within(grace_s)
        for connection in list(self._shared.connections):
            connection.transport.abort()
        if self._shared.tasks:  # they notice that nobody listens any more, and end by themselves
            await asyncio.wait(self._shared.tasks, timeout=CUT_OFF_S)
        for task in list(self._shared.tasks):
            task.cancel()
        await asyncio.gather(*self._shared.tasks, return_exceptions=True)
        await self._shared.none_within(CUT_OFF_S)


def room() -> int:
    """How many connections one listener may have, each being an open file: ask for as many as are needed.

    What the node starts inherits the limit, so it is not raised further than no program minds.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MOST + SPARE_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST + SPARE_FILES)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        soft = needed
    return max(16, min(MOST, soft - SPARE_FILES))
