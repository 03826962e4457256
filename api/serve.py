"""The API as a service of the node: its listeners opened, kept open, and closed in order.

Rules: the socket must open, or the service fails and is started again; a TCP port that is taken is told,
stands among the node's warnings and is tried again, and the node goes on, and is even well where only the API
was given an address of its own: such a node stands beside another. At the end nobody new is let in, streams
are told, requests are finished, and what is not finished within the grace is cut off.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import AsyncExitStack

from uvicorn.config import Config

from api import listen
from api.answered import Answered
from api.app import layered
from api.connections import Connections, Limits
from api.identity import Door
from api.limits import NOTE, Limiter
from api.listener import Listener, room
from api.refusals import Refusals
from api.stream import Closing
from api.wire import config_of
from reconciler.errors import Problem, Refused
from reconciler.model import Event
from reconciler.ports.store import Note
from reconciler.runtime.certificate import Certificate, certificate_of
from reconciler.runtime.node import Node
from reconciler.settings import Api, Daemon, Settings

SAVE_S = 5.0
RENEWED_S = 2.0  # until a renewed certificate is noticed
TLS = "tls"
RETRY_S = (1.0, 5.0, 30.0)  # until a port that is taken is tried again; the last goes on

log = logging.getLogger(__name__)


class Service:
    """What the entry point of the runtime names."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._daemon = node.desk.daemon
        self._closing = Closing()

    async def run(self) -> None:
        settings = self._node.settings
        limiter = Limiter(settings.limits, self._node.notes.get(NOTE))
        app = layered(self._node.desk, settings, self._closing, limiter)
        performance = self._node.performance
        refusals = Refusals(self._node)
        config = config_of(Answered(app, performance.track_request, self._node.tracing, refusals.note))
        grace = settings.daemon.shutdown_grace_s
        wanted = {Door.INTERNAL: settings.daemon.legacy_listen}
        if settings.api.enabled:
            wanted[Door.PUBLIC] = settings.api.listen
        async with AsyncExitStack() as stack:
            socket = listen.unix(settings.socket)
            stack.callback(listen.remove, settings.socket)
            for instrument in (performance.requests, limiter.refused):
                self._node.figures.append(instrument)
                stack.callback(self._node.figures.remove, instrument)
            stack.push_async_callback(self._save, limiter)
            listeners = [Listener(socket, config, Connections(Door.SOCKET, room(), Limits()))]
            self._daemon.listeners[Door.SOCKET.value] = str(settings.socket)
            stack.push_async_callback(self._close, listeners, grace)
            async with asyncio.TaskGroup() as group:
                for door, text in wanted.items():
                    if text:
                        group.create_task(self._open(door, text, config, listeners))
                group.create_task(self._keep(limiter))
                await asyncio.Event().wait()  # until the node cancels us

    async def _open(self, door: Door, text: str, config: Config, listeners: list[Listener]) -> None:
        """Listen on TCP; for as long as that does not work, say so and try again."""
        tries, settings = 0, self._node.settings.api
        while True:
            try:
                address = listen.parse(text)
                certificate = certificate_of(settings) if door is Door.PUBLIC else None
                listen.refuse_wider(address, tls=certificate is not None, require_auth=settings.require_auth)
                socket = listen.tcp(address)
            except Problem as problem:  # no second try would do better
                await self._warn(door, problem.message, problem.remedy)
                if isinstance(problem, Refused):
                    told = {"listener": door.value, "address": text, "message": problem.message}
                    event = Event("guardrail.loopback", self._node.clock.now(), None, told)
                    await self._node.store.commit(event)
                return
            except OSError as error:
                remedy = "free the address, or set another one"
                beside = door is Door.INTERNAL and _is_beside_another(self._node.settings)
                await self._warn(door, f"{text}: {error.strerror}", remedy, bearable=beside)
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
            else:
                listeners.append(Listener(socket, config, Connections(door, room(), Limits()), certificate))
                self._daemon.listeners[door.value] = str(listen.Address(*socket.getsockname()[:2]))
                self._daemon.settle(door.value)
                if certificate is not None:
                    await self._renew(certificate)
                return

    async def _renew(self, certificate: Certificate) -> None:
        """Take over what was renewed, for as long as we listen; say so when it is time to."""
        while True:
            try:
                if certificate.renew():
                    log.info("the renewed certificate is taken over")
                certificate.refuse_ending(self._node.clock.now())
                self._daemon.settle(TLS)
            except Problem as problem:
                await self._daemon.warn(TLS, f"TLS: {problem.message}", problem.remedy)
            await asyncio.sleep(RENEWED_S)

    async def _keep(self, limiter: Limiter) -> None:
        """For after a restart: what is left to whom, when each key was used; for the log: who met an end."""
        while True:
            await asyncio.sleep(SAVE_S)
            if limiter.moved or self._node.keyring.moved:
                await self._save(limiter)

    async def _save(self, limiter: Limiter) -> None:
        node, now = self._node, self._node.clock.now()
        saved, news = limiter.saved()
        events = [
            Event("guardrail.rate_limit", now, None, {"who": who, "policy": name}) for who, name in news
        ]
        try:
            await node.store.commit(Note(NOTE, saved), node.keyring.saved(), *events)
        except Problem as problem:
            log.warning("what callers have used is not written: %s", problem.message)

    async def _warn(self, door: Door, cause: str, remedy: str, *, bearable: bool = False) -> None:
        what = "the API" if door is Door.PUBLIC else "the internal listener"
        await self._daemon.warn(door.value, f"{what} does not listen: {cause}", remedy, bearable=bearable)

    async def _close(self, listeners: list[Listener], grace: float) -> None:
        for listener in listeners:
            listener.stop_accepting()
        gc.freeze()  # thousands of streams end at once: the collector would go through all of them many times
        try:
            self._closing.tell()
            await asyncio.gather(*(listener.finish(grace) for listener in listeners))
        finally:
            gc.unfreeze()


def _is_beside_another(settings: Settings) -> bool:
    """Who has moved the API and left the internal port as it comes makes room for a node that was first."""
    return settings.api.listen != Api().listen and settings.daemon.legacy_listen == Daemon().legacy_listen
